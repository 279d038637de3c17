"""Lanes packed into wide words and back: how values travel to and from a simulation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hlsgen.graph.ir import Rows, Values, Wire

Bits = NDArray[np.uint8]  # [rows, bits], each 0 or 1, least significant first
Packed = NDArray[np.uint8]  # [rows, bytes], eight bits each


def to_bits(value: Rows, wire: Wire) -> Bits:
    """Values [rows, 1, lanes] as bits [rows, lanes * wire.bits], two's complement."""
    flat = value.reshape(len(value), -1)
    bits = np.empty((*flat.shape, wire.bits), dtype=np.uint8)
    for i in range(wire.bits):
        bits[:, :, i] = flat >> i & 1
    return bits.reshape(len(flat), -1)


def from_bits(bits: Bits, wire: Wire) -> Values:
    """The inverse of `to_bits`, as [rows, lanes]."""
    lanes = bits.reshape(len(bits), wire.lanes, wire.bits).astype(np.int64)
    weights = 1 << np.arange(wire.bits, dtype=np.int64)
    if wire.signed:
        weights[-1] = -weights[-1]
    return np.asarray(lanes @ weights)


def pack(bits: Bits) -> Packed:
    """Eight columns a byte, as files hold them."""
    return np.packbits(bits, axis=1, bitorder="little")


def unpack(rows: Packed, width: int) -> Bits:
    """The inverse of `pack`."""
    return np.unpackbits(rows, axis=1, count=width, bitorder="little")


def to_words(rows: Packed) -> list[int]:
    """One Python integer a row."""
    return [int.from_bytes(row.tobytes(), "little") for row in rows]


def from_words(words: Sequence[int], size: int) -> Packed:
    """The inverse of `to_words`; `size` is the number of bytes of a row."""
    raw = b"".join(word.to_bytes(size, "little") for word in words)
    return np.frombuffer(raw, dtype=np.uint8).reshape(len(words), size)


@dataclass(frozen=True)
class Field:
    """A node's place in a wide word."""

    node: str
    wire: Wire
    lsb: int

    @property
    def msb(self) -> int:
        """Highest bit."""
        return self.lsb + self.wire.width_bits - 1

    def of(self, bits: Bits) -> Bits:
        """This field's columns."""
        return bits[:, self.lsb : self.msb + 1]


def layout(parts: Sequence[tuple[str, Wire]]) -> tuple[Field, ...]:
    """Consecutive fields, the first least significant."""
    fields, lsb = [], 0
    for node, wire in parts:
        fields.append(Field(node, wire, lsb))
        lsb += wire.width_bits
    return tuple(fields)
