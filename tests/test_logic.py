"""The operators in ANDs: what `Op.logic` builds is what `Op.eval` computes; and whole graphs."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hlsgen.graph import OPS, Graph, Node, Op, Wire, check, random_feeds, run
from hlsgen.graph.aig import FALSE, Aig, Word
from hlsgen.graph.blast import blast, columns, in_range, words_of
from hlsgen.graph.fabric import FABRICS
from hlsgen.graph.ir import Rows, Values
from hlsgen.graph.ops import (
    Argmax,
    Count,
    Duel,
    Input,
    Join,
    Lut,
    Register,
    Sum,
    Thermometer,
)
from hlsgen.passes import opt
from hlsgen.proof.sums import whole_sums
from rtl_tests.designs import random_network

# Operators that stream have a state: rtl_tests/test_streaming.py compares their Verilog.
KINDS = sorted(kind for kind, op in OPS.items() if not op.streams)
SEEDS = st.integers(0, 2**32 - 1)
ROWS = 200


def drive(words: list[Word], rows: Rows, wire: Wire) -> dict[int, int]:
    """Feeds of `Aig.simulate` for words of inputs."""
    return {
        literal: bits
        for word, lane in zip(words, columns(rows, wire), strict=True)
        for literal, bits in zip(word, lane, strict=True)
    }


def numbers(value: list[int], words: list[Word], wire: Wire, samples: int) -> Values:
    """The integers [samples, 1, lanes] that words are, in two's complement of the wire."""
    ones = (1 << samples) - 1
    rows = np.zeros((samples, 1, len(words)), dtype=np.int64)
    for lane, word in enumerate(words):
        assert len(word) == wire.bits
        for bit, literal in enumerate(word):
            bits = value[literal >> 1] ^ (ones if literal & 1 else 0)
            column = np.array([bits >> s & 1 for s in range(samples)], dtype=np.int64)
            rows[:, 0, lane] += column << bit
    if wire.signed:
        rows -= (rows >> (wire.bits - 1)) << wire.bits
    return rows


def computed(op: Op, wires: tuple[Wire, ...], inputs: tuple[Rows, ...]) -> Values:
    """What the operator's ANDs make of the rows."""
    aig = Aig()
    words = tuple(words_of(aig, wire) for wire in wires)
    made = op.logic(aig, wires, words)
    feeds: dict[int, int] = {}
    for word, rows, wire in zip(words, inputs, wires, strict=True):
        feeds |= drive(word, rows, wire)
    count = len(inputs[0])
    return numbers(aig.simulate(feeds, count), made, op.infer(*wires), count)


def agree(op: Op, wires: tuple[Wire, ...], inputs: tuple[Rows, ...]) -> None:
    wanted = op.eval(*(rows.astype(np.int64) for rows in inputs))
    np.testing.assert_array_equal(computed(op, wires, inputs), wanted)


