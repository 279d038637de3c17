"""Passes: each on a small graph, all of them on random networks, and one that lies."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hlsgen import passes
from hlsgen.errors import GraphError
from hlsgen.graph import Graph, Node, Op, check, random_feeds, run
from hlsgen.graph.fabric import FABRICS
from hlsgen.graph.ops import Argmax, Count, Duel, Input, Join, Lut, Register, Sum, Thermometer
from hlsgen.passes import dead, dedup, opt, simplify

ECP5, XCUP = FABRICS["ecp5"], FABRICS["xcup"]
SEEDS = st.integers(0, 2**32 - 1)


def random_network(seed: int) -> Graph:
    """Thermometer, one to three layers with constants, repeats and ignored inputs, popcount."""
    rng = np.random.default_rng(seed)
    lanes = int(rng.integers(1, 6))
    nodes = [Node("x", Input(3, np.zeros(lanes), np.ones(lanes)))]
    codes = int(rng.integers(2, 16))
    # Thresholds 0 and 8 make constant lanes.
    code = Thermometer(rng.integers(0, lanes, codes), rng.integers(0, 9, codes))
    nodes.append(Node("bits", code, ("x",)))
    width = codes
    for layer in range(int(rng.integers(1, 4))):
        n = int(rng.integers(2, 24))
        nodes.append(Node(f"l{layer}", random_luts(rng, n, width), (nodes[-1].name,)))
        width = n
    classes = int(rng.integers(1, 6))
    sizes = rng.integers(0, 9, classes)
    total = Sum.of(rng.integers(0, width, sizes.sum()), sizes, rng.integers(-3, 4, classes))
    nodes.append(Node("counts", total, (nodes[-1].name,)))
    nodes.append(Node("y", Argmax(), ("counts",)))
    return check(Graph("net", tuple(nodes), ("y",)))


def random_luts(rng: np.random.Generator, n: int, lanes: int) -> Lut:
    src, k = rng.integers(0, lanes, (n, 6)), rng.integers(0, 7, n)
    table = rng.integers(0, 2**64, n, dtype=np.uint64)
    # Some tables with fewer ones and more symmetry than chance gives.
    few = rng.random(n) < 0.5
    table[few] = rng.choice(np.array([0, 2, 8, 0xAAAAAAAAAAAAAAAA, 0xFFFF], np.uint64), few.sum())
    twins = rng.integers(0, n, n)
    twins[rng.random(n) < 0.7] = 0
    chosen = np.where(rng.random(n) < 0.3, twins, np.arange(n))
    return Lut.of(src[chosen], k[chosen], table[chosen])


def outputs(graph: Graph, seed: int = 0, samples: int = 100) -> list[np.ndarray]:
    values = run(graph, random_feeds(graph, samples, np.random.default_rng(seed)))
    return [values[name] for name in graph.outputs]


def assert_same(a: Graph, b: Graph, seed: int = 0) -> None:
    for x, y in zip(outputs(a, seed), outputs(b, seed), strict=True):
        np.testing.assert_array_equal(x, y)


def luts(graph: Graph) -> int:
    return sum(len(node.op.k) for node in graph.nodes if isinstance(node.op, Lut))


def net(*nodes: tuple[str, Op], outputs: tuple[str, ...] = ()) -> Graph:
    """A chain of nodes behind two features of three bits."""
    chain = [Node("x", Input(3, np.zeros(2), np.ones(2)))]
    for name, op in nodes:
        chain.append(Node(name, op, (chain[-1].name,)))
    return check(Graph("net", tuple(chain), outputs or (chain[-1].name,)))


def op_of(graph: Graph, name: str) -> Op:
    return graph.by_name[name].op


def codes(*thresholds: int) -> Thermometer:
    """Alternating comparisons of the two features."""
    return Thermometer(np.arange(len(thresholds)) % 2, np.array(thresholds))


def tables(*entries: tuple[Sequence[int], int]) -> Lut:
    """LUTs from (lanes, table)."""
    src = np.full((len(entries), 6), -1)
    for row, (lanes, _) in zip(src, entries, strict=True):
        row[: len(lanes)] = lanes
    k = np.array([len(lanes) for lanes, _ in entries])
    return Lut.of(src, k, np.array([table for _, table in entries], dtype=np.uint64))


AND, OR, XOR = 0b1000, 0b1110, 0b0110

# --- one pass at a time -----------------------------------------------------------------------


def test_simplify_carries_constants_through_layers() -> None:
    before = net(
        ("bits", codes(0, 3, 9)),  # always, depends, never
        ("a", tables(([0, 1], AND), ([1, 2], AND), ([0, 2], XOR))),  # bit 1, 0, 1
        ("b", tables(([0, 1, 2], 0b10000000), ([0, 2], XOR))),  # 0, not bit 1
    )
    after = simplify(before)
    assert op_of(after, "a") == tables(([1], 0b10), ([], 0), ([], 1))
    assert op_of(after, "b") == tables(([], 0), ([0], 0b01))
    assert_same(before, after)


def test_simplify_moves_constant_lanes_into_the_bias() -> None:
    total = Sum.of(np.array([0, 1, 2, 0]), np.array([3, 1]), np.array([0, -2]))
    after = simplify(net(("bits", codes(0, 3, 9)), ("sum", total)))
    expected = Sum.of(np.array([1]), np.array([1, 0]), np.array([1, -1]))
    assert op_of(after, "sum") == expected


def test_a_learned_fan_in_reaches_the_graph() -> None:
    """A LUT of six inputs that learned to use two of them becomes a LUT of two inputs."""
    table = sum(1 << j for j in range(64) if (j >> 1 & 1) ^ (j >> 4 & 1))
    before = net(("bits", codes(1, 2, 3, 4, 5, 6)), ("l", tables(([5, 4, 3, 2, 1, 0], table))))
    assert op_of(simplify(before), "l") == tables(([1, 4], XOR))
    after = opt(before, ECP5, 50.0)
    assert op_of(after, "l") == tables(([0, 1], XOR))  # the other comparisons are gone
    assert op_of(after, "bits") == Thermometer(np.array([1, 0]), np.array([2, 5]))


def test_dedup_lets_readers_read_the_first_twin() -> None:
    before = net(
        ("bits", Thermometer(np.array([0, 1, 0]), np.array([3, 3, 3]))),
        ("a", tables(([0, 1], AND), ([2, 1], AND), ([0, 1], OR))),
        ("sum", Sum.of(np.arange(3), np.array([3]), np.array([0]))),
    )
    after = dedup(before)
    assert op_of(after, "a") == tables(([0, 1], AND), ([0, 1], AND), ([0, 1], OR))
    assert op_of(after, "sum") == Sum.of(np.array([0, 0, 2]), np.array([3]), np.array([0]))
    assert_same(before, after)


def test_dead_removes_lanes_and_nodes_and_renumbers_their_readers() -> None:
    chain = net(
        ("bits", codes(1, 2, 3, 4)),
        ("a", tables(([0, 3], AND), ([1, 2], OR), ([3], 0b01))),
        ("b", tables(([2, 0], AND))),
    )
    unread = Node("unread", tables(([1], 0b01)), ("a",))
    before = dataclasses.replace(chain, nodes=(*chain.nodes, unread))
    after = dead(before)
    assert [node.name for node in after.nodes] == ["x", "bits", "a", "b"]
    assert op_of(after, "bits") == Thermometer(np.array([0, 1]), np.array([1, 4]))
    assert op_of(after, "a") == tables(([0, 1], AND), ([1], 0b01))
    assert op_of(after, "b") == tables(([1, 0], AND))
    assert_same(before, after)


def test_dead_keeps_outputs_inputs_and_lanes_that_a_reader_cannot_lose() -> None:
    two = net(("bits", codes(1, 2, 3)), ("r", Register()), outputs=("bits", "r"))
    assert dead(two) == two
    fixed = net(("bits", codes(1, 2, 3)), ("r", Register()), ("l", tables(([0], 0b01))))
    assert dead(fixed) == fixed  # a register passes all its lanes
    unused = net(("bits", codes(1, 2)), ("l", tables(([], 1))))
    assert op_of(dead(unused), "bits").infer(unused.wires["x"]).lanes == 1


# --- all of them ------------------------------------------------------------------------------


@settings(max_examples=60)
@given(seed=SEEDS, clock_mhz=st.sampled_from([20.0, 150.0, 400.0]))
def test_opt_keeps_the_function_settles_and_never_adds_luts(seed: int, clock_mhz: float) -> None:
    before = random_network(seed)
    after = opt(before, ECP5, clock_mhz)
    assert_same(before, after, seed=seed + 1)
    assert luts(after) <= luts(before)
    assert after.feeds() == before.feeds()
    assert opt(after, ECP5, clock_mhz).digest == after.digest
    for node in after.nodes:
        if isinstance(node.op, Lut):
            assert len(np.unique(node.op.twins())) == len(node.op.k)


@settings(max_examples=20)
@given(seed=SEEDS)
def test_opt_is_deterministic_and_leaves_its_argument_alone(seed: int) -> None:
    before = random_network(seed)
    digest = random_network(seed).digest
    assert opt(before, XCUP, 100.0).digest == opt(random_network(seed), XCUP, 100.0).digest
    assert before.digest == digest


def test_opt_reaches_what_can_be_reached() -> None:
    """Equal functions written differently, a dead one, a constant one: one LUT remains."""
    before = net(
        ("bits", codes(2, 3, 0)),
        ("l", tables(([0, 1], AND), ([1, 0], AND), ([0, 1, 2], 0b10000000), ([2], 0b01), ([0], 2))),
        ("s", Sum.of(np.array([0, 1, 2, 3]), np.array([4]), np.array([0]))),
    )
    after = opt(before, ECP5, 50.0)
    assert op_of(after, "l") == tables(([0, 1], AND))
    # Three times one bit: counted once at weight one, once at weight two.
    assert op_of(after, "s_0") == Count.of([[[0]], [[0]]])
    assert op_of(after, "s") == Join(3, np.array([0, 2]))
    assert after.wires["bits"].lanes == 2


def test_counters_and_a_tournament_replace_sums_and_argmax(small: Graph) -> None:
    kinds = {type(node.op) for node in opt(small, ECP5, 50.0).nodes}
    assert {Count, Join, Duel, Register} <= kinds
    assert not {Sum, Argmax} & kinds


def lying(graph: Graph) -> Graph:
    """Flips one table entry."""
    return dataclasses.replace(graph, nodes=tuple(_lie(node) for node in graph.nodes))


def _lie(node: Node) -> Node:
    if not isinstance(node.op, Lut) or len(node.op.k) < 2 or node.op.k[1] != 3:
        return node
    table = node.op.table.copy()
    table[1] ^= np.uint64(0b00000010)
    return dataclasses.replace(node, op=dataclasses.replace(node.op, table=table))


def test_a_pass_that_changes_a_value_is_caught(
    small: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passes, "REDUCE", (simplify, lying))
    message = r"^graph 'small': pass lying changed \d+ of 256 outputs; this is a bug in hlsgen,"
    with pytest.raises(GraphError, match=message):
        opt(small, ECP5, 50.0)


def test_the_samples_catch_what_random_inputs_miss(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six features at their maximum: one case in 2**18."""

    def never(graph: Graph) -> Graph:
        nodes = [
            dataclasses.replace(node, op=tables(([], 0))) if node.name == "l" else node
            for node in graph.nodes
        ]
        return dataclasses.replace(graph, nodes=tuple(nodes))

    feed = Node("x", Input(3, np.zeros(6), np.ones(6)))
    code = Node("bits", Thermometer(np.arange(6), np.full(6, 7)), ("x",))
    layer = Node("l", tables((range(6), 1 << 63)), ("bits",))
    graph = Graph("net", (feed, code, layer), ("l",))
    monkeypatch.setattr(passes, "REDUCE", (never,))
    opt(graph, ECP5, 50.0)
    with pytest.raises(GraphError, match="pass never changed 1 of 2 outputs"):
        opt(graph, ECP5, 50.0, {"x": np.array([[7] * 6, [0] * 6])})


def test_a_pass_that_breaks_a_rule_is_caught(small: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    def rename(graph: Graph) -> Graph:
        return dataclasses.replace(graph, name="No")

    monkeypatch.setattr(passes, "REDUCE", (rename,))
    with pytest.raises(GraphError, match=re.escape("graph 'No': the name must match")):
        opt(small, ECP5, 50.0)


def test_passes_that_never_settle_are_an_error(
    small: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flip(graph: Graph) -> Graph:
        """Swap the names of two nodes that nobody outside sees."""
        names = {"bits": "other", "other": "bits"}
        nodes = tuple(
            dataclasses.replace(
                node,
                name=names.get(node.name, node.name),
                inputs=tuple(names.get(name, name) for name in node.inputs),
            )
            for node in graph.nodes
        )
        return dataclasses.replace(graph, nodes=nodes)

    monkeypatch.setattr(passes, "REDUCE", (flip,))
    message = "graph 'small': passes still change it after 16 rounds"
    with pytest.raises(GraphError, match=f"^{re.escape(message)}$"):
        opt(small, ECP5, 50.0)
