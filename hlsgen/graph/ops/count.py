"""One stage of a compressor tree: small groups of weighted bits become binary numbers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hlsgen.errors import GraphError
from hlsgen.graph import counters
from hlsgen.graph.aig import FALSE, TRUE, Aig, Word
from hlsgen.graph.cells import FIRST, Builder, Cells
from hlsgen.graph.fabric import Fabric
from hlsgen.graph.ir import Lanes, Op, Values, Wire, array, op

# A counter whose total has more digits than this would not be one.
_MOST_DIGITS = 62


@op("count")
@dataclass(frozen=True, eq=False)
class Count(Op):
    """Group g adds its bits x[src] << shift and gives `digits[g]` binary digits of the total.

    The output lanes are the digits of group 0, the lowest first, then those of group 1, and so on.
    A group of one bit is a wire. Digits that are left out at the top must never be 1.

    Args:
        src: int32 [m], 0 <= src < lanes of x, which are bits; `ONE` and `ZERO` are
            the constants.
        shift: int32 [m], from 0.
        offset: int32 [groups + 1], from 0 to m, ascending; group g has src[offset[g]:offset[g+1]].
        digits: int32 [groups], from 1.
    """

    part: ClassVar[str] = "popcount"

    ONE: ClassVar[int] = -1
    ZERO: ClassVar[int] = -2

    src: Lanes = array("int32")
    shift: Lanes = array("int32")
    offset: Lanes = array("int32")
    digits: Lanes = array("int32")

    @cached_property
    def group(self) -> Lanes:
        """The group that each entry of `src` belongs to."""
        return np.repeat(np.arange(len(self.digits), dtype=np.int32), np.diff(self.offset))

    @cached_property
    def first(self) -> Lanes:
        """The output lane of each group's lowest digit; one entry more, the number of lanes."""
        return np.concatenate([[0], np.cumsum(self.digits)]).astype(np.int32)

    def columns(self, group: int) -> list[list[int]]:
        """The lanes that a group adds, by weight."""
        start, stop = self.offset[group], self.offset[group + 1]
        found: list[list[int]] = []
        for lane, shift in zip(
            self.src[start:stop].tolist(), self.shift[start:stop].tolist(), strict=True
        ):
            found += [[] for _ in range(shift + 1 - len(found))]
            found[shift].append(lane)
        return found

    def infer(self, *wires: Wire) -> Wire:
        (x,) = wires
        if x.lo < 0 or x.hi > 1:
            raise GraphError(f"needs one-bit lanes, its input ranges over {x.lo} to {x.hi}")
        fits = len(self.offset) == len(self.digits) + 1 and len(self.digits) > 0
        if not fits or self.offset[0] != 0 or self.offset[-1] != len(self.src):
            raise GraphError("needs offsets from 0 to the number of bits, one more than groups")
        if self.src.shape != self.shift.shape or (np.diff(self.offset) < 1).any():
            raise GraphError("needs a shift for each bit, and a bit in each group")
        bad = self.src[(self.src < self.ZERO) | (self.src >= x.lanes)]
        if len(bad):
            raise GraphError(f"reads lane {bad[0]}, its input has {x.lanes} lanes")
        if (self.shift < 0).any() or (self.shift >= _MOST_DIGITS).any():
            raise GraphError(f"needs shifts from 0 to {_MOST_DIGITS - 1}")
        if (self.digits < 1).any() or (self.digits > _MOST_DIGITS).any():
            raise GraphError(f"needs 1 to {_MOST_DIGITS} digits a group")
        return Wire(int(self.digits.sum()), 0, 1, x.beats)

    def eval(self, *values: Values) -> Values:
        (x,) = values
        terms = (
            np.where(self.src < 0, self.src == self.ONE, x[..., np.maximum(self.src, 0)])
            << self.shift
        )
        total = np.add.reduceat(terms, self.offset[:-1], axis=-1)
        group = np.repeat(np.arange(len(self.digits)), self.digits)
        place = np.arange(len(group)) - np.repeat(self.first[:-1], self.digits)
        return np.asarray(total[..., group] >> place & 1)

    def logic(
        self, aig: Aig, wires: tuple[Wire, ...], values: tuple[list[Word], ...]
    ) -> list[Word]:
        (x,) = values
        lanes = [*(word[0] for word in x), FALSE, TRUE]  # counted from the end: ZERO and ONE
        digits: list[Word] = []
        for group, count in enumerate(self.digits.tolist()):
            columns = [sorted(lanes[i] for i in column) for column in self.columns(group)]
            digits += [[bit] for bit in _total(aig, columns, count)]
        return digits

    def cells(self, fabric: Fabric, *wires: Wire) -> Cells:
        builder = Builder(wires[0].lanes)
        found: dict[int, list[int]] = {}
        chained = []
        for group, digits in enumerate(self.digits.tolist()):
            columns = [
                [FIRST + lane if lane >= 0 else int(lane == self.ONE) for lane in column]
                for column in self.columns(group)
            ]
            heights = tuple(map(len, columns))
            # Higher ones are always 0.
            made = min(digits, full_digits(heights))
            if as_tables(heights, made, fabric):
                found[group] = _tables(builder, columns, made)
            else:
                chained.append((group, columns, made))
        found |= dict(_rows(builder, chained, fabric))
        outputs = [
            (found[group] + [0] * digits)[:digits]
            for group, digits in enumerate(self.digits.tolist())
        ]
        return builder.cells([bit for number in outputs for bit in number])

    @classmethod
    def example(cls, rng: np.random.Generator) -> tuple[Op, tuple[Wire, ...]]:
        wire = Wire(int(rng.integers(1, 9)), 0, 1)
        shapes = [(7,), (5, 1), (4,), (1,), (3, 2, 2), (2, 2), (6,), (7, 0, 6), (5,), (3,)]
        groups = [shapes[i] for i in rng.integers(0, len(shapes), int(rng.integers(1, 6)))]
        return cls.of(
            [[rng.integers(0, wire.lanes, n).tolist() for n in columns] for columns in groups]
        ), (wire,)

    @classmethod
    def of(cls, groups: list[list[list[int]]], most: list[int] | None = None) -> Count:
        """Counters of the lanes in each group's columns.

        Args:
            groups: for each group the lanes in each of its columns.
            most: digits that a group has at most, where a bound on its total is known.
        """
        src = [lane for columns in groups for column in columns for lane in column]
        shift = [i for columns in groups for i, column in enumerate(columns) for _ in column]
        sizes = [sum(map(len, columns)) for columns in groups]
        digits = [full_digits(tuple(map(len, columns))) for columns in groups]
        if most is not None:
            digits = [min(pair) for pair in zip(digits, most, strict=True)]
        offset = np.concatenate([[0], np.cumsum(sizes)])
        return cls(*(np.array(part, dtype=np.int32) for part in (src, shift, offset, digits)))

    def reads(self, i: int, wire: Wire) -> NDArray[np.bool_]:
        return np.isin(np.arange(wire.lanes), self.src)

    def rewire(self, i: int, lane_of: Lanes) -> Op:
        src = np.where(self.src < 0, self.src, lane_of[np.maximum(self.src, 0)])
        return Count(src, self.shift, self.offset, self.digits)


