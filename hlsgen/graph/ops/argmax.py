"""The class decision: argmax as one operator, and the tournament that it is built from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np

from hlsgen.errors import GraphError
from hlsgen.graph.aig import FALSE, Aig, Word, constant
from hlsgen.graph.cells import FIRST, Builder, Cells
from hlsgen.graph.fabric import Fabric
from hlsgen.graph.ir import Area, Op, Values, Wire, op


def index_bits(lanes: int) -> int:
    """Bits of a lane index."""
    return max(1, (lanes - 1).bit_length())


@op("argmax")
@dataclass(frozen=True, eq=False)
class Argmax(Op):
    """One lane: the index of the first largest lane."""

    part: ClassVar[str] = "argmax"

    def infer(self, *wires: Wire) -> Wire:
        (x,) = wires
        return Wire(1, 0, x.lanes - 1, x.beats)

    def eval(self, *values: Values) -> Values:
        return np.asarray(np.argmax(values[0], axis=-1, keepdims=True))

    def logic(
        self, aig: Aig, wires: tuple[Wire, ...], values: tuple[list[Word], ...]
    ) -> list[Word]:
        (x,), (wire,) = values, wires
        if wire.lanes == 1 or wire.lo == wire.hi:
            return [constant(0, self.infer(wire).bits)]
        # The rounds that it is split into, so that both are the same literals.
        classes, tags = wire.lanes, 0
        while wire.lanes > 1:
            duel = Duel(tags, classes if wire.lanes == 2 else 0)
            x, wire, tags = duel.logic(aig, (wire,), (x,)), duel.infer(wire), tags + 1
        return x

    def area(self, fabric: Fabric, *wires: Wire) -> Area:
        """Of a tournament, roughly: `split_head` makes one whose cells are known."""
        (x,) = wires
        return (
            Area()
            if _decided(x)
            else Area((x.lanes - 1) * (x.bits + index_bits(x.lanes) + x.bits // 2))
        )

    def delay_ns(self, fabric: Fabric, *wires: Wire) -> float:
        (x,) = wires
        return (
            0.0 if _decided(x) else index_bits(x.lanes) * (fabric.adder_ns(x.bits) + fabric.lut_ns)
        )

    def levels(self, fabric: Fabric, *wires: Wire) -> int:
        return 0 if _decided(wires[0]) else 2 * index_bits(wires[0].lanes)

    @classmethod
    def example(cls, rng: np.random.Generator) -> tuple[Op, tuple[Wire, ...]]:
        return cls(), (Wire(int(rng.integers(1, 5)), int(rng.integers(-2, 1)), 3),)


@op("duel")
@dataclass(frozen=True, eq=False)
class Duel(Op):
    """Round `tags` (from 0) of a tournament that finds the index of the first largest value.

    A lane is a value with `tags` bits below it: the index of the winner among those it has beaten.
    Of lanes 2j and 2j + 1 the one with the larger value goes on, with one tag bit more at the top,
    1 where the odd lane won; the even lane wins a draw, an odd last lane goes on with a 0.

    Args:
        tags: rounds before this one, from 0.
        classes: in the last round, the number of lanes of the first; its output is the index
            alone. 0 in earlier rounds.
        chained: compare on a carry chain instead of LUT after LUT: faster, and often larger.
    """

    part: ClassVar[str] = "argmax"

    tags: int
    classes: int = 0
    chained: bool = False

    def infer(self, *wires: Wire) -> Wire:
        (x,) = wires
        if self.tags < 0 or self.tags >= x.bits:
            raise GraphError(f"has tags of {self.tags} bits in lanes of {x.bits} bits")
        if self.classes and x.lanes != 2:
            raise GraphError(f"is the last round, its input has {x.lanes} lanes, must be 2")
        if self.classes:
            return Wire(1, 0, self.classes - 1, x.beats)
        lo, hi = ((bound >> self.tags) << (self.tags + 1) for bound in (x.lo, x.hi))
        return Wire((x.lanes + 1) // 2, lo, hi + (2 << self.tags) - 1, x.beats)

    def eval(self, *values: Values) -> Values:
        (x,) = values
        pairs, one = x.shape[-1] // 2, 1 << self.tags
        even, odd = x[..., 0 : 2 * pairs : 2], x[..., 1 : 2 * pairs : 2]
        wins = odd >> self.tags > even >> self.tags
        tag = np.where(wins, odd & (one - 1) | one, even & (one - 1))
        if self.classes:
            return np.asarray(tag)
        value = np.where(wins, odd, even) >> self.tags
        last = x[..., 2 * pairs :]
        passed = (last >> self.tags) * 2 * one + (last & (one - 1))
        return np.concatenate([value * 2 * one + tag, passed], axis=-1)

    def logic(
        self, aig: Aig, wires: tuple[Wire, ...], values: tuple[list[Word], ...]
    ) -> list[Word]:
        (x,), (wire,) = values, wires
        split = [(word[self.tags :], word[: self.tags]) for word in x]
        lanes = []
        for even, odd in _pairs(split):
            wins = aig.at_least(even[0], odd[0], signed=wire.signed) ^ 1
            value, tag = (
                [aig.mux(wins, a, b) for a, b in zip(theirs, mine, strict=True)]
                for theirs, mine in zip(odd, even, strict=True)
            )
            lanes.append([*tag, wins, *([] if self.classes else value)])
        if not self.classes:
            lanes += [[*tag, FALSE, *value] for value, tag in split[len(x) // 2 * 2 :]]
        return [_fitted(lane, self.infer(wire).bits) for lane in lanes]

    def cells(self, fabric: Fabric, *wires: Wire) -> Cells:
        (x,) = wires
        builder = Builder(x.width_bits)
        bits = [FIRST + i for i in range(x.width_bits)]
        lanes = [bits[i : i + x.bits] for i in range(0, len(bits), x.bits)]
        outputs: list[list[int]] = []
        for even, odd in _pairs(lanes):
            wins = larger(
                builder, odd[self.tags :], even[self.tags :], fabric, x.signed, self.chained
            )
            value = [] if self.classes else list(zip(odd, even, strict=True))[self.tags :]
            tags = list(zip(odd, even, strict=True))[: self.tags]
            tag = [builder.table(_MUX, (b, a, wins)) for a, b in tags]
            outputs.append([*tag, wins, *(builder.table(_MUX, (b, a, wins)) for a, b in value)])
        if x.lanes % 2 and not self.classes:
            outputs.append([*lanes[-1][: self.tags], 0, *lanes[-1][self.tags :]])
        width = self.infer(x).bits
        return builder.cells([bit for lane in outputs for bit in _fitted(lane, width)])

    @classmethod
    def example(cls, rng: np.random.Generator) -> tuple[Op, tuple[Wire, ...]]:
        tags, chained = int(rng.integers(0, 2)), bool(rng.integers(0, 2))
        if rng.integers(0, 3) == 0:
            return cls(tags, 2 << tags, chained), (Wire(2, int(rng.integers(-2, 1)), 7),)
        lanes, hi = int(rng.integers(1, 6)), int(rng.choice([3, 7, 40]))
        return cls(tags, 0, chained), (Wire(lanes, int(rng.integers(-2, 1)), hi),)


def _fitted(lane: Word, bits: int) -> Word:
    """A lane of `bits` bits: a value that is always 0 needs none, an index may need more."""
    return (lane + [FALSE] * bits)[:bits]


# Entries of the pins low, high, select.
_MUX = 0b11001010


def larger(
    builder: Builder,
    a: Sequence[int],
    b: Sequence[int],
    fabric: Fabric,
    signed: bool = False,
    chained: bool = False,
) -> int:
    """The signal that is a > b, for words of one width, the lowest bit first.

    Either each LUT compares some bits and takes in what those below gave, or so many bits as half
    a LUT holds are one position of a carry chain.
    """
    if signed:
        # A set sign bit makes a number smaller, every other bit larger.
        a, b = [*a[:-1], b[-1]], [*b[:-1], a[-1]]
    pairs = list(zip(a, b, strict=True))
    if chained and not fabric.compares:
        raise GraphError(
            f"compares on a carry chain, which family {fabric.name} cannot: its chains add the"
            " signals themselves"
        )
    at_once = fabric.compares
    if chained and len(pairs) > fabric.lut_inputs // 2:
        rest = len(pairs) % at_once
        groups = [pairs[:rest]] if rest else []
        groups += [pairs[i : i + at_once] for i in range(rest, len(pairs), at_once)]
        return builder.compare(
            [
                (_compared(n, equal=True), _compared(n), [pin for pair in group for pin in pair])
                for group in groups
                for n in (len(group),)
            ]
        )
    first, more = fabric.lut_inputs // 2, (fabric.lut_inputs - 1) // 2
    # Of two splits into as few LUTs the one whose upper LUTs are full.
    start = (len(pairs) - 1) % more + 1 if len(pairs) > first else len(pairs)
    start = start + more if start + more <= first else start
    pins = [pin for pair in pairs[:start] for pin in pair]
    result = builder.table(_compared(start), pins)
    for i in range(start, len(pairs), more):
        pins = [pin for pair in pairs[i : i + more] for pin in pair]
        result = builder.table(_compared(more, below=True), [*pins, result])
    return result


@cache
def _compared(bits: int, *, equal: bool = False, below: bool = False) -> int:
    """The table of a > b (or a == b) on pins a0 b0 a1 b1 ..., and what the bits below gave."""
    init = 0
    for entry in range(1 << (2 * bits + below)):
        a = sum((entry >> 2 * i & 1) << i for i in range(bits))
        b = sum((entry >> 2 * i + 1 & 1) << i for i in range(bits))
        hit = a == b if equal else a > b or (below and a == b and entry >> 2 * bits & 1)
        init |= int(bool(hit)) << entry
    return init


def _decided(x: Wire) -> bool:
    """Whether the first lane always wins."""
    return x.lanes == 1 or x.lo == x.hi


def _pairs(field: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Lanes 2j and 2j + 1; an odd last one is left out."""
    return zip(field[0::2], field[1::2], strict=False)
