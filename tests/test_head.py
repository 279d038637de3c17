"""Sums as compressor trees, argmax as a tournament, and biases relative to each other."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hlsgen.graph import Graph, Node, Op, check, random_feeds, run
from hlsgen.graph.fabric import FABRICS, Fabric
from hlsgen.graph.ops import Argmax, Count, Duel, Input, Join, Lut, Sum, Thermometer
from hlsgen.passes import opt, split_head
from hlsgen.passes.compress import Tree, plan
from hlsgen.passes.head import relative

ECP5 = FABRICS["ecp5"]
EVERY = pytest.mark.parametrize("fabric", FABRICS.values(), ids=list(FABRICS))
SEEDS = st.integers(0, 2**32 - 1)


def net(*nodes: tuple[str, Op], bits: int = 40) -> Graph:
    """A chain of nodes behind so many comparisons of two words."""
    code = Thermometer(np.arange(bits) % 2, np.arange(bits) % 7 + 1)
    chain = [Node("x", Input(3, np.zeros(2), np.ones(2))), Node("bits", code, ("x",))]
    for name, op in nodes:
        chain.append(Node(name, op, (chain[-1].name,)))
    return check(Graph("net", tuple(chain), (chain[-1].name,)))


def one_sum(src: list[int], bias: int = 0, lanes: int = 8) -> Graph:
    """A sum of bits that are the inputs."""
    total = Sum.of(np.array(src, dtype=np.int64), np.array([len(src)]), np.array([bias]))
    bits = Node("x", Input(1, np.zeros(lanes), np.ones(lanes)))
    return check(Graph("net", (bits, Node("s", total, ("x",))), ("s",)))


def assert_same(a: Graph, b: Graph, samples: int = 200) -> None:
    feeds = random_feeds(a, samples, np.random.default_rng(0))
    one, two = run(a, feeds), run(b, feeds)
    for x, y in zip(a.outputs, b.outputs, strict=True):
        np.testing.assert_array_equal(one[x], two[y])


# --- plans ------------------------------------------------------------------------------------


def carried_out(tree: Tree, columns: list[np.ndarray]) -> list[np.ndarray]:
    """What the counters of a tree make of the bits [height, samples] of each column."""
    for uses in tree.stages:
        made = [column[:0] for column in columns]
        for use in (one for one in uses for _ in range(one.times)):
            total = np.zeros(columns[0].shape[1], dtype=np.int64)
            for i, bits in enumerate(use.columns):
                taken, columns[use.start + i] = np.split(columns[use.start + i], [bits])
                assert len(taken) == bits, "a counter takes bits that are there"
                total += taken.sum(axis=0) << i
            for digit in range(use.digits):
                row = (total >> digit & 1)[None]
                made[use.start + digit] = np.concatenate([made[use.start + digit], row])
        columns = [np.concatenate(pair) for pair in zip(columns, made, strict=True)]
    return columns


def adds_up(heights: tuple[int, ...], width: int, fabric: Fabric) -> Tree:
    rng = np.random.default_rng(sum(heights))
    tree = plan(heights, width, fabric)
    bits = [rng.integers(0, 2, (n, 99)) for n in heights]
    for column in bits:
        column[:, 0], column[:, 1] = 1, 0
    bits += [np.zeros((0, 99), dtype=np.int64)] * (width - len(heights))
    wanted = sum(column.sum(axis=0) << i for i, column in enumerate(bits))
    ends = carried_out(tree, bits)
    assert max(map(len, ends)) <= 1
    got = sum(column.sum(axis=0) << i for i, column in enumerate(ends))
    np.testing.assert_array_equal(got, wanted)
    return tree


SIZES = [*range(1, 18), 20, 24, 31, 32, 33, 64, 100, 127, 300]


@EVERY
@pytest.mark.parametrize("n", SIZES)
def test_a_plan_adds_up(fabric: Fabric, n: int) -> None:
    tree = adds_up((n,), n.bit_length(), fabric)
    # A full adder, the least that any family has, saves one bit and takes two LUTs.
    assert tree.luts <= 2 * n
    assert (tree.stages == ()) == (n == 1)


@EVERY
@pytest.mark.parametrize(
    "heights",
    # No counter saves a bit of the last ones: an adder that only moves them has to do.
    [(9, 4), (3, 0, 5), (0, 7), (13, 0, 1), (2, 0, 1), (2, 1), (2, 1, 1, 1), (2, 0, 2), (1, 0, 2)],
)
def test_a_plan_adds_columns_of_any_height(fabric: Fabric, heights: tuple[int, ...]) -> None:
    most = sum(bits << i for i, bits in enumerate(heights))
    for width in (most.bit_length(), most.bit_length() + 2):
        adds_up(heights, width, fabric)


@EVERY
@pytest.mark.parametrize("n", [3, 7, 12, 30, 63, 100])
def test_the_luts_of_a_plan_are_those_of_the_nodes(fabric: Fabric, n: int) -> None:
    """But for whole carry cells, and chains that share a row: those are the family's."""
    free = dataclasses.replace(
        fabric, carry_luts=1, begin=0, enter=0, free_entries=0, leave=0, dual=False
    )
    after = split_head(free, 50.0)(one_sum(list(range(n)), lanes=n))
    luts = sum(node.op.area(free, *after.inputs_of(node)).lut for node in after.nodes)
    assert luts == plan((n,), n.bit_length(), free).luts
    assert_same(one_sum(list(range(n)), lanes=n), after)


