"""Comparisons of a word with constants, built of tables.

A carry chain is never smaller: a position of it compares no more bits than a table takes in, and
it needs positions to be entered and left by. So tables, in two forms: LUT after LUT from the
lowest bits up, or one table of the outputs for the next thresholds below and above and of those
bits that tell the words between them apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from hlsgen.graph.cells import Builder
from hlsgen.graph.fabric import Fabric
from hlsgen.graph.ir import Wire

# Words of so many bits are looked at value by value.
_LISTED_BITS = 8


def comparisons(
    builder: Builder, word: Sequence[int], wire: Wire, thresholds: Sequence[int], fabric: Fabric
) -> dict[int, int]:
    """For each threshold the signal that is word >= threshold.

    Args:
        builder: where the tables are made.
        word: signals of the word's bits, the lowest first.
        wire: range and sign of the word.
        thresholds: different from one another.
        fabric: how many inputs a table has.
    """
    found = {t: int(t <= wire.lo) for t in thresholds if t <= wire.lo or t > wire.hi}
    made: dict[int, int] = {}
    # Those of few bits first: they are cheap, and the others lie between them.
    for threshold in sorted(set(thresholds) - set(found), key=lambda t: (-(t & -t), t)):
        signal = -1
        if wire.bits <= _LISTED_BITS and wire.bits > fabric.lut_inputs:
            signal = _between(builder, word, wire, threshold, made, fabric.lut_inputs)
        if signal < 0:
            # A set sign bit makes a number smaller: half the range more, and it is plain.
            plain = threshold + (1 << (wire.bits - 1) if wire.signed else 0)
            signal = _ladder(builder, list(word), plain, fabric.lut_inputs, wire.signed)
        made[threshold] = signal
    return found | made


def _between(
    builder: Builder,
    word: Sequence[int],
    wire: Wire,
    threshold: int,
    made: dict[int, int],
    width: int,
) -> int:
    """One table of at most `width` pins, or -1: neighbours' outputs, and the bits between them."""
    below = max((t for t in made if t < threshold), default=None)
    above = min((t for t in made if t > threshold), default=None)
    best: tuple[tuple[int, ...], list[int]] | None = None
    edges = (0, 0)
    for low, high in ((None, None), (below, None), (None, above), (below, above)):
        helpers = [made[t] for t in (low, high) if t is not None]
        first = wire.lo if low is None else low
        last = wire.hi if high is None else high - 1
        bits = _telling(range(first, threshold), range(threshold, last + 1), wire.bits)
        if len(bits) + len(helpers) <= width and (
            best is None or len(bits) + len(helpers) < len(best[0]) + len(best[1])
        ):
            best = bits, helpers
            edges = (first, last)
    if best is None:
        return -1
    bits, helpers = best
    mask = (1 << wire.bits) - 1
    ones = {_address(value & mask, bits) for value in range(threshold, edges[1] + 1)}
    init = 0
    for entry in range(1 << (len(bits) + len(helpers))):
        inside = entry & ((1 << len(bits)) - 1)
        flags = [entry >> (len(bits) + i) & 1 for i in range(len(helpers))]
        init |= _decide(inside in ones, flags, made, helpers, threshold) << entry
    return builder.table(init, [*(word[bit] for bit in bits), *helpers])


def _decide(
    inside: bool, flags: list[int], made: dict[int, int], helpers: list[int], threshold: int
) -> int:
    """What neighbours' outputs say, and where they leave it open what the bits say."""
    value = {signal: t for t, signal in made.items()}
    for flag, helper in zip(flags, helpers, strict=True):
        if value[helper] > threshold and flag:
            return 1
        if value[helper] < threshold and not flag:
            return 0
    return int(inside)


@lru_cache(maxsize=1 << 16)
def _telling(zeros: range, ones: range, bits: int) -> tuple[int, ...]:
    """Few bits that tell the words of two ranges apart; high bits are given up first."""
    kept = (1 << bits) - 1
    for bit in reversed(range(bits)):
        fewer = kept & ~(1 << bit)
        if {value & fewer for value in zeros}.isdisjoint({value & fewer for value in ones}):
            kept = fewer
    return tuple(bit for bit in range(bits) if kept >> bit & 1)


def _address(value: int, bits: Sequence[int]) -> int:
    return sum((value >> bit & 1) << i for i, bit in enumerate(bits))


def _ladder(builder: Builder, word: list[int], threshold: int, width: int, signed: bool) -> int:
    """Tables one after the other, each of some bits and of what the bits below gave."""
    zeros = (threshold & -threshold).bit_length() - 1
    # Bits below the lowest 1 of the threshold do not matter.
    word, threshold = word[zeros:], threshold >> zeros
    result = -1
    for take in _rungs(len(word), width):
        pins, low = word[:take], threshold & ((1 << take) - 1)
        top = signed and take == len(word)
        init = 0
        for entry in range(1 << take):
            value = entry ^ (1 << (take - 1) if top else 0)
            init |= int(value > low or (value == low and result < 0)) << entry
            if result >= 0:
                init |= int(value >= low) << (entry | 1 << take)
        result = builder.table(init, pins if result < 0 else [*pins, result])
        word, threshold = word[take:], threshold >> take
    return result


def _rungs(bits: int, width: int) -> Iterator[int]:
    """Bits that each table takes: the highest tables are full, so that low ones are shared."""
    rungs = []
    while bits > width:
        rungs.append(width - 1)
        bits -= width - 1
    yield bits
    yield from rungs
