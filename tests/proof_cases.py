"""What tests of proofs share: samples, changed graphs, and counterexamples put to the test."""

from __future__ import annotations

import dataclasses
import re

import numpy as np

from hlsgen.graph import Graph, Op, check, random_feeds, run
from hlsgen.graph.ir import Values
from hlsgen.proof.equivalence import Proof, prove_opt, replay
from hlsgen.sat import Budget

ENOUGH = Budget(200_000)
PLACE = re.compile(r"(.+), (\w+), lane (\d+), bit (\d+)")


def samples_of(graph: Graph, count: int = 50) -> Values:
    (feed,) = graph.feeds()
    return random_feeds(graph, count, np.random.default_rng(7))[feed.name]


def exhaustive(graph: Graph) -> dict[str, Values]:
    (feed,) = graph.feeds()
    wire = graph.wires[feed.name]
    assert wire.width_bits <= 12
    grid = np.indices((wire.hi + 1,) * wire.lanes).reshape(wire.lanes, -1)
    return {feed.name: np.ascontiguousarray(grid.T)[:, None, :].astype(np.int64)}


def confirm(before: Graph, after: Graph, proof: Proof) -> None:
    """The interpreter sees, on the counterexample, what the proof says differs."""
    assert proof.status == "refuted"
    example = proof.counterexample
    assert example is not None
    assert str(example) in proof.reason
    match = PLACE.fullmatch(example.output)
    assert match is not None
    lane, bit, at = int(match[3]), int(match[4]), before.outputs.index(match[2])
    wanted = replay(before, example)[before.outputs[at]][0, 0, lane]
    got = replay(after, example)[after.outputs[at]][0, 0, lane]
    assert (int(wanted) >> bit & 1, int(got) >> bit & 1) == (example.wanted, example.got)
    assert example.wanted != example.got


def with_op(graph: Graph, name: str, op: Op) -> Graph:
    nodes = tuple(dataclasses.replace(n, op=op) if n.name == name else n for n in graph.nodes)
    return check(dataclasses.replace(graph, nodes=nodes))


def judged(graph: Graph, other: Graph) -> Proof:
    """The proof: refuted if and only if an input shows a difference, which is then replayed."""
    inputs = exhaustive(graph)
    (wanted,), (got,) = run(graph, inputs).values(), run(other, inputs).values()
    proof = prove_opt(graph, other, samples_of(graph), ENOUGH)
    if (wanted == got).all():
        assert proof.status == "proved"
        assert proof.proved == proof.outputs > 0
    else:
        confirm(graph, other, proof)
    return proof
