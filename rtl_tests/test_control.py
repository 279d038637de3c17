"""The control blocks are proved, and each mistake put into them is refuted."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from hlsgen.errors import ToolFailed
from hlsgen.graph import Graph
from hlsgen.proof import control
from hlsgen.proof.control import KINDS, STREAMING, WAITING, prove_control, read_answer
from rtl_tests.designs import random_network, with_latency, write_build
from rtl_tests.test_shell import sums_of

pytestmark = pytest.mark.yosys


@pytest.fixture(scope="module")
def graph() -> Graph:
    """Frames of three beats of 8 bits, answers of two, one clock."""
    return with_latency(sums_of(random_network(21, features=5, classes=4)), 1)


@pytest.fixture(scope="module")
def good(folder: Path, graph: Graph) -> Path:
    return write_build(folder, graph, 8)


def test_answers_of_several_beats(good: Path, graph: Graph) -> None:
    found = prove_control(good, graph, 8, uart=True)
    assert {proof.name: proof.reason for proof in found if proof.status != "proved"} == {}
    assert {proof.name.split()[0] for proof in found} == set(KINDS) - {*STREAMING, *WAITING}
    assert all(proof.properties and proof.depth is None for proof in found)


def test_frames_of_one_wide_beat(tmp_path: Path) -> None:
    graph = with_latency(random_network(22, features=7, classes=5), 2)
    write_build(tmp_path, graph, 32)
    found = prove_control(tmp_path, graph, 32, uart=False)
    assert {proof.name: proof.reason for proof in found if proof.status != "proved"} == {}


# Name: file, pattern, its replacement, the proof that must be refuted, the assertion that fails.
FAULTS = {
    "no stall": ("hlsgen_stream", r"assign ready = .*;", "assign ready = 1'b1;", "gather", ""),
    "most significant first": (
        "hlsgen_stream",
        r"frame <= shifted.*;",
        "frame <= {frame, data};",
        "gather",
        "frame_wrong_or_unstable",
    ),
    "beats of before the reset": (
        "hlsgen_stream",
        r"(if \(rst\) begin\n\s*)count <= NONE;\n",
        r"\1",
        "gather",
        "",
    ),
    "early last ignored": (
        "hlsgen_stream",
        r"\(complete \| last\)",
        "complete",
        "gather",
        "",
    ),
    "restart ignored": (
        "hlsgen_stream",
        r"else if \(restart\)",
        "else if (1'b0)",
        "gather",
        "",
    ),
    "frame leaves unasked": (
        "hlsgen_stream",
        r"\(frame_valid & ~frame_ready\)",
        "1'b0",
        "gather",
        "frame_lost_or_invented",
    ),
    "last one beat early": (
        "hlsgen_stream",
        r"assign last = count == LAST;",
        "assign last = count + ONE == LAST;",
        "scatter",
        "",
    ),
    "answer released before its last beat": (
        "hlsgen_stream",
        r"frame_ready = ready & last",
        "frame_ready = ready",
        "scatter",
        "frame_released_at_wrong_time",
    ),
    "valid waits for ready": (
        "hlsgen_stream",
        r"assign valid = frame_valid;",
        "assign valid = frame_valid & ready;",
        "scatter",
        "",
    ),
    "block: always free": (
        "hlsgen_stream",
        r"free = places != NONE",
        "free = 1'b1",
        "credit",
        "free_without_a_place",
    ),
    "block: never given back": (
        "hlsgen_stream",
        r" \+ \{\{\(BITS-1\)\{1'b0\}\}, give\}",
        "",
        "credit",
        "place_never_given_back",
    ),
    "fifo read at the wrong end": (
        "hlsgen_stream",
        r"store\[first\]",
        "store[next]",
        "fifo",
        "word_wrong_or_out_of_order",
    ),
    "fifo wraps late": (
        "hlsgen_stream",
        r"\(next == LAST\)",
        "(next == NONE)",
        "fifo",
        "word_wrong_or_out_of_order",
    ),
    "credit always free": (
        "net_stage",
        r"\.free\(frame_ready\)\n\);",
        ".free()\n);\nassign frame_ready = 1'b1;",
        "stage",
        "",
    ),
    "credit never given back": (
        "net_stage",
        r"\.give\(answer_valid & answer_ready\)",
        ".give(1'b0)",
        "stage",
        "refuses_frames_without_need",
    ),
    "fifo too small": ("net_stage", r"\.DEPTH\(\d+\)", ".DEPTH(2)", "stage", ""),
    "popped unasked": (
        "net_stage",
        r"\.pop\(.*\)",
        ".pop(answer_valid)",
        "stage",
        "",
    ),
    "never a last beat": (
        "net_axis",
        r"\.last\(m_axis_tlast\)\n\);",
        ".last()\n);\nassign m_axis_tlast = 1'b0;",
        "axis",
        "last_misplaced",
    ),
    "early last not connected": (
        "net_axis",
        r"\.last\(s_axis_tlast\)",
        ".last(1'b0)",
        "axis",
        "",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_fault(good: Path, graph: Graph, tmp_path: Path, name: str) -> None:
    file, old, new, block, assertion = FAULTS[name]
    shutil.copytree(good / "rtl", tmp_path / "rtl")
    path = tmp_path / "rtl" / f"{file}.v"
    text, count = re.subn(old, new, path.read_text(), count=1)
    assert count == 1
    path.write_text(text)
    found = prove_control(tmp_path, graph, 8, uart=False, kinds=[block])
    refuted = [proof for proof in found if proof.status == "refuted"]
    assert refuted
    for proof in refuted:
        assert re.match(rf"\w+ fails at clock {proof.depth}; ", proof.reason)
    assert any(proof.reason.startswith(assertion) for proof in refuted)


UART_FAULTS = {
    "bits in the wrong order": (r"data <= \{line\[1\], data\[7:1\]\}", "data <= {data, line[1]}"),
    "takes a byte while it sends": (r"assign ready = .*;", "assign ready = 1'b1;"),
    "one bit too few": (r"bits_left <= 4'd10;", "bits_left <= 4'd9;"),
    "idle one clock early": (r"idle = left == ONE", "idle = left == 2"),
}


@pytest.mark.parametrize("name", UART_FAULTS)
def test_uart_fault(good: Path, graph: Graph, tmp_path: Path, name: str) -> None:
    shutil.copytree(good / "rtl", tmp_path / "rtl")
    path = tmp_path / "rtl" / "hlsgen_uart.v"
    text, count = re.subn(*UART_FAULTS[name], path.read_text(), count=1)
    assert count == 1
    path.write_text(text)
    block = "idle" if name.startswith("idle") else "uart"
    found = prove_control(tmp_path, graph, 8, uart=True, kinds=[block])
    assert {proof.status for proof in found} == {"refuted"}


def test_no_composition_of_wrong_blocks(good: Path, graph: Graph, tmp_path: Path) -> None:
    shutil.copytree(good / "rtl", tmp_path / "rtl")
    path = tmp_path / "rtl" / "hlsgen_stream.v"
    path.write_text(path.read_text().replace("free = places != NONE", "free = 1'b1"))
    found = prove_control(tmp_path, graph, 8, uart=False, kinds=["credit", "axis"])
    assert [proof.status for proof in found] == ["refuted", "unknown", "unknown"]
    assert found[1].reason == f"not tried, since {found[0].name} is refuted"


def test_refuted_without_a_name(
    good: Path, graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refuted stays refuted when there is no time to find out which assertion it was."""

    def abc(folder: Path, problem: Any, step: str, command: str, limit_s: float) -> Any:
        command = command if step == "prove" else "orpos; bmc3 -F 1"
        return original(folder, problem, step, command, limit_s)

    original = control._abc
    monkeypatch.setattr(control, "_abc", abc)
    shutil.copytree(good / "rtl", tmp_path / "rtl")
    path = tmp_path / "rtl" / "hlsgen_stream.v"
    path.write_text(path.read_text().replace("free = places != NONE", "free = 1'b1"))
    (found,) = prove_control(tmp_path, graph, 8, uart=False, kinds=["credit"])
    names = "free_without_a_place, place_never_given_back"
    assert found.status == "refuted"
    assert found.reason.startswith(f"one of {names} fails at clock {found.depth}; ")


