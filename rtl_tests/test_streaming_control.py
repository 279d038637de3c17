"""The control blocks of designs that stream are proved, and mistakes in them refuted."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from hlsgen.graph import Graph
from hlsgen.passes import opt
from hlsgen.proof.control import KINDS, STREAMING, WAITING, prove_control
from rtl_tests.designs import ECP5, streaming_network, write_build
from rtl_tests.engines import convolutional, residual

pytestmark = pytest.mark.yosys


@pytest.fixture(scope="module")
def graph() -> Graph:
    """Images of 6 x 5 pixels, two to a byte; strides of 1 and 2."""
    network = streaming_network(3, (6, 5), ((2, 3), (2, 1), 4), bits=2, channels=2)
    return opt(network, ECP5, 150.0)


@pytest.fixture(scope="module")
def good(folder: Path, graph: Graph) -> Path:
    return write_build(folder, graph, 8)


def test_all_blocks_in_their_sizes(good: Path, graph: Graph) -> None:
    found = prove_control(good, graph, 8, uart=True)
    assert {proof.name: proof.reason for proof in found if proof.status != "proved"} == {}
    # The stage and the shell hold a core of many beats: their blocks are proved one by one.
    assert {proof.name.split()[0] for proof in found} == set(KINDS) - {*WAITING, "stage", "axis"}
    names = {proof.name for proof in found}
    assert names >= {
        "gather WIDTH=1 BEATS=1",
        "spread WIDTH=2 SLOT=1 BEATS=30",
        "whole WIDTH=1 BEATS=15",
        "position BEATS=30",
        "steps LENGTH=6 KERNEL=2 STRIDE=2",
        "steps LENGTH=5 KERNEL=3 STRIDE=1",
        "steps LENGTH=3 KERNEL=3 STRIDE=1",
    }
    assert all(proof.properties and proof.depth is None for proof in found)


def test_beats_wider_than_the_shells_and_many_of_them(tmp_path: Path) -> None:
    """28 x 28 pixels of 9 bits: two bytes each."""
    network = streaming_network(4, (28, 28), ((4, 4), (4, 4), 6), bits=3, channels=3)
    graph = opt(network, ECP5, 150.0)
    write_build(tmp_path, graph, 8, samples=3)
    found = prove_control(tmp_path, graph, 8, uart=False)
    assert {proof.name: proof.reason for proof in found if proof.status != "proved"} == {}
    assert {proof.name.split()[0] for proof in found} >= set(STREAMING)
    names = {proof.name for proof in found}
    assert names >= {"gather WIDTH=1 BEATS=2", "whole WIDTH=1 BEATS=1568", "position BEATS=784"}


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_build(tmp_path_factory.mktemp("engines"), convolutional(), 8, samples=3)


def test_blocks_of_engines(engines: Path) -> None:
    found = prove_control(engines, convolutional(), 8, uart=False)
    assert {proof.name: proof.reason for proof in found if proof.status != "proved"} == {}
    assert {proof.name for proof in found} >= {
        *("tiles ROWS=2 COLUMNS=3", "tiles ROWS=3 COLUMNS=4", "tiles ROWS=3 COLUMNS=24"),
        *("credit PLACES=2", "credit PLACES=3", "fifo WIDTH=1 DEPTH=3"),
    }


def test_blocks_that_only_move_beats(tmp_path: Path) -> None:
    graph = residual()
    write_build(tmp_path, graph, 8, samples=3)
    found = prove_control(tmp_path, graph, 8, uart=False, kinds=[*WAITING, "fifo", "credit"])
    assert {proof.name: proof.reason for proof in found if proof.status != "proved"} == {}
    names = {proof.name for proof in found}
    assert names >= {"border HEIGHT=5 WIDTH=6 TOP=1 BOTTOM=1 LEFT=1 RIGHT=1", "credit PLACES=9"}


BORDER_FAULTS = {
    "a row too many": (r"ROWS = HEIGHT,", "ROWS = HEIGHT + 1,", "pixel_misplaced"),
    "a column too early": (r"FIRST_COLUMN = LEFT", "FIRST_COLUMN = LEFT - 1", "pixel_misplaced"),
    "begun for ever": (r"begun <= ~frame_end & ", "begun <= ", "begun_wrongly"),
    "begins with a pixel that is not there": (r"else if \(beat\) begin", "else begin", ""),
}


@pytest.mark.parametrize("name", BORDER_FAULTS)
def test_fault_of_a_border(tmp_path: Path, name: str) -> None:
    old, new, assertion = BORDER_FAULTS[name]
    good = write_build(tmp_path / "good", residual(), 8, samples=3)
    fault = ("hlsgen_waiting", rf"(module hlsgen_border.*?){old}", rf"\g<1>{new}")
    refute(good, tmp_path / "bad", residual(), "border", fault, assertion)


# A pattern in hlsgen_waiting.v, its replacement, and the assertion that fails.
ENGINE_FAULTS = {
    "begins unasked": (r"valid & go & ", "valid & ", "begins_wrongly"),
    "begins without a beat": (r"valid & go & ", "go & ", "begins_wrongly"),
    "begins again": (r" & \(tile == FIRST\);", ";", ""),
    "stops between tiles": (r"enter \| \(tile != FIRST\)", "enter", ""),
    "a tile too many": (r"LAST = ROWS \* COLUMNS - 1", "LAST = ROWS * COLUMNS", "taken_wrongly"),
    "taken with the first tile": (r"pop = active & \(tile == LAST\)", "pop = enter", ""),
    "a column too many": (r"RIGHT = COLUMNS - 1", "RIGHT = COLUMNS", ""),
    "columns never end": (r"right \? LEFT : ", "", "column_misplaced"),
    "left is right": (r"left = column == LEFT", "left = column == RIGHT", "left_misplaced"),
    "steps while it waits": (r"else if \(active\)", "else", ""),
}


@pytest.mark.parametrize("name", ENGINE_FAULTS)
def test_fault_of_an_engine(engines: Path, tmp_path: Path, name: str) -> None:
    old, new, assertion = ENGINE_FAULTS[name]
    refute(engines, tmp_path, convolutional(), "tiles", ("hlsgen_waiting", old, new), assertion)


# Name: file, pattern, its replacement, the proof that must be refuted, the assertion that fails.
FAULTS = {
    "first is never": ("hlsgen_frames", r"first = count == NONE", "first = 1'b0", "position", ""),
    "a beat too many": (
        *("hlsgen_frames", r"LAST = BEATS - 1", "LAST = BEATS", "position", "last_misplaced"),
    ),
    "counts on after a reset": (
        *("hlsgen_frames", r"if \(rst\) count <= NONE;\n *else if", "if", "position", ""),
    ),
    "a cut frame is not filled": (
        *("hlsgen_frames", r"\(filling \| last\)", "filling", "whole", ""),
    ),
    "a whole frame is taken for a cut one": (
        *("hlsgen_frames", r"~complete & \(filling", "(filling", "whole", ""),
    ),
    "filled with what comes": (
        *("hlsgen_frames", r"filling \? \{WIDTH\{1'b0\}\} : data", "data", "whole", "beat_wrong"),
    ),
    "taken while it fills": (
        *(
            "hlsgen_frames",
            r"whole_ready & ~filling",
            "whole_ready",
            "whole",
            "taken_at_wrong_time",
        ),
    ),
    "a restart before a frame cuts it": (
        *("hlsgen_frames", r"\(restart & ~first\)", "restart", "whole", ""),
    ),
    "no restart": ("hlsgen_frames", r" \| \(restart & ~first\)", "", "whole", ""),
    "bad frames end well": ("hlsgen_frames", r"bad = filling", "bad = 1'b0", "whole", "fate_wrong"),
    "ended before it is": (
        *(
            "hlsgen_frames",
            r"ended = pass & complete",
            "ended = complete",
            "whole",
            "end_misplaced",
        ),
    ),
    "the next frame in the same word": (*("hlsgen_frames", r" \| frame_last;", ";", "spread", ""),),
    "most significant slot first": (
        *("hlsgen_frames", r"place \* SLOT\)", "(LAST - place) * SLOT)", "spread", "beat_wrong"),
    ),
    "a word released with its first slot": (
        *("hlsgen_frames", r"ready = frame_ready & word_last", "ready = frame_ready", "spread"),
        "word_released_at_wrong_time",
    ),
    "slots pass unasked": (
        *("hlsgen_frames", r"else if \(valid & frame_ready\) place", "else if (valid) place"),
        *("spread", ""),
    ),
    "bad answers leave": ("hlsgen_frames", r"known & ~drop;", "known;", "discard", ""),
    "answers leave before their fate": (
        *("hlsgen_frames", r"answer_valid & known & ~drop", "answer_valid & ~drop", "discard"),
        "answer_of_no_frame",
    ),
    "a dropped answer waits for the reader": (
        *("hlsgen_frames", r"\(drop \| kept_ready\)", "kept_ready", "discard"),
        "taken_at_wrong_time",
    ),
    "a fate is read twice": (
        *(
            "hlsgen_frames",
            r"\.pop\(answer_valid & answer_ready\)",
            ".pop(kept_valid & kept_ready)",
        ),
        *("discard", ""),
    ),
    "stops a place early": ("hlsgen_window", r"FIRST = KERNEL - 1", "FIRST = KERNEL", "steps", ""),
    "strides a place too long": (
        *("hlsgen_window", r"AGAIN = STRIDE - 1", "AGAIN = STRIDE", "steps", "stop_misplaced"),
    ),
    "goes on over the end of a row": (
        *("hlsgen_window", r"last \? FIRST : ", "", "steps", "stop_misplaced"),
    ),
    "steps unasked": ("hlsgen_window", r"else if \(step\)", "else", "steps", ""),
    "a place too many": ("hlsgen_window", r"LAST = LENGTH - 1", "LAST = LENGTH", "steps", ""),
    "reads the word it writes": (
        *("hlsgen_window", r"store\[next\];", "store[place];", "line", "word_wrong_or_late"),
    ),
    "a row too long": ("hlsgen_window", r"== LAST\) \? NONE", "== LAST) ? ONE", "line", ""),
    "shifts unasked": ("hlsgen_window", r"else if \(shift\) place", "else place", "line", ""),
}


@pytest.mark.parametrize("name", FAULTS)
def test_fault(good: Path, graph: Graph, tmp_path: Path, name: str) -> None:
    file, old, new, block, assertion = FAULTS[name]
    refute(good, tmp_path, graph, block, (file, old, new), assertion)


def refute(
    good: Path, folder: Path, graph: Graph, block: str, fault: tuple[str, str, str], assertion: str
) -> None:
    """Put the fault into a copy; the block must be refuted, by that assertion if one is named."""
    file, old, new = fault
    shutil.copytree(good / "rtl", folder / "rtl")
    path = folder / "rtl" / f"{file}.v"
    text, count = re.subn(old, new, path.read_text(), count=1, flags=re.DOTALL)
    assert count == 1
    path.write_text(text)
    found = prove_control(folder, graph, 8, uart=False, kinds=[block])
    refuted = [proof for proof in found if proof.status == "refuted"]
    assert refuted
    for proof in refuted:
        assert re.match(rf"\w+ fails at clock {proof.depth}; ", proof.reason)
    assert any(proof.reason.startswith(assertion) for proof in refuted)
