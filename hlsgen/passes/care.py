"""Don't-cares: table entries that no input can address make tables smaller.

Which entries cannot occur is exact: the outputs of a thermometer for one feature are ordered, and
further down entries that random inputs never address are tried by SAT on the logic before them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hlsgen.graph import truth
from hlsgen.graph.aig import Aig, Word
from hlsgen.graph.blast import words_of
from hlsgen.graph.interp import BLOCK, random_feeds, run
from hlsgen.graph.ir import Graph, Rows
from hlsgen.graph.ops import Lut, Thermometer
from hlsgen.sat import Budget, Solver

# For each LUT the entries whose value must stay, as a table widened to six pins.
Care = truth.Tables

_SAMPLES = 4096
_TABLES_AT_ONCE = 65_536  # bounds the memory: 128 words for each
# Conflicts that one entry may cost, and entries that may be open in a layer to be tried at all.
_BUDGET, _TRIES = Budget(200), 2_000
# _BEFORE[p, q]: the entries that have pin q at 1 and pin p at 0.
_BEFORE = np.array([[truth.LOW[p] & ~truth.LOW[q] for q in range(6)] for p in range(6)])


def use_care(graph: Graph) -> Graph:
    """Drop the inputs that tables do not need for the entries that can occur."""
    return reduce_tables(graph, exact_care(graph))


def reduce_tables(graph: Graph, care: Mapping[str, Care]) -> Graph:
    """The graph whose tables keep their values where `care` says, on as few pins as can be."""
    nodes = tuple(
        dataclasses.replace(node, op=minimised(node.op, care[node.name]))
        if isinstance(node.op, Lut) and node.name in care
        else node
        for node in graph.nodes
    )
    return dataclasses.replace(graph, nodes=nodes)


def minimised(op: Lut, care: Care) -> Lut:
    """Each table on the fewest pins that tell the ones to be kept from the zeros to be kept.

    The pins that are not needed stay, but the table ignores them; a table that needs all its pins
    is left alone.
    """
    full = truth.widen(op.table, op.k)
    for start in range(0, len(full), _TABLES_AT_ONCE):
        part = slice(start, start + _TABLES_AT_ONCE)
        full[part] = _forgotten(full[part], care[part], op.k[part])
    return dataclasses.replace(op, table=truth.narrow(full, op.k))


def _forgotten(full: truth.Tables, care: Care, k: NDArray[np.uint8]) -> truth.Tables:
    """Full tables that ignore as many of their `k` pins as `care` allows."""
    full = full.copy()
    # What is left of the ones and of the zeros when a set of pins is forgotten: the set may go if
    # they stay apart.
    ones, zeros = {0: full & care}, {0: ~full & care}
    best, size = np.zeros(len(k), dtype=np.uint8), np.zeros(len(k), dtype=np.int64)
    unused = (np.arange(truth.MAX_INPUTS) >= k[:, None]) << np.arange(truth.MAX_INPUTS)
    free = unused.sum(axis=1)
    for pins in range(1, 1 << truth.MAX_INPUTS):
        pin, rest = pins.bit_length() - 1, pins & ~(1 << (pins.bit_length() - 1))
        ones[pins], zeros[pins] = _forget(ones[rest], pin), _forget(zeros[rest], pin)
        gain = np.bitwise_count(pins & ~free).astype(np.int64)
        better = (ones[pins] & zeros[pins] == 0) & (gain > size)
        best[better], size[better] = pins, gain[better]
    for pins in np.unique(best[best > 0]).tolist():
        rows = best == pins
        full[rows] = ones[pins][rows]
    return full


def _forget(tables: truth.Tables, pin: int) -> truth.Tables:
    """Full tables that are 1 where either value of `pin` makes them 1."""
    return np.asarray(truth.cofactor(tables, pin, 0) | truth.cofactor(tables, pin, 1))


def exact_care(graph: Graph) -> dict[str, Care]:
    """The entries that can occur, for each LUT layer of which some cannot or may not."""
    found = {}
    deep = []
    for name, before, op in _layers(graph):
        source = graph.by_name[before]
        if isinstance(source.op, Thermometer):
            found[name] = _ordered(op, source.op)
        elif source.inputs:
            deep.append((name, before, op))
    if deep:
        found |= _by_sat(graph, deep)
    return found


def _ordered(op: Lut, source: Thermometer) -> Care:
    """Entries that keep the order of each feature's thresholds."""
    care = np.full(len(op.k), ~np.uint64(0))
    for p in range(truth.MAX_INPUTS):
        for q in range(truth.MAX_INPUTS):
            both = (op.src[:, p] >= 0) & (op.src[:, q] >= 0)
            low, high = op.src[both, p], op.src[both, q]
            same = source.feature[low] == source.feature[high]
            # A word that reaches the higher threshold reaches the lower one.
            rows = np.flatnonzero(both)[same & (source.threshold[low] <= source.threshold[high])]
            if p != q:
                care[rows] &= ~_BEFORE[p, q]
    return care


