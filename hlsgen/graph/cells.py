"""Physical cells of an operator: lookup tables and carry chains, between the bits of its ports.

A signal is an int: 0 and 1 are the constants, 2 + i is input bit i, and every cell's output gets
the next number, so that each cell reads smaller numbers only. What is built here is emitted as it
stands, and counted: the area of an operator is that of its cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from hlsgen.graph.fabric import Fabric
from hlsgen.graph.pairing import mates
from hlsgen.graph.truth import LOW, MAX_INPUTS

FIRST = 2  # the signal of input bit 0

_ALL = (1 << 64) - 1
# _LOW[pin]: the entries of a table of six inputs where the pin is 0.
_LOW = [int(word) for word in LOW]
_IGNORED = 1 << 62  # sorts behind every signal


class Table(NamedTuple):
    """A lookup table: `out` is bit a of `init`, where bit i of a is `pins[i]`."""

    out: int
    init: int
    pins: tuple[int, ...]


class Link(NamedTuple):
    """One position of a carry chain: out = s ^ c; the carry behind it is c where s, else g.

    Bit a of `s`, where bit i of a is `pins[i]`, is s; likewise g with the lowest five pins.
    """

    out: int
    s: int
    g: int
    pins: tuple[int, ...]


class Row(NamedTuple):
    """A carry chain from `carry` through `links` to `carry_out` (0 where nobody reads it)."""

    carry: int
    links: tuple[Link, ...]
    carry_out: int


@dataclass(frozen=True)
class Cells:
    """The cells behind `inputs` input bits, in order, and the signals of the output bits.

    `paired` is `mates` where it is known.
    """

    inputs: int
    cells: tuple[Table | Row, ...]
    outputs: tuple[int, ...]
    paired: tuple[int, ...] | None = None

    @cached_property
    def tables(self) -> tuple[Table, ...]:
        """The lookup tables."""
        return tuple(cell for cell in self.cells if isinstance(cell, Table))

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """The carry chains."""
        return tuple(cell for cell in self.cells if isinstance(cell, Row))

    @cached_property
    def mates(self) -> tuple[int, ...]:
        """For each table the one that shares its LUT on a dual-output fabric, or -1.

        Only tables of one level share: a LUT that reads itself, if only through others, would be
        a loop to tools that see a LUT as one cell.
        """
        if self.paired is not None:
            return self.paired
        src = np.full((len(self.tables), 6), -1, dtype=np.int32)
        for i, table in enumerate(self.tables):
            src[i, : len(table.pins)] = table.pins
        k = np.array([len(table.pins) for table in self.tables], dtype=np.uint8)
        found = np.full(len(k), -1, dtype=np.int32)
        levels = self._levels()
        for level in sorted(set(levels)):
            places = np.flatnonzero(np.array(levels) == level)
            mate = mates(src[places], k[places])
            found[places[mate >= 0]] = places[mate[mate >= 0]]
        return tuple(found.tolist())

    def _levels(self) -> list[int]:
        """Cells on the longest path to each table."""
        level: dict[int, int] = {}
        for cell in self.cells:
            reads = cell.pins if isinstance(cell, Table) else _read(cell)
            here = 1 + max((level.get(pin, 0) for pin in reads), default=0)
            outs = [cell.out] if isinstance(cell, Table) else _driven(cell)
            level |= dict.fromkeys(outs, here)
        return [level[table.out] for table in self.tables]

    def luts(self, fabric: Fabric) -> int:
        """LUTs that the cells occupy."""
        tables = sum(fabric.luts_for(len(table.pins)) for table in self.tables)
        pairs = sum(mate >= 0 for mate in self.mates) // 2 if fabric.dual else 0
        rows = sum(fabric.row_luts(positions(row, fabric)) for row in self.rows)
        return tables - pairs + rows - fabric.free_entries * sum(map(entered, self.rows))

    def carry_cells(self, fabric: Fabric) -> int:
        """Carry cells that the chains occupy."""
        return sum(-(-positions(row, fabric) // fabric.carry_cell) for row in self.rows)

    def levels(self, fabric: Fabric) -> int:
        """LUTs on the longest path."""
        unit = replace(fabric, lut_ns=1.0, mux_ns=0.0, carry_bit_ns=0.0)
        return round(self.delay_ns(unit))

    def delay_ns(self, fabric: Fabric) -> float:
        """The longest path; a carry is counted from its row's start, as the tools do."""
        arrival = dict.fromkeys(range(FIRST + self.inputs), 0.0)
        for cell in self.cells:
            if isinstance(cell, Table):
                start = max((arrival[pin] for pin in cell.pins), default=0.0)
                arrival[cell.out] = start + fabric.table_ns(len(cell.pins))
                continue
            carry = arrival[cell.carry]
            for link in cell.links:
                start = max((arrival[pin] for pin in link.pins), default=0.0)
                carry = max(carry, start) + fabric.carry_bit_ns
                arrival[link.out] = carry + fabric.lut_ns
            if cell.carry_out:
                arrival[cell.carry_out] = carry + fabric.lut_ns
        return max((arrival[out] for out in self.outputs), default=0.0)


