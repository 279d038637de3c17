"""Compressor trees and tournaments are proved by algebra, and wrong ones are not accepted."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from proof_cases import ENOUGH, exhaustive, judged, samples_of, with_op

from hlsgen.graph import Graph, Node, Op, check, run
from hlsgen.graph.fabric import FABRICS
from hlsgen.graph.ops import Argmax, Count, Duel, Input, Join, Lut, Sum
from hlsgen.passes import opt
from hlsgen.proof.equivalence import prove_opt
from hlsgen.proof.sums import decided, whole_sums
from hlsgen.sat import Budget

SEEDS = st.integers(0, 2**32 - 1)
FAMILIES = ("xcup", "ecp5", "ice40")
# The solver may not take a single decision.
NO_SEARCH = Budget(0)


def head(rng: np.random.Generator, bits: int, most: int, *, answer: bool) -> Graph:
    """Sums of up to `most` of `bits` bits, lanes repeated, biases of either sign; argmax or not."""
    classes = int(rng.integers(2, 12)) if answer else int(rng.integers(1, 4))
    sizes = rng.integers(1, most + 1, classes)
    src = rng.integers(0, bits, sizes.sum())
    sums = Sum.of(src, sizes, rng.integers(-9, 10, classes))
    nodes = [Node("x", Input(1, np.zeros(bits), np.ones(bits))), Node("sums", sums, ("x",))]
    if answer:
        nodes.append(Node("answer", Argmax(), ("sums",)))
    return check(Graph("net", tuple(nodes), (nodes[-1].name,)))


@given(seed=SEEDS, family=st.sampled_from(FAMILIES), answer=st.booleans())
@settings(max_examples=60, deadline=None)
def test_heads_of_all_families_are_proved_without_search(
    seed: int, family: str, answer: bool
) -> None:
    rng = np.random.default_rng(seed)
    graph = head(rng, int(rng.integers(1, 61)), int(rng.integers(1, 61)), answer=answer)
    final = opt(graph, FABRICS[family], float(rng.choice([40, 400])))
    proof = prove_opt(graph, final, samples_of(graph), NO_SEARCH)
    assert (proof.status, proof.reason) == ("proved", "")
    back = prove_opt(final, graph, samples_of(graph), NO_SEARCH)
    assert back.status == "proved"


def with_room(graph: Graph) -> Graph:
    """Each number may be as large as its digits allow: what is done to them stays in range."""
    nodes = []
    for node in graph.nodes:
        op = node.op
        if isinstance(op, Join):
            op = dataclasses.replace(op, most=(1 << int(np.diff(op.offset).max())) - 1)
        nodes.append(dataclasses.replace(node, op=op))
    return check(dataclasses.replace(graph, nodes=tuple(nodes)))


def wrong_count(op: Count, how: str, rng: np.random.Generator) -> Count:
    """A count that reads, weighs or keeps something else."""
    parts = {f.name: getattr(op, f.name).copy() for f in dataclasses.fields(op)}
    at = int(rng.integers(len(op.src)))
    if how == "exchanged":
        other = int(rng.integers(len(op.src)))
        parts["src"][[at, other]] = parts["src"][[other, at]]
    elif how == "dropped":
        wide = np.flatnonzero(np.diff(op.offset) > 1)
        if len(wide):
            group = int(rng.choice(wide))
            at = int(rng.integers(op.offset[group], op.offset[group + 1]))
            parts["src"], parts["shift"] = (np.delete(parts[n], at) for n in ("src", "shift"))
            parts["offset"][group + 1 :] -= 1
    elif how == "weight":
        parts["shift"][at] ^= 1
    else:
        group = int(rng.integers(len(op.digits)))
        starts, ends = op.offset[:-1], op.offset[1:]
        other = int(rng.integers(len(op.digits)))
        order = list(range(len(op.digits)))
        if op.digits[group] == op.digits[other]:
            order[group], order[other] = other, group
        spans = [slice(starts[g], ends[g]) for g in order]
        parts["src"], parts["shift"] = (
            np.concatenate([parts[n][span] for span in spans]) for n in ("src", "shift")
        )
        sizes = [span.stop - span.start for span in spans]
        parts["offset"] = np.concatenate([[0], np.cumsum(sizes)])
    return Count(**parts)


def wrong_duel(op: Duel, graph: Graph, node: Node) -> Graph:
    """The first round meets lanes in another order: the last before the first."""
    (wire,) = graph.inputs_of(node)
    turned = Sum.of(
        np.roll(np.arange(wire.lanes), 1),
        np.ones(wire.lanes, dtype=np.int64),
        np.zeros(wire.lanes, dtype=np.int64),
    )
    nodes = []
    for other in graph.nodes:
        if other.name == node.name:
            nodes.append(Node("turned", turned, node.inputs))
            nodes.append(dataclasses.replace(other, inputs=("turned",)))
        else:
            nodes.append(other)
    return check(dataclasses.replace(graph, nodes=tuple(nodes)))


HOW = ("exchanged", "dropped", "weight", "order")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("how", HOW)
def test_wrong_counts_are_refuted_and_the_interpreter_agrees(how: str, family: str) -> None:
    refuted = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        graph = head(rng, 11, 16, answer=bool(seed % 2))
        final = with_room(opt(graph, FABRICS[family], 40.0))
        counts = [node for node in final.nodes if isinstance(node.op, Count)]
        node = counts[int(rng.integers(len(counts)))]
        assert isinstance(node.op, Count)
        wrong = with_op(final, node.name, wrong_count(node.op, how, rng))
        if wrong.wires[wrong.outputs[0]].bits == graph.wires[graph.outputs[0]].bits:
            refuted += judged(graph, wrong).status == "refuted"
    assert refuted >= 2


@pytest.mark.parametrize("family", FAMILIES)
def test_a_tournament_of_other_pairs_is_refuted(family: str) -> None:
    for seed in range(5):
        graph = head(np.random.default_rng(seed), 10, 12, answer=True)
        final = opt(graph, FABRICS[family], 40.0)
        node = next(node for node in final.nodes if isinstance(node.op, Duel))
        assert isinstance(node.op, Duel)
        assert judged(graph, wrong_duel(node.op, final, node)).status == "refuted"


def rare(lanes: int) -> list[Node]:
    """Lanes that are 1 for one of 64 inputs each."""
    wide = Lut.of(
        np.arange(6 * lanes).reshape(lanes, 6),
        np.full(lanes, 6),
        np.full(lanes, 1 << 63, dtype=np.uint64),
    )
    source = Input(1, np.zeros(6 * lanes), np.ones(6 * lanes))
    return [Node("x", source), Node("layer", wide, ("x",))]


def test_a_digit_that_is_wrongly_left_out_is_found_though_no_sample_shows_it() -> None:
    """Eight ones need a fourth digit; that all lanes are 1 takes one of 2**48 inputs."""
    sums = Sum.of(np.arange(8), np.array([8]), np.array([0]))
    less = Count.of([[list(range(8))]], [3])
    graph = check(Graph("net", (*rare(8), Node("sums", sums, ("layer",))), ("sums",)))
    nodes = (
        *rare(8),
        Node("count", less, ("layer",)),
        # The digit that is left out is none of the number's, which keeps its width.
        Node("both", Count.of([[[0]], [[1]], [[2]], [[0], [0, 0]]], [1, 1, 1, 1]), ("count",)),
        Node("number", Join(15, np.array([0, 4])), ("both",)),
    )
    wrong = check(Graph("net", nodes, ("number",)))
    assert isinstance(whole_sums(wrong).by_name["number"].op, Join)
    swapped = check(dataclasses.replace(graph, outputs=("sums",)))
    proof = prove_opt(swapped, wrong, samples_of(graph), ENOUGH)
    assert proof.status == "refuted"


def cut(graph: Graph, rng: np.random.Generator) -> Graph:
    """One group of one count gives a digit less, which nobody then reads."""
    counts = [n for n in graph.nodes if isinstance(n.op, Count) and (n.op.digits > 1).any()]
    if not counts:
        return graph
    node = counts[int(rng.integers(len(counts)))]
    op = node.op
    assert isinstance(op, Count)
    group = int(rng.choice(np.flatnonzero(op.digits > 1)))
    lost = int(op.first[group + 1]) - 1
    digits = op.digits.copy()
    digits[group] -= 1
    nodes = []
    for other in graph.nodes:
        made: Op = other.op
        if other.name == node.name:
            made = dataclasses.replace(op, digits=digits)
        elif node.name in other.inputs:
            made = without(other.op, lost)
        nodes.append(dataclasses.replace(other, op=made))
    return check(dataclasses.replace(graph, nodes=tuple(nodes)))


def without(op: Op, lane: int) -> Count | Join:
    """The reader of a lane that is gone: another lane stands in for it in a counter."""
    if isinstance(op, Join):
        offset = op.offset - (op.offset > lane)
        return Join((1 << max(1, int(np.diff(offset).max()))) - 1, offset)
    assert isinstance(op, Count)
    src = np.where(op.src == lane, 0, op.src)
    return dataclasses.replace(op, src=np.where(src > lane, src - 1, src))


@given(seed=SEEDS, family=st.sampled_from(FAMILIES))
@settings(max_examples=60, deadline=None)
def test_trees_that_lack_a_digit_keep_their_function_when_written_as_sums(
    seed: int, family: str
) -> None:
    rng = np.random.default_rng(seed)
    graph = head(rng, 9, 14, answer=False)
    final = cut(with_room(opt(graph, FABRICS[family], 40.0)), rng)
    inputs = exhaustive(graph)
    (wanted,) = run(final, inputs).values()
    (got,) = run(check(whole_sums(final)), inputs).values()
    np.testing.assert_array_equal(got, wanted)


@given(seed=SEEDS)
@settings(max_examples=200, deadline=None)
def test_any_counters_keep_their_function_when_written_as_sums(seed: int) -> None:
    """Few of these are trees; what is taken for one must be one."""
    rng = np.random.default_rng(seed)
    nodes = [Node("x", Input(1, np.zeros(6), np.ones(6)))]
    lanes = 6
    for i in range(int(rng.integers(1, 4))):
        groups = [
            [rng.permutation(lanes)[: rng.integers(1, 4)].tolist() for _ in range(columns)]
            for columns in rng.integers(1, 3, int(rng.integers(1, 4)))
        ]
        op = Count.of(groups, rng.integers(1, 5, len(groups)).tolist())
        nodes.append(Node(f"c{i}", op, (nodes[-1].name,)))
        lanes = int(op.digits.sum())
    ends = np.unique([0, lanes, *rng.integers(0, lanes + 1, 2)])
    join = Join((1 << int(np.diff(ends).max())) - 1, ends)
    graph = check(Graph("net", (*nodes, Node("number", join, (nodes[-1].name,))), ("number",)))
    inputs = exhaustive(graph)
    (wanted,), (got,) = run(graph, inputs).values(), run(whole_sums(graph), inputs).values()
    np.testing.assert_array_equal(got, wanted)


def test_a_bound_that_the_sum_exceeds_is_not_believed() -> None:
    """Seven bits said to add up to at most 3: the number has two digits, and loses the third."""
    counted = Node("count", Count.of([[list(range(7))]]), ("x",))
    join = Join(7, np.array([0, 3]))
    source = Node("x", Input(1, np.zeros(7), np.ones(7)))
    good = check(Graph("net", (source, counted, Node("number", join, ("count",))), ("number",)))
    assert isinstance(whole_sums(good).by_name["number"].op, Sum)
    tight = with_op(good, "number", dataclasses.replace(join, most=3))
    assert isinstance(whole_sums(tight).by_name["number"].op, Join)


@pytest.mark.parametrize("tags", [0, 1])
def test_a_shared_bias_is_taken_off_only_where_whole_lanes_are_compared(tags: int) -> None:
    """A round that takes the lowest bit for a tag tells sums that are one more."""
    duel = Node("duel", Duel(tags, 2 << tags), ("sums",))

    def graph(bias: int) -> Graph:
        sums = Sum.of(np.arange(6), np.array([3, 3]), np.array([bias, bias]))
        source = Node("x", Input(1, np.zeros(6), np.ones(6)))
        return check(Graph("net", (source, Node("sums", sums, ("x",)), duel), ("duel",)))

    assert judged(graph(0), graph(1)).status == ("refuted" if tags else "proved")
    assert ("sums" in decided(graph(0))) is (tags == 0)
