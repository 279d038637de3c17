"""The comparison of area: plain Verilog is the graph, gates are the tables, cells are counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.peers.behavioural import Box, behavioural, value
from benchmarks.peers.gates import Gates, gates, layered
from benchmarks.peers.netlist import count, synthesise, wrong
from benchmarks.peers.variant import NotRun, Variant
from hlsgen.graph import Graph, Node, check
from hlsgen.graph.interp import random_feeds, run
from hlsgen.graph.ir import Values
from hlsgen.graph.ops import Argmax, Input, Lut, Sum, Thermometer
from hlsgen.netlist import Cell, Flat

SAMPLES = 500


def network(seed: int, bias: list[int], layers: int = 1) -> Graph:
    """Three words, comparisons some of which are constant, LUTs of 0 to 6 inputs, two sums."""
    rng = np.random.default_rng(seed)
    bits, lanes, width = int(rng.integers(2, 5)), 9, 8
    bounds = rng.integers(-1, (1 << bits) + 1, lanes)
    nodes = [
        Node("x", Input(bits, np.zeros(3), np.ones(3))),
        Node("code", Thermometer(rng.integers(0, 3, lanes), bounds), ("x",)),
    ]
    for i in range(layers):
        src, k = rng.integers(0, lanes, (width, 6)), rng.integers(0, 7, width)
        table = rng.integers(0, 2**64, width, dtype=np.uint64, endpoint=False)
        nodes.append(Node(f"layer{i}", Lut.of(src, k, table), (nodes[-1].name,)))
        lanes = width
    total = Sum.of(rng.permutation(width), np.array([5, 3]), np.array(bias))
    nodes += [Node("sums", total, (nodes[-1].name,)), Node("answer", Argmax(), ("sums",))]
    return check(Graph("net", tuple(nodes), ("answer",)))


def feeds(graph: Graph) -> Values:
    return random_feeds(graph, SAMPLES, np.random.default_rng(9))["x"]


def variant(folder: Path, text: str) -> Variant:
    path = folder / "core.v"
    path.write_text(text)
    return Variant("test", (path,))


@pytest.mark.yosys
@pytest.mark.parametrize("bias", [[2, 1], [-4, 0]], ids=str)
def test_plain_verilog_is_the_graph(tmp_path: Path, bias: list[int]) -> None:
    whole = network(sum(bias) + 5, bias, layers=2)
    graph = check(Graph("net", whole.nodes, ("answer", "sums")))
    module = synthesise(variant(tmp_path, behavioural(graph)), tmp_path)
    assert wrong(module, graph, feeds(graph), 0) == 0
    assert count(module).lut >= count(module).sites > 0


@pytest.mark.yosys
def test_a_wrong_answer_is_seen(tmp_path: Path) -> None:
    graph = network(1, [0, 0])
    text = behavioural(graph, {"answer": Box(f"assign {value('answer')} = 1'b0;")})
    assert "code" not in text
    module = synthesise(variant(tmp_path, text), tmp_path)
    samples = feeds(graph)
    ones = int(run(graph, {"x": samples})["answer"].sum())
    assert wrong(module, graph, samples, 0) == ones > 0


@pytest.mark.yosys
def test_gates_and_their_layers_are_the_tables(tmp_path: Path) -> None:
    graph = network(3, [0, 0], layers=2)
    source, net, last = gates(graph, tmp_path)
    assert (source, last) == ("code", "layer1")
    values = run(graph, {"x": feeds(graph)}, want=("code", "layer1"))
    code, wanted = (values[name][:, 0] for name in ("code", "layer1"))
    groups = [[net.outputs[i] for i in group] for group in ([0, 1, 2, 3, 4], [7, 5, 6])]
    layers, size = layered(net, groups)
    lanes = code
    for layer in layers:
        assert 2 * len(layer) >= lanes.shape[1]
        a, b, table = np.array(layer).T
        lanes = table >> (2 * lanes[:, a] + lanes[:, b]) & 1
    assert lanes.shape[1] == 2 * size
    assert (lanes[:, :5] == wanted[:, :5]).all()
    assert (lanes[:, size : size + 3] == wanted[:, [7, 5, 6]]).all()
    assert not lanes[:, 5:size].any()
    assert not lanes[:, size + 3 :].any()


def test_constants_are_gates_of_the_last_layer() -> None:
    layers, size = layered(Gates(2, [(0, 1, 8)], [2, -2]), [[2, -2], [-1]])
    assert size == 2
    assert layers[-1] == [(0, 0, 0b1100), (0, 0, 15), (0, 0, 0), (0, 0, 0)]


def test_layers_that_are_no_chain_are_refused(tmp_path: Path) -> None:
    graph = network(3, [0, 0])
    bare = Graph("net", graph.nodes[:2], ("code",))
    with pytest.raises(NotRun, match="one chain"):
        gates(bare, tmp_path)


# --- counting ---------------------------------------------------------------------------------


def cell(kind: str, output: int, *inputs: int) -> Cell:
    pins = {f"I{i}": (net,) for i, net in enumerate(inputs)} | {"O": (output,)}
    return Cell(f"c{output}", kind, {}, pins, frozenset({"O"}))


def counted(*cells: Cell) -> tuple[int, int]:
    counts = count(Flat("core", {}, {}, cells, {}))
    return counts.lut, counts.sites


def test_two_small_functions_share_a_lut() -> None:
    assert counted(cell("LUT3", 10, 1, 2, 3), cell("LUT2", 11, 4, 5)) == (2, 1)
    assert counted(cell("LUT3", 10, 1, 2, 3), cell("LUT3", 11, 4, 5, 6)) == (2, 2)


def test_a_lut_of_a_carry_chain_or_a_wide_multiplexer_shares_with_none() -> None:
    pins = {"S": (10, "0", "0", "0"), "DI": ("0",) * 4, "O": (20, 21, 22, 23)}
    carry = Cell("carry", "CARRY4", {}, pins, frozenset({"O"}))
    two = cell("LUT3", 10, 1, 2, 3), cell("LUT2", 11, 4, 5)
    assert counted(*two, carry) == (2, 2)
    wide = Cell("wide", "MUXF7", {}, {"I0": (10,), "I1": (11,), "S": (1,), "O": (12,)},
                frozenset({"O"}))  # fmt: skip
    assert counted(*two, wide) == (2, 2)


def test_an_unknown_cell_is_not_counted_as_nothing() -> None:
    with pytest.raises(ValueError, match="DSP48E2"):
        counted(cell("DSP48E2", 10, 1))
