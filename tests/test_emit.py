"""Emitted text: golden files for every template, and what emit refuses."""

from __future__ import annotations

import dataclasses
import os
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlsgen import __version__
from hlsgen.boards import load_board
from hlsgen.build import nextpnr
from hlsgen.emit import Framing, emit, emit_uart, framing
from hlsgen.emit.render import has_template, render
from hlsgen.emit.streaming import streaming_module
from hlsgen.emit.verilog import RESERVED, _clocks_per_bit, library, node_module
from hlsgen.errors import ConfigError, GraphError
from hlsgen.graph import OPS, Graph, Node, Op, Wire, check, random_feeds
from hlsgen.graph.fabric import FABRICS, Fabric
from hlsgen.graph.ir import op
from hlsgen.graph.ops import (
    Argmax,
    Count,
    Duel,
    Input,
    Join,
    Lut,
    Pad,
    Register,
    Serialize,
    Sum,
    Thermometer,
    Tiled,
    Window,
)
from hlsgen.passes import opt
from hlsgen.verify.simulation import _bench, _checks, _public

GOLDEN = Path(__file__).parent / "golden" / "verilog"
BANNER = {"version": "0.0.0", "digest": "0123456789abcdef"}
ECP5 = FABRICS["ecp5"]


# Two counters on one chain: the first has a column that only carries come into.
SUMS = Count.of([[list(range(5)), [], [5, 6]], [[7, 8, 9], [10, 11], [0, 1]]])
# Equal pins, five pins together, a wire, and one that fits nowhere.
PAIRED = Lut.of(
    np.array([[0, 1, 2], [0, 1, 2], [3, 4, 5], [4, 6, 0], [2, 0, 0], [0, 1, 2]]),
    np.array([3, 3, 3, 2, 1, 3]),
    np.array([0x96, 0xE8, 0x1B, 0x7, 0x2, 0x80]),
)
# Four corners of 3 x 3 pixels, each with a lane of its own: rows in a memory of 5 words.
CORNERS = Window(
    *(4, 5, 3, 3, 1, 2), np.array([0, 0, 2, 2]), np.array([0, 2, 0, 2]), np.array([1, 2, 0, 2])
)
# One small instance of each operator, in each form that it has; for ECP5 but for _xcup.
TILED = Tiled(
    3, 2, 2, np.array([[1, -1, 1, 1], [1, 1, 1, -1], [-1] * 4, [1] * 4]),
    np.array([[0, 1], [1, 2], [-9, -2], [3, 9]]),
)  # fmt: skip
INSTANCES: dict[str, tuple[Wire, Op]] = {
    "argmax": (Wire(3, -2, 5), Argmax()),
    "argmax_one_lane": (Wire(1, 0, 5), Argmax()),
    "argmax_unsigned": (Wire(5, 0, 6), Argmax()),
    "count": (Wire(6, 0, 1), Count.of([[[0, 1, 2]], [[5]], [[3, Count.ONE], [4]]])),
    "count_chain": (Wire(12, 0, 1), SUMS),
    "count_chain_xcup": (Wire(12, 0, 1), SUMS),
    "count_pairs_xcup": (Wire(6, 0, 1), Count.of([[[0, 1, 2, 3]], [[4, 5, 0]]])),
    "duel": (Wire(3, 0, 15), Duel(2)),
    "duel_chained": (Wire(2, 0, 31), Duel(2, 8, chained=True)),
    "duel_chained_xcup": (Wire(2, 0, 255), Duel(0, 2, chained=True)),
    "duel_last": (Wire(2, 0, 15), Duel(2, 5)),
    "duel_signed": (Wire(2, -4, 3), Duel(1)),
    "duel_xcup": (Wire(2, 0, 15), Duel(2)),
    "join": (Wire(5, 0, 1), Join(6, np.array([0, 3, 5]))),
    "lut": (
        Wire(7, 0, 1),
        Lut.of(
            np.array(
                [
                    [0, 0, 0, 0, 0, 0],
                    [6, 0, 0, 0, 0, 0],
                    [1, 2, 0, 0, 0, 0],
                    [1, 2, 3, 4, 0, 0],
                    [5, 4, 3, 2, 1, 0],
                ]
            ),
            np.array([0, 1, 2, 4, 6]),
            np.array([1, 2, 6, 0xBEEF, 0x0123456789ABCDEF], dtype=np.uint64),
        ),
    ),
    "pad": (Wire(2, 0, 1, 6), Pad(2, 2, 3, 1, 0, 2, 1, -2)),
    "register": (Wire(3, -1, 2), Register()),
    "serialize": (Wire(6, -1, 1, 2), Serialize(2, 3)),
    "sum": (Wire(4, 0, 1), Sum.of(np.array([0, 1, 1, 3]), np.array([3, 1]), np.array([0, 2]))),
    "sum_bias_only": (Wire(2, 0, 1), Sum.of(np.array([1]), np.array([1, 0]), np.array([0, 3]))),
    "sum_signed": (Wire(3, -4, 3), Sum.of(np.array([2, 0]), np.array([2]), np.array([-1]))),
    "sum_negative_bias": (
        Wire(3, 0, 1),
        Sum.of(np.array([0, 2]), np.array([2, 0]), np.array([-3, -1])),
    ),
    "sum_of_offset_lanes": (Wire(2, 2, 3), Sum.of(np.arange(2), np.array([2]), np.array([-3]))),
    "lut_xcup": (Wire(7, 0, 1), PAIRED),
    "thermometer": (
        Wire(2, 0, 7),
        Thermometer(np.array([0, 1, 0, 1]), np.array([0, 3, 8, 7])),
    ),
    "thermometer_wide": (Wire(2, 0, 1000), Thermometer(np.array([1, 0]), np.array([999, 1]))),
    "thermometer_signed": (Wire(2, -4, 3), Thermometer(np.array([1, 0]), np.array([-3, 2]))),
    "tiled": (Wire(4, 0, 1), TILED),
    "tiled_at_once": (Wire(2, -2, 1), Tiled(2, 1, 2, np.array([[1, -1]]), np.zeros((1, 0)))),
    "window": (Wire(3, -2, 1, 20), CORNERS),
    "window_flat": (Wire(2, 0, 1, 4), Window.whole((2, 2), (2, 2), (1, 1), 2)),
}


