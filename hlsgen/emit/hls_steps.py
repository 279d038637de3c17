"""Operators with a state in C++: what one of their clocks does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from hlsgen.emit.hls_words import LIMIT, WORD, Words, constants
from hlsgen.errors import GraphError
from hlsgen.graph.ir import Graph, Node, Op, Wire
from hlsgen.graph.ops import Merge, Pad, Serialize, Tiled, Window
from hlsgen.graph.ops.window import SHALLOW

Wires = tuple[Wire, ...]
Values = dict[str, Any]


def steps_of(graph: Graph, node: Node) -> int:
    """Clocks that a frame takes in a streaming node."""
    op, beats = node.op, graph.wires[node.name].beats
    if isinstance(op, Window):
        return op.height * op.width
    return beats * op.fold


def _window(op: Op, wires: Wires, y: Wire) -> Values:
    assert isinstance(op, Window)
    (x,) = wires
    runs = [SimpleNamespace(rows=run.rows, columns=max(1, len(run.lanes))) for run in op.taps]
    count = Words.of(x).count
    for run in runs:
        _check(run.columns * count, f"has {run.columns} pixels in a row of its window")
    return {
        "runs": runs,
        "chained": op.chained,
        "memory": "lutram" if op.width <= SHALLOW else "bram",
        "row_bits": _counter_bits(op.height),
        "column_bits": _counter_bits(op.width),
        "words": [list(_taps(op, word, lanes)) for word, lanes in enumerate(Words.of(y).runs())],
    }


def _taps(op: Window, word: int, lanes: range) -> Iterator[SimpleNamespace]:
    """The taps that make one word of the output, row by row of the window."""
    part = slice(lanes.start, lanes.stop)
    down = op.kernel_height - 1 - op.row[part]
    back = op.kernel_width - 1 - op.column[part]
    for rows in np.unique(down).tolist():
        here = np.flatnonzero(down == rows)
        yield SimpleNamespace(
            word=word,
            rows=rows,
            count=len(here),
            places=constants(here.tolist()),
            columns=constants(back[here].tolist()),
            lanes=constants(op.lane[part][here].tolist()),
        )


def _pad(op: Op, wires: Wires, y: Wire) -> Values:
    assert isinstance(op, Pad)
    high, wide = op.shape
    return {"row_bits": _counter_bits(high), "column_bits": _counter_bits(wide)}


def _merge(op: Op, wires: Wires, y: Wire) -> Values:
    assert isinstance(op, Merge)
    return {}


def _serialize(op: Op, wires: Wires, y: Wire) -> Values:
    assert isinstance(op, Serialize)
    return {"part_bits": _counter_bits(op.parts)}


def _tiled(op: Op, wires: Wires, y: Wire) -> Values:
    assert isinstance(op, Tiled)
    (x,) = wires
    down, across = op.tiles
    slices, groups = Words(op.simd, x.bits), Words(op.pe, y.bits)
    # Constants, so no wider than a number of C++ as the words of a beat may be.
    signs = Words(op.pe * op.simd, 1)
    _check(-(-signs.lanes // WORD), f"has tiles of {signs.lanes:,} weights")
    _check(op.pe * max(op.steps, 1), f"compares {op.pe} rows with {op.steps} thresholds at once")
    sums = op.sums(x)
    most = max(abs(x.lo), abs(x.hi)) * op.columns
    values: Values = {
        "down": down,
        "across": across,
        "shallow": SHALLOW,
        "x_signed": str(x.signed).lower(),
        "y_signed": str(y.signed).lower(),
        # Also a sum of some columns fits.
        "total_bits": Wire(1, -most - 1, most).bits,
        "weights": constants(_weights(op, signs)),
        "slices": _runs(across, slices.count),
        "groups": _runs(down, groups.count),
        "slice_words": slices.count,
        "group_words": groups.count,
        "sign_words": signs.count,
        "tile_bits": _counter_bits(op.fold),
        "column_bits": _counter_bits(across),
        "row_bits": _counter_bits(down),
    }
    if op.steps:
        # What no sum reaches, or every one does, stays so.
        level = np.clip(op.threshold, sums.lo, sums.hi + 1).reshape(down, op.pe * op.steps)
        values["levels"] = constants(level.T.tolist())
    return values


def _weights(op: Tiled, words: Words) -> list[list[int]]:
    """For each word of a tile its weights, tile by tile; a bit is 1 where the weight is 1."""
    mask = (1 << words.width) - 1
    tiles = list(op.weight_words())
    return [[tile >> i * words.width & mask for tile in tiles] for i in range(words.count)]


def _runs(count: int, words: int) -> list[range]:
    """0 to count - 1 in runs for arrays of so many words each."""
    most = LIMIT // words
    _check(words, "moves rows or columns at a time")
    return [range(start, min(start + most, count)) for start in range(0, count, most)]


def _check(elements: int, what: str) -> None:
    if elements > LIMIT:
        raise GraphError(
            f"{what}: that are {elements:,} elements of an array at once, HLS C++ takes up to"
            f" {LIMIT:,}"
        )


def _counter_bits(n: int) -> int:
    """Bits of a counter from 0 to n - 1, one at least."""
    return max(1, (n - 1).bit_length())


# What the template of each kind needs to know.
STEPS: dict[str, Callable[[Op, Wires, Wire], Values]] = {
    "window": _window,
    "pad": _pad,
    "merge": _merge,
    "serialize": _serialize,
    "tiled": _tiled,
}
