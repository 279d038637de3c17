"""Toggle counts against a loop, and the energy that is made of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hlsgen.graph import Graph, Node, memory, random_feeds, run
from hlsgen.graph.fabric import FABRICS
from hlsgen.graph.ops import Argmax, Input, Join, Lut, Register, Sum, Thermometer
from hlsgen.report import area, energy

ECP5 = FABRICS["ecp5"]


def network(rng: np.random.Generator) -> Graph:
    """Bits, LUTs, a register, and sums that go below zero."""
    features = int(rng.integers(1, 6))
    luts = Lut.of(
        rng.integers(0, features, (9, 6)),
        rng.integers(0, 7, 9),
        rng.integers(0, 2**64, 9, dtype=np.uint64),
    )
    sums = Sum.of(np.arange(9), np.full(3, 3), rng.integers(-5, 6, 3))
    return Graph(
        "g",
        (
            Node("x", Input(1, np.zeros(features), np.ones(features))),
            Node("luts", luts, ("x",)),
            Node("luts_q", Register(), ("luts",)),
            Node("sums", sums, ("luts_q",)),
            Node("cls", Argmax(), ("sums",)),
        ),
        ("cls",),
    )


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), samples=st.integers(2, 40), words=st.integers(1, 900))
def test_toggles_equal_a_loop_over_bits(seed: int, samples: int, words: int) -> None:
    rng = np.random.default_rng(seed)
    graph = network(rng)
    feeds = random_feeds(graph, samples, rng)
    names = [node.name for node in graph.nodes]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(energy, "_WORDS", words)  # blocks of every size down to two samples
        counted = energy.count_toggles(graph, feeds)
    values = run(graph, feeds, names)
    for name in names:
        bits, flat = graph.wires[name].bits, values[name].reshape(samples, -1)
        expected = sum(
            (int(a) >> bit & 1) != (int(b) >> bit & 1)
            for now, then in zip(flat[1:], flat[:-1], strict=True)
            for a, b in zip(now, then, strict=True)
            for bit in range(bits)
        )
        assert counted[name] == expected


def pipe(*nodes: Node) -> Graph:
    return Graph("g", (Node("x", Input(1, np.zeros(1), np.ones(1))), *nodes), (nodes[-1].name,))


def test_energy_of_one_register_by_hand() -> None:
    graph = pipe(Node("q", Register(), ("x",)))
    spent = energy.estimate(graph, ECP5, {"x": np.array([[0], [1], [0], [1]])})
    assert spent is not None
    c = energy.COEFFICIENTS["ecp5"]
    half_v2 = 0.5 * c.volt**2 * 1e-3
    # The input toggles every cycle but only feeds the register: no routing.
    assert spent.energy_nj["x"] == pytest.approx(half_v2 * c.logic_pf)
    assert spent.energy_nj["q"] == pytest.approx(
        half_v2 * (c.logic_pf + c.routing_pf + 2 * c.clock_pf)
    )
    assert spent.total_nj == pytest.approx(sum(spent.energy_nj.values()))


def test_a_still_input_costs_only_the_clock() -> None:
    graph = pipe(Node("q", Register(), ("x",)))
    spent = energy.estimate(graph, ECP5, {"x": np.ones((5, 1), dtype=np.int64)})
    assert spent is not None
    assert spent.toggles == {"x": 0, "q": 0}
    c = energy.COEFFICIENTS["ecp5"]
    assert spent.total_nj == pytest.approx(c.clock_pf * c.volt**2 * 1e-3)


def test_wires_cost_nothing() -> None:
    graph = pipe(Node("word", Join(1, np.array([0, 1])), ("x",)))
    spent = energy.estimate(graph, ECP5, {"x": np.array([[0], [1], [0]])})
    assert spent is not None
    assert spent.toggles["word"] == 1
    assert spent.energy_nj["word"] == 0.0


def test_a_value_that_reaches_registers_through_wires_uses_no_routing() -> None:
    samples = {"x": np.array([[0], [1], [0]])}
    straight = energy.estimate(pipe(Node("q", Register(), ("x",))), ECP5, samples)
    word = Node("word", Join(1, np.array([0, 1])), ("x",))
    wires = pipe(word, Node("q", Register(), ("word",)))
    through = energy.estimate(wires, ECP5, samples)
    assert straight is not None
    assert through is not None
    assert through.energy_nj["x"] == straight.energy_nj["x"]


def test_adders_inside_a_node_cost_logic_and_no_routing() -> None:
    """Four bits into one sum: three output bits, and adders inside by the area estimate."""
    source = Node("x", Input(1, np.zeros(4), np.ones(4)))
    sums = Node("s", Sum.of(np.arange(4), np.array([4]), np.zeros(1)), ("x",))
    graph = Graph("g", (source, sums), ("s",))
    spent = energy.estimate(graph, ECP5, {"x": np.array([[0] * 4, [1] * 4])})
    assert spent is not None
    c = energy.COEFFICIENTS["ecp5"]
    inside = (sums.op.area(FABRICS["xcup"], *graph.inputs_of(sums)).lut - 3) / 3
    assert inside > 0
    assert spent.toggles["s"] == 1  # 000 to 100
    expected = c.nj(c.logic_pf + c.routing_pf, 1) + c.nj(c.logic_pf, inside)
    assert spent.energy_nj["s"] == pytest.approx(expected)


def test_lanes_that_are_wires_are_charged_where_they_are_driven() -> None:
    """Lane 0 is x0 itself, lane 1 is a table."""
    source = Node("x", Input(1, np.zeros(2), np.ones(2)))
    tables = np.array([0b10, 0b01], dtype=np.uint64)
    luts = Node("l", Lut.of(np.array([[0], [1]]), np.array([1, 1]), tables), ("x",))
    graph = Graph("g", (source, luts), ("l",))
    spent = energy.estimate(graph, ECP5, {"x": np.array([[0, 0], [1, 1]])})
    assert spent is not None
    c = energy.COEFFICIENTS["ecp5"]
    assert spent.toggles["l"] == 2
    assert spent.energy_nj["l"] == pytest.approx(c.nj(c.logic_pf + c.routing_pf, 1))


def test_nets_between_the_cells_of_a_node_cost_logic_and_no_routing() -> None:
    """Eight-bit comparisons take several LUT4s: those whose output stays inside are charged."""
    source = Node("x", Input(8, np.zeros(1), np.ones(1)))
    compare = Node("t", Thermometer(np.zeros(1, np.int32), np.array([77])), ("x",))
    graph = Graph("g", (source, compare), ("t",))
    inside = len(compare.op.cells(ECP5, graph.wires["x"]).tables) - 1
    assert inside > 0
    spent = energy.estimate(graph, ECP5, {"x": np.array([[0], [255]])})
    assert spent is not None
    c = energy.COEFFICIENTS["ecp5"]
    expected = c.nj(c.logic_pf + c.routing_pf, 1) + c.nj(c.logic_pf, inside)
    assert spent.energy_nj["t"] == pytest.approx(expected)


def test_one_sample_has_no_activity() -> None:
    graph = pipe(Node("q", Register(), ("x",)))
    assert energy.estimate(graph, ECP5, {"x": np.array([[1]])}) is None


def test_every_family_has_coefficients_and_cells() -> None:
    assert set(energy.COEFFICIENTS) == set(FABRICS) == set(area._LUTS) == set(area._FF)
    tables = (area._BLOCKS, area._CARRY, area.COUNTED, memory._SHAPES, memory._SHALLOW)
    assert all(set(table) == set(FABRICS) for table in tables)


def test_coefficients_follow_from_the_published_clb() -> None:
    """At 150 nm and 1.5 V, eight LUTs and registers at 12.5 % give back 90 % of 5.9 pJ a cycle."""
    c = energy._scaled(1.5, 150.0, "")
    toggles = c.nj(c.logic_pf + c.routing_pf, 0.125 * 8)
    clock = c.nj(c.clock_pf, 2 * 8)
    assert 1000 * (toggles + clock) == pytest.approx(0.90 * 5.9)
    assert energy.COEFFICIENTS["xcup"].routing_pf < energy.COEFFICIENTS["ecp5"].routing_pf
