"""Sums of groups of lanes: popcounts where the lanes are bits."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hlsgen.errors import GraphError
from hlsgen.graph.aig import TRUE, Aig, Word, constant, extend
from hlsgen.graph.fabric import Fabric
from hlsgen.graph.ir import Area, Constants, Lanes, Op, Values, Wire, array, op


@op("sum")
@dataclass(frozen=True, eq=False)
class Sum(Op):
    """Output lane g is bias[g] + the sum of x[src[offset[g] : offset[g + 1]]].

    Args:
        src: int32 [m], 0 <= src < lanes of x; a lane may be added more than once.
        offset: int32 [groups + 1], from 0 to m, ascending.
        bias: int64 [groups].
    """

    part: ClassVar[str] = "popcount"

    src: Lanes = array("int32")
    offset: Lanes = array("int32")
    bias: NDArray[np.int64] = array("int64")

    @property
    def sizes(self) -> Lanes:
        """Number of lanes added in each group."""
        return np.diff(self.offset)

    @property
    def group(self) -> Lanes:
        """The group that each entry of `src` belongs to."""
        return np.repeat(np.arange(len(self.bias), dtype=np.int32), self.sizes)

    def infer(self, *wires: Wire) -> Wire:
        (x,) = wires
        bounds_fit = len(self.offset) == len(self.bias) + 1 and len(self.bias) > 0
        if not bounds_fit or self.offset[0] != 0 or self.offset[-1] != len(self.src):
            raise GraphError("needs offsets from 0 to the number of lanes, one more than biases")
        if (self.sizes < 0).any():
            raise GraphError("needs ascending offsets")
        if ((self.src < 0) | (self.src >= x.lanes)).any():
            raise GraphError(f"reads lane {self.src.max()}, its input has {x.lanes} lanes")
        lo, hi = self.bias + self.sizes * x.lo, self.bias + self.sizes * x.hi
        return Wire(len(self.bias), int(lo.min()), int(hi.max()), x.beats)

    def eval(self, *values: Values) -> Values:
        # The j-th lanes of all groups that have so many at once, the largest groups first: numpy's
        # own sums of ragged groups take several times as long.
        order = np.argsort(-self.sizes, kind="stable")
        starts, sizes = self.offset[:-1][order], self.sizes[order]
        total = np.zeros((*values[0].shape[:-1], len(order)), dtype=np.int64)
        for j in range(int(sizes.max())):
            count = int(np.count_nonzero(sizes > j))
            total[..., :count] += values[0][..., self.src[starts[:count] + j]]
        return np.asarray(total[..., np.argsort(order)] + self.bias)

    def logic(
        self, aig: Aig, wires: tuple[Wire, ...], values: tuple[list[Word], ...]
    ) -> list[Word]:
        (x,), (wire,) = values, wires
        width = self.infer(wire).bits
        lanes, ends = self.src.tolist(), self.offset.tolist()
        sums = []
        for bias, start, end in zip(self.bias.tolist(), ends, ends[1:], strict=False):
            # In the order of the literals: equal sums become equal literals.
            terms = sorted(x[lane] for lane in lanes[start:end])
            sums.append(_total(aig, terms, wire, bias, width))
        return sums

    def area(self, fabric: Fabric, *wires: Wire) -> Area:
        """One LUT for each result bit of each adder in a binary tree, as synthesis makes of +."""
        return Area(
            sum(int(n) * bits for size in self.sizes for n, bits in _tree(size, wires[0].bits))
        )

    def delay_ns(self, fabric: Fabric, *wires: Wire) -> float:
        largest = int(self.sizes.max(initial=0)) + bool(self.bias.any())
        return sum(fabric.adder_ns(bits) for _, bits in _tree(largest, wires[0].bits))

    def levels(self, fabric: Fabric, *wires: Wire) -> int:
        largest = int(self.sizes.max(initial=0)) + bool(self.bias.any())
        return sum(1 for _ in _tree(largest, wires[0].bits))

    @classmethod
    def example(cls, rng: np.random.Generator) -> tuple[Op, tuple[Wire, ...]]:
        wire = Wire(int(rng.integers(1, 7)), int(rng.integers(-2, 1)), int(rng.integers(1, 3)))
        sizes = rng.integers(0, 8, int(rng.integers(1, 4)))
        src = rng.integers(0, wire.lanes, sizes.sum())
        return cls.of(src, sizes, rng.integers(-3, 4, len(sizes))), (wire,)

    @classmethod
    def of(
        cls, src: NDArray[np.integer], sizes: NDArray[np.integer], bias: NDArray[np.int64]
    ) -> Sum:
        """Sums of consecutive runs of `src`, `sizes[g]` lanes each."""
        offset = np.concatenate([[0], np.cumsum(sizes)])
        return cls(src.astype(np.int32), offset.astype(np.int32), bias)

    def reads(self, i: int, wire: Wire) -> NDArray[np.bool_]:
        return np.isin(np.arange(wire.lanes), self.src)

    def keep(self, lanes: Lanes) -> Op:
        kept = np.isin(self.group, lanes)
        return Sum.of(self.src[kept], self.sizes[lanes], self.bias[lanes])

    def rewire(self, i: int, lane_of: Lanes) -> Op:
        return dataclasses.replace(self, src=lane_of[self.src])

    def simplify(self, wires: tuple[Wire, ...], known: tuple[Constants, ...]) -> Op:
        """Constant lanes are added to the bias."""
        fixed = known[0].mask[self.src]
        value = np.where(fixed, known[0].value[self.src], 0)
        groups = len(self.bias)
        extra = np.bincount(self.group, weights=value, minlength=groups).astype(np.int64)
        sizes = np.bincount(self.group[~fixed], minlength=groups)
        return Sum.of(self.src[~fixed], sizes, self.bias + extra)

    def constants(self, wires: tuple[Wire, ...]) -> Constants:
        return Constants(self.sizes == 0, self.bias)


def _tree(terms: int, bits: int) -> Iterator[tuple[int, int]]:
    """Levels of a binary adder tree: (adders, bits of each result)."""
    while terms > 1:
        bits += 1
        yield terms // 2, bits
        terms -= terms // 2


def _total(aig: Aig, terms: list[Word], wire: Wire, bias: int, width: int) -> Word:
    """The sum of `terms` and `bias` modulo two to the width: a tree, each level a bit wider."""
    known = [term for term in terms if max(term) <= TRUE]
    bias += sum(_value(term, signed=wire.signed) for term in known)
    terms = [term for term in terms if max(term) > TRUE]
    bits = wire.bits
    while len(terms) > 1:
        bits = min(bits + 1, width)
        wider = [extend(term, bits, signed=wire.signed) for term in terms]
        pairs = zip(wider[0::2], wider[1::2], strict=False)
        terms = [aig.add(a, b) for a, b in pairs] + wider[len(wider) // 2 * 2 :]
    if not terms:
        return constant(bias, width)
    whole = extend(terms[0], width, signed=wire.signed)
    return aig.add(whole, constant(bias, width)) if bias else whole


def _value(word: Word, *, signed: bool) -> int:
    """The integer that a word of constant literals is."""
    value = sum(bit << i for i, bit in enumerate(word))
    return value - (word[-1] << len(word) if signed else 0)
