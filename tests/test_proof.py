"""Optimised graphs, right and wrong ones, proved and refuted."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from proof_cases import ENOUGH, confirm, judged, samples_of, with_op

from hlsgen.errors import ConfigError
from hlsgen.graph import Graph, Node, Op, check, random_feeds, run
from hlsgen.graph.fabric import FABRICS
from hlsgen.graph.ops import Argmax, Input, Lut, Sum, Thermometer
from hlsgen.passes import opt
from hlsgen.proof.equivalence import prove_opt
from hlsgen.sat import Budget
from rtl_tests.designs import random_network


def changed(op: Op, rng: np.random.Generator) -> Op:
    """One constant of an operator otherwise: a table bit, two pins, a threshold."""
    if isinstance(op, Lut):
        lut = int(rng.integers(len(op.k)))
        if op.k[lut] >= 2 and rng.integers(2):
            src = op.src.copy()
            src[lut, [0, 1]] = src[lut, [1, 0]]
            return dataclasses.replace(op, src=src)
        table = op.table.copy()
        table[lut] ^= np.uint64(1 << int(rng.integers(2 ** int(op.k[lut]))))
        return dataclasses.replace(op, table=table)
    assert isinstance(op, Thermometer)
    threshold = op.threshold.copy()
    threshold[rng.integers(len(threshold))] += int(rng.choice([-1, 1]))
    return dataclasses.replace(op, threshold=threshold)


def test_a_changed_constant_is_refuted_if_and_only_if_an_input_shows_it() -> None:
    harmless = harmful = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        graph = random_network(seed, features=3, bits=3, code=12, layers=(16, 15), fan_in=(1, 4))
        final = opt(graph, FABRICS["ecp5"], 100.0)
        assert judged(graph, final).status == "proved"
        nodes = [node for node in final.nodes if isinstance(node.op, Thermometer | Lut)]
        for node in [nodes[i] for i in rng.integers(0, len(nodes), 6)]:
            wrong = with_op(final, node.name, changed(node.op, rng))
            refuted = judged(graph, wrong).status == "refuted"
            harmful, harmless = harmful + refuted, harmless + (not refuted)
    assert min(harmless, harmful) > 10


@pytest.mark.parametrize("seed", range(4))
def test_networks_too_large_to_enumerate_are_proved_for_several_clocks(seed: int) -> None:
    graph = random_network(seed, features=8, bits=6, code=60, layers=(60, 45), classes=5)
    for family, clock_mhz in (("ecp5", 60.0), ("xcup", 500.0)):
        final = opt(graph, FABRICS[family], clock_mhz)
        proof = prove_opt(graph, final, samples_of(graph), ENOUGH)
        assert (proof.status, proof.proved, proof.outputs) == ("proved", 3, 3)
        assert (proof.reason, proof.counterexample) == ("", None)


@pytest.mark.parametrize("seed", range(4))
def test_classes_in_another_order_are_refuted(seed: int) -> None:
    graph = random_network(seed, features=8, bits=6, code=60, layers=(60, 45), classes=5)
    sums = graph.by_name["sums"].op
    assert isinstance(sums, Sum)
    groups = [sums.src[a:b] for a, b in itertools.pairwise(sums.offset)]
    order = [1, 0, 2, 3, 4]
    turned = Sum.of(np.concatenate([groups[i] for i in order]), sums.sizes[order], sums.bias[order])
    wrong = opt(with_op(graph, "sums", turned), FABRICS["ecp5"], 200.0)
    confirm(graph, wrong, prove_opt(graph, wrong, samples_of(graph), ENOUGH))


def conjunction(entry: int) -> Graph:
    """All of 36 bits, and one entry of the last table flipped if it is not 64."""
    tables = np.full(6, 1 << 63, dtype=np.uint64)
    last = (1 << 63) ^ (1 << entry if entry < 64 else 0)
    nodes = (
        Node("x", Input(1, np.zeros(36), np.ones(36))),
        Node("six", Lut.of(np.arange(36).reshape(6, 6), np.full(6, 6), tables), ("x",)),
        Node("one", Lut.of(np.arange(6)[None], np.array([6]), np.array([last])), ("six",)),
    )
    return check(Graph("net", nodes, ("one",)))


@pytest.mark.parametrize("entry", [63, 62, 31])
def test_a_difference_that_no_sample_shows_is_found_by_the_solver(entry: int) -> None:
    """Five or six tables must be 1, each by one of 64 inputs."""
    good, wrong = conjunction(64), conjunction(entry)
    feeds = random_feeds(good, 5000, np.random.default_rng(3))
    assert (run(good, feeds)["one"] == run(wrong, feeds)["one"]).all()
    proof = prove_opt(good, wrong, feeds["x"], ENOUGH)
    confirm(good, wrong, proof)
    assert proof.counterexample is not None
    groups = np.array(proof.counterexample.inputs["x"]).reshape(6, 6).all(axis=1)
    assert groups.tolist() == [bool(entry >> i & 1) for i in range(6)]


def counters(bits: int, *, adders: bool) -> Graph:
    """Whether the first or second half of random tables has more ones; summed, or by adders.

    With adders, three lanes become a sum and a carry in tables; the carry counts twice.
    """
    rng = np.random.default_rng(5)
    pairs = rng.permutation(2 * bits).reshape(bits, 2)
    tables = rng.choice([0b0110, 0b1000, 0b0010, 0b1001], bits)
    x = Node("x", Input(1, np.zeros(2 * bits), np.ones(2 * bits)))
    layer = Node("layer", Lut.of(pairs, np.full(bits, 2), tables), ("x",))
    half = bits // 2
    if not adders:
        sums = Sum.of(np.arange(bits), np.array([half, half]), np.array([0, 1]))
        nodes = (x, layer, Node("sums", sums, ("layer",)), Node("answer", Argmax(), ("sums",)))
        return check(Graph("net", nodes, ("answer",)))
    lanes = np.concatenate([rng.permutation(half), half + rng.permutation(half)])
    threes = np.repeat(lanes.reshape(-1, 3), 2, axis=0)
    full = Lut.of(threes, np.full(len(threes), 3), np.tile([0b10010110, 0b11101000], bits // 3))
    lanes = np.arange(len(threes)).reshape(-1, 2)[:, [0, 1, 1]].ravel()
    sums = Sum.of(lanes, np.array([half, half]), np.array([0, 1]))
    nodes = (
        *(x, layer, Node("full", full, ("layer",))),
        *(Node("sums", sums, ("full",)), Node("answer", Argmax(), ("sums",))),
    )
    return check(Graph("net", nodes, ("answer",)))


def test_a_circuit_built_otherwise_is_proved() -> None:
    one, two = counters(12, adders=False), counters(12, adders=True)
    proof = prove_opt(one, two, samples_of(one), ENOUGH)
    assert proof.status == "proved"
    back = prove_opt(two, one, samples_of(one), ENOUGH)
    assert back.status == "proved"
    other = with_op(two, "sums", dataclasses.replace(two.by_name["sums"].op, bias=[0, 2]))
    confirm(one, other, prove_opt(one, other, samples_of(one), ENOUGH))


def test_a_proof_over_budget_is_unknown() -> None:
    one, two = counters(60, adders=False), counters(60, adders=True)
    proof = prove_opt(one, two, samples_of(one), Budget(1))
    assert proof.status == "unknown"
    assert proof.reason.startswith("undecided within the solver's budget: 1 bits (optimised graph")
    assert proof.counterexample is None
    assert proof.proved < proof.outputs


def test_other_output_widths_are_named() -> None:
    graph = random_network(1, classes=3)
    other = random_network(1, classes=6)
    with pytest.raises(ConfigError, match=r"output answer has 3 bits a lane, expected 2"):
        prove_opt(graph, other, samples_of(graph), ENOUGH)
