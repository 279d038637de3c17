"""LUT layers built otherwise are proved equal lane by lane, and changed ones are refuted."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from proof_cases import ENOUGH, exhaustive, judged, samples_of, with_op

from hlsgen.graph import Graph, Node, check, run, truth
from hlsgen.graph.aig import Aig
from hlsgen.graph.blast import words_of
from hlsgen.graph.fabric import FABRICS
from hlsgen.graph.ops import Argmax, Input, Lut, Sum
from hlsgen.passes import opt
from hlsgen.proof.equivalence import prove_opt
from hlsgen.proof.fraig import Fraig
from hlsgen.proof.signatures import Signatures
from hlsgen.sat import Budget
from rtl_tests.designs import random_network

Rng = np.random.Generator
Restructured = Callable[[Graph, Rng], Graph]


def luts(graph: Graph) -> list[tuple[Node, Lut]]:
    return [(node, node.op) for node in graph.nodes if isinstance(node.op, Lut)]


def moved_and_inverted(graph: Graph, rng: Rng) -> Graph:
    """Lanes in another order, half of those that only tables read inverted; pins as well."""
    last = luts(graph)[-1][0].name
    moved: dict[str, tuple[NDArray[np.int32], NDArray[np.bool_]]] = {}
    nodes = []
    for node in graph.nodes:
        op = node.op
        if isinstance(op, Sum):
            lane_of, _ = moved[node.inputs[0]]
            op = dataclasses.replace(op, src=lane_of[op.src])
        if isinstance(op, Lut):
            op = read_moved(op, *moved[node.inputs[0]]) if node.inputs[0] in moved else op
            order = rng.permutation(len(op.k))
            inverted = rng.random(len(op.k)) < (0 if node.name == last else 0.5)
            full = truth.widen(op.table, op.k)
            full = np.where(inverted, ~full, full)[order]
            op = Lut.of(op.src[order], op.k[order], full)
            moved[node.name] = np.argsort(order).astype(np.int32), inverted
        nodes.append(dataclasses.replace(node, op=op))
    return check(dataclasses.replace(graph, nodes=tuple(nodes)))


def read_moved(op: Lut, lane_of: NDArray[np.int32], inverted: NDArray[np.bool_]) -> Lut:
    """A layer that reads lanes which moved, and some of which are inverted."""
    full = truth.widen(op.table, op.k)
    for pin in range(truth.MAX_INPUTS):
        turned = (op.src[:, pin] >= 0) & inverted[op.src[:, pin]]
        high, low = truth.cofactor(full, pin, 1), truth.cofactor(full, pin, 0)
        one = np.uint64(truth.mask(np.array([6]))[0])
        select = sum(np.uint64(1) << np.uint64(a) for a in range(64) if a >> pin & 1) & one
        full = np.where(turned, (low & select) | (high & ~select), full)
    src = np.where(op.src < 0, -1, lane_of[op.src])
    return Lut.of(src, op.k, full)


def split(graph: Graph, rng: Rng) -> Graph:
    """Each table as two of a pin less, and a multiplexer a layer above."""
    nodes = []
    for node in graph.nodes:
        if not isinstance(node.op, Lut):
            nodes.append(node)
            continue
        op, n = node.op, len(node.op.k)
        full = truth.widen(op.table, op.k)
        top = np.maximum(op.k.astype(np.int64) - 1, 0)
        pin = op.src[np.arange(n), top]
        halves = [
            np.array([truth.cofactor(full[i : i + 1], int(top[i]), v)[0] for i in range(n)])
            for v in (0, 1)
        ]
        # Low halves, high halves, and the pins that choose; a constant has none of its own.
        src = np.concatenate([op.src, op.src, np.full((n, 6), -1)])
        src[2 * n :, 0] = np.maximum(pin, 0)
        k = np.concatenate([top, top, np.ones(n, dtype=np.int64)])
        table = np.concatenate([*halves, np.full(n, 0b10, dtype=np.uint64)])
        below = Lut.of(src, k, table)
        above = Lut.of(
            np.arange(3 * n).reshape(3, n).T, np.full(n, 3), np.full(n, 0b11001010, dtype=np.uint64)
        )
        name = f"{node.name}_of{len(nodes)}"
        nodes += [
            Node(name, below, node.inputs),
            dataclasses.replace(node, op=above, inputs=(name,)),
        ]
    return check(dataclasses.replace(graph, nodes=tuple(nodes)))


def other_where_no_input_goes(graph: Graph, rng: Rng) -> Graph:
    """Table entries that no input reaches are random."""
    nodes = []
    values = run(graph, exhaustive(graph), [node.name for node in graph.nodes])
    for node in graph.nodes:
        op = node.op
        if isinstance(op, Lut):
            reached = op.coverage(values[node.inputs[0]])
            entries = np.uint64(1) << np.arange(64, dtype=np.uint64)
            free = np.where(reached, np.uint64(0), entries).sum(axis=1, dtype=np.uint64)
            noise = rng.integers(0, 2**64, len(op.k), dtype=np.uint64)
            op = Lut.of(op.src, op.k, op.table ^ (noise & free))
        nodes.append(dataclasses.replace(node, op=op))
    return check(dataclasses.replace(graph, nodes=tuple(nodes)))


def pins_more(graph: Graph, rng: Rng) -> Graph:
    """Tables read lanes that they ignore."""
    nodes = []
    for node in graph.nodes:
        op = node.op
        if isinstance(op, Lut):
            more = rng.integers(0, graph.inputs_of(node)[0].lanes, op.src.shape)
            k = rng.integers(op.k, 7)
            op = Lut.of(np.where(op.src < 0, more, op.src), k, truth.widen(op.table, op.k))
        nodes.append(dataclasses.replace(node, op=op))
    return check(dataclasses.replace(graph, nodes=tuple(nodes)))


WAYS: list[Restructured] = [moved_and_inverted, split, other_where_no_input_goes, pins_more]


def small(seed: int) -> Graph:
    return random_network(seed, features=3, bits=3, code=12, layers=(20, 18, 15), fan_in=(2, 4))


@pytest.mark.parametrize("way", WAYS)
def test_restructured_layers_are_found_lane_by_lane(way: Restructured) -> None:
    for seed in range(6):
        rng = np.random.default_rng(seed)
        graph = small(seed)
        for other in (way(graph, rng), split(way(graph, rng), rng)):
            final = opt(other, FABRICS["xcup"], 100.0)
            assert judged(graph, other).status == "proved"
            proof = prove_opt(graph, final, samples_of(graph), ENOUGH)
            assert proof.status == "proved"
            found, of = proof.inside["sums"]
            assert found == of > 0


def flipped(graph: Graph, rng: Rng) -> Graph:
    """One bit of one table, anywhere, is the other."""
    layers = luts(graph)
    node, op = layers[int(rng.integers(len(layers)))]
    table = op.table.copy()
    lut = int(rng.integers(len(op.k)))
    table[lut] ^= np.uint64(1 << int(rng.integers(2 ** int(op.k[lut]))))
    return with_op(graph, node.name, dataclasses.replace(op, table=table))


@pytest.mark.parametrize("way", WAYS)
def test_a_table_bit_of_restructured_layers_is_refuted_if_and_only_if_an_input_shows_it(
    way: Restructured,
) -> None:
    refuted = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        graph = small(seed)
        refuted += judged(graph, flipped(way(graph, rng), rng)).status == "refuted"
    assert 0 < refuted < 12


def conjunctions(more: bool) -> Graph:
    """All of 12 bits and, as another lane, nothing or all of 12 bits; no sample shows a one."""
    source = Node("x", Input(1, np.zeros(12), np.ones(12)))
    six = Lut.of(np.arange(12).reshape(2, 6), np.full(2, 6), np.full(2, 1 << 63, dtype=np.uint64))
    both = Lut.of(np.array([[0, 1], [0, 1]]), np.array([2, 2]), np.array([8, 8 if more else 0]))
    return check(
        Graph("net", (source, Node("six", six, ("x",)), Node("y", both, ("six",))), ("y",))
    )


def lanes_of(*graphs: Graph, budget: Budget) -> list[list[int]]:
    """The literals of `six` and `y` of each graph, built on samples that are all 0."""
    aig = Aig()
    wire = graphs[0].wires["x"]
    feeds = {"x": words_of(aig, wire)}
    drive = {word[0]: 0 for word in feeds["x"]}
    with Fraig(aig, drive, 8, 1, budget) as fraig:
        made = [fraig.blast(graph, feeds) for graph in graphs]
    return [[word[0] for word in one.words["six"] + one.words["y"]] for one in made]


def test_lanes_that_only_look_alike_stay_apart() -> None:
    """Samples suggest that each lane is constant: the solver's models say no."""
    one, two = lanes_of(conjunctions(True), conjunctions(False), budget=ENOUGH)
    assert len(set(one)) == 3
    assert one[2] == one[3] > 1
    assert two == [*one[:3], 0]


