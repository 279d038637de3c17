"""Thermometer code: comparisons of feature words with constants."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hlsgen.errors import GraphError
from hlsgen.graph.aig import FALSE, TRUE, Aig, Word, constant
from hlsgen.graph.cells import FIRST, Builder, Cells
from hlsgen.graph.comparators import comparisons
from hlsgen.graph.fabric import Fabric
from hlsgen.graph.ir import Constants, Lanes, Op, Rows, Values, Wire, array, op


@op("thermometer")
@dataclass(frozen=True, eq=False)
class Thermometer(Op):
    """Output lane i is 1 where x[feature[i]] >= threshold[i].

    Args:
        feature: int32 [n], 0 <= feature < lanes of x.
        threshold: int64 [n].
    """

    part: ClassVar[str] = "encoder"

    feature: Lanes = array("int32")
    threshold: NDArray[np.int64] = array("int64")

    def infer(self, *wires: Wire) -> Wire:
        (x,) = wires
        if self.feature.ndim != 1 or self.feature.shape != self.threshold.shape:
            raise GraphError("needs one feature and one threshold for each output lane")
        if ((self.feature < 0) | (self.feature >= x.lanes)).any():
            raise GraphError(f"reads lane {self.feature.max()}, its input has {x.lanes} lanes")
        return Wire(len(self.feature), 0, 1, x.beats)

    def eval(self, *values: Values) -> Values:
        return (values[0][..., self.feature] >= self.threshold).astype(np.int64)

    def logic(
        self, aig: Aig, wires: tuple[Wire, ...], values: tuple[list[Word], ...]
    ) -> list[Word]:
        (x,), (wire,) = values, wires
        return [
            [_at_least(aig, x[feature], threshold, wire)]
            for feature, threshold in zip(
                self.feature.tolist(), self.threshold.tolist(), strict=True
            )
        ]

    def cells(self, fabric: Fabric, *wires: Wire) -> Cells:
        """Tables of few bits of a word and of neighbouring thresholds' outputs."""
        (x,) = wires
        builder = Builder(x.width_bits)
        outputs = [0] * len(self.feature)
        wanted: dict[int, dict[int, list[int]]] = {}
        for lane, (feature, threshold) in enumerate(
            zip(self.feature.tolist(), self.threshold.tolist(), strict=True)
        ):
            wanted.setdefault(feature, {}).setdefault(threshold, []).append(lane)
        for feature, lanes in wanted.items():
            first = FIRST + feature * x.bits
            word = list(range(first, first + x.bits))
            for threshold, signal in comparisons(builder, word, x, list(lanes), fabric).items():
                for lane in lanes[threshold]:
                    outputs[lane] = signal
        return builder.cells(outputs)

    @classmethod
    def example(cls, rng: np.random.Generator) -> tuple[Op, tuple[Wire, ...]]:
        wire = Wire(int(rng.integers(1, 4)), 0, 7)
        n = int(rng.integers(1, 9))
        return cls(rng.integers(0, wire.lanes, n, np.int32), rng.integers(0, 9, n)), (wire,)

    def stimuli(self, rng: np.random.Generator, *wires: Wire) -> tuple[Rows, ...]:
        """For each feature the extremes and, for each threshold t, the words t - 1 and t."""
        (x,) = wires
        columns = []
        for lane in range(x.lanes):
            t = self.threshold[self.feature == lane]
            words = np.unique(np.concatenate([t - 1, t, [x.lo, x.hi]]))
            columns.append(words[(words >= x.lo) & (words <= x.hi)])
        rows = max(len(words) for words in columns)
        swept = np.stack([np.resize(words, rows) for words in columns], axis=1)
        return (np.concatenate([swept[:, None, :], *Op.stimuli(self, rng, *wires)]),)

    def reads(self, i: int, wire: Wire) -> NDArray[np.bool_]:
        return np.isin(np.arange(wire.lanes), self.feature)

    def keep(self, lanes: Lanes) -> Op:
        return Thermometer(self.feature[lanes], self.threshold[lanes])

    def rewire(self, i: int, lane_of: Lanes) -> Op:
        return dataclasses.replace(self, feature=lane_of[self.feature])

    def constants(self, wires: tuple[Wire, ...]) -> Constants:
        always, never = self.threshold <= wires[0].lo, self.threshold > wires[0].hi
        return Constants(always | never, always.astype(np.int64))

    def twins(self) -> Lanes:
        key = np.stack([self.feature.astype(np.int64), self.threshold], axis=1)
        _, first, inverse = np.unique(key, axis=0, return_index=True, return_inverse=True)
        return first[inverse.ravel()].astype(np.int32)


def _at_least(aig: Aig, word: Word, threshold: int, wire: Wire) -> int:
    if threshold <= wire.lo:
        return TRUE
    if threshold > wire.hi:
        return FALSE
    return aig.at_least(word, constant(threshold, wire.bits), signed=wire.signed)
