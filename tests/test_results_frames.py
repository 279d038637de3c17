"""Netlists of networks that stream: what is simulated and counted is what the graph says."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks.peers.clocked import Clocked
from benchmarks.peers.frames import wrong_frames
from benchmarks.peers.netlist import NETLIST, count, synthesise
from benchmarks.peers.variant import core
from benchmarks.results.built import Core
from benchmarks.results.measure import _accuracy, layer_of
from hlsgen.emit import emit
from hlsgen.errors import CheckFailed, ConfigError
from hlsgen.graph import Graph, random_feeds, run
from hlsgen.graph.fabric import FABRICS
from hlsgen.graph.ir import Values
from hlsgen.graph.ops import Lut
from hlsgen.netlist import Cell, Flat, read_design
from hlsgen.passes import opt
from rtl_tests.designs import random_network, streaming_network

XCUP = FABRICS["xcup"]
SAMPLES = 201  # not a multiple of the frames in a run


def words(graph: Graph) -> Values:
    return random_feeds(graph, SAMPLES, np.random.default_rng(9))["x"]


def found_wrong(module: Flat, graph: Graph, samples: Values, frames: int = 2) -> int:
    return wrong_frames(module, graph, samples, run(graph, {"x": samples}), frames)


def network(clock_mhz: float = 150.0) -> Graph:
    """Words of three bits in two channels, 5 x 6 pixels, two windows and the whole map."""
    graph = streaming_network(
        2, (5, 6), ((2, 2), (1, 2), 4), ((2, 2), (1, 1), 5), bits=3, channels=2
    )
    return opt(graph, XCUP, clock_mhz)


def built(graph: Graph, folder: Path, layer: str = "") -> Flat:
    emit(graph, 8, XCUP).write(folder)
    return synthesise(core(folder, graph), folder / "netlist", layer_of(graph, layer))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stream")


@pytest.fixture(scope="module")
def module(folder: Path) -> Flat:
    return built(network(), folder, "window1")


def faulty(graph: Graph) -> Graph:
    """The graph with one bit of a table of its second map turned."""
    nodes = list(graph.nodes)
    tables = [i for i, node in enumerate(nodes) if isinstance(node.op, Lut)]
    at = next(i for i in tables if graph.stream[nodes[i].name] == "window1")
    op = nodes[at].op
    table = op.table.copy()
    table[np.flatnonzero(op.k)[0]] ^= np.uint64(1)
    nodes[at] = dataclasses.replace(nodes[at], op=Lut.of(op.src, op.k, table))
    return dataclasses.replace(graph, nodes=tuple(nodes))


@pytest.mark.yosys
@pytest.mark.parametrize("frames", [1, 2, 3])
def test_the_netlist_of_a_stream_answers_as_the_graph(module: Flat, frames: int) -> None:
    graph = network()
    assert found_wrong(module, graph, words(graph), frames) == 0


@pytest.mark.yosys
def test_one_wrong_bit_of_a_table_is_found_on_each_sample(module: Flat) -> None:
    graph = network()
    other, samples = faulty(graph), words(graph)
    answers = [run(net, {"x": samples})[net.outputs[0]] for net in (graph, other)]
    differ = (answers[0] != answers[1]).reshape(SAMPLES, -1).any(axis=1)
    assert found_wrong(module, other, samples) == differ.sum() > 0


@pytest.mark.yosys
def test_a_wrong_lut_of_the_netlist_is_found(module: Flat) -> None:
    """One by one; counters of windows have bits that short runs do not need."""
    graph, found = network(), {}
    samples = words(graph)
    for at, cell in enumerate(module.cells):
        if re.fullmatch("LUT[2-6]", cell.type):
            ones = (1 << (1 << int(cell.type[3]))) - 1
            init = {"INIT": cell.number("INIT") ^ ones}
            wrong = dataclasses.replace(cell, parameters={**cell.parameters, **init})
            cells = (*module.cells[:at], wrong, *module.cells[at + 1 :])
            broken = dataclasses.replace(module, cells=cells)
            found[cell.name] = found_wrong(broken, graph, samples) > SAMPLES // 5
    inside = [seen for name, seen in found.items() if name.startswith("i_p")]
    assert len(inside) > 9 and all(inside)
    assert sum(found.values()) > 0.75 * len(found) > 20


@pytest.mark.yosys
def test_an_answer_in_another_clock_is_wrong(module: Flat) -> None:
    later = network(600.0)
    assert later.latency != network().latency
    assert found_wrong(module, later, words(later)) == SAMPLES


def changed(module: Flat, kind: str, change) -> Flat:
    """The module with each cell of a kind changed."""
    cells = [change(cell) if cell.type == kind else cell for cell in module.cells]
    assert tuple(cells) != module.cells
    return dataclasses.replace(module, cells=tuple(cells))


@pytest.mark.yosys
def test_faults_of_windows_are_found(module: Flat) -> None:
    """Memories that forget, and registers that never move."""
    graph = network()
    for kind, pin in (("RAM32M16", "WE"), ("FDRE", "CE")):
        broken = changed(
            module,
            kind,
            lambda cell, pin=pin: dataclasses.replace(cell, pins={**cell.pins, pin: ("0",)}),
        )
        assert found_wrong(broken, graph, words(graph)) > SAMPLES // 2


@pytest.mark.yosys
def test_memories_and_the_layer_are_counted(module: Flat, folder: Path) -> None:
    counts = count(module)
    memories = sum(cell.type == "RAM32M16" for cell in module.cells)
    assert memories and counts.luts["RAM32M16"] == 8 * memories
    assert counts.blocks == 0.0
    tables = sum(cell.type.startswith(("LUT", "INV", "SRL")) for cell in module.cells)
    assert counts.lut == tables + 8 * memories
    (name,) = layer_of(network(), "window1")
    layer = count(read_design(folder / "netlist" / NETLIST).flatten(name))
    assert 0 < layer.lut < counts.lut
    assert "RAM32M16" not in layer.luts


@pytest.mark.yosys
def test_wide_images_take_blocks_which_are_counted_but_not_simulated(tmp_path: Path) -> None:
    graph = opt(streaming_network(5, (3, 40), ((2, 2), (1, 1), 3), taps=3), XCUP, 100.0)
    module = built(graph, tmp_path)
    assert count(module).blocks == 0.5
    with pytest.raises(ConfigError, match="no model of cell type RAMB18E2"):
        found_wrong(module, graph, words(graph))


@pytest.mark.yosys
def test_a_row_needs_the_answers_of_the_trained_network(module: Flat, tmp_path: Path) -> None:
    graph = network()
    samples = words(graph)
    classes = run(graph, {"x": samples})[graph.outputs[0]].ravel()
    labels = np.where(np.arange(SAMPLES) < 20, classes, -1)
    (tmp_path / "graph").mkdir()
    np.savez(tmp_path / "graph" / "samples.npz", x=samples, y=labels)
    made = Core(graph, graph, classes)
    assert _accuracy(module, made, tmp_path) == 20 / SAMPLES
    other = dataclasses.replace(made, classes=np.where(np.arange(SAMPLES) == 3, -1, classes))
    with pytest.raises(CheckFailed, match=f"trained network on 1 of {SAMPLES} test samples"):
        _accuracy(module, other, tmp_path)
    broken = dataclasses.replace(made, final=faulty(graph), classes=None)
    with pytest.raises(CheckFailed, match="the synthesised netlist differs from the graph on"):
        _accuracy(module, broken, tmp_path)


def test_a_layer_stands_behind_a_window() -> None:
    assert layer_of(network(), "") == ()
    assert layer_of(network(), "window0") == ("net_p1_core",)
    with pytest.raises(
        ConfigError, match="no layer behind 'head'; there are window0, window1, flat"
    ):
        layer_of(network(), "head")
    with pytest.raises(ConfigError, match="there are none"):
        layer_of(random_network(3), "x")


# --- single cells -----------------------------------------------------------------------------


def flat(inputs: dict[str, tuple], outputs: dict[str, tuple], *cells: Cell) -> Flat:
    ways = dict.fromkeys(inputs, "input") | dict.fromkeys(outputs, "output")
    return Flat("made_up", inputs | outputs, ways, cells, {})


def cell(kind: str, outputs: dict[str, tuple], **inputs: tuple) -> Cell:
    return Cell("c", kind, {}, inputs | outputs, frozenset(outputs))


def traced(module: Flat, steps: list[dict[str, int]], runs: int = 3) -> list[int]:
    core = Clocked(module, runs)
    ports = ({(port, 0): bits for port, bits in step.items()} for step in steps)
    return [core.step(values)["y"][0] for values in ports]


def test_a_shift_register_moves_where_it_is_enabled() -> None:
    shift = cell("SRL16E", {"Q": (4,)}, D=(1,), CE=(2,), CLK=(3,), A0=("1",), A1=("0",), A2=("0",),
                 A3=("0",))  # fmt: skip
    module = flat({"d": (1,), "ce": (2,), "clk": (3,)}, {"y": (4,)}, shift)
    steps = [{"d": 0b101, "ce": 0b111}, {"d": 0b010, "ce": 0b111}, {"d": 0, "ce": 0b100}, {}]
    # Two clocks after it came; only run 2 goes on to what came next, a 0.
    assert traced(module, steps)[2:] == [0b101, 0b001]


def memory(address: tuple, written: tuple) -> Cell:
    low = {f"A{i}": (net,) for i, net in enumerate(written)}
    high = {f"DPRA{i}": (net,) for i, net in enumerate(address)}
    return cell("RAM32X1D", {"DPO": (4,)}, D=(1,), WE=(2,), WCLK=(3,), **low, **high)


ZERO = ("0",) * 4
PORTS = {"d": (1,), "we": (2,), "clk": (3,), "a": (5,)}


def test_a_memory_gives_back_what_was_written_where() -> None:
    module = flat(PORTS, {"y": (4,)}, memory((5, *ZERO), (5, *ZERO)))
    steps = [
        {"d": 0b110, "we": 0b111},
        {"d": 0b011, "we": 0b111, "a": 0b111},
        {},
        {"d": 0b001, "we": 0b011},
        {"a": 0b111},
        {},
    ]
    assert traced(module, steps)[2:] == [0b110, 0b110, 0b011, 0b101]


def test_runs_that_ask_for_different_words_are_refused() -> None:
    module = flat(PORTS, {"y": (4,)}, memory((5, *ZERO), ("0", *ZERO)))
    with pytest.raises(ConfigError, match="different words of a memory"):
        traced(module, [{"a": 0b001}])


def test_what_has_no_order_is_refused() -> None:
    inverter = cell("INV", {"O": (4,)}, I=(4,))
    with pytest.raises(ConfigError, match="a loop without a register"):
        Clocked(flat({}, {"y": (4,)}, inverter), 1)
    with pytest.raises(ConfigError, match="address is what a memory holds"):
        Clocked(flat(PORTS, {"y": (4,)}, memory((4, *ZERO), ("0", *ZERO))), 1)
    two = [
        cell("FDRE", {"Q": (q,)}, D=(1,), C=(c,), R=("0",), CE=("1",)) for q, c in ((4, 3), (6, 5))
    ]
    with pytest.raises(ConfigError, match="several clocks"):
        Clocked(flat({"d": (1,), "clk": (3,), "other": (5,)}, {"y": (4, 6)}, *two), 1)
