"""Which connections of a layer of tables matter least: the ranking of Logic Shrinkage."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Bools = NDArray[np.bool_]

# LUT6 of a table by its inputs: tables of up to five inputs share one in pairs, as the nodes of a
# position read the same wires; a wire or a constant takes none.
TABLE_LUTS = (0.0, 0.0, 0.5, 0.5, 0.5, 0.5, 1.0)
# Signals that two tables in one LUT6 may read.
PAIRED = 5
# LUT6 of a bit in a compressor tree, about.
BIT_LUTS = 0.7


def table_luts(fan_in: int) -> Floats:
    """LUT6 of a table with 0 .. fan_in inputs, and of its bit in the sum."""
    inputs = np.arange(fan_in + 1)
    return np.asarray(np.array(TABLE_LUTS)[inputs] + BIT_LUTS * (inputs > 0))


def influence(tables: Floats, weight: Floats | None = None) -> NDArray[np.float64]:
    """Saliency float64 [nodes, K] of each pin (Wang et al., FPGA 2022).

    s[n, i] is the sum, over planes and over the 2**(K - 1) pairs of entries a, b that differ in
    input i only, of |table[a] - table[b]|; with `weight` of (weight[a] + weight[b]) times that.

    Args:
        tables: [planes, nodes, 2**K].
        weight: likewise, 0 or more.
    """
    nodes, entries = tables.shape[1:]
    fan_in = entries.bit_length() - 1
    score = np.empty((nodes, fan_in))
    for pin in range(fan_in):
        # Axis 3 holds the two entries of a pair.
        halves = (*tables.shape[:2], -1, 2, 2**pin)
        pairs = np.abs(np.diff(tables.astype(np.float64).reshape(halves), axis=3))
        if weight is not None:
            pairs = pairs * weight.reshape(halves).sum(axis=3, keepdims=True)
        score[:, pin] = pairs.sum(axis=(0, 2, 3, 4))
    return score


def lowest(score: Floats, support: Bools, count: int) -> Bools:
    """The `count` pins of the support with the lowest scores, bool [n, K]; of equals the first.

    Args:
        score: [n, K].
        support: bool [n, K], at least `count` set.
        count: pins to remove.
    """
    ranked = np.argsort(np.where(support, score, np.inf), axis=None, kind="stable")
    removed = np.zeros(support.size, dtype=bool)
    removed[ranked[:count]] = True
    return removed.reshape(support.shape)


def cheapest(
    score: Floats,
    support: Bools,
    count: int,
    luts: Floats,
    group: NDArray[np.integer] | None = None,
) -> Bools:
    """`count` pins whose removal costs least saliency for each LUT that it saves.

    A row is a table, which loses its pins by rising score. That gives points (LUTs saved, saliency
    lost), of which the lower convex hull is kept: a step along it may remove several pins, since
    most removals alone save nothing. The steps of all rows are taken by rising slope: the greedy
    solution of the knapsack problem's relaxation. The last step is cut short where `count` is
    reached.

    Two tables share a LUT6 only if they read at most five signals together. Tables of one `group`
    have the same pins: they lose the same one first, of which the group has the lowest sum.

    Args:
        score: [n, K], 0 or more.
        support: bool [n, K], at least `count` set.
        count: pins to remove.
        luts: [K + 1], LUTs of a row's table by its inputs, rising.
        group: [n], numbers of the groups; None where any pin may go first.
    """
    key = np.where(support, score, np.inf)
    if group is not None:
        sums = np.zeros((group.max() + 1, score.shape[1]))
        np.add.at(sums, group, score)
        rows, first = np.arange(len(score)), sums.argmin(axis=1)[group]
        key[rows, first] = np.where(support[rows, first], -1.0, np.inf)
    order = np.argsort(key, axis=1, kind="stable")
    pins = support.sum(axis=1)
    slopes, sizes, owners = [], [], []
    for number, (row, kept) in enumerate(zip(order, pins.tolist(), strict=True)):
        lost = np.concatenate([[0.0], np.cumsum(score[number, row[:kept]])])
        saved = luts[kept] - luts[kept::-1]
        for start, end in _hull(saved, lost):
            slopes.append((lost[end] - lost[start]) / (saved[end] - saved[start]))
            sizes.append(end - start)
            owners.append(number)
    ranked = np.argsort(slopes, kind="stable")
    size, owner = np.array(sizes, dtype=np.int64)[ranked], np.array(owners, dtype=np.int64)[ranked]
    taken = np.clip(count - (np.cumsum(size) - size), 0, size)
    each = np.zeros(len(support), dtype=np.int64)
    np.add.at(each, owner, taken)
    removed = np.zeros_like(support)
    np.put_along_axis(removed, order, np.arange(support.shape[1]) < each[:, None], axis=1)
    return removed


def _hull(x: Floats, y: Floats) -> Iterator[tuple[int, int]]:
    """Steps (from, to) along the lower convex hull of points with rising x and y, from point 0."""
    at, last = 0, len(x) - 1
    while at < last:
        later = np.arange(at + 1, last + 1)
        later = later[x[later] > x[at]]
        if not len(later):
            return
        slope = (y[later] - y[at]) / (x[later] - x[at])
        # Of equal slopes the longest step.
        to = int(later[len(later) - 1 - np.argmin(slope[::-1])])
        yield at, to
        at = to