@pytest.mark.parametrize("kind", KINDS)
@given(seed=SEEDS)
@settings(max_examples=60)
def test_logic_is_eval_on_every_combination_or_on_many_rows(kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    op, wires = OPS[kind].example(rng)
    if not op.arity:  # its words are fed to it as they enter the graph
        wire = op.infer()
        rows = rng.integers(wire.lo, wire.hi + 1, (ROWS, 1, wire.lanes))
        aig = Aig()
        words = words_of(aig, wire)
        value = aig.simulate(drive(words, rows, wire), ROWS)
        made = numbers(value, op.logic(aig, (), (words,)), wire, ROWS)
        np.testing.assert_array_equal(made, rows)
        return
    agree(op, wires, op.stimuli(rng, *wires))


RANGES = [(0, 1), (0, 0), (1, 1), (0, 5), (3, 9), (-1, 0), (-4, 3), (-7, -2), (-9, 20), (2, 300)]


@pytest.mark.parametrize(("lo", "hi"), RANGES)
def test_logic_is_eval_on_wires_of_any_range(lo: int, hi: int) -> None:
    """Signed, negative only, not from 0, one value only."""
    rng = np.random.default_rng(abs(lo) * 1000 + hi)
    for lanes in (1, 2, 3, 5):
        wire = Wire(lanes, lo, hi)
        ops: list[Op] = [Argmax(), Register()]
        sizes = rng.integers(0, 9, 4)
        src = rng.integers(0, lanes, sizes.sum())
        ops.append(Sum.of(src, sizes, rng.integers(-50, 51, 4)))
        ops.append(Sum.of(src, sizes, np.zeros(4, dtype=np.int64)))
        thresholds = np.arange(lo - 2, hi + 3)[:60]
        ops.append(Thermometer(rng.integers(0, lanes, len(thresholds), np.int32), thresholds))
        ops += [Duel(bits) for bits in range(wire.bits)]
        if lanes == 2:
            ops += [Duel(tags, 2 << tags) for tags in range(wire.bits)]
            ops.append(Duel(wire.bits - 1, (1 << wire.bits) - 1))
        rows = rng.integers(lo, hi + 1, (ROWS, 1, lanes))
        close = np.clip(rows[:, :, :1] + rng.integers(-1, 2, rows.shape), lo, hi)
        for op in ops:
            x = np.concatenate([rows, close])
            if isinstance(op, Duel) and op.classes:
                # It relies on winners below `classes`.
                x = x[(op.eval(x) < op.classes).all(axis=(1, 2))]
            if len(x):
                agree(op, (wire,), (x,))


def test_counters_and_numbers_have_the_digits_that_they_are_given() -> None:
    """More digits than the total has, fewer, and numbers of several widths."""
    wire = Wire(7, 0, 1)
    x = np.array(np.meshgrid(*[[0, 1]] * 7)).reshape(7, -1).T[:, None, :]
    groups = [[[0, 1, 2, 3], [4, 5], [], [6]], [[6, Count.ONE], [5, 5]], [[3]]]
    for op in (
        Count.of(groups),
        Count.of(groups, [2, 1, 1]),
        dataclasses.replace(Count.of(groups), digits=[7, 5, 2]),
        Join(127, np.array([0, 7])),
        Join(15, np.array([0, 1, 5, 5, 7])),
    ):
        agree(op, (wire,), (x,))


def test_a_draw_goes_to_the_first_lane() -> None:
    wire = Wire(5, -1, 1)
    x = np.array(np.meshgrid(*[[-1, 0, 1]] * 5)).reshape(5, -1).T[:, None, :]
    np.testing.assert_array_equal(computed(Argmax(), (wire,), (x,))[:, 0, 0], x.argmax(-1)[:, 0])


def test_known_bits_are_added_like_others() -> None:
    """A sum reads constants where a layer below is constant; signed ones too."""
    aig = Aig()
    wire = Wire(3, -3, 2)
    (free,) = words_of(aig, Wire(1, -3, 2))
    words = [free, [1, 0, 1], [0, 1, 0]]  # x, -3, 2
    op = Sum.of(np.array([0, 1, 1, 2, 1, 2]), np.array([4, 2]), np.array([1, -1]))
    made = op.logic(aig, (wire,), (words,))
    x = np.arange(-3, 3)[:, None, None]
    out = op.infer(wire)
    got = numbers(aig.simulate(drive([free], x, Wire(1, -3, 2)), 6), made, out, 6)
    assert got[:, 0, 0].tolist() == (x[:, 0, 0] - 3 - 3 + 2 + 1).tolist()
    assert got[:, 0, 1].tolist() == [-2] * 6
    assert all(literal <= 1 for literal in made[1]), "a known sum is a constant"


@pytest.mark.parametrize(("lo", "hi"), RANGES)
def test_in_range_is_true_of_the_wires_values_and_of_no_others(lo: int, hi: int) -> None:
    wire = Wire(1, lo, hi)
    aig = Aig()
    words = words_of(aig, wire)
    care = in_range(aig, wire, words)
    half = 1 << wire.bits >> 1
    every = range(-half, half) if wire.signed else range(2 * half)
    rows = np.array(list(every))[:, None, None]
    value = aig.simulate(drive(words, rows, wire), len(rows))
    bits = value[care >> 1] ^ ((1 << len(rows)) - 1 if care & 1 else 0)
    assert [bits >> i & 1 for i in range(len(rows))] == [int(lo <= v <= hi) for v in every]


def test_in_range_looks_at_every_lane() -> None:
    wire, aig = Wire(3, 0, 4), Aig()
    words = words_of(aig, wire)
    care = in_range(aig, wire, words)
    rows = np.array([[4, 4, 4], [5, 0, 0], [0, 6, 0], [0, 0, 7]])[:, None, :]
    value = aig.simulate(drive(words, rows, wire), 4)
    assert value[care >> 1] ^ (15 if care & 1 else 0) == 0b0001
    assert in_range(aig, Wire(3, 0, 7), words) == 1


def nodes_agree(graph: Graph, seed: int) -> None:
    """Blasted, every node has the interpreter's values."""
    aig = Aig()
    (feed,) = graph.feeds()
    wire = graph.wires[feed.name]
    samples = random_feeds(graph, ROWS, np.random.default_rng(seed))
    fed = words_of(aig, wire)
    words = blast(graph, aig, {feed.name: fed})
    value = aig.simulate(drive(fed, samples[feed.name], wire), ROWS)
    wanted = run(graph, samples, [node.name for node in graph.nodes])
    assert set(words) == set(wanted)
    for name, rows in wanted.items():
        got = numbers(value, words[name], graph.wires[name], ROWS)
        np.testing.assert_array_equal(got, rows, err_msg=name)


@pytest.mark.parametrize("seed", range(6))
def test_blasted_networks_are_the_interpreter_at_every_node(seed: int) -> None:
    graph = random_network(seed, classes=2 + seed, features=3 + seed)
    nodes_agree(graph, seed)
    for family, clock_mhz in (("ecp5", 100.0), ("xcup", 400.0)):
        final = opt(graph, FABRICS[family], clock_mhz)
        assert final.digest != graph.digest
        nodes_agree(final, seed)


def same_outputs(graph: Graph, other: Graph, seed: int) -> None:
    feeds = random_feeds(graph, ROWS, np.random.default_rng(seed))
    one, two = run(graph, feeds), run(other, feeds)
    for name, got in zip(graph.outputs, other.outputs, strict=True):
        np.testing.assert_array_equal(one[name], two[got])


def nested_sums(graph: Graph) -> list[str]:
    """Sums that read a sum or, past registers, a sum."""

    def source(name: str) -> Op:
        node = graph.by_name[name]
        return source(node.inputs[0]) if isinstance(node.op, Register) else node.op

    sums = [node for node in graph.nodes if isinstance(node.op, Sum)]
    return [node.name for node in sums if isinstance(source(node.inputs[0]), Sum)]


@pytest.mark.parametrize("seed", range(6))
def test_whole_sums_keep_the_function_of_networks(seed: int) -> None:
    graph = random_network(seed, layers=(30, 60), classes=3)
    assert whole_sums(graph).outputs == graph.outputs
    same_outputs(graph, whole_sums(graph), seed)
    final = opt(graph, FABRICS["ecp5"], 450.0)
    whole = check(whole_sums(final))
    assert not any(isinstance(node.op, Register) for node in whole.nodes)
    assert not nested_sums(whole)
    same_outputs(final, whole, seed)


@given(seed=SEEDS)
def test_whole_sums_compose_sums_of_sums_with_biases_and_repeats(seed: int) -> None:
    """Three levels, groups that are empty, lanes added twice, registers between."""
    rng = np.random.default_rng(seed)
    nodes = [Node("x", Input(3, np.zeros(4), np.ones(4)))]
    lanes = 4
    for i in range(3):
        sizes = rng.integers(0, 4, int(rng.integers(1, 5)))
        op = Sum.of(rng.integers(0, lanes, sizes.sum()), sizes, rng.integers(-5, 6, len(sizes)))
        nodes.append(Node(f"s{i}", op, (nodes[-1].name,)))
        if rng.integers(2):
            nodes.append(Node(f"r{i}", Register(), (nodes[-1].name,)))
        lanes = len(sizes)
    graph = check(Graph("net", tuple(nodes), (nodes[-1].name,)))
    whole = check(whole_sums(graph))
    assert not nested_sums(whole)
    same_outputs(graph, whole, seed)


def test_a_sum_that_others_read_stays() -> None:
    """The class sums are an output beside the answer, and are summed again."""
    first = Sum.of(np.array([0, 1, 1]), np.array([2, 1]), np.array([1, 2]))
    total = Sum.of(np.array([0, 1]), np.array([2]), np.array([3]))
    nodes = (
        Node("x", Input(2, np.zeros(2), np.ones(2))),
        Node("sums", first, ("x",)),
        Node("total", total, ("sums",)),
        Node("answer", Argmax(), ("sums",)),
    )
    graph = check(Graph("net", nodes, ("sums", "total", "answer")))
    whole = check(whole_sums(graph))
    assert whole.by_name["total"].inputs == ("x",)
    same_outputs(graph, whole, 0)


def test_an_empty_table_layer_and_one_of_constants_are_built() -> None:
    wire = Wire(2, 0, 1)
    op = Lut.of(np.zeros((2, 1), int), np.array([0, 0]), np.array([0, 1]))
    x = np.array([[[0, 1]], [[1, 0]]])
    agree(op, (wire,), (x,))
    assert op.logic(Aig(), (wire,), ([[2], [4]],)) == [[FALSE], [1]]
    assert dataclasses.replace(op, table=[1, 0]).logic(Aig(), (wire,), ([[2], [4]],)) == [[1], [0]]
