"""Pipelining: against every placement of tiny graphs, and against cutting as late as possible."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st

from hlsgen.errors import GraphError
from hlsgen.graph import Graph, Node, Op, check, random_feeds, run
from hlsgen.graph.fabric import FABRICS, Fabric
from hlsgen.graph.ir import Wire
from hlsgen.graph.ops import Argmax, Input, Lut, Register, Sum, Thermometer
from hlsgen.passes import fmax_mhz, pipeline, split_head
from hlsgen.passes.pipeline import remove_registers, slowest
from hlsgen.passes.retime import Placement, place

ECP5, XCUP = FABRICS["ecp5"], FABRICS["xcup"]
SEEDS = st.integers(0, 2**32 - 1)


@dataclass(frozen=True, eq=False)
class Block(Op):
    """Any number of inputs, any width, any delay."""

    kind: ClassVar[str] = "block"
    part: ClassVar[str] = "tables"

    ns: float
    width: int = 1
    arity: int = field(default=1, kw_only=True)

    def infer(self, *wires: Wire) -> Wire:
        return Wire(self.width, 0, 1)

    def delay_ns(self, fabric: Fabric, *wires: Wire) -> float:
        return self.ns


def chain(*blocks: tuple[str, float, int]) -> Graph:
    """Blocks of (name, delay in ns, width) one behind the other; the last is the output."""
    nodes = [Node("x", Block(0.0, arity=0))]
    for name, ns, width in blocks:
        nodes.append(Node(name, Block(ns, width), (nodes[-1].name,)))
    return Graph("net", tuple(nodes), (nodes[-1].name,))


def random_graph(seed: int, most: int) -> Graph:
    """Blocks that read one to three others, some of them wires only, some outputs, some unread."""
    rng = np.random.default_rng(seed)
    nodes = [Node(f"x{i}", Block(0.0, 2, arity=0)) for i in range(int(rng.integers(1, 3)))]
    for i in range(int(rng.integers(1, most))):
        recent = [node.name for node in nodes[-6:]]
        inputs = rng.choice(recent, int(rng.integers(1, 4)))
        ns = float(rng.choice([0.0, 0.0, 1.0, 1.5, 2.0, 3.0, 5.0]))
        block = Block(ns, int(rng.integers(1, 9)), arity=len(inputs))
        nodes.append(Node(f"n{i}", block, tuple(map(str, inputs))))
    outputs = {nodes[-1].name, nodes[int(rng.integers(0, len(nodes)))].name}
    return Graph("net", tuple(nodes), tuple(sorted(outputs)))


def network(seed: int) -> Graph:
    """A thermometer, one or two layers of LUTs, popcount and argmax."""
    rng = np.random.default_rng(seed)
    codes, width, classes = (int(n) for n in rng.integers((4, 4, 2), (20, 24, 7)))
    nodes = [
        Node("x", Input(4, np.zeros(2), np.ones(2))),
        Node("bits", Thermometer(np.arange(codes) % 2, rng.integers(1, 16, codes)), ("x",)),
    ]
    lanes = codes
    for i in range(int(rng.integers(1, 3))):
        src, table = rng.integers(0, lanes, (width, 6)), rng.integers(0, 2**62, width)
        nodes.append(
            Node(f"l{i}", Lut.of(src, rng.integers(1, 7, width), table), (nodes[-1].name,))
        )
        lanes = width
    sizes = rng.integers(1, 12, classes)
    total = Sum.of(rng.integers(0, lanes, sizes.sum()), sizes, rng.integers(-2, 3, classes))
    nodes += [Node("counts", total, (nodes[-1].name,)), Node("y", Argmax(), ("counts",))]
    return check(Graph("net", tuple(nodes), ("y",)))


def registers(graph: Graph) -> int:
    """Bits of registers."""
    return sum(graph.wires[n.name].width_bits for n in graph.nodes if isinstance(n.op, Register))


def count(graph: Graph, stage: dict[str, int], depth: int) -> int:
    """Bits of registers that a placement takes."""
    last = dict(stage)
    for node in graph.nodes:
        for name in node.inputs:
            last[name] = max(last[name], stage[node.name])
    last |= dict.fromkeys(graph.outputs, depth)
    return sum(graph.wires[name].width_bits * (last[name] - stage[name]) for name in stage)


def as_late_as_possible(graph: Graph, fabric: Fabric, limit_ns: float) -> Placement:
    """Each path runs until the limit cuts it: what hlsgen did before it counted registers."""
    stage: dict[str, int] = {}
    arrival: dict[str, float] = {}
    for node in graph.nodes:
        here = max((stage[name] for name in node.inputs), default=0)
        start = max((arrival[name] for name in node.inputs if stage[name] == here), default=0.0)
        delay = node.op.delay_ns(fabric, *graph.inputs_of(node))
        if start > 0.0 and start + delay > limit_ns:
            here, start = here + 1, 0.0
        stage[node.name], arrival[node.name] = here, start + delay
    depth = 1 + max(stage[name] for name in graph.outputs)
    return Placement(stage, depth, count(graph, stage, depth))


# --- the fewest registers ---------------------------------------------------------------------


def subpaths(graph: Graph) -> Iterator[list[str]]:
    """Every path of two or more nodes that take time at both ends."""
    readers: dict[str, list[str]] = {node.name: [] for node in graph.nodes}
    for node in graph.nodes:
        for name in dict.fromkeys(node.inputs):
            readers[name].append(node.name)
    paths = [[node.name] for node in graph.nodes if node.op.ns > 0]
    while paths:
        path = paths.pop()
        longer = [[*path, reader] for reader in readers[path[-1]]]
        yield from (found for found in longer if graph.by_name[found[-1]].op.ns > 0)
        paths += longer


def every_placement(graph: Graph, limit_ns: float) -> Iterator[tuple[int, int, float, list[int]]]:
    """Registers, depth, longest path of two nodes or more, and stages, of all that are allowed."""
    at = {node.name: i for i, node in enumerate(graph.nodes)}
    edges = {(at[name], at[node.name]) for node in graph.nodes for name in node.inputs}
    ends = [
        (at[path[0]], at[path[-1]], sum(graph.by_name[name].op.ns for name in path))
        for path in subpaths(graph)
    ]
    free = [range(len(at)) if node.inputs else range(1) for node in graph.nodes]
    for stage in product(*free):
        if any(stage[a] > stage[b] for a, b in edges):
            continue
        longest = max((ns for a, b, ns in ends if stage[a] == stage[b]), default=0.0)
        if longest <= limit_ns:
            depth = 1 + max(stage[at[name]] for name in graph.outputs)
            total = count(graph, dict(zip(at, stage, strict=True)), depth)
            yield total, depth, longest, list(stage)


@given(seed=SEEDS, limit_ns=st.sampled_from([1.0, 2.5, 3.0, 4.5, 7.0]))
def test_no_placement_of_a_tiny_graph_is_better(seed: int, limit_ns: float) -> None:
    graph = check(random_graph(seed, 6))
    found = place(graph, ECP5, limit_ns)
    options = list(every_placement(graph, limit_ns))
    best = min(option[:3] for option in options)
    equal = [stage for *figures, stage in options if tuple(figures[:2]) == best[:2]]
    stage = list(found.stage.values())
    assert (found.registers, found.depth) == best[:2]
    assert stage in equal
    assert next(o[2] for o in options if o[3] == stage and o[1] == found.depth) == best[2]


@settings(max_examples=60)
@given(seed=SEEDS, limit_ns=st.floats(0.5, 12.0))
def test_never_more_registers_than_as_late_as_possible(seed: int, limit_ns: float) -> None:
    graph = random_graph(seed, 40)
    found, late = place(graph, ECP5, limit_ns), as_late_as_possible(graph, ECP5, limit_ns)
    assert found.registers <= late.registers
    assert found.registers == count(graph, found.stage, found.depth)


@given(seed=SEEDS, clock_mhz=st.floats(10.0, 500.0), family=st.sampled_from(sorted(FABRICS)))
def test_never_more_registers_on_networks(seed: int, clock_mhz: float, family: str) -> None:
    fabric = FABRICS[family]
    graph = split_head(fabric, clock_mhz)(network(seed))
    late = as_late_as_possible(graph, fabric, 1000.0 / clock_mhz - fabric.register_ns)
    assert registers(pipeline(fabric, clock_mhz)(graph)) <= late.registers


def stages(graph: Graph, limit_ns: float) -> Sequence[int]:
    return list(place(graph, ECP5, limit_ns).stage.values())


def test_the_cut_goes_where_few_bits_cross() -> None:
    """Cut as late as possible, the eight bits of `b` would be kept."""
    graph = chain(("a", 3.0, 1), ("b", 1.0, 8), ("c", 3.0, 1))
    assert as_late_as_possible(graph, ECP5, 5.0).registers == 9
    assert place(graph, ECP5, 5.0) == Placement({"x": 0, "a": 0, "b": 1, "c": 1}, 2, 2)


def test_a_register_moves_across_wires() -> None:
    graph = chain(("a", 4.0, 1), ("copies", 0.0, 8), ("b", 4.0, 2))
    assert stages(graph, 5.0) == [0, 0, 1, 1]
    graph = chain(("a", 4.0, 8), ("some", 0.0, 1), ("b", 4.0, 2))
    assert stages(graph, 5.0) == [0, 0, 0, 1]


def test_paths_are_balanced_where_it_costs_nothing() -> None:
    graph = chain(*((name, 1.0, 1) for name in "abcd"))
    assert stages(graph, 3.0) == [0, 0, 0, 1, 1]
    assert as_late_as_possible(graph, ECP5, 3.0).stage["c"] == 0
    dear = chain(("a", 1.0, 2), ("b", 1.0, 2), ("c", 1.0, 1), ("d", 1.0, 1))
    assert stages(dear, 3.0) == [0, 0, 0, 0, 1]


def test_a_slow_node_has_a_stage_for_itself() -> None:
    graph = chain(("a", 1.0, 1), ("slow", 9.0, 1), ("c", 1.0, 1))
    assert stages(graph, 5.0) == [0, 0, 1, 2]
    assert stages(chain(("slow", 9.0, 1)), 5.0) == [0, 0]


def test_a_shared_chain_is_counted_once() -> None:
    """`a` is read one and two stages later: two bits wide, two deep."""
    first = chain(("a", 3.0, 2), ("b", 3.0, 4), ("c", 3.0, 1))
    join = Node("d", Block(3.0, arity=2), ("a", "c"))
    graph = check(dataclasses.replace(first, nodes=(*first.nodes, join), outputs=("d",)))
    after = check(pipeline(ECP5, 1000.0 / (3.0 + ECP5.register_ns))(graph))
    assert registers(after) == 3 * 2 + 4 + 1 + 1
    assert [n.name for n in after.nodes if isinstance(n.op, Register)] == [
        *("a_r1", "b_r1", "a_r2", "a_r3", "c_r1", "d_r1")
    ]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (SimpleNamespace(status=4, message="numbers"), "were not found: numbers"),
        (SimpleNamespace(status=0, x=np.full(9, 0.5)), "are no whole numbers"),
        (SimpleNamespace(status=0, x=np.zeros(9)), "break a rule"),
    ],
)
def test_the_answer_of_the_solver_is_checked(
    answer: SimpleNamespace, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scipy.optimize, "linprog", lambda *args, **kwargs: answer)
    with pytest.raises(GraphError, match=message):
        place(chain(("a", 1.0, 1), ("b", 1.0, 1), ("c", 1.0, 1)), ECP5, 1.5)


# --- the pass ---------------------------------------------------------------------------------


def skewed() -> Graph:
    """Two outputs, one three layers deeper than the other."""
    src, k = np.array([[0, 1, 2], [0, -1, -1]]), np.array([3, 1])
    nodes = (
        Node("x", Input(3, np.zeros(2), np.ones(2))),
        Node("bits", Thermometer(np.array([0, 1, 0]), np.array([1, 3, 5])), ("x",)),
        Node("a", Lut.of(src, k, np.array([0x96, 0b01])), ("bits",)),
        Node("b", Lut.of(src[:1, :2], k[:1] - 1, np.array([0b1000])), ("a",)),
        Node("c", Lut.of(src[1:], k[1:], np.array([0b01])), ("b",)),
    )
    return check(Graph("net", nodes, ("c", "bits")))


@pytest.mark.parametrize("clock_mhz", [10.0, 150.0, 250.0, 400.0])
def test_all_outputs_are_registered_and_equally_late(clock_mhz: float) -> None:
    after = check(pipeline(ECP5, clock_mhz)(skewed()))
    assert len({after.latency[name] for name in after.outputs}) == 1
    assert all(isinstance(after.by_name[name].op, Register) for name in after.outputs)
    assert remove_registers(after) == skewed()
    feeds = random_feeds(after, 100, np.random.default_rng(0))
    values, expected = run(after, feeds), run(skewed(), feeds)
    for name, old in zip(after.outputs, skewed().outputs, strict=True):
        np.testing.assert_array_equal(values[name], expected[old])


def test_registers_are_counted_and_shared() -> None:
    """At the clock of one LUT every layer has its stage; `bits` waits four cycles beside them."""
    after = pipeline(ECP5, 1000.0 / (ECP5.lut_ns + ECP5.register_ns))(skewed())
    names = [node.name for node in after.nodes if isinstance(node.op, Register)]
    assert after.latency["c_r1"] == 4
    assert names == ["bits_r1", "a_r1", "b_r1", "c_r1", "bits_r2", "bits_r3", "bits_r4"]
    slow = pipeline(ECP5, 10.0)(skewed())
    assert slow.outputs == ("c_r1", "bits_r1")
    assert slow.latency["c_r1"] == 1


@given(seed=SEEDS)
def test_a_faster_clock_never_takes_fewer_registers(seed: int) -> None:
    graph = split_head(ECP5, 50.0)(network(seed))
    after = [pipeline(ECP5, mhz)(graph) for mhz in (5.0, 50.0, 100.0, 200.0, 300.0, 500.0)]
    assert [registers(one) for one in after] == sorted(map(registers, after))
    assert after[0].latency[after[0].outputs[0]] == 1


@given(seed=SEEDS, clock_mhz=st.floats(5.0, 400.0))
def test_the_estimate_meets_the_clock_unless_one_node_alone_is_slower(
    seed: int, clock_mhz: float
) -> None:
    for graph in (random_graph(seed, 40), split_head(XCUP, clock_mhz)(network(seed))):
        after = check(pipeline(XCUP, clock_mhz)(graph))
        alone = 1000.0 / (slowest(after, XCUP)[1] + XCUP.register_ns)
        assert fmax_mhz(after, XCUP) >= min(clock_mhz, alone) * (1 - 1e-9)
        assert len({after.latency[name] for name in after.outputs}) == 1


@given(seed=SEEDS)
def test_pipelining_is_deterministic_and_settles(seed: int) -> None:
    graph = random_graph(seed, 40)
    after = pipeline(ECP5, 150.0)(graph)
    assert pipeline(ECP5, 150.0)(random_graph(seed, 40)).digest == after.digest
    assert pipeline(ECP5, 150.0)(after).digest == after.digest


def test_fmax_is_the_longest_path_between_registers() -> None:
    bare = chain(("a", 2.0, 1), ("b", 3.0, 1), ("c", 4.0, 1))
    assert fmax_mhz(bare, ECP5) == pytest.approx(1000.0 / (9.0 + ECP5.register_ns))
    cut = pipeline(ECP5, 1000.0 / (6.0 + ECP5.register_ns))(bare)
    assert fmax_mhz(cut, ECP5) == pytest.approx(1000.0 / (5.0 + ECP5.register_ns))
    assert slowest(cut, ECP5) == ("c", 4.0)