def _by_sat(graph: Graph, layers: list[tuple[str, str, Lut]]) -> dict[str, Care]:
    """Entries that random inputs address, and those that SAT does not exclude."""
    rng = np.random.default_rng(3)
    seen = {name: np.zeros((len(op.k), 64), dtype=bool) for name, _, op in layers}
    for _ in range(_SAMPLES // BLOCK):
        # Some samples at a time: the values of a wide layer fill the memory.
        values = run(graph, random_feeds(graph, BLOCK, rng), {source for _, source, _ in layers})
        for name, source, op in layers:
            seen[name] |= op.coverage(values[source].astype(np.uint8))
    open_: dict[str, tuple[str, Lut, Care, list[tuple[int, int]]]] = {}
    for name, source, op in layers:
        missed = _unseen(op, seen[name])
        if 0 < len(missed) <= _TRIES:
            open_[name] = source, op, _packed(seen[name]), missed
    if not open_:
        return {}
    aig, words = _logic(graph, {source for source, *_ in open_.values()})
    found = {}
    with Solver(aig, {}, budget=_BUDGET) as solver:
        for name, (source, op, care, missed) in open_.items():
            lanes = [word[0] for word in words[source]]
            for lut, entry in missed:
                pins = op.src[lut, : op.k[lut]].tolist()
                at = aig.all(lanes[pin] ^ ~entry >> i & 1 for i, pin in enumerate(pins))
                if solver.possible(at) is not False:
                    care[lut] |= np.uint64(1 << entry)
            found[name] = truth.widen(care, op.k)
    return found


def _logic(graph: Graph, wanted: set[str]) -> tuple[Aig, dict[str, list[Word]]]:
    """The words of the nodes up to the last of `wanted`."""
    aig = Aig()
    inputs = {node.name: words_of(aig, graph.wires[node.name]) for node in graph.feeds()}
    words: dict[str, list[Word]] = {}
    for node in graph.nodes:
        if wanted <= words.keys():
            break
        before = tuple(words[name] for name in node.inputs) or (inputs[node.name],)
        words[node.name] = node.op.logic(aig, graph.inputs_of(node), before)
    return aig, words


def _unseen(op: Lut, seen: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """LUT and entry of what random inputs did not reach."""
    inside = np.arange(64) < (1 << op.k.astype(np.int64))[:, None]
    return [(int(lut), int(entry)) for lut, entry in np.argwhere(inside & ~seen)]


def _packed(entries: NDArray[np.bool_]) -> Care:
    """Bool [n, 64] as one word each."""
    return np.packbits(entries, axis=1, bitorder="little").view(np.uint64).ravel()


def seen_care(graph: Graph, rows: Rows, least: int = 1) -> dict[str, Care]:
    """For each LUT layer the entries that `least` or more samples [n, 1, features] address."""
    layers = _layers(graph)
    (feed,) = graph.feeds()
    counts = {name: np.zeros((len(op.k), 64), np.int64) for name, _, op in layers}
    for start in range(0, len(rows), BLOCK):
        part = {feed.name: rows[start : start + BLOCK].astype(np.int64)}
        values = run(graph, part, {source for _, source, _ in layers})
        for name, source, op in layers:
            counts[name] += op.visits(values[source].astype(np.uint8))
    return {name: truth.widen(_packed(counts[name] >= least), op.k) for name, _, op in layers}


def _layers(graph: Graph) -> list[tuple[str, str, Lut]]:
    """Name, source and operator of each LUT layer."""
    return [(n.name, n.inputs[0], n.op) for n in graph.nodes if isinstance(n.op, Lut)]
