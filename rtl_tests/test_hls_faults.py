"""Faults put into the C++ on purpose: rung 4 must find each, and name the layer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hlsgen.boards import load_board
from hlsgen.emit import emit
from hlsgen.errors import CheckFailed, ConfigError, ToolFailed, ToolMissing
from hlsgen.graph import Graph, load, random_feeds
from hlsgen.graph.ops import Lut
from hlsgen.samples import load_samples
from hlsgen.tools import csim
from hlsgen.verify import Verdict, language_of, rtl_digest, verify
from hlsgen.verify.csim import simulate_cpp
from rtl_tests.designs import ECP5, random_network, with_latency, write_build
from rtl_tests.engines import residual

pytestmark = pytest.mark.verilator

# A file's text, with a fault in it.
Fault = Callable[[str], str]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs with faults are not worth keeping."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def flat() -> Graph:
    """Words, tables, counters, rounds of argmax."""
    return with_latency(random_network(5, features=9, code=30, layers=(26, 24)), 2)


def found(folder: Path, graph: Graph, width: int, file: str, fault: Fault) -> list[str]:
    """The differences that C++ with a fault in `file` shows."""
    emit(graph, width, ECP5, "hls").write(folder)
    path = folder / "hls" / file
    good = path.read_text(encoding="utf-8")
    bad = fault(good)
    assert bad != good
    path.write_text(bad, encoding="utf-8")
    feed = graph.feeds()[0].name
    x = random_feeds(graph, 15, np.random.default_rng(3))[feed]
    return [str(each) for each in simulate_cpp(folder, graph, x, width, 1).differences]


def once(pattern: str, text: str | Callable[[re.Match[str]], str]) -> Fault:
    """The first match of a pattern replaced."""
    return lambda source: re.sub(pattern, text, source, count=1)


def counted_up(source: re.Match[str]) -> str:
    return f"{source[1]}{int(source[2]) + 1}"


# --- tables, wires, numbers ---------------------------------------------------------------------


def test_one_bit_of_a_table(tmp_path: Path, flat: Graph) -> None:
    """Each LUT's last entry, one at a time in one program: every one is named."""
    lut = flat.by_name["layer1"].op
    assert isinstance(lut, Lut)

    def flip(source: str) -> str:
        tables = re.search(r"table\[\d+\] = \{(.*?)\};", source, re.DOTALL)
        assert tables
        words = [int(word, 16) for word in re.findall(r"0x(\w+)ULL", tables[1])]
        flipped = [word ^ 1 << (1 << int(k)) - 1 for word, k in zip(words, lut.k, strict=True)]
        text = ", ".join(f"0x{word:x}ULL" for word in flipped)
        return source[: tables.start(1)] + text + source[tables.end(1) :]

    seen = found(tmp_path, flat, 32, "net_layer1.h", flip)
    for i, k in enumerate(lut.k):
        entry = (1 << int(k)) - 1
        assert [t for t in seen if t.startswith(f"layer layer1, LUT {i}, table entry {entry}: ")]


def test_two_wires_of_a_table_swapped(tmp_path: Path, flat: Graph) -> None:
    lut = flat.by_name["layer0"].op
    assert isinstance(lut, Lut)
    # Entries 1 and 2 tell the two lowest pins apart.
    i = next(i for i, (k, t) in enumerate(zip(lut.k, lut.table.tolist(), strict=True))
             if k >= 2 and (t >> 1 ^ t >> 2) & 1)  # fmt: skip
    a, b, *rest = (str(pin) for pin in lut.src[i])
    row, swapped = ("{" + ", ".join([*pins, *rest]) + "}" for pins in ((a, b), (b, a)))
    seen = found(tmp_path, flat, 32, "net_layer0.h", lambda text: text.replace(row, swapped, 1))
    assert seen[0].startswith(f"layer layer0, LUT {i}, table entry ")
    assert any(re.match(rf"layer layer0, lane {i}, sample \d+, beat 0: expected", t) for t in seen)


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("thermometer", once(r"(threshold\[\d+\] = \{)(\d+)", counted_up)),
        ("count", once(r"(lane0\[\d+\] = \{)(\d+)", counted_up)),
        ("join", once(r"(group0\[\d+\] = \{\d+, )(\d+)", counted_up)),
        ("duel", once(r"bool wins = (.*) > ", r"bool wins = \1 >= ")),
    ],
)
def test_a_number_that_is_one_off(tmp_path: Path, flat: Graph, kind: str, fault: Fault) -> None:
    name = next(node.name for node in flat.nodes if node.op.kind == kind)
    seen = found(tmp_path, flat, 32, f"net_{name}.h", fault)
    assert seen
    assert any(text.startswith(f"layer {name}, ") for text in seen)


# --- what has a state ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "layer", "fault"),
    [
        ("tiled4", "tiled4", once(r"(weight.* =\s+\{\{)(\d+)", lambda m: f"{m[1]}{int(m[2]) ^ 1}")),
        ("tiled4", "tiled4", once(r"(level.* =\s+\{\{)-?\d+", r"\g<1>-99")),
        ("pad2", "pad2", once(r"(Y::fill\(y, )(\d+)", counted_up)),
        ("window3", "window3", once(r"(back\[\d+\] = \{)2, 2, 2, 1", r"\g<1>2, 2, 1, 1")),
        ("merge5", "merge5", once(r"X0::LANES\);", "X0::LANES - 1);")),
        ("serialize7", "serialize7", once(r"held, Y::LANES, held", "held, 0, held")),
        ("core", "sum6", once(r"net_sum6\(n_merge5, n_sum6\);", "t_sum6::zero(n_sum6);")),
    ],
)  # fmt: skip
def test_a_fault_in_a_stream(tmp_path: Path, file: str, layer: str, fault: Fault) -> None:
    seen = found(tmp_path, residual(), 32, f"net_{file}.h", fault)
    assert seen
    first = seen[0]
    assert re.match(rf"layer {layer}, lane \d+, sample \d+, beat \d+: expected -?\d+, got", first)


