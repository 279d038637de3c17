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
    return _Chain(
        [name.number(link.out) for link in row.links],
        name(row.carry),
        name.number(row.carry_out) if row.carry_out else 0,
        _form(row),
        int(entered(row)),
        int(row.carry_out > 0),
        [_position(link) for link in row.links],
        [
            [*(name(pin) for pin in link.pins), *["1'b1"] * (6 - len(link.pins))]
            for link in row.links
        ],
    )


def _form(row: Row) -> int:
    """Which families' chains can hold the row: see FORM in templates/verilog/lib/hlsgen_carry.v."""
    if all((link.s, link.g) == _FULL for link in row.links):
        return 2
    if any(len(link.pins) > 4 for link in row.links):
        return 6
    ecp5, nexus = all(map(_on_ecp5, row.links)), all(map(_on_nexus, row.links))
    return {(True, True): 3, (True, False): 4, (False, True): 5}.get((ecp5, nexus), 6)


def _on_ecp5(link: Link) -> bool:
    """Whether g reads the first two pins alone, and is s where two more pins are 0."""
    size = 1 << len(link.pins)
    narrow = all(link.g >> entry & 1 == link.g >> (entry & 3) & 1 for entry in range(size))
    return narrow and (len(link.pins) < 4 or link.s & 15 == link.g & 15)


def _on_nexus(link: Link) -> bool:
    """Whether one half of a table can be s with a 0 as first pin, and g wherever s is 0."""
    for low in range(0, 1 << len(link.pins), 2):
        s, g, s_high, g_high = (
            word >> entry & 1 for entry in (low, low + 1) for word in (link.s, link.g)
        )
        # Where s is 1 for both, g matters for neither.
        if s != (s if s_high else g_high) or (not s and g):
            return False
    return True


def _position(link: Link) -> int:
    """INIT of one position: s where the last pin is 1 above g on the other five."""
    width = len(link.pins)
    init = 0
    for entry in range(32):
        init |= (link.g >> (entry & ((1 << min(width, 5)) - 1)) & 1) << entry
        init |= (link.s >> ((entry | 32) & ((1 << width) - 1)) & 1) << (entry + 32)
    return init
