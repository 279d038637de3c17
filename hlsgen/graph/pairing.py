"""Two functions in one dual-output LUT.

The rule of AMD's 7-series and UltraScale LUT6 (UG474 and UG574, "Look-Up Table"): one function of
six inputs, or two functions whose inputs are together at most five different signals; Vivado
combines them so (UG912, property LUTNM), and `LUT6_2` asks for it.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

SHARED_INPUTS = 5
# Readers of one signal, of one size, that are looked at for one partner: thousands may read it.
_LOOKS = 16


def mates(src: NDArray[np.int32], k: NDArray[np.uint8]) -> NDArray[np.int32]:
    """For each table the one that shares its LUT, or -1; no larger set of pairs is promised.

    Tables that share most signals are joined first: those of the same signals, then one in whose
    signals the other's fit, and so on to tables that share none. Constants take part in no pair.

    Args:
        src: int32 [n, 6], the signal on each pin, -1 where the pin is not used.
        k: uint8 [n], inputs of each table, 0..6.

    Returns:
        int32 [n]; mate[mate[i]] == i where mate[i] >= 0.
    """
    mate = np.full(len(k), -1, dtype=np.int32)
    able = np.flatnonzero((k >= 1) & (k <= SHARED_INPUTS))
    pins = {int(i): frozenset(src[i, src[i] >= 0].tolist()) for i in able}
    # The widest first: they have the fewest partners.
    order = sorted(pins, key=lambda i: (-len(pins[i]), sorted(pins[i]), i))
    free = dict.fromkeys(order)
    _same(order, pins, mate, free)
    # For each number of new signals that a partner brings in, from none.
    readers: dict[tuple[int, int], list[int]] = defaultdict(list)
    for i in free:
        for pin in pins[i]:
            readers[pin, len(pins[i])].append(i)
    for i in [i for i in order if i in free]:
        if i in free and (best := _closest(i, pins, readers, free)) is not None:
            _join(i, best, mate, free)
    _strangers([i for i in order if i in free], pins, mate, free)
    return mate


def _join(a: int, b: int, mate: NDArray[np.int32], free: dict[int, None]) -> None:
    mate[a], mate[b] = b, a
    del free[a], free[b]


def _same(
    order: list[int],
    pins: dict[int, frozenset[int]],
    mate: NDArray[np.int32],
    free: dict[int, None],
) -> None:
    """Join tables of the same signals."""
    waiting: dict[frozenset[int], int] = {}
    for i in order:
        other = waiting.pop(pins[i], None)
        if other is None:
            waiting[pins[i]] = i
        else:
            _join(other, i, mate, free)


def _closest(
    i: int,
    pins: dict[int, frozenset[int]],
    readers: dict[tuple[int, int], list[int]],
    free: dict[int, None],
) -> int | None:
    """The free table that shares the most signals with `i` and fits; of equals the widest."""
    best, score = None, (0, 0)
    for other in _candidates(i, pins, readers, free):
        shared, size = len(pins[i] & pins[other]), len(pins[other])
        if len(pins[i]) + size - shared <= SHARED_INPUTS:
            found = (shared, size)
            if found > score:
                best, score = other, found
    return best


def _candidates(
    i: int,
    pins: dict[int, frozenset[int]],
    readers: dict[tuple[int, int], list[int]],
    free: dict[int, None],
) -> Iterator[int]:
    """Those that share a signal, and are no wider: wider ones had their turn."""
    for place in itertools.product(sorted(pins[i]), range(len(pins[i]), 0, -1)):
        known = readers.get(place, [])
        front = known[:_LOOKS]
        # Those that found a partner are in the way; a look in which they are few may pass them.
        if sum(other in free for other in front) < len(front) // 2:
            readers[place] = [other for other in known if other in free]
            front = readers[place][:_LOOKS]
        for other in front:
            if other != i and other in free:
                yield other


def _strangers(
    rest: list[int],
    pins: dict[int, frozenset[int]],
    mate: NDArray[np.int32],
    free: dict[int, None],
) -> None:
    """Join what is left by size alone, wide with narrow."""
    by_size: dict[int, list[int]] = defaultdict(list)
    for i in rest:
        by_size[len(pins[i])].append(i)
    for large in (4, 3, 2, 1):
        for small in range(min(large, SHARED_INPUTS - large), 0, -1):
            while by_size[small] and len(by_size[large]) > (large == small):
                _join(by_size[large].pop(), by_size[small].pop(), mate, free)
