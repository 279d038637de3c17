"""The class decision: argmax as one operator, and the tournament that it is built from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from hlsgen.errors import GraphError
from hlsgen.graph.aig import Aig, Word, constant, extend
from hlsgen.graph.fabric import Fabric
from hlsgen.graph.ir import Area, Op, Values, Wire, op


def index_bits(lanes: int) -> int:
    """Bits of a lane index."""
    return max(1, (lanes - 1).bit_length())


@op("argmax")
@dataclass(frozen=True, eq=False)
class Argmax(Op):
    """One lane: the index of the first largest lane."""

    def infer(self, *wires: Wire) -> Wire:
        (x,) = wires
        return Wire(1, 0, x.lanes - 1, x.beats)

    def eval(self, *values: Values) -> Values:
        return np.asarray(np.argmax(values[0], axis=-1, keepdims=True))

    def logic(
        self, aig: Aig, wires: tuple[Wire, ...], values: tuple[list[Word], ...]
    ) -> list[Word]:
        (x,), (wire,) = values, wires
        bits = index_bits(len(x))
        # A tournament, as the circuit has it; the earlier lane wins a draw.
        field = [(word, constant(i, bits)) for i, word in enumerate(x)]
        while len(field) > 1:
            rounds = [_duel(aig, a, b, signed=wire.signed) for a, b in _pairs(field)]
            field = rounds + field[len(field) // 2 * 2 :]
        return [field[0][1][: self.infer(wire).bits]]

    def area(self, fabric: Fabric, *wires: Wire) -> Area:
        (x,) = wires
        return Area((x.lanes - 1) * _duel_luts(fabric, x.bits, index_bits(x.lanes)))

    def delay_ns(self, fabric: Fabric, *wires: Wire) -> float:
        (x,) = wires
        return index_bits(x.lanes) * (fabric.adder_ns(x.bits) + fabric.lut_ns)

    @classmethod
    def example(cls, rng: np.random.Generator) -> tuple[Op, tuple[Wire, ...]]:
        return cls(), (Wire(int(rng.integers(1, 5)), int(rng.integers(-2, 1)), 3),)


@op("tag")
@dataclass(frozen=True, eq=False)
class Tag(Op):
    """Lane i becomes x[i] * 2**bits + i: a value that carries its index; only wires."""

    bits: int

    def infer(self, *wires: Wire) -> Wire:
        (x,) = wires
        if x.lanes > 2**self.bits:
            raise GraphError(f"has tags of {self.bits} bits, too few for {x.lanes} lanes")
        return Wire(x.lanes, x.lo << self.bits, (x.hi << self.bits) + x.lanes - 1, x.beats)

    def eval(self, *values: Values) -> Values:
        return (values[0] << self.bits) + np.arange(values[0].shape[-1])

    def logic(
        self, aig: Aig, wires: tuple[Wire, ...], values: tuple[list[Word], ...]
    ) -> list[Word]:
        (x,), (wire,) = values, wires
        # Lanes that are always 0 may need fewer bits than their tags have.
        width = self.infer(wire).bits
        return [
            extend(constant(i, self.bits) + word, width, signed=wire.signed)
            for i, word in enumerate(x)
        ]

    def area(self, fabric: Fabric, *wires: Wire) -> Area:
        return Area()

    def delay_ns(self, fabric: Fabric, *wires: Wire) -> float:
        return 0.0

    @classmethod
    def example(cls, rng: np.random.Generator) -> tuple[Op, tuple[Wire, ...]]:
        return cls(2), (Wire(int(rng.integers(1, 5)), int(rng.integers(-2, 1)), 3),)


@op("duel")
@dataclass(frozen=True, eq=False)
class Duel(Op):
    """One round of a tournament: of lanes 2j and 2j + 1 the one with the larger x >> tag_bits.

    The even lane wins a draw, so that the first largest lane wins the tournament; an odd last
    lane passes.
    """

    tag_bits: int

    def infer(self, *wires: Wire) -> Wire:
        (x,) = wires
        if self.tag_bits < 0 or self.tag_bits >= x.bits:
            raise GraphError(f"has tags of {self.tag_bits} bits in lanes of {x.bits} bits")
        return Wire((x.lanes + 1) // 2, x.lo, x.hi, x.beats)

    def eval(self, *values: Values) -> Values:
        (x,) = values
        pairs = x.shape[-1] // 2
        even, odd = x[..., 0 : 2 * pairs : 2], x[..., 1 : 2 * pairs : 2]
        won = np.where(even >> self.tag_bits >= odd >> self.tag_bits, even, odd)
        return np.concatenate([won, x[..., 2 * pairs :]], axis=-1)

    def logic(
        self, aig: Aig, wires: tuple[Wire, ...], values: tuple[list[Word], ...]
    ) -> list[Word]:
        (x,), (wire,) = values, wires
        split = [(word[self.tag_bits :], word[: self.tag_bits]) for word in x]
        won = [_duel(aig, a, b, signed=wire.signed) for a, b in _pairs(split)]
        return [tag + value for value, tag in won] + x[len(x) // 2 * 2 :]

    def area(self, fabric: Fabric, *wires: Wire) -> Area:
        (x,) = wires
        return Area(x.lanes // 2 * _duel_luts(fabric, x.bits - self.tag_bits, self.tag_bits))

    def delay_ns(self, fabric: Fabric, *wires: Wire) -> float:
        return fabric.adder_ns(wires[0].bits - self.tag_bits) + fabric.lut_ns

    @classmethod
    def example(cls, rng: np.random.Generator) -> tuple[Op, tuple[Wire, ...]]:
        return cls(int(rng.integers(0, 2))), (
            Wire(int(rng.integers(1, 6)), int(rng.integers(-2, 1)), 7),
        )


@op("untag")
@dataclass(frozen=True, eq=False)
class Untag(Op):
    """The index that a tagged value carries: the lowest `bits` bits; only wires."""

    bits: int
    classes: int

    def infer(self, *wires: Wire) -> Wire:
        (x,) = wires
        if not 1 <= self.bits <= x.bits or self.classes > 2**self.bits:
            raise GraphError(f"takes {self.bits} bits of lanes that have {x.bits}")
        return Wire(x.lanes, 0, self.classes - 1, x.beats)

    def eval(self, *values: Values) -> Values:
        return values[0] & ((1 << self.bits) - 1)

    def logic(
        self, aig: Aig, wires: tuple[Wire, ...], values: tuple[list[Word], ...]
    ) -> list[Word]:
        width = self.infer(*wires).bits
        return [extend(word[: self.bits], width) for word in values[0]]

    def area(self, fabric: Fabric, *wires: Wire) -> Area:
        return Area()

    def delay_ns(self, fabric: Fabric, *wires: Wire) -> float:
        return 0.0

    @classmethod
    def example(cls, rng: np.random.Generator) -> tuple[Op, tuple[Wire, ...]]:
        return cls(2, 4), (Wire(int(rng.integers(1, 4)), 0, 15),)


def _duel_luts(fabric: Fabric, value_bits: int, tag_bits: int) -> float:
    """One comparison (two bits a LUT) and one two-way multiplexer of value and tag."""
    # A LUT of six inputs holds two 2-way multiplexers with a common select.
    per_lut = 2 if fabric.lut_inputs >= 5 else 1
    return -(-value_bits // 2) + -(-(value_bits + tag_bits) // per_lut)


def _pairs(field: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Lanes 2j and 2j + 1; an odd last one is left out."""
    return zip(field[0::2], field[1::2], strict=False)


def _duel(
    aig: Aig, even: tuple[Word, Word], odd: tuple[Word, Word], *, signed: bool
) -> tuple[Word, Word]:
    """Of two (value, tag) the one with the larger value; `even` wins a draw."""
    wins = aig.at_least(even[0], odd[0], signed=signed)
    value, tag = (
        [aig.mux(wins, a, b) for a, b in zip(mine, other, strict=True)]
        for mine, other in zip(even, odd, strict=True)
    )
    return value, tag