def _read(row: Row) -> list[int]:
    """The signals that a chain reads."""
    return [row.carry, *(pin for link in row.links for pin in link.pins)]


def _driven(row: Row) -> list[int]:
    """The signals that a chain drives."""
    return [*(link.out for link in row.links), *([row.carry_out] if row.carry_out else [])]


def entered(row: Row) -> bool:
    """Whether a carry comes into the chain."""
    return row.carry != 0


def positions(row: Row, fabric: Fabric) -> int:
    """Positions of a carry chain, those to enter and leave it included."""
    ends = fabric.begin + fabric.enter * entered(row) + fabric.leave * bool(row.carry_out)
    return len(row.links) + ends


@dataclass
class Builder:
    """Makes cells; equal tables are made once, constants and unread pins disappear."""

    inputs: int
    _cells: list[Table | Row] = field(default_factory=list)
    _known: dict[tuple[int, tuple[int, ...]], int] = field(default_factory=dict)
    _next: int = 0

    def __post_init__(self) -> None:
        self._next = FIRST + self.inputs

    def table(self, init: int, pins: Sequence[int]) -> int:
        """The signal that is bit a of `init`, where bit i of a is `pins[i]`."""
        init, used = _normal(init, pins)
        if not used:
            return init
        if (init, len(used)) == (0b10, 1):
            return used[0]
        found = self._known.get((init, used))
        if found is None:
            found = self._known[init, used] = self._signal()
            self._cells.append(Table(found, init, used))
        return found

    def row(self, carry: int, links: Sequence[tuple[int, int, Sequence[int]]]) -> list[int]:
        """A carry chain of links (s, g, pins): the signals of its sums."""
        made = [Link(self._signal(), s, g, tuple(pins)) for s, g, pins in links]
        self._cells.append(Row(carry, tuple(made), 0))
        return [link.out for link in made]

    def compare(self, links: Sequence[tuple[int, int, Sequence[int]]]) -> int:
        """A carry chain that starts with 0, and of which only the last carry matters."""
        made = tuple(Link(self._signal(), s, g, tuple(pins)) for s, g, pins in links)
        out = self._signal()
        self._cells.append(Row(0, made, out))
        return out

    def cells(self, outputs: Sequence[int]) -> Cells:
        """What was made, with these outputs."""
        return Cells(self.inputs, tuple(self._cells), tuple(outputs))

    def _signal(self) -> int:
        self._next += 1
        return self._next - 1


def _normal(init: int, pins: Sequence[int]) -> tuple[int, tuple[int, ...]]:
    """The table on the distinct signals that it depends on, ascending; constants are folded in."""
    used = list(pins)
    full = init
    for pin in range(len(used), MAX_INPUTS):
        full |= full << (1 << pin)
    for at, pin in enumerate(used):
        if pin < FIRST:
            full = _cofactor(full, at, pin)
        elif pin in used[:at]:
            full = _join(full, used.index(pin), at)
    # A bubble sort; what the table does not depend on goes to the end.
    keys = [
        pin if (full >> (1 << at) ^ full) & _LOW[at] else _IGNORED for at, pin in enumerate(used)
    ]
    for end in range(len(keys) - 1, 0, -1):
        for at in range(end):
            if keys[at] > keys[at + 1]:
                keys[at], keys[at + 1] = keys[at + 1], keys[at]
                full = _swap(full, at)
    while keys and keys[-1] == _IGNORED:
        keys.pop()
    return full & ((1 << (1 << len(keys))) - 1), tuple(keys)


def _cofactor(full: int, pin: int, value: int) -> int:
    half = (full >> (1 << pin) if value else full) & _LOW[pin]
    return half | half << (1 << pin)


def _join(full: int, pin: int, other: int) -> int:
    """The table whose input `other` is the input `pin`."""
    low, high = _cofactor(full, other, 0), _cofactor(full, other, 1)
    return low & _LOW[pin] | high & ~_LOW[pin]


def _swap(full: int, pin: int) -> int:
    """The table with inputs `pin` and `pin + 1` exchanged."""
    distance = 1 << pin
    up = ~_LOW[pin] & _LOW[pin + 1] & _ALL
    stay = _ALL & ~(up | up << distance)
    return full & stay | (full & up) << distance | full >> distance & up
