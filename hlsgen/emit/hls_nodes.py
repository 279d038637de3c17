"""Layers without a state in C++: the constants of each word of their output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from hlsgen.emit.hls_words import Words, constants, split, tables
from hlsgen.graph.ir import Op, Wire
from hlsgen.graph.ops import Argmax, Count, Duel, Join, Lut, Sum, Thermometer

Wires = tuple[Wire, ...]
Values = dict[str, Any]
# From lanes and bits: src, group, shift of each term.
_Term = tuple[int, int, int]


def _lut(op: Op, wires: Wires, y: Wire) -> Values:
    assert isinstance(op, Lut)
    pins, table = op.src.tolist(), op.table.tolist()
    return {
        "words": [
            SimpleNamespace(
                lanes=len(lanes),
                pins=constants([pins[i] for i in lanes]),
                tables=tables(table[i] for i in lanes),
            )
            for lanes in Words.of(y).runs()
        ]
    }


def _thermometer(op: Op, wires: Wires, y: Wire) -> Values:
    assert isinstance(op, Thermometer)
    (x,) = wires
    feature = op.feature.tolist()
    # What no value reaches, or every one does, stays so.
    threshold = np.clip(op.threshold, x.lo, x.hi + 1).tolist()
    return {
        "words": [
            SimpleNamespace(
                lanes=len(lanes),
                features=constants([feature[i] for i in lanes]),
                thresholds=constants([threshold[i] for i in lanes]),
            )
            for lanes in Words.of(y).runs()
        ]
    }


def _sum(op: Op, wires: Wires, y: Wire) -> Values:
    assert isinstance(op, Sum)
    src, offset, bias = op.src.tolist(), op.offset.tolist(), op.bias.tolist()
    words = []
    for lanes in Words.of(y).runs():
        terms = [(t, g, 0) for g, i in enumerate(lanes) for t in src[offset[i] : offset[i + 1]]]
        words.append(_terms(terms, [bias[i] for i in lanes], y.bits, y.signed))
    return {"words": words}


def _join(op: Op, wires: Wires, y: Wire) -> Values:
    assert isinstance(op, Join)
    offset = op.offset.tolist()
    words = []
    for lanes in Words.of(y).runs():
        terms = [
            (lane, g, place)
            for g, i in enumerate(lanes)
            for place, lane in enumerate(range(offset[i], offset[i + 1]))
            if place < y.bits
        ]
        words.append(_terms(terms, [0] * len(lanes), y.bits, False))
    return {"words": words}


def _count(op: Op, wires: Wires, y: Wire) -> Values:
    """A word's digits are those of one or more groups; what leaves a group's digits is cut off."""
    assert isinstance(op, Count)
    src, shift, offset = op.src.tolist(), op.shift.tolist(), op.offset.tolist()
    group_of = np.repeat(np.arange(len(op.digits)), op.digits).tolist()
    first = op.first.tolist()
    words = []
    for lanes in Words.of(y).runs():
        groups = list(range(group_of[lanes.start], group_of[lanes.stop - 1] + 1))
        digits = max(int(op.digits[group]) for group in groups)
        start, terms = [0] * len(groups), []
        for g, group in enumerate(groups):
            for i in range(offset[group], offset[group + 1]):
                if src[i] >= 0 and shift[i] < digits:
                    terms.append((src[i], g, shift[i]))
                elif src[i] == Count.ONE and shift[i] < digits:
                    start[g] += 1 << shift[i]
        word = _terms(terms, start, digits, False)
        word.sources = constants([group_of[i] - groups[0] for i in lanes])
        word.places = constants([i - first[group_of[i]] for i in lanes])
        word.lanes = len(lanes)
        words.append(word)
    return {"words": words}


def _terms(terms: Sequence[_Term], start: list[int], bits: int, signed: bool) -> SimpleNamespace:
    """Totals of `bits` bits, modulo which they are right whatever they were on the way."""
    return SimpleNamespace(
        lanes=len(start),
        groups=len(start),
        start=constants(start),
        total=f"ap_{'' if signed else 'u'}int<{bits}>",
        shifted=any(shift for _, _, shift in terms),
        runs=[
            SimpleNamespace(
                terms=len(run),
                lanes=constants([terms[i][0] for i in run]),
                groups=constants([terms[i][1] for i in run]),
                shifts=constants([terms[i][2] for i in run]),
            )
            for run in split(len(terms))
        ],
    )


def _argmax(op: Op, wires: Wires, y: Wire) -> Values:
    assert isinstance(op, Argmax)
    return {"words": [SimpleNamespace(lanes=1)]}


def _duel(op: Op, wires: Wires, y: Wire) -> Values:
    assert isinstance(op, Duel)
    (x,) = wires
    words = []
    for lanes in Words.of(y).runs():
        alone = bool(x.lanes % 2) and not op.classes and lanes.stop == y.lanes
        bits = x.bits + 2
        pairs = len(lanes) - alone
        words.append(SimpleNamespace(first=lanes.start, pairs=pairs, alone=alone, bits=bits))
    return {"words": words}


# What the template of each kind needs to know.
LAYERS: dict[str, Callable[[Op, Wires, Wire], Values]] = {
    "lut": _lut,
    "thermometer": _thermometer,
    "sum": _sum,
    "join": _join,
    "count": _count,
    "argmax": _argmax,
    "duel": _duel,
}
