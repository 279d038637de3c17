"""Cells of an operator as the template of Verilog needs them: names, and tables as they are set."""

from __future__ import annotations

from typing import NamedTuple

from hlsgen.graph.cells import Cells, Link, Row, Table, entered
from hlsgen.graph.fabric import Fabric
from hlsgen.graph.ir import Wire
from hlsgen.graph.pairing import SHARED_INPUTS

_FULL = (0b0110, 0b1010)  # s and g of a position that is a full adder


class _Lut(NamedTuple):
    out: int
    init: int
    pins: list[str]


class _Pair(NamedTuple):
    out: tuple[int, int]
    init: tuple[int, int]
    pins: list[str]


class _Chain(NamedTuple):
    out: list[int]
    carry: str
    carry_out: int
    form: int
    enter: int
    leave: int
    inits: list[int]
    pins: list[list[str]]


class _Names:
    """Names of signals: bits of the ports, constants, and cells' outputs by number behind those."""

    def __init__(self, wires: tuple[Wire, ...]) -> None:
        ports = [f"x{i}" if len(wires) > 1 else "x" for i in range(len(wires))]
        bits = [
            f"{port}[{bit}]"
            for port, wire in zip(ports, wires, strict=True)
            for bit in range(wire.width_bits)
        ]
        self._known = ["1'b0", "1'b1", *bits]

    def __call__(self, signal: int) -> str:
        known = len(self._known)
        return self._known[signal] if signal < known else f"n{signal - known}"

    def number(self, signal: int) -> int:
        """The number in a cell's output's name."""
        return signal - len(self._known)


def instances(cells: Cells, fabric: Fabric, wires: tuple[Wire, ...]) -> dict[str, object]:
    """What templates/verilog/cells.v.j2 places: luts, pairs, rows, outputs."""
    name = _Names(wires)
    mates = cells.mates if fabric.dual else (-1,) * len(cells.tables)
    luts, pairs = [], []
    for i, (table, mate) in enumerate(zip(cells.tables, mates, strict=True)):
        if mate < 0:
            pins = [name(pin) for pin in table.pins]
            luts.append(_Lut(name.number(table.out), table.init, pins))
        elif i < mate:
            pairs.append(_pair(table, cells.tables[mate], name))
    return {
        "luts": luts,
        "pairs": pairs,
        "rows": [_chain(row, name) for row in cells.rows],
        "outputs": [name(out) for out in cells.outputs],
    }


def _pair(one: Table, other: Table, name: _Names) -> _Pair:
    """Both tables on the five pins that they read together."""
    pins = sorted({*one.pins, *other.pins})
    inits = []
    for table in (one, other):
        places = [pins.index(pin) for pin in table.pins]
        init = 0
        for entry in range(1 << SHARED_INPUTS):
            address = sum((entry >> place & 1) << i for i, place in enumerate(places))
            init |= (table.init >> address & 1) << entry
        inits.append(init)
    names = [name(pin) for pin in pins] + ["1'b0"] * (SHARED_INPUTS - len(pins))
    return _Pair((name.number(one.out), name.number(other.out)), (inits[0], inits[1]), names)


def _chain(row: Row, name: _Names) -> _Chain:
    adders = all((link.s, link.g) == _FULL or not link.s for link in row.links)
    widest = max(len(link.pins) for link in row.links)
    return _Chain(
        [name.number(link.out) for link in row.links],
        name(row.carry),
        name.number(row.carry_out) if row.carry_out else 0,
        2 if adders and widest <= 2 else 4 if widest <= 4 and _narrow(row) else 6,
        int(entered(row)),
        int(row.carry_out > 0),
        [_position(link) for link in row.links],
        [
            [*(name(pin) for pin in link.pins), *["1'b1"] * (6 - len(link.pins))]
            for link in row.links
        ],
    )


def _narrow(row: Row) -> bool:
    """Whether each g reads the first two pins alone, as a position of ECP5 must."""
    return all(
        link.g >> entry & 1 == link.g >> (entry & 3) & 1
        for link in row.links
        for entry in range(1 << len(link.pins))
    )


def _position(link: Link) -> int:
    """INIT of one position: s where the last pin is 1 above g on the other five."""
    width = len(link.pins)
    init = 0
    for entry in range(32):
        init |= (link.g >> (entry & ((1 << min(width, 5)) - 1)) & 1) << entry
        init |= (link.s >> ((entry | 32) & ((1 << width) - 1)) & 1) << (entry + 32)
    return init