def module(wire: Wire, operator: Op, fabric: Fabric = ECP5) -> str:
    """The module of `operator` behind `wire`, without a graph around it."""
    node = Node("node", operator, ("x",))
    graph = Graph("net", (Node("x", Input(1, np.zeros(1), np.ones(1))), node), ("node",))
    graph.__dict__["wires"] = {"x": wire, "node": operator.infer(wire)}
    if operator.streams:
        return streaming_module(graph, node, BANNER)
    return node_module(graph, node, BANNER, fabric)


@pytest.fixture
def final(small: Graph) -> Graph:
    """The small network as it goes to hardware."""
    return opt(small, FABRICS["ecp5"], 50.0)


def design(final: Graph) -> dict[str, str]:
    """One file of each template that a whole design has; the version and the digest are fixed."""
    board, rtl = load_board("ulx3s"), emit(final, 8, ECP5)
    checks = _checks(final, random_feeds(final, 9, np.random.default_rng(0))["x"], 16, 1)
    with_pll = nextpnr.plan(final, board, rtl, 50.0, 7)
    texts = {
        "core.v": rtl.files["rtl/small_core.v"],
        "stage.v": rtl.files["rtl/small_stage.v"],
        "axis.v": rtl.files["rtl/small_axis.v"],
        "axis_wide.v": emit(final, 64, ECP5).files["rtl/small_axis.v"],
        "uart.v": emit_uart(final, 50.0, 115200).files["rtl/small_uart.v"],
        "uart_top.v": with_pll.files["synth/small_top.v"],
        "uart_top_without_pll.v": nextpnr.plan(final, board, rtl, 25.0, 7).files[
            "synth/small_top.v"
        ],
        "synth.ys": with_pll.files["synth/synth.ys"],
        "pins.lpf": with_pll.files["route/pins.lpf"],
        "steps.txt": "".join(f"{step}\n" for step in with_pll.steps),
        "bench.v": _bench(final, checks, 16),
        "public.vlt": _public(final),
    }
    stamp = f"Generated by hlsgen {__version__}; graph {final.digest[:16]}."
    return {
        name: str(text).replace(stamp, "Generated by hlsgen 0.0.0; graph 0123456789abcdef.")
        for name, text in texts.items()
    }


def compare(name: str, text: str) -> None:
    golden = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN") == "1":
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8"), "UPDATE_GOLDEN=1 rewrites"


@pytest.mark.parametrize("name", INSTANCES)
def test_golden_operators(name: str) -> None:
    fabric = FABRICS["xcup"] if name.endswith("_xcup") else ECP5
    compare(f"{name}.v", module(*INSTANCES[name], fabric))


def test_golden_design(final: Graph) -> None:
    for name, text in design(final).items():
        compare(name, text)


