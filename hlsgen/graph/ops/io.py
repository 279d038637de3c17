"""Where samples enter the graph."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hlsgen.errors import GraphError
from hlsgen.graph.aig import Aig, Word
from hlsgen.graph.fabric import Fabric
from hlsgen.graph.ir import Area, Op, Values, Wire, array, op


@op("input")
@dataclass(frozen=True, eq=False)
class Input(Op):
    """Integer words of the features, `bits` wide, unsigned.

    The host makes word w of feature f from a real value v as
    w = clip(round((v - offset[f]) / scale[f]), 0, 2**bits - 1); the circuit never sees v.

    Args:
        bits: width of every word, 1..16.
        offset: float64 [lanes], in the unit of the feature.
        scale: float64 [lanes], > 0, feature units per step of the word.
    """

    part: ClassVar[str] = "encoder"

    arity: ClassVar[int] = 0

    bits: int
    offset: NDArray[np.float64] = array("float64")
    scale: NDArray[np.float64] = array("float64")

    def infer(self, *wires: Wire) -> Wire:
        if not 1 <= self.bits <= 16:
            raise GraphError(f"has words of {self.bits} bits, allowed are 1 to 16")
        if self.offset.ndim != 1 or self.offset.shape != self.scale.shape:
            raise GraphError("needs one offset and one scale for each feature")
        if not (np.isfinite(self.offset).all() and (self.scale > 0).all()):
            raise GraphError("needs finite offsets and scales > 0")
        return Wire(len(self.offset), 0, 2**self.bits - 1)

    def quantise(self, samples: NDArray[np.float64]) -> Values:
        """Words [batch, 1, lanes] for real samples [batch, lanes]."""
        steps = np.rint((samples - self.offset) / self.scale)
        return np.clip(steps, 0, 2**self.bits - 1).astype(np.int64)[:, None, :]

    def eval(self, *values: Values) -> Values:
        return values[0]

    def logic(
        self, aig: Aig, wires: tuple[Wire, ...], values: tuple[list[Word], ...]
    ) -> list[Word]:
        return values[0]

    def area(self, fabric: Fabric, *wires: Wire) -> Area:
        return Area()

    def delay_ns(self, fabric: Fabric, *wires: Wire) -> float:
        return 0.0

    def levels(self, fabric: Fabric, *wires: Wire) -> int:
        return 0

    @classmethod
    def example(cls, rng: np.random.Generator) -> tuple[Op, tuple[Wire, ...]]:
        lanes = int(rng.integers(1, 5))
        return cls(int(rng.integers(1, 4)), rng.normal(size=lanes), rng.random(lanes) + 0.1), ()


@op("pixels")
@dataclass(frozen=True, eq=False)
class Pixels(Input):
    """Integer words of an image, one beat a pixel, one lane a channel.

    All pixels share the offset and the scale of their channel.

    Args:
        beats: pixels of an image, at least 1.
    """

    beats: int = 1

    def infer(self, *wires: Wire) -> Wire:
        if self.beats < 1:
            raise GraphError(f"has images of {self.beats} pixels, must be at least 1")
        return dataclasses.replace(super().infer(), beats=self.beats)

    def quantise(self, samples: NDArray[np.float64]) -> Values:
        """Words [batch, beats, lanes] of real samples [batch, beats * lanes]."""
        pixels = samples.reshape(-1, len(self.offset))
        return super().quantise(pixels).reshape(len(samples), self.beats, len(self.offset))

    @classmethod
    def example(cls, rng: np.random.Generator) -> tuple[Op, tuple[Wire, ...]]:
        lanes, bits = int(rng.integers(1, 4)), int(rng.integers(1, 4))
        return cls(bits, rng.normal(size=lanes), rng.random(lanes) + 0.1, 12), ()


@op("port")
@dataclass(frozen=True, eq=False)
class Port(Op):
    """Where values enter a part of a graph that was cut (see `hlsgen.graph.parts`).

    Args:
        lanes, lo, hi: of the wire that was cut.
    """

    part: ClassVar[str] = "wiring"

    arity: ClassVar[int] = 0

    lanes: int
    lo: int
    hi: int

    def infer(self, *wires: Wire) -> Wire:
        return Wire(self.lanes, self.lo, self.hi)

    def eval(self, *values: Values) -> Values:
        return values[0]

    def logic(
        self, aig: Aig, wires: tuple[Wire, ...], values: tuple[list[Word], ...]
    ) -> list[Word]:
        return values[0]

    def area(self, fabric: Fabric, *wires: Wire) -> Area:
        return Area()

    def delay_ns(self, fabric: Fabric, *wires: Wire) -> float:
        return 0.0

    def levels(self, fabric: Fabric, *wires: Wire) -> int:
        return 0

    @classmethod
    def example(cls, rng: np.random.Generator) -> tuple[Op, tuple[Wire, ...]]:
        return cls(int(rng.integers(1, 5)), int(rng.integers(-2, 1)), 3), ()
