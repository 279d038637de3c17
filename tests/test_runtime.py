"""What a build's host folder says, and samples and files that cannot be used."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from boards_in_software import host_folder, scores
from hypothesis import given
from hypothesis import strategies as st

from hlsgen.boards import Shell, board_names, load_board
from hlsgen.build.interface import transport_of
from hlsgen.emit import framing
from hlsgen.graph import Graph
from hlsgen.graph.ops import Input
from hlsgen.runtime import BadInput, DriverMissing, Interface, connect, read_interface
from hlsgen.runtime.frames import pack_frames, padding_is_zero, unpack_answers


@given(st.integers(1, 9), st.integers(1, 6), st.booleans(), st.data())
def test_answers_are_unpacked_as_frames_are_packed(
    bits: int, lanes: int, signed: bool, data: st.DataObject
) -> None:
    lo, hi = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    row = st.lists(st.integers(lo, hi), min_size=lanes, max_size=lanes)
    values = np.array(data.draw(st.lists(row, min_size=1, max_size=4)))
    raw = np.frombuffer(pack_frames(values, bits, 32), np.uint8).reshape(len(values), -1)
    assert unpack_answers(raw, bits, lanes, signed).tolist() == values.tolist()
    assert padding_is_zero(raw, bits * lanes).all()
    dirty = raw.copy()
    dirty[0, -1] |= 0x80
    free = bits * lanes < 8 * raw.shape[1]
    assert padding_is_zero(dirty, bits * lanes)[0] == (not free or raw[0, -1] == dirty[0, -1])


def test_large_sets_are_packed_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(1).integers(0, 8, (50, 6))
    whole = pack_frames(values, 3, 8, beat_words=2, slot_bits=8)
    monkeypatch.setattr("hlsgen.runtime.frames._BITS", 100)
    assert pack_frames(values, 3, 8, beat_words=2, slot_bits=8) == whole


@pytest.mark.parametrize("name", board_names())
def test_every_board_has_a_host_folder(name: str, small: Graph, tmp_path: Path) -> None:
    board = load_board(name)
    known, root = read_interface(host_folder(small, board, tmp_path))
    assert root == tmp_path
    frame = framing(small, board.shell.width_bits)
    assert known.frame_bytes == frame.in_beats * frame.width // 8
    assert known.transport == transport_of(board)
    assert known.product == f"small.{board.product}"
    assert known.graph == small.digest
    assert (tmp_path / "host" / "hlsgen_runtime" / f"{known.transport}.py").is_file()


def test_a_stream_without_processor_or_platform_has_no_host(small: Graph, tmp_path: Path) -> None:
    board = load_board("u280_bare")
    shell = Shell(kind="axis", width_bits=64)
    host_folder(small, board.model_copy(update={"shell": shell}), tmp_path)
    assert not (tmp_path / "host").exists()


def test_the_copies_are_the_package(small: Graph, tmp_path: Path) -> None:
    """All but the simulation, byte by byte."""
    import hlsgen.runtime

    package = Path(hlsgen.runtime.__file__).parent
    copied = host_folder(small, "ulx3s", tmp_path) / "host" / "hlsgen_runtime"
    names = {path.name for path in package.glob("*.py")}
    assert {path.name for path in copied.iterdir()} == names - {"simulation.py"}
    for path in copied.iterdir():
        assert path.read_bytes() == (package / path.name).read_bytes()


def test_import_is_light() -> None:
    heavy = ("torch", "scipy", "networkx", "pydantic", "jinja2", "rich", "serial", "hlsgen.graph")
    code = f"import sys, hlsgen.runtime; print([m for m in {heavy!r} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


# --- samples ----------------------------------------------------------------------------------


@pytest.fixture
def known(small: Graph, tmp_path: Path) -> Interface:
    return read_interface(host_folder(small, "ulx3s", tmp_path))[0]


def test_real_values_become_words_as_in_the_export(small: Graph, known: Interface) -> None:
    op = small.feeds()[0].op
    assert isinstance(op, Input)
    x = np.random.default_rng(2).uniform(-3, 11, (200, 2))
    x[:4] = [[0.5, 1.5], [2.5, -0.0], [6.5, 7.5], [1e300, -1e300]]
    words = known.quantise(x)
    assert words.tolist() == op.quantise(x)[:, 0].tolist()
    assert (words.min(), words.max()) == (0, 7)


BAD_SAMPLES: dict[str, tuple[Any, str]] = {
    "one": ([1.0, 2.0], "samples have the shape [2], must be [n, 2]: a row of 2 values each; one"
            " sample is an array of one row"),
    "few": ([[1.0]], "samples have the shape [1, 1], must be [n, 2]: a row of 2 values each"),
    "images": (np.zeros((3, 1, 2)), "samples have the shape [3, 1, 2], must be [n, 2]"),
    "ragged": ([[1.0, 2.0], [3.0]], "samples are not one array of numbers: "),
    "text": ([["a", "b"]], "samples are not numbers: "),
    "nan": ([[1.0, 2.0], [3.0, float("nan")]], "sample 1, feature 1 is nan, must be finite: leave"
            " this sample out or fill it in"),
    "infinite": ([[float("-inf"), 2.0]], "sample 0, feature 0 is -inf, must be finite"),
}  # fmt: skip


@pytest.mark.parametrize(("samples", "message"), BAD_SAMPLES.values(), ids=list(BAD_SAMPLES))
def test_bad_samples_are_refused(known: Interface, samples: Any, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        known.quantise(samples)
    assert str(caught.value).startswith(message)


BAD_WORDS: dict[str, tuple[Any, str]] = {
    "large": ([[1, 2], [8, 0]], "sample 1, word 0 is 8, must be 0 to 7"),
    "negative": ([[1, -1]], "sample 0, word 1 is -1, must be 0 to 7"),
    "real": ([[1.0, 2.0]], "words are float64, must be integers; run() takes real values"),
    "many": ([[1, 2, 3]], "words have the shape [1, 3], must be [n, 2]"),
}


@pytest.mark.parametrize(("words", "message"), BAD_WORDS.values(), ids=list(BAD_WORDS))
def test_bad_words_are_refused(known: Interface, words: Any, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        known.checked(words)
    assert str(caught.value).startswith(message)


def test_a_network_without_a_scale_takes_words_only(known: Interface, tmp_path: Path) -> None:
    change(tmp_path, lambda raw: raw.update(offset=[], scale=[]))
    with pytest.raises(BadInput, match=r"has no scale: use run_words"):
        read_interface(tmp_path)[0].quantise(np.zeros((1, 2)))


# --- interface.json ---------------------------------------------------------------------------


def change(folder: Path, how: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "host" / "interface.json"
    raw = json.loads(path.read_text())
    how(raw)
    path.write_text(json.dumps(raw))


DAMAGE: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "version": (lambda raw: raw.update(version=2), "is of version 2, this program reads 1: build"
                " again, and copy the whole host folder"),
    "old": (lambda raw: raw.pop("version"), "is of version none, this program reads 1"),
    "missing": (lambda raw: raw.pop("graph"), "damaged: key graph is missing; copy it from"),
    "type": (lambda raw: raw["answer"].update(bits="1"), "key answer.bits is '1', of the wrong"),
    "bool": (lambda raw: raw["frame"].update(words=True), "key frame.words is True, of the wrong"),
    "zero": (lambda raw: raw["uart"].update(baud=0), "key uart.baud is 0, must be above 0"),
    "table": (lambda raw: raw.pop("uart"), "table 'uart' is missing"),
    "transport": (lambda raw: raw.update(transport="usb"), "transport 'usb' must be one of uart,"),
    "frame": (lambda raw: raw["frame"].update(bytes=2), "the numbers of table frame do not fit"),
    "answer": (lambda raw: raw["answer"].update(bits=9), "the numbers of table answer do not fit"),
    "scale": (lambda raw: raw["scale"].pop(), "offset and scale must hold 2 numbers each"),
    "unscaled": (lambda raw: raw.update(scale=[1.0, 0.0]), "offset and scale must hold finite"
                 " numbers, and scale no 0"),
    "infinite": (lambda raw: raw.update(offset=[1.0, float("inf")]), "must hold finite numbers"),
    "no number": (lambda raw: raw.update(offset=[1.0, {}]), "damaged: "),
    "known": (lambda raw: raw["self_test"]["answers"].pop(), "40 known samples and 39 answers"),
    "ragged": (lambda raw: raw["self_test"]["words"][3].pop(), "damaged: "),
}  # fmt: skip


@pytest.mark.parametrize(("how", "message"), DAMAGE.values(), ids=list(DAMAGE))
def test_a_damaged_interface_is_refused(
    known: Interface, tmp_path: Path, how: Callable[[dict[str, Any]], object], message: str
) -> None:
    change(tmp_path, how)
    with pytest.raises(BadInput) as caught:
        connect(tmp_path, port="/dev/nothing")
    assert str(caught.value).startswith(f"{tmp_path / 'host' / 'interface.json'}: ")
    assert message in str(caught.value)


def test_no_build_folder(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no host/interface.json here: name a build folder"):
        connect(tmp_path)
    (tmp_path / "interface.json").write_text("[1, 2")
    with pytest.raises(BadInput, match=r"interface.json: .*; copy it from the build folder"):
        connect(tmp_path)


# --- options ----------------------------------------------------------------------------------


OPTIONS: list[tuple[str, dict[str, Any], str]] = [
    ("ulx3s", {"via": "usb"}, "via is 'usb', must be one of uart, xrt, pynq, simulation"),
    ("ulx3s", {"via": "xrt"}, "was built for ulx3s, which is reached via uart, not via xrt"),
    ("u280", {"port": "/dev/ttyUSB0"}, "which belong to a UART: u280 is reached via xrt"),
    ("ulx3s", {"timeout_s": 0}, "timeout_s is 0, must be seconds above 0"),
    ("ulx3s", {"baud": 0}, "baud is 0, must be at least 1"),
    ("u280", {"device": -1}, "device is -1, must be the index of a card, 0 or more"),
    ("ulx3s", {}, "no serial port was given: name one ("),
    ("ulx3s", {"port": "/dev/nothing"}, "): is the board plugged in?"),
    ("u280", {}, "there is no small.xclbin, so no board can be configured from here: run `hlsgen"
     " bitstream` where the tools for u280 are"),
    ("pynq_z2", {}, "there is no small.bit, so no board can be configured from here"),
    ("ulx3s", {"via": "simulation"}, "small_uart.v: not here, so there is nothing to simulate"),
]  # fmt: skip


@pytest.mark.parametrize(("board", "options", "message"), OPTIONS)
def test_options_that_do_not_fit(
    small: Graph, tmp_path: Path, board: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadInput) as caught:
        connect(host_folder(small, board, tmp_path), **options)
    assert message in str(caught.value)


def test_a_whole_build_folder_needs_its_bitstream(small: Graph, tmp_path: Path) -> None:
    """From a copy of the host folder nobody can tell."""
    host_folder(small, "ulx3s", tmp_path)
    (tmp_path / "graph").mkdir()
    with pytest.raises(BadInput, match=r"there is no small\.bit, so no board can be configured"):
        connect(tmp_path, port="/dev/nothing")


@pytest.mark.parametrize(
    ("board", "product", "module", "advice"),
    [
        ("ulx3s", "", "serial", "pip install pyserial"),
        ("u280", "small.xclbin", "pyxrt", "source /opt/xilinx/xrt/setup.sh"),
        ("pynq_z2", "small.bit", "pynq", "run this on the board, under its PYNQ image"),
    ],
)
def test_a_missing_driver_is_told(
    small: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    board: str, product: str, module: str, advice: str,
) -> None:  # fmt: skip
    host_folder(small, board, tmp_path)
    if product:
        (tmp_path / product).touch()
        (tmp_path / product).with_suffix(".hwh").touch()
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(DriverMissing) as caught:
        connect(tmp_path, port="/dev/nothing" if board == "ulx3s" else None)
    assert str(caught.value).startswith(f"{module} is missing (")
    assert advice in str(caught.value)


def test_scores_of_all_classes(small: Graph, tmp_path: Path) -> None:
    known, _ = read_interface(host_folder(scores(small), "ulx3s", tmp_path))
    assert known.lanes == 2
    assert known.shaped(known.known_answers).shape == (40, 2)