def test_golden_has_no_stray_files(final: Graph) -> None:
    wanted = {f"{name}.v" for name in INSTANCES} | design(final).keys()
    assert {path.name for path in GOLDEN.iterdir()} == wanted


def test_every_operator_has_a_golden_file_and_either_a_template_or_cells() -> None:
    # What a merge looks like is in the golden files of streaming designs.
    kinds = {kind for kind, known in OPS.items() if known.arity == 1}
    assert {operator.kind for _, operator in INSTANCES.values()} == kinds
    for wire, operator in INSTANCES.values():
        has_cells = operator.cells(FABRICS["xcup"], wire) is not None
        assert has_template(f"verilog/{operator.kind}.v.j2") != has_cells


@pytest.mark.parametrize("fabric", FABRICS.values(), ids=list(FABRICS))
@pytest.mark.parametrize("kind", sorted(kind for kind, known in OPS.items() if known.arity == 1))
def test_any_instance_renders_to_plain_verilog(kind: str, fabric: Fabric) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        operator, (wire,) = OPS[kind].example(rng)
        try:
            text = module(wire, operator, fabric)
        except GraphError as error:
            assert f"graph 'net': node 'node' ({kind}) has a" in str(error) or "chain" in str(error)
            continue
        declared_before_use(text)
        assert text.count("endmodule") == 1 + (kind == "tiled")
        assert text.endswith("`default_nettype wire\n")
        assert not re.search(r"'s?[dhb]-|\{\{ |\{%|None|\t", text)


def declared_before_use(text: str) -> None:
    """Verilog without implicit nets: a wire that is read further up is an error to some tools."""
    for name in set(re.findall(r"\bn\d+\b", text)):
        (declared,) = re.finditer(rf"^wire .*\b{name}\b", text, re.MULTILINE)
        assert (
            declared.start()
            <= min(m.start() for m in re.finditer(rf"\b{name}\b", text))
            < (declared.end())
        )


def test_a_literal_never_has_a_minus_behind_its_base() -> None:
    """Lanes of at least 2 with a bias below 0: lanes and sum are unsigned, the bias is not."""
    text = module(*INSTANCES["sum_of_offset_lanes"])
    assert re.search(r"-\d+'sd3", text)


# --- the plan ---------------------------------------------------------------------------------


def test_one_module_a_node_the_core_the_stage_the_shell_and_the_library(final: Graph) -> None:
    modules = [node.name for node in final.nodes if node.inputs] + ["core", "stage", "axis"]
    names = {f"rtl/small_{name}.v" for name in modules}
    names |= {f"rtl/{name}" for name, _ in library(final)}
    plan = emit(final, 8, ECP5)
    assert set(plan.files) == names
    assert plan.steps == ()
    for name in modules:
        assert f"\nmodule small_{name} " in str(plan.files[f"rtl/small_{name}.v"])


def test_the_same_graph_gives_the_same_bytes(small: Graph) -> None:
    fabric = FABRICS["ecp5"]
    first, again = (emit(opt(small, fabric, 50.0), 32, fabric) for _ in range(2))
    assert first.files == again.files


def test_emitted_text_has_no_date_and_no_path(final: Graph) -> None:
    plan = emit(final, 8, ECP5) | emit_uart(final, 50.0, 115200)
    for name, content in plan.files.items():
        text = str(content)
        assert not re.search(r"\b20\d\d-\d\d-\d\d\b|\b\d\d:\d\d:\d\d\b", text), name
        assert str(Path.cwd()) not in text
        assert not re.search(r"(?<![\w/])/(home|root|tmp|work|usr)\b", text), name
        assert all(line == line.rstrip() for line in text.splitlines()), name


def test_the_banner_names_version_and_graph(final: Graph) -> None:
    banner = f"// Generated by hlsgen {__version__}; graph {final.digest[:16]}."
    for name, content in emit(final, 8, ECP5).files.items():
        if "hlsgen_" not in name:
            assert str(content).splitlines()[0] == banner


def test_frames_are_cut_into_beats(final: Graph) -> None:
    assert framing(final, 8) == Framing(8, in_bits=6, out_bits=1)
    for width, bits, beats in [(8, 1, 1), (8, 8, 1), (8, 9, 2), (64, 65, 2), (512, 5, 1)]:
        frame = Framing(width, bits, bits)
        assert (frame.in_beats, frame.out_beats) == (beats, beats)


