"""Faults inside the modules of nodes: wrong tables and pins, and what is special to an operator."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np

from hlsgen.graph.ir import Op, Wire
from hlsgen.graph.ops import Count, Duel, Join, Sum, Thermometer
from hlsgen.mutate.modules import Module, Place, Table

_BIT = re.compile(r"x\[(\d+)\]")


class Change(NamedTuple):
    """A fault: its kind, the text that becomes `new`, and the lanes in which it may show."""

    kind: str
    old: Place
    new: str
    lanes: tuple[int, ...]


def changes(op: Op, wires: tuple[Wire, ...], text: str, rng: np.random.Generator) -> list[Change]:
    """Faults of one module of operator `op`, one of each kind at each place."""
    module = Module(text, op.infer(*wires))
    found = [*_tables(module, rng), *_chains(module, rng)]
    for kind, more in _OF.items():
        if isinstance(op, kind):
            found += more(module, op, wires[0])
    return [change for change in found if change.lanes]


def _tables(module: Module, rng: np.random.Generator) -> Iterator[Change]:
    """A bit of a table that some input addresses; two pins that the table tells apart."""
    for table in module.tables:
        possible = table.addresses()
        new = table.flipped([possible[int(rng.integers(len(possible)))]])
        yield Change(f"{table.cell} bit", table.init, new, module.lanes(table.drives))
        pins = [i for i, name in enumerate(table.names) if name[0] != "1"]
        if len(pins) > 1:
            a, b = (int(i) for i in sorted(rng.choice(pins, 2, replace=False)))
            if table.names[a] != table.names[b] and table.tells_apart(a, b):
                yield _exchanged(module, "swapped pins", table, a, b)


def _exchanged(module: Module, kind: str, table: Table, a: int, b: int) -> Change:
    """Two pins exchanged, of a pair for both tables."""
    first, last = table.pins[a], table.pins[b]
    old = module.text[first.start : last.start + len(last.text)]
    between = old[len(first.text) : len(old) - len(last.text)]
    new = last.text + between + first.text
    return Change(kind, Place(first.start, old), new, module.lanes(table.shared))


def _chains(module: Module, rng: np.random.Generator) -> Iterator[Change]:
    """A bit of s, or of g where s is 0: elsewhere g does not matter."""
    for row in module.rows:
        for s, g in zip(row.s, row.g, strict=True):
            table = s if rng.integers(2) else g
            possible = [
                address
                for address in table.addresses()
                # g is read at the address of s without its last pin.
                if table is s or not all(s(a) for a in s.addresses() if a & 31 == address)
            ]
            if possible:
                new = table.flipped([possible[int(rng.integers(len(possible)))]])
                yield Change("chain bit", s.init, new, module.lanes(s.drives))


def _thresholds(module: Module, op: Op, x: Wire) -> Iterator[Change]:
    """The lowest bits compared with one more: their least value that is enough is not enough."""
    for table in module.tables:
        pins = table.needed()
        bits = [_BIT.fullmatch(table.names[i]) for i in pins]
        if not pins or None in bits:
            continue  # takes in what other bits gave
        weight = {i: int(bit[1]) % x.bits for i, bit in zip(pins, bits, strict=True) if bit}

        def value(address: int, weight: dict[int, int] = weight) -> int:
            word = sum((address >> i & 1) << place for i, place in weight.items())
            return word ^ (1 << (x.bits - 1) if x.signed else 0)

        least = min(value(a) for a in table.addresses() if table(a))
        new = table.flipped([a for a in table.addresses() if value(a) == least])
        yield Change("threshold off by one", table.init, new, module.lanes(table.drives))


def _sides(table: Table, x: Wire) -> dict[int, tuple[int, int]]:
    """For each pin of a duel that is an input bit: its lane, and which bit of it."""
    found = ((i, _BIT.fullmatch(name)) for i, name in enumerate(table.names))
    return {i: divmod(int(bit[1]), x.bits) for i, bit in found if bit}


def _duels(module: Module, op: Op, x: Wire) -> Iterator[Change]:
    """A draw that the odd lane wins; a bit of the loser instead of the winner's."""
    for row in module.rows:
        if row.carry_out and row.carry.text == "1'b0":
            yield Change("draw lost", row.carry, "1'b1", module.lanes(row.s[0].drives))
    for table in module.tables:
        sides, needed = _sides(table, x), table.needed()
        if needed and set(needed) <= set(sides):
            drawn = [
                address
                for address in table.addresses()
                if not table(address)
                and len({(sides[i][1], address >> i & 1) for i in needed}) * 2 == len(needed)
            ]
            if drawn:
                new = table.flipped(drawn)
                yield Change("draw lost", table.init, new, module.lanes(table.drives))
        for a, b in combinations(sorted(sides), 2):
            rivals = sides[a][0] ^ 1 == sides[b][0] and sides[a][1] == sides[b][1]
            if rivals and table.tells_apart(a, b):
                yield _exchanged(module, "wrong winner", table, a, b)


def _lost_bits(module: Module, op: Op, x: Wire) -> Iterator[Change]:
    """A bit that is not counted, in one of the cells that read it."""
    for table in (*module.tables, *(s for row in module.rows for s in row.s)):
        for i in table.needed():
            yield Change("lost bit", table.pins[i], "1'b0", module.lanes(table.shared))


def _class_order(module: Module, op: Op, x: Wire) -> Iterator[Change]:
    """The numbers of two classes exchanged."""
    bits = op.infer(x).bits
    for lane in range(0, len(module.outputs) // bits - 1, 2):
        low, high = (module.outputs[at : at + bits] for at in (lane * bits, (lane + 1) * bits))
        start, end = high[-1].start, low[0].start + len(low[0].text)
        names = [place.text for place in (*high, *low)]
        new = ",\n    ".join(reversed(names))
        if [place.text for place in high] != [place.text for place in low]:
            old = Place(start, module.text[start:end])
            yield Change("wrong class order", old, new, (lane, lane + 1))


def _sums(module: Module, op: Op, x: Wire) -> Iterator[Change]:
    """What sums of words are written with: one term less, two classes exchanged."""
    for match in re.finditer(r"s(\d+) = ([^+;]+ \+ )", module.text):
        lane = int(match[1])
        yield Change("lost lane", Place(match.start(2), match[2]), "", (lane,))
    if pair := re.search(r"\{ s(\d+), s(\d+)[, ]", module.text):
        swapped = f"{{ s{pair[2]}, s{pair[1]}{pair[0][-1]}"
        lanes = int(pair[2]), int(pair[1])
        yield Change("wrong class order", Place(pair.start(), pair[0]), swapped, lanes)


_OF: dict[type[Op], Callable[[Module, Op, Wire], Iterator[Change]]] = {
    Thermometer: _thresholds,
    Count: _lost_bits,
    Join: _class_order,
    Duel: _duels,
    Sum: _sums,
}