# --- sums -------------------------------------------------------------------------------------


@EVERY
def test_sums_of_bits_become_counters_and_numbers(fabric: Fabric) -> None:
    sizes = np.array([40, 13, 0])
    total = Sum.of(np.arange(53) % 40, sizes, np.array([0, 5, 1]))
    before = net(("counts", total), ("y", Argmax()))
    after = check(split_head(fabric, 50.0)(before))
    kinds = [type(node.op) for node in after.nodes]
    stages = kinds.count(Count)
    assert kinds == [Input, Thermometer, *[Count] * stages, Join, Duel, Duel]
    assert after.outputs == before.outputs
    assert after.wires["counts"] == dataclasses.replace(before.wires["counts"], lo=0)
    assert_same(before, after)
    assert split_head(fabric, 50.0)(after) == after


@EVERY
def test_a_bias_below_zero_is_added_to_the_numbers(fabric: Fabric) -> None:
    total = Sum.of(np.arange(12), np.array([7, 5]), np.array([-3, 4]))
    before = net(("counts", total))
    after = check(split_head(fabric, 50.0)(before))
    assert isinstance(after.by_name["counts"].op, Sum)
    assert isinstance(after.by_name["counts_word"].op, Join)
    assert_same(before, after)


@EVERY
@pytest.mark.parametrize(
    ("src", "bias"),
    [
        ([0], 4),  # nothing at weight two
        ([0, 0], 0),  # nothing at weight one
        ([0, 0, 1, 1, 2, 2], 0),
        ([0, 0, 0, 0], 1),
        ([3], 0),
        ([], 5),
        ([1, 2], 64),
        ([0, 1, 2, 3, 4, 5, 6, 7, 0, 0], 24),
    ],
)
def test_numbers_with_empty_columns(fabric: Fabric, src: list[int], bias: int) -> None:
    before = one_sum(src, bias)
    after = check(split_head(fabric, 50.0)(before))
    assert not any(isinstance(node.op, Sum) for node in after.nodes)
    assert_same(before, after)
    for node in after.nodes:
        if isinstance(node.op, Count):
            assert node.op.cells(fabric, *after.inputs_of(node))


