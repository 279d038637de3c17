"""Lanes packed into wide words and back: how values travel to and from a simulation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hlsgen.graph.ir import Values, Wire

Bits = NDArray[np.uint8]  # [rows, bits], each 0 or 1, least significant first


def to_bits(value: Values, wire: Wire) -> Bits:
    """Values [rows, 1, lanes] as bits [rows, lanes * wire.bits], two's complement."""
    flat = value.reshape(len(value), -1)
    shifts = np.arange(wire.bits)
    return (flat[:, :, None] >> shifts & 1).astype(np.uint8).reshape(len(flat), -1)


def from_bits(bits: Bits, wire: Wire) -> Values:
    """The inverse of `to_bits`, as [rows, lanes]."""
    lanes = bits.reshape(len(bits), wire.lanes, wire.bits).astype(np.int64)
    weights = 1 << np.arange(wire.bits, dtype=np.int64)
    if wire.signed:
        weights[-1] = -weights[-1]
    return np.asarray(lanes @ weights)


def to_words(bits: Bits) -> list[int]:
    """One Python integer a row."""
    packed = np.packbits(bits, axis=1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in packed]


def from_words(words: Sequence[int], width: int) -> Bits:
    """The inverse of `to_words`."""
    size = -(-width // 8)
    raw = b"".join(word.to_bytes(size, "little") for word in words)
    rows = np.frombuffer(raw, dtype=np.uint8).reshape(len(words), size)
    return np.unpackbits(rows, axis=1, count=width, bitorder="little")


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