def test_a_beat_that_is_lost_stops_the_simulation(tmp_path: Path) -> None:
    """A process reads a beat too many: the stream is empty then."""
    with pytest.raises(ToolFailed, match="C simulation failed"):
        found(tmp_path, residual(), 32, "net_core.h", once("step < 56", "step < 57"))


def test_a_beat_that_is_left_stops_the_simulation(tmp_path: Path) -> None:
    """A frame of zeros covers the first row, whose pixels stay in the stream."""
    with pytest.raises(ToolFailed, match="leftover data"):
        found(tmp_path, residual(), 32, "net_pad2.h", once(r"(row >= )(\d)", counted_up))


# --- the kernel ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (once(r"beat.last = .*;", "beat.last = 0;"), "tlast is [0]"),
        (once(r"fate.write\(broken\)", "fate.write(false)"), "a frame that broke off was answered"),
        (once(r"(held\[word\] = )beat.data", r"\1beat.data >> 1"), "layer x, lane "),
        (once(r"if \(!broken\) out_answers", "if (broken) out_answers"), "0 beats, expected 1"),
        (once(r"(place<\d>\(.*, )0\)", r"\g<1>1)"), "expected 0x"),
    ],
)
def test_a_fault_in_the_kernel(tmp_path: Path, flat: Graph, fault: Fault, text: str) -> None:
    assert any(text in line for line in found(tmp_path, flat, 8, "net_kernel.cpp", fault))


# --- a build folder -----------------------------------------------------------------------------


@pytest.fixture
def build(tmp_path: Path, flat: Graph) -> Path:
    """A build folder in C++."""
    folder = write_build(tmp_path / "build", flat, 8)
    for file in (folder / "rtl").iterdir():
        file.unlink()
    (folder / "rtl").rmdir()
    emit(flat, 8, ECP5, "hls").write(folder)
    return folder


def test_verify_judges_the_cpp_that_lies_there(build: Path) -> None:
    board = load_board("ulx3s")
    verdict = verify(build, board)
    status = {rung.name: rung for rung in verdict.rungs}
    assert status["HLS C++"].status == "passed"
    assert status["HLS C++"].number == 4
    assert status["HLS C++"].checked > 10_000
    assert any(line.startswith("layer1: ") for line in status["HLS C++"].details)
    for name in ("operators", "layers", "shell", "Verilog", "control blocks", "netlist"):
        assert (status[name].status, status[name].reason) == ("not run", "this build is in HLS C++")
    graph, before = load(build / "graph" / "final"), verdict.rtl
    header = build / "hls" / "net_layer1.h"
    header.write_text(re.sub(r"0x\w+ULL", "0x0ULL", header.read_text()), encoding="utf-8")
    assert rtl_digest(build, graph) != before
    with pytest.raises(CheckFailed, match=r"HLS C\+\+: layer layer1, LUT \d+, table entry"):
        verify(build, board)
    document = json.loads((build / "verify" / "verdict.json").read_text())
    assert document["ok"] is False
    assert document["rtl"] == rtl_digest(build, graph)


def test_a_verdict_about_other_cpp_does_not_count(build: Path) -> None:
    board = load_board("ulx3s")
    verify(build, board)
    kernel = build / "hls" / "net_kernel.cpp"
    kernel.write_text(kernel.read_text() + "// mine\n", encoding="utf-8")
    from hlsgen.verify import assemble

    rungs = {rung.name: rung.status for rung in assemble(build, board).rungs}
    assert rungs["HLS C++"] == "not run"


def test_a_missing_file_is_named(build: Path) -> None:
    assert language_of(build) == "hls"
    (build / "hls" / "net_layer0.h").unlink()
    with pytest.raises(ConfigError, match=r"net_layer0\.h: missing; run the stage emit"):
        verify(build, load_board("ulx3s"))


def test_cpp_that_does_not_compile_says_where(build: Path) -> None:
    kernel = build / "hls" / "net_kernel.cpp"
    kernel.write_text(kernel.read_text() + "int broken = ;\n", encoding="utf-8")
    graph, samples = load(build / "graph" / "final"), load_samples(build / "graph" / "samples.npz")
    with pytest.raises(ToolFailed, match=r"g\+\+ failed(.|\n)*net_kernel\.cpp:\d+"):
        simulate_cpp(build, graph, samples, 8, 1)


def test_without_the_headers_it_says_what_to_install(
    build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csim, "_PACKAGE", "no_such_package_of_headers")
    graph, samples = load(build / "graph" / "final"), load_samples(build / "graph" / "samples.npz")
    with pytest.raises(ToolMissing, match=r"needs ap_int\.h and hls_stream\.h(.|\n)*make setup"):
        simulate_cpp(build, graph, samples, 8, 1)


def test_the_other_language_says_how_to_get_rung_4(tmp_path: Path, flat: Graph) -> None:
    from hlsgen.verify import assemble

    folder = write_build(tmp_path, flat, 8)
    verdict: Verdict = assemble(folder, load_board("ulx3s"))
    (rung,) = [rung for rung in verdict.rungs if rung.number == 4]
    assert rung.status == "not run"
    assert rung.reason == "this build is in Verilog; `--hdl hls` runs it"