@EVERY
@given(seed=SEEDS)
@settings(max_examples=40)
def test_any_sums_are_kept(fabric: Fabric, seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(0, 20, int(rng.integers(1, 5)))
    bias = rng.integers(int(rng.choice([-9, 0])), 20, len(sizes))
    before = net(("s", Sum.of(rng.integers(0, 40, sizes.sum()), sizes, bias)))
    assert_same(before, check(split_head(fabric, 50.0)(before)))


def test_sums_of_words_are_trees_of_adders() -> None:
    words = Node("x", Input(3, np.zeros(8), np.ones(8)))
    total = Node("s", Sum.of(np.arange(8), np.array([8]), np.array([3])), ("x",))
    before = check(Graph("net", (words, total), ("s",)))
    after = check(split_head(ECP5, 50.0)(before))
    sizes = [node.op.sizes.tolist() for node in after.nodes if isinstance(node.op, Sum)]
    assert sizes == [[2] * 4, [2] * 2, [2], [1]]
    assert_same(before, after)


# --- argmax -----------------------------------------------------------------------------------


@pytest.mark.parametrize("lanes", range(1, 12))
def test_a_tournament_of_any_size_is_the_argmax(lanes: int) -> None:
    total = Sum.of(np.arange(3 * lanes), np.full(lanes, 3), np.arange(lanes) % 3 - 1)
    before = net(("counts", total), ("y", Argmax()))
    after = check(split_head(ECP5, 50.0)(before))
    assert any(isinstance(node.op, Argmax) for node in after.nodes) == (lanes == 1)
    duels = [node.op for node in after.nodes if isinstance(node.op, Duel)]
    assert [op.tags for op in duels] == list(range((lanes - 1).bit_length()))
    assert [op.classes for op in duels] == [*[0] * (len(duels) - 1), lanes][: len(duels)]
    assert after.wires["y"] == before.wires["y"]
    assert_same(before, after)


def test_a_duel_is_chained_where_the_clock_asks_for_it() -> None:
    words = Node("x", Input(12, np.zeros(4), np.ones(4)))
    before = check(Graph("net", (words, Node("y", Argmax(), ("x",))), ("y",)))
    forms = {}
    for name, fabric in FABRICS.items():
        for clock_mhz in (5.0, 300.0):
            after = split_head(fabric, clock_mhz)(before)
            assert_same(before, after)
            forms[name, clock_mhz] = {n.op.chained for n in after.nodes if isinstance(n.op, Duel)}
    assert forms["ice40", 300.0] == {False}, "its chains add the signals themselves"
    assert forms["ecp5", 300.0] == {True}
    for name, fabric in FABRICS.items():
        wire = before.wires["x"]
        smaller = min(
            (Duel(0, chained=chained) for chained in (False, True)[: 1 + (name != "ice40")]),
            key=lambda op: op.area(fabric, wire).lut,
        )
        assert smaller.chained in forms[name, 5.0]


# --- biases -----------------------------------------------------------------------------------


def biased(bias: list[int], *more: Node, outputs: tuple[str, ...] = ("y",)) -> Graph:
    graph = net(("counts", Sum.of(np.arange(6), np.array([2, 2, 2]), np.array(bias))))
    answer = Node("y", Argmax(), ("counts",))
    return check(dataclasses.replace(graph, nodes=(*graph.nodes, answer, *more), outputs=outputs))


@pytest.mark.parametrize(
    ("bias", "less"), [([5, 7, 6], [0, 2, 1]), ([-4, 0, 1], [0, 4, 5]), ([0, 3, 3], [0, 3, 3])]
)
def test_only_differences_of_biases_decide(bias: list[int], less: list[int]) -> None:
    before = biased(bias)
    after = relative(before)
    assert after.by_name["counts"].op.bias.tolist() == less  # type: ignore[attr-defined]
    assert_same(before, after)
    assert relative(after) == after


def test_biases_that_anything_else_sees_stay() -> None:
    output = biased([5, 7, 6], outputs=("y", "counts"))
    assert relative(output) == output
    again = Sum.of(np.arange(3), np.array([3]), np.array([1]))
    read = biased([5, 7, 6], Node("again", again, ("counts",)), outputs=("y", "again"))
    assert relative(read) == read
    unread = net(("counts", Sum.of(np.arange(6), np.array([6]), np.array([4]))))
    assert relative(unread) == unread


def test_opt_needs_no_adder_for_biases_below_zero() -> None:
    after = opt(biased([-4, 0, 1]), ECP5, 50.0)
    kinds = {type(node.op) for node in after.nodes}
    assert Count in kinds
    assert Sum not in kinds


@pytest.mark.parametrize("family", FABRICS)
@pytest.mark.parametrize("lanes", [1, 3, 5, 7, 20])
def test_sums_that_add_every_lane_twice(family: str, lanes: int) -> None:
    """The lowest column is empty: a constant 0, and no counter is moved out of its place."""
    total = Sum.of(np.repeat(np.arange(lanes), 2), np.array([2 * lanes]), np.array([0]))
    graph = head_of(lanes, total)
    after = check(split_head(FABRICS[family], 50.0)(graph))
    assert_same(graph, after)
    # Every counter is one that the family has.
    for node in after.nodes:
        assert node.op.area(FABRICS[family], *after.inputs_of(node)).lut >= 0


@pytest.mark.parametrize("bias", [[0, -3], [-7, -7], [-20, 0], [4, -1], [5, 9]])
def test_biases_keep_the_range_and_are_split_once(bias: list[int]) -> None:
    total = Sum.of(np.arange(5), np.array([4, 1]), np.array(bias))
    graph = head_of(5, total)
    split = split_head(FABRICS["xcup"], 50.0)
    once = check(split(graph))
    assert_same(graph, once)
    assert once.wires["s"].bits == graph.wires["s"].bits
    assert once.wires["s"].hi == graph.wires["s"].hi
    assert split(once).digest == once.digest


def test_new_nodes_have_names_of_their_own() -> None:
    long = "s" * 63
    nodes = (
        Node("x", Input(1, np.zeros(9), np.ones(9))),
        Node("s_0", Lut.of(np.arange(9)[:, None], np.ones(9), np.ones(9, np.uint64)), ("x",)),
        Node("s", Sum.of(np.arange(9), np.array([9]), np.array([-1])), ("s_0",)),
        Node(long, Sum.of(np.arange(9), np.array([9]), np.array([0])), ("s_0",)),
    )
    graph = check(Graph("net", nodes, ("s", long)))
    after = check(split_head(FABRICS["xcup"], 50.0)(graph))
    assert_same(graph, after)


def head_of(lanes: int, total: Sum) -> Graph:
    nodes = (Node("x", Input(1, np.zeros(lanes), np.ones(lanes))), Node("s", total, ("x",)))
    return check(Graph("net", nodes, ("s",)))
