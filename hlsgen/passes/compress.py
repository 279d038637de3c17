"""Plans of compressor trees: which counters add a column of bits in the fewest LUTs.

A plan is made of heights only, bits in each column; the head pass then names the lanes. Counters
are taken by what they save: bits that disappear for each LUT. A stage takes those that save enough
and leaves the rest of the bits to the next stage, where with the digits of this one they make
longer chains. How much is enough is tried out.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import product

from hlsgen.graph.counters import SEGMENTS
from hlsgen.graph.fabric import Fabric
from hlsgen.graph.ops.count import counter_luts, full_digits

Columns = tuple[int, ...]
# What is enough in one stage: bits saved a LUT, and the share of its bits that it uses at most.
Rule = tuple[float, float]

# Bits saved a LUT that a counter must reach to be taken before the last resort.
_ENOUGH = (0.0, 0.5, 0.6, 0.65, 0.75, 0.8, 0.9, 1.0, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7)
# Shares of a stage's bits that it may use.
_SHARES = (8.0, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
# Stages after which a plan gives up waiting for better counters.
_STAGES = 24
# Bits above which fewer plans are tried: they differ by less.
_LARGE = 256
# Plans whose stages differ in how much is enough.
_MIXED = 300
# LUTs that one stage less is worth: each takes time, or registers.
_STAGE_COST = 0.25
_TALLEST = 8  # no counter takes more bits of one column
_PAIRS = 4  # times that one chain repeats a segment before it ends in full adders


@dataclass(frozen=True)
class Use:
    """`times` counters of `columns` bits from column `start` on, `digits` of each total kept."""

    start: int
    columns: Columns
    digits: int
    times: int = 1


@dataclass(frozen=True)
class Tree:
    """For each stage the counters that it uses; the bits they leave go on. `luts` of all."""

    stages: tuple[tuple[Use, ...], ...]
    luts: int


@lru_cache(maxsize=1024)
def plan(heights: Columns, width: int, fabric: Fabric, *, quick: bool = False) -> Tree:
    """The cheapest tree found that adds so many bits in each column to one bit in each.

    Args:
        heights: bits in each column, the lowest first.
        width: digits of the result; higher ones are never 1.
        fabric: the family that offers the counters.
        quick: try few trees: for estimates, a few per cent above what is found otherwise.
    """
    trees = (_grow(heights, width, fabric, rules) for rules in _rules(sum(heights), quick))
    return min(
        (tree for tree in trees if tree is not None),
        key=lambda tree: tree.luts + _STAGE_COST * len(tree.stages),
    )


def _rules(bits: int, quick: bool) -> Iterator[Sequence[Rule]]:
    """For each tree that is tried the rules of its stages."""
    fewer = quick or bits > _LARGE
    for rule in product(_ENOUGH[::4], _SHARES[::3]) if fewer else product(_ENOUGH, _SHARES):
        yield [rule] * _STAGES
    if not quick:
        # Other rules in each stage, the same ones in every run.
        rng, choice = random.Random(0), list(product(_ENOUGH, _SHARES))
        for _ in range(_MIXED // 10 if fewer else _MIXED):
            yield rng.choices(choice, k=_STAGES)


def _grow(heights: Columns, width: int, fabric: Fabric, rules: Sequence[Rule]) -> Tree | None:
    """The tree whose stages follow `rules`, or None if they are not enough."""
    stages: list[tuple[Use, ...]] = []
    luts = 0
    now = list(heights) + [0] * (width - len(heights))
    for enough, share in rules:
        if max(now) <= 1:
            return Tree(tuple(stages), luts)
        uses, now, spent = _stage(now, width, fabric, enough, share)
        stages.append(tuple(uses))
        luts += spent
    return None


def _stage(
    heights: list[int], width: int, fabric: Fabric, enough: float, share: float
) -> tuple[list[Use], list[int], int]:
    """Counters that save enough; where none does, those that save anything; at last one adder."""
    left, made = list(heights), [0] * width
    uses: list[Use] = []
    spent = 0
    most = max(1, math.ceil(share * sum(heights) / _TALLEST))
    while most > 0:
        # No counter takes more bits of a column: what lies above is the same to all.
        window = tuple(min(height, _TALLEST) for height in left)
        found = _best(window, width, fabric, enough)
        if found is None and not uses:
            enough = 0.0
            found = _best(window, width, fabric, enough) or _adder(window, width)
        if found is None:
            break
        # As long as all its columns stay higher than that, the same counter is the best.
        taken = list(enumerate(found.columns, found.start))
        again = min((left[i] - _TALLEST) // bits for i, bits in taken if bits)
        times = max(1, min(again, most))
        uses.append(replace(found, times=times))
        spent += times * (counter_luts(found.columns, found.digits, fabric) or 0)
        most -= times
        for i, bits in taken:
            left[i] -= times * bits
        for digit in range(found.digits):
            made[found.start + digit] += times
    return uses, [a + b for a, b in zip(left, made, strict=True)], spent


def _best(window: Columns, width: int, fabric: Fabric, enough: float) -> Use | None:
    """The counter that saves the most bits a LUT, and more than `enough`; of equals the largest."""
    best, score = None, (enough, 0)
    for start, height in enumerate(window):
        if height < 2:
            continue
        found, columns, digits = _lowest(window[start:], width - start, fabric)
        if found > score:
            best, score = Use(start, columns, digits), found
    return best


@lru_cache(maxsize=1 << 16)
def _lowest(window: Columns, width: int, fabric: Fabric) -> tuple[tuple[float, int], Columns, int]:
    """Of counters from the first column on the best: what it saves, its columns and digits."""
    best: tuple[tuple[float, int], Columns, int] = ((-math.inf, 0), (), 0)
    shapes = _shapes(fabric, width)
    for columns in {_trimmed(map(min, window, shape)) for shape in shapes}:
        if sum(columns) < 2:
            continue
        digits = min(full_digits(columns), width)
        luts = counter_luts(columns, digits, fabric)
        if luts:
            saved = sum(columns) - digits
            # The columns decide between equals, so that the order of the set does not.
            best = max(best, ((saved / luts, saved), columns, digits))
    return best


def _adder(window: Columns, width: int) -> Use:
    """Two bits and the single ones above, of which no counter saves any, as in 2 0 1 or 2 1."""
    start = next(i for i, height in enumerate(window) if height > 1)
    columns = tuple(itertools.takewhile(bool, window[start:]))
    return Use(start, columns, min(full_digits(columns), width - start))


def _trimmed(columns: Iterator[int]) -> Columns:
    """Columns without empty ones at the top."""
    kept = list(columns)
    while kept and not kept[-1]:
        kept.pop()
    return tuple(kept)


@cache
def _shapes(fabric: Fabric, width: int) -> tuple[Columns, ...]:
    """The most bits of each column that one counter adds: tables, pairs, then full adders."""
    shapes: set[Columns] = set()
    for most in range(2, fabric.lut_inputs + 1):
        shapes |= {(most,), (most - 1, 1), (most - 2, 2)}
    for name in fabric.counters:
        bits = SEGMENTS[name].bits
        for times in range(1, _PAIRS + 1):
            for adders in range(width + 1):
                columns = bits * times + (2,) * adders
                shapes.add((columns[0] + 1, *columns[1:]))
    return tuple(sorted({shape[:width] for shape in shapes if shape[0] > 0}))
