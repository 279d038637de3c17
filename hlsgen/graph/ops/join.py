"""Bits become integers again: only wires."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np

from hlsgen.errors import GraphError
from hlsgen.graph.aig import FALSE, Aig, Word
from hlsgen.graph.cells import FIRST, Builder, Cells
from hlsgen.graph.fabric import Fabric
from hlsgen.graph.ir import Lanes, Op, Values, Wire, array, op


@op("join")
@dataclass(frozen=True, eq=False)
class Join(Op):
    """Output lane g is the number whose digits are x[offset[g] : offset[g + 1]], lowest first.

    Args:
        offset: int32 [numbers + 1], from 0 to the number of lanes of x, ascending.
        most: the largest number that can come, from 0.
    """

    part: ClassVar[str] = "popcount"

    most: int
    offset: Lanes = array("int32")

    def infer(self, *wires: Wire) -> Wire:
        (x,) = wires
        if x.lo < 0 or x.hi > 1:
            raise GraphError(f"needs one-bit lanes, its input ranges over {x.lo} to {x.hi}")
        if len(self.offset) < 2 or self.offset[0] != 0 or self.offset[-1] != x.lanes:
            raise GraphError(f"needs offsets from 0 to its input's {x.lanes} lanes")
        digits = np.diff(self.offset)
        if (digits < 0).any() or not 0 <= self.most < 1 << max(int(digits.max()), 1):
            raise GraphError(f"has numbers of {digits.max()} digits up to {self.most}")
        return Wire(len(digits), 0, self.most, x.beats)

    def eval(self, *values: Values) -> Values:
        (x,) = values
        starts, sizes = self.offset[:-1], np.diff(self.offset)
        total = np.zeros((*x.shape[:-1], len(sizes)), dtype=np.int64)
        for place in range(int(sizes.max())):
            has = sizes > place
            total[..., has] += x[..., starts[has] + place] << place
        return total

    def logic(
        self, aig: Aig, wires: tuple[Wire, ...], values: tuple[list[Word], ...]
    ) -> list[Word]:
        lanes = [word[0] for word in values[0]]
        return self._words(lanes, FALSE, self.infer(*wires).bits)

    def cells(self, fabric: Fabric, *wires: Wire) -> Cells:
        lanes = [FIRST + i for i in range(wires[0].lanes)]
        words = self._words(lanes, 0, self.infer(*wires).bits)
        return Builder(wires[0].lanes).cells([bit for word in words for bit in word])

    def _words(self, lanes: list[int], zero: int, bits: int) -> list[list[int]]:
        """The lanes of each number, cut or filled with `zero` to `bits`."""
        ends = self.offset.tolist()
        numbers = [lanes[a:b][:bits] for a, b in pairwise(ends)]
        return [number + [zero] * (bits - len(number)) for number in numbers]

    @classmethod
    def example(cls, rng: np.random.Generator) -> tuple[Op, tuple[Wire, ...]]:
        digits = rng.integers(0, 4, int(rng.integers(1, 4)))
        digits[0] += 1
        offset = np.concatenate([[0], np.cumsum(digits)])
        return cls((1 << int(digits.max())) - 1, offset), (Wire(int(offset[-1]), 0, 1),)
