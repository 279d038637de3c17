"""Every operator alone, over all its inputs where they are few, and inside a core."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hlsgen.errors import GraphError
from hlsgen.graph import OPS, Graph, Node, Op, Wire, check
from hlsgen.graph.ops import Argmax, Count, Duel, Input, Join, Lut, Register, Sum, Thermometer
from rtl_tests.designs import ECP5, random_lut, simulated, write_build

EXAMPLES = 6
EXHAUSTIVE_BITS = 12
WIDTH = 64
# The zoo's input: so many words from 0 to WORD.
LANES, WORD = 12, 127


def cases() -> Iterator[tuple[str, Op, tuple[Wire, ...]]]:
    """Random examples of every operator, and what examples are too small for."""
    rng = np.random.default_rng(5)
    for kind, op in sorted(OPS.items()):
        for i in range(EXAMPLES):
            instance, wires = op.example(rng)
            if wires and not op.streams and offered(instance, wires):
                yield f"{kind}{i}", instance, wires
    yield from wide_cases(rng)


def offered(op: Op, wires: tuple[Wire, ...]) -> bool:
    """Whether the family that the tests emit for can make it."""
    try:
        op.cells(ECP5, *wires)
    except GraphError as error:
        assert "family ecp5" in str(error)
        return False
    return True


def wide_cases(rng: np.random.Generator) -> Iterator[tuple[str, Op, tuple[Wire, ...]]]:
    """Signed ranges, carry chains, draws, all fan-ins."""
    thresholds = rng.integers(-70, 71, 12)
    unsigned, signed = Wire(10, 0, WORD), Wire(11, -64, WORD - 64)
    yield "wide_code", Thermometer(rng.integers(0, 10, 12), thresholds + 64), (unsigned,)
    yield "signed_code", Thermometer(rng.integers(0, 11, 12), thresholds), (signed,)
    yield "few_code", Thermometer(rng.integers(0, 2, 9), rng.integers(-4, 4, 9)), (Wire(2, -3, 2),)
    sizes = np.array([12, 0, 1, 23])
    wide = Sum.of(rng.integers(0, 10, sizes.sum()), sizes, np.array([0, -5, 100, -7]))
    yield "wide_sum", wide, (signed,)
    yield "negative_sum", Sum.of(np.arange(3), np.array([3]), np.array([-50])), (Wire(3, 0, 7),)
    for name, wire in {"wide": unsigned, "signed": signed}.items():
        yield f"{name}_argmax", Argmax(), (wire,)
        yield f"{name}_duel", Duel(4), (wire,)
        yield f"{name}_duel_chained", Duel(2, chained=True), (wire,)
        pair = Wire(2, wire.lo, wire.hi)
        yield f"{name}_duel_last", Duel(3, 16), (pair,)
        yield f"{name}_duel_last_chained", Duel(1, 4, chained=True), (pair,)
    # Chains behind one another, more than one row holds, with carries and without.
    counts = [[list(range(5))], [[0, 1], [2, 3], [4]], [[5] * 5, [], [6, 7]], [[8, 9, 10]]] * 5
    yield "chains", Count.of(counts), (Wire(11, 0, 1),)
    yield "numbers", Join(500, np.array([0, 9, 12, 12, 14])), (Wire(14, 0, 1),)
    luts = random_lut(rng, 9, 14, (6, 6))
    yield "all_luts", Lut.of(luts.src, np.repeat(np.arange(7), 2), luts.table), (Wire(9, 0, 1),)


def source_of(wire: Wire, rng: np.random.Generator) -> tuple[Op, str]:
    """A sum that drives exactly `wire`, and what it reads.

    A word of x, or hi - lo bits, plus lo, has the range [lo, hi].
    """
    span = wire.hi - wire.lo
    reads, lanes, terms = ("x", LANES, 1) if span == WORD else ("bits", 4 * LANES, span)
    src = np.concatenate([rng.permutation(lanes)[:terms] for _ in range(wire.lanes)])
    bias = np.full(wire.lanes, wire.lo)
    return Sum.of(np.asarray(src, dtype=np.int64), np.full(wire.lanes, terms), bias), reads


def zoo() -> Graph:
    """All cases side by side, each behind what makes its wire and before a register."""
    rng = np.random.default_rng(6)
    words = Input(WORD.bit_length(), np.zeros(LANES), np.ones(LANES))
    bits = Thermometer(np.arange(4 * LANES) % LANES, rng.integers(1, WORD + 1, 4 * LANES))
    nodes, outputs = [Node("x", words), Node("bits", bits, ("x",))], []
    for name, op, (wire,) in cases():
        source, reads = source_of(wire, rng)
        nodes += [Node(f"{name}_in", source, (reads,)), Node(name, op, (f"{name}_in",))]
        outputs.append(name)
        if op.latency == 0:
            nodes.append(Node(f"{name}_out", Register(), (name,)))
            outputs[-1] = f"{name}_out"
    return check(Graph("zoo", tuple(nodes), tuple(outputs)))


def test_cases_are_what_they_claim() -> None:
    graph = zoo()
    kinds = {node.op.kind for node in graph.nodes if node.inputs}
    assert kinds == {kind for kind, op in OPS.items() if op.arity and not op.streams}
    for name, op, wires in cases():
        assert graph.inputs_of(graph.by_name[name]) == wires, name
        assert graph.by_name[name].op == op


@pytest.mark.parametrize("name", sorted(kind for kind, op in OPS.items() if not op.streams))
def test_stimuli_are_exhaustive(name: str) -> None:
    for _, op, wires in (case for case in cases() if case[1].kind == name):
        stimuli = op.stimuli(np.random.default_rng(7), *wires)
        for wire, value in zip(wires, stimuli, strict=True):
            assert (value >= wire.lo).all()
            assert (value <= wire.hi).all()
        rows = np.concatenate([value[:, 0] for value in stimuli], axis=1)
        if isinstance(op, Lut):
            entries = op.coverage(stimuli[0]).sum(axis=1)
            assert (entries == reachable(op)).all()
        elif sum(wire.width_bits for wire in wires) <= EXHAUSTIVE_BITS:
            combinations = np.prod([(w.hi - w.lo + 1) ** w.lanes for w in wires])
            assert len(np.unique(rows, axis=0)) == combinations


def reachable(op: Lut) -> np.ndarray:
    """Table entries that some input addresses: pins on one lane always agree."""
    distinct = [len(set(src[:k].tolist())) for src, k in zip(op.src, op.k, strict=True)]
    return 2 ** np.array(distinct)


@pytest.mark.verilator
def test_every_operator_in_hardware(tmp_path: Path) -> None:
    graph = zoo()
    verdict = simulated(write_build(tmp_path, graph, WIDTH, samples=300), WIDTH)
    checked = {rung.name: rung.checked for rung in verdict.rungs if rung.status == "passed"}
    assert set(checked) == {"operators", "layers", "shell"}
    bits = sum(graph.wires[node.name].width_bits for node in graph.nodes if node.inputs)
    # Every node sees at least as many rows as the case with most combinations has.
    assert checked["operators"] >= bits * 2**10