def test_lanes_that_no_proof_shows_equal_stay_apart() -> None:
    """A solver that may not search says nothing: the lanes look alike and are not merged."""
    (lanes,) = lanes_of(conjunctions(True), budget=Budget(0))
    assert min(lanes) > 1
    assert len(set(lanes)) == 3


def test_signatures_follow_a_growing_graph_and_more_samples() -> None:
    aig = Aig()
    a, b = aig.inputs(2)
    signatures = Signatures(aig, {a: 0b0011, b: 0b0101}, 4)
    both = aig.conj(a, b)
    signatures.grow()
    assert signatures.of(both >> 1) == (0b1110, 1)  # 0001, inverted as sample 0 is 1
    either = aig.disj(a, b)
    signatures.add({a: 0b01, b: 0b11}, 2)
    assert signatures.samples == 6
    assert signatures.of(both >> 1) == (0b101110, 1)
    assert signatures.of(either >> 1) == (0b001000, 0)  # of its complement, which is the AND


def test_a_head_is_found_behind_restructured_layers() -> None:
    """Inverted lanes, other layers, a compressor tree and a tournament at once."""
    for family in ("xcup", "ecp5", "ice40"):
        graph = random_network(3, features=8, bits=6, code=80, layers=(90, 80, 70), classes=7)
        rng = np.random.default_rng(5)
        other = split(moved_and_inverted(pins_more(graph, rng), rng), rng)
        final = opt(other, FABRICS[family], 200.0)
        proof = prove_opt(graph, final, samples_of(graph), ENOUGH)
        assert proof.status == "proved"
        assert isinstance(graph.by_name["answer"].op, Argmax)
        assert proof.inside["sums"][0] == proof.inside["sums"][1]
