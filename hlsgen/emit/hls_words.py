"""How beats lie in words in C++, the tool's limits, and constants as arrays of C++."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hlsgen.errors import GraphError
from hlsgen.graph.ir import Wire

# No loop that is unrolled has more iterations, and no array that is partitioned more elements:
# Vivado HLS stops at 1,024 elements unless told otherwise, Vitis HLS at 4,096 (docs/hls.md).
LIMIT = 1024
# Bits of a word: as many as a number of C++ holds, so that a C simulation is quick. Words of a beat
# that would be more than `LIMIT` have a multiple of that, up to what `ap_uint` takes.
WORD, _WIDEST = 64, 1024
_COLUMNS = 90

_TYPES = (
    ("signed char", -(1 << 7), (1 << 7) - 1),
    ("short", -(1 << 15), (1 << 15) - 1),
    ("int", -(1 << 31), (1 << 31) - 1),
    ("long long", -(1 << 63), (1 << 63) - 1),
    ("unsigned long long", 0, (1 << 64) - 1),
)


@dataclass(frozen=True)
class Words:
    """A beat in words: as `hlsgen::Beat` of templates/hls/lib/hlsgen_hls.h lays it out.

    Args:
        lanes, bits: of the beat.
        signed: whether lanes have a sign.
    """

    lanes: int
    bits: int
    signed: bool = False

    @staticmethod
    def of(wire: Wire) -> Words:
        """The words of a beat of `wire`."""
        return Words(wire.lanes, wire.bits, wire.signed)

    @property
    def most(self) -> int:
        """Bits that a word has at most: no more than it takes for `LIMIT` words."""
        narrow = -(-self.lanes // (WORD // self.bits))
        return WORD * -(-narrow // LIMIT)

    @property
    def count(self) -> int:
        """Words of a beat."""
        return -(-self.lanes // (self.most // self.bits))

    @property
    def per(self) -> int:
        """Lanes of a word; the last may have fewer."""
        return -(-self.lanes // self.count)

    @property
    def width(self) -> int:
        """Bits of a word."""
        return self.per * self.bits

    @property
    def type(self) -> str:
        """The class of C++ that knows all this."""
        return f"hlsgen::Beat<{self.lanes}, {self.bits}, {str(self.signed).lower()}>"

    def lanes_of(self, word: int) -> range:
        """The lanes that lie in a word."""
        return range(word * self.per, min((word + 1) * self.per, self.lanes))

    def runs(self) -> list[range]:
        """The lanes of each word."""
        return [self.lanes_of(i) for i in range(self.count)]

    def check(self, what: str) -> Words:
        """These words.

        Raises:
            GraphError: a lane is wider than a word of 64 bits, or words would have to be wider than
                `ap_uint` takes; `what` is named.
        """
        if self.bits > WORD:
            raise GraphError(f"{what} has lanes of {self.bits} bits, HLS C++ takes up to {WORD}")
        if self.most > _WIDEST:
            raise GraphError(
                f"{what} has beats of {self.lanes * self.bits:,} bits, HLS C++ takes up to"
                f" {LIMIT} words of {_WIDEST}: serialize it or use --hdl verilog"
            )
        return self


def split(count: int) -> list[range]:
    """Runs of at most `LIMIT` numbers that together are 0 to count - 1."""
    return [range(start, min(start + LIMIT, count)) for start in range(0, count, LIMIT)]


@dataclass(frozen=True)
class Constants:
    """An array of numbers as C++ has it: element type, sizes in brackets, and its values."""

    type: str
    sizes: str
    text: str


def constants(values: Sequence[Any]) -> Constants:
    """The numbers in `values`, nested lists of equal lengths, in the smallest type for all."""
    sizes: list[int] = []
    inner: Any = values
    while isinstance(inner, list | tuple):
        sizes.append(len(inner))
        inner = inner[0]
    flat = list(_flat(values))
    low, high = min(flat), max(flat)
    kind = next(name for name, least, most in _TYPES if least <= low and high <= most)
    wide = "ULL" if kind == "unsigned long long" else "LL" if kind == "long long" else ""
    text = _text(values, wide)
    return Constants(kind, "".join(f"[{size}]" for size in sizes), text)


def _flat(values: Any) -> Iterator[int]:
    if isinstance(values, list | tuple):
        for value in values:
            yield from _flat(value)
    else:
        yield int(values)


def _text(values: Any, wide: str) -> str:
    if not isinstance(values[0], list | tuple):
        return _lines([number(value, wide) for value in values])
    return _lines([_text(value, wide) for value in values])


def _lines(words: list[str]) -> str:
    """The words in braces, some in a line."""
    some = max(1, _COLUMNS // (max(map(len, words)) + 2))
    lines = (", ".join(words[i : i + some]) for i in range(0, len(words), some))
    return "{" + ",\n        ".join(lines) + "}"


def number(value: int, wide: str = "") -> str:
    """A number as C++ reads it: the most negative one of a type is no literal there."""
    if wide == "ULL":
        return f"0x{value:x}ULL"
    if value == -(1 << 63):
        return f"(-{-(value + 1)}{wide} - 1)"
    return f"{value}{wide}"


def tables(values: Iterable[int]) -> Constants:
    """Truth tables, or other words of bits."""
    found = [int(value) for value in values]
    return Constants(
        "unsigned long long",
        f"[{len(found)}]",
        _lines([number(value, "ULL") for value in found]),
    )
