"""The modules of nodes as their text has them: tables, their pins, and where each can show."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hlsgen.graph.ir import Wire

_LUT = re.compile(
    r"hlsgen_lut\d #\(\d+'h(?P<init>[0-9a-f]+)\) u\d+ \((?P<out>n\d+), (?P<pins>[^)]*)\);"
)
_PAIR = re.compile(
    r"hlsgen_pair #\(32'h(?P<init0>[0-9a-f]+), 32'h(?P<init1>[0-9a-f]+)\) u\d+"
    r" \((?P<out0>n\d+), (?P<out1>n\d+), (?P<pins>[^)]*)\);"
)
_ROW = re.compile(
    r"hlsgen_row #\([^{]*\.INIT\(\{(?P<inits>[^}]*)\}\)\) u\d+ \(\s*\.o\(\{(?P<outs>[^}]*)\}\),"
    r"\s*\.co\((?P<co>[^)]*)\), \.ci\((?P<ci>[^)]*)\), \.a\(\{(?P<pins>[^}]*)\}\)\);"
)
_ANSWER = re.compile(r"assign y = \{(?P<outputs>[^}]*)\};")
_WORD = re.compile(r"[^\s,]+")
_CONSTANTS = {"1'b0": 0, "1'b1": 1}
_ROW_PINS = 6


class Place(NamedTuple):
    """A piece of the text: where it starts, and what it is."""

    start: int
    text: str


@dataclass(frozen=True)
class Table:
    """A LUT, half of a pair, or s or g of one position of a chain.

    `drives` are the signals that the function itself changes, `shared` those that its pins change.
    """

    cell: str
    init: Place
    pins: tuple[Place, ...]
    drives: tuple[str, ...]
    shared: tuple[str, ...]

    def __call__(self, address: int) -> int:
        """The entry of an address, bit i of which is pin i."""
        return int(self.init.text, 16) >> address & 1

    @property
    def names(self) -> list[str]:
        """The signals on the pins."""
        return [pin.text for pin in self.pins]

    def flipped(self, addresses: Sequence[int]) -> str:
        """The digits of INIT with these entries changed."""
        value = int(self.init.text, 16)
        for address in addresses:
            value ^= 1 << address
        return f"{value:0{len(self.init.text)}x}"

    def addresses(self) -> list[int]:
        """Those that can occur: a constant is what it is, one signal has one value."""
        names = self.names
        first = [names.index(name) for name in names]
        fixed = [_CONSTANTS.get(name) for name in names]
        return [
            address
            for address in range(1 << len(names))
            if all(
                address >> i & 1 == (address >> first[i] & 1 if value is None else value)
                for i, value in enumerate(fixed)
            )
        ]

    def needed(self) -> list[int]:
        """The pins, all of different signals, that the function depends on."""
        possible = self.addresses()
        return [
            i
            for i, name in enumerate(self.names)
            if name not in _CONSTANTS and any(self(a) != self(a ^ 1 << i) for a in possible)
        ]

    def tells_apart(self, a: int, b: int) -> bool:
        """Whether the function changes when two pins are exchanged."""
        moved = {0b01: 1 << b, 0b10: 1 << a}
        for address in self.addresses():
            pair = address >> a & 1 | (address >> b & 1) << 1
            if pair in moved:
                other = address & ~(1 << a | 1 << b) | moved[pair]
                if self(address) != self(other):
                    return True
        return False


@dataclass(frozen=True)
class Row:
    """A carry chain: what comes in, s and g of each position, and the carry out, if it is read."""

    carry: Place
    s: tuple[Table, ...]
    g: tuple[Table, ...]
    carry_out: str


class Module:
    """The cells of one module of a node, and its output bits."""

    def __init__(self, text: str, wire: Wire) -> None:
        self.text, self._bits = text, wire.bits
        self.rows = [_row(match) for match in _ROW.finditer(text)]
        self.tables = [*_luts(text), *_pairs(text)]
        answer = _ANSWER.search(text)
        self.outputs = list(_words(answer, "outputs")) if answer else []
        self._readers: dict[str, list[tuple[str, ...]]] = defaultdict(list)
        for table in (*self.tables, *(t for row in self.rows for t in (*row.s, *row.g))):
            for name in table.names:
                self._readers[name].append(table.drives)
        for row in self.rows:
            self._readers[row.carry.text].append(row.s[0].drives)
        self._lane: dict[str, set[int]] = defaultdict(set)
        for i, place in enumerate(self.outputs):
            self._lane[place.text].add(i // self._bits)

    def lanes(self, signals: Sequence[str]) -> tuple[int, ...]:
        """The output lanes that depend on any of these signals."""
        seen, waiting = set(signals), list(signals)
        while waiting:
            for drives in self._readers.get(waiting.pop(), ()):
                waiting += [name for name in drives if name not in seen]
                seen.update(drives)
        return tuple(sorted({lane for name in seen for lane in self._lane.get(name, ())}))


def _words(match: re.Match[str], group: str) -> Iterator[Place]:
    """The words of a list in braces, the last, which is the lowest, first."""
    found = list(_WORD.finditer(match[group]))
    for word in reversed(found):
        yield Place(match.start(group) + word.start(), word[0])


def _pins(match: re.Match[str]) -> tuple[Place, ...]:
    """The pins of a LUT, the first is the lowest."""
    return tuple(reversed(list(_words(match, "pins"))))


def _luts(text: str) -> Iterator[Table]:
    for match in _LUT.finditer(text):
        init = Place(match.start("init"), match["init"])
        yield Table("table", init, _pins(match), (match["out"],), (match["out"],))


def _pairs(text: str) -> Iterator[Table]:
    for match in _PAIR.finditer(text):
        both = match["out0"], match["out1"]
        for i, out in enumerate(both):
            init = Place(match.start(f"init{i}"), match[f"init{i}"])
            yield Table("pair", init, _pins(match), (out,), both)


def _row(match: re.Match[str]) -> Row:
    inits = [
        Place(place.start + len("64'h"), place.text.removeprefix("64'h"))
        for place in _words(match, "inits")
    ]
    pins = list(_words(match, "pins"))
    outs = [place.text for place in _words(match, "outs")]
    s = [
        Table("chain", init, tuple(pins[_ROW_PINS * i : _ROW_PINS * (i + 1)]), (), ())
        for i, init in enumerate(inits)
    ]
    stops = [not any(table(a) for a in table.addresses()) for table in s]
    made: list[tuple[Table, Table]] = []
    for i, table in enumerate(s):
        # A carry ends in the position behind it whose s is always 0.
        end = next((j for j in range(i + 1, len(s)) if stops[j]), len(s))
        carried = (*outs[i + 1 : end + 1], *([match["co"]] if end == len(s) else []))
        both = (outs[i], *carried)
        made.append(
            (
                Table("chain", table.init, table.pins, both, both),
                Table("chain", table.init, table.pins[: _ROW_PINS - 1], carried, both),
            )
        )
    carry = Place(match.start("ci"), match["ci"])
    return Row(carry, tuple(a for a, _ in made), tuple(b for _, b in made), match["co"])