def test_no_time_is_no_proof(good: Path, graph: Graph) -> None:
    found = prove_control(good, graph, 8, uart=False, time_limit_s=0)
    assert {proof.status for proof in found} == {"unknown"}


UNDERSTOOD = {
    "Property proved.  Time = 1 sec\nStatus = 1  Frames = 5   Cex is not defined.\n": "proved",
    'Output 2 of miter "m" was asserted in frame 5. Time = 0\n'
    "Status = 0  Frames = 4   CEX: Po =   2  Frame =   5  FF = 45  PI = 57\n": "refuted",
    "Status = -1  Frames = 19   Cex is not defined.\n": "undecided",
}


@pytest.mark.parametrize("output", UNDERSTOOD)
def test_answers_understood(output: str) -> None:
    assert read_answer(output, Path("log")).status == UNDERSTOOD[output]


@pytest.mark.parametrize(
    "output",
    [
        "",
        "Property proved.  Time = 1 sec\n",
        "Status = 1  Frames = 5   Cex is not defined.\n",
        "Property proved.  Time = 1 sec\nStatus = -1  Frames = 5   Cex is not defined.\n",
        *(output * 2 for output in UNDERSTOOD),
    ],
)
def test_other_answers_are_errors(output: str) -> None:
    with pytest.raises(ToolFailed, match="not understood"):
        read_answer(output, Path("log"))