def full_digits(columns: tuple[int, ...]) -> int:
    """Binary digits of the largest total of so many bits in each column."""
    return sum(bits << i for i, bits in enumerate(columns)).bit_length()


def as_tables(columns: tuple[int, ...], digits: int, fabric: Fabric) -> bool:
    """Whether tables, one for each digit, take no more LUTs than a chain.

    Raises:
        GraphError: the family has neither for so many bits.
    """
    tables = _table_luts(columns, digits, fabric)
    chained = chain_luts(columns, digits, fabric)
    if tables is None and chained is None:
        raise GraphError(
            f"has a counter of {list(columns)} bits in columns, which family {fabric.name} does"
            f" not have: it has tables of {fabric.lut_inputs} inputs and chains of"
            f" {', '.join(fabric.counters)}"
        )
    return chained is None or (tables is not None and tables <= chained)


@lru_cache(maxsize=1 << 14)
def counter_luts(columns: tuple[int, ...], digits: int, fabric: Fabric) -> int | None:
    """LUTs of the cheaper form, or None if the family has neither."""
    forms = (_table_luts(columns, digits, fabric), chain_luts(columns, digits, fabric))
    return min((luts for luts in forms if luts is not None), default=None)


def _table_luts(columns: tuple[int, ...], digits: int, fabric: Fabric) -> int | None:
    bits = sum(columns)
    if bits == 1:
        return 0
    if bits > fabric.lut_inputs:
        return None
    return -(-digits // 2) if fabric.dual and bits < fabric.lut_inputs else digits


def chain_luts(columns: tuple[int, ...], digits: int, fabric: Fabric) -> int | None:
    """Positions of a chain for these columns, the one that its carry leaves by included."""
    found = counters.chain(columns, fabric.counters)
    if found is None:
        return None
    return min(counters.length(found[0]) + 1, digits)


def _tables(builder: Builder, columns: list[list[int]], digits: int) -> list[int]:
    pins = [pin for column in columns for pin in column]
    weights = [1 << i for i, column in enumerate(columns) for _ in column]
    totals = [
        sum(weight for i, weight in enumerate(weights) if entry >> i & 1)
        for entry in range(1 << len(pins))
    ]
    return [
        builder.table(sum((total >> d & 1) << entry for entry, total in enumerate(totals)), pins)
        for d in range(digits)
    ]


def _rows(
    builder: Builder, chained: list[tuple[int, list[list[int]], int]], fabric: Fabric
) -> Iterator[tuple[int, list[int]]]:
    """Chains, several on one row: the position behind one brings in the next one's carry."""
    waiting = deque(chained)
    while waiting:
        made: counters.Links = []
        places: list[tuple[int, int, int]] = []
        first, open_end = 0, True
        while waiting and open_end and len(made) < counters.ROW:
            group, columns, digits = waiting.popleft()
            # That there is a chain is why it is here.
            found = counters.chain(tuple(map(len, columns)), fabric.counters) or ((), False)
            names, carried = found
            carry = columns[0][-1] if carried else 0
            plain = [columns[0][:-1] if carried else columns[0], *columns[1:]]
            if made:
                made[-1] = counters.end(carry)
            else:
                first = carry
            here = counters.links(names, plain)
            open_end = digits > len(here)
            places.append((group, len(made), digits))
            made += [*here, counters.end(0)] if open_end else here[:digits]
        sums = builder.row(first, made)
        for group, start, digits in places:
            yield group, sums[start : start + digits]


def _total(aig: Aig, columns: list[Word], digits: int) -> Word:
    """Digits of the total by full adders, column by column."""
    rest = [list(column) for column in columns] + [[] for _ in range(digits)]
    total = []
    for place in range(digits):
        column = rest[place]
        while len(column) > 1:
            a, b, c = column.pop(0), column.pop(0), column.pop(0) if column else FALSE
            column.append(aig.xor(aig.xor(a, b), c))
            rest[place + 1].append(aig.majority(a, b, c))
        total.append(column[0] if column else FALSE)
    return total