def test_uart_counts_clocks(final: Graph) -> None:
    text = str(emit_uart(final, 50.0, 115200, idle_ms=2.0).files["rtl/small_uart.v"])
    assert "parameter CLOCKS_PER_BIT = 434," in text
    assert "parameter IDLE_CLOCKS = 100000\n" in text


UART_REFUSED = {
    "too few clocks": (
        3.0,
        1_000_000,
        "hardware.clock_mhz is 3: a bit at 1000000 baud lasts 3 clocks, must be 4 or more: ask for"
        " 4 MHz or more, or lower the board's shell.baud",
    ),
    "too slow": (
        10.6,
        1_000_000,
        "hardware.clock_mhz is 10.6: 11 clocks a bit make 963636 baud, -3.6 % off the board's"
        " 1000000, at most 2 % is allowed: ask for 10 or 11 MHz, or lower the board's shell.baud",
    ),
    "too fast": (
        0.52,
        115_200,
        "hardware.clock_mhz is 0.52: 5 clocks a bit make 104000 baud, -9.7 % off the board's"
        " 115200, at most 2 % is allowed: ask for 0.4608 or 0.576 MHz, or lower the board's"
        " shell.baud",
    ),
}


@pytest.mark.parametrize(
    ("clock_mhz", "baud", "message"), UART_REFUSED.values(), ids=list(UART_REFUSED)
)
def test_a_clock_that_makes_no_baud_rate_is_refused(
    final: Graph, clock_mhz: float, baud: int, message: str
) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        emit_uart(final, clock_mhz, baud)


@given(st.floats(1.0, 30.0), st.integers(300, 12_000_000))
def test_every_accepted_bit_is_long_enough_and_right(exact: float, baud: int) -> None:
    clock_mhz = exact * baud / 1e6
    try:
        clocks = _clocks_per_bit(clock_mhz, baud)
    except ConfigError as error:
        wanted = re.findall(r"ask for ([\d.]+)(?: or ([\d.]+))? MHz", str(error))[0]
        assert all(_clocks_per_bit(float(mhz), baud) >= 4 for mhz in wanted if mhz)
    else:
        assert clocks >= 4
        assert abs(clock_mhz * 1e6 / clocks / baud - 1) <= 0.02


# --- refused ----------------------------------------------------------------------------------


def refused(graph: Graph) -> str:
    with pytest.raises(GraphError) as caught:
        emit(graph, 8, ECP5)
    return str(caught.value)


def test_a_graph_that_is_not_pipelined_is_refused(small: Graph) -> None:
    message = "must be one and at least 1: run the stage opt first"
    assert refused(small) == f"graph 'small': outputs have latencies [0], {message}"
    late = Node("r", Register(), ("y",))
    rr = Node("rr", Register(), ("r",))
    skewed = dataclasses.replace(small, nodes=(*small.nodes, late, rr), outputs=("r", "rr"))
    assert refused(check(skewed)) == f"graph 'small': outputs have latencies [1, 2], {message}"


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_a_reserved_name_is_refused(small: Graph, name: str) -> None:
    last = Node(name, Register(), ("y",))
    graph = dataclasses.replace(small, nodes=(*small.nodes, last), outputs=(name,))
    assert refused(check(graph)) == f"graph 'small': a node may not be called {name!r}"


def test_an_operator_without_template_is_refused(
    small: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hlsgen.graph.ir.OPS", dict(OPS))

    @op("novel")
    @dataclasses.dataclass(frozen=True, eq=False)
    class Novel(Register):
        pass

    last = Node("last", Novel(), ("y",))
    graph = dataclasses.replace(small, nodes=(*small.nodes, last), outputs=("last",))
    assert refused(check(graph)) == (
        "graph 'small': no Verilog for operator 'novel':"
        " templates/verilog/novel.v.j2 does not exist, and it has no cells"
    )


def test_what_a_family_lacks_is_refused_with_its_node(small: Graph) -> None:
    wide = Node("wide", Count.of([[[0, 1, 2, 3, 0, 1, 2]]]), ("layer",))
    last = Node("last", Register(), ("wide",))
    graph = dataclasses.replace(small, nodes=(*small.nodes, wide, last), outputs=("last",))
    place = "graph 'small': node 'wide' (count) has a counter of [7] bits in columns, which family"
    assert refused(check(graph)).startswith(f"{place} ecp5 does not have")
    assert emit(check(graph), 8, FABRICS["xcup"])


def test_a_name_that_a_template_lacks_is_an_error() -> None:
    import jinja2

    with pytest.raises(jinja2.UndefinedError, match="'name' is undefined"):
        render("verilog/core.v.j2", version="0", digest="0", latency=1)
