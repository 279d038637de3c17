"""Operators that wait: what the schedule needs to know of them, and those that only move beats."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hlsgen.errors import GraphError
from hlsgen.graph import memory
from hlsgen.graph.fabric import Fabric
from hlsgen.graph.ir import Area, Op, Values, Wire, op

# The fewest places of a FIFO.
FEWEST = 2


@dataclass(frozen=True, eq=False)
class Waiting(Op):
    """An operator that takes beats from FIFOs, one in front of each input.

    It begins with an output beat when it is done with the one before, each FIFO has what it needs,
    and there is a place for what comes of it.

    Args:
        places: beats that the first FIFO holds, at least 2.
    """

    streams: ClassVar[bool] = True
    waits: ClassVar[bool] = True

    places: int

    @property
    def delay(self) -> int:
        """Clocks from the one in which work on a beat begins to the one with its output."""
        return self.fold

    def needs(self, wire: Wire) -> NDArray[np.int64]:
        """The input beat that must be there for each output beat, int64 [output beats].

        All inputs are alike in this.
        """
        return np.arange(wire.beats, dtype=np.int64)

    def takes(self, wire: Wire) -> NDArray[np.bool_]:
        """Whether each output beat is the last that needs its input beat, which then leaves."""
        return np.ones(len(self.needs(wire)), dtype=bool)

    @property
    def depths(self) -> tuple[int, ...]:
        """Beats that the FIFO in front of each input holds."""
        return (self.places,)

    def deeper(self, number: int, places: int) -> Waiting:
        """The same with so many places in the FIFO of input `number`."""
        return dataclasses.replace(self, places=places)

    def unfolded(self) -> Waiting:
        return self.deeper(0, FEWEST)

    def check_places(self) -> None:
        """Raise a GraphError where a FIFO has too few places."""
        if min(self.depths) < FEWEST:
            raise GraphError(f"has a FIFO of {min(self.depths)} places, must be {FEWEST} or more")

    def fifo_luts(self, fabric: Fabric, *wires: Wire) -> int:
        """LUTs of the FIFOs."""
        return sum(
            memory.ram_luts(fabric.name, places, wire.width_bits)
            for places, wire in zip(self.depths, wires, strict=True)
        )

    def delay_ns(self, fabric: Fabric, *wires: Wire) -> float:
        return 0.0

    def levels(self, fabric: Fabric, *wires: Wire) -> int:
        return 0

    def _moving(self, fabric: Fabric, *wires: Wire) -> Area:
        """Cells of an operator that only moves beats; four LUTs for each bit of its counters."""
        out = self.infer(*wires)
        bits = out.beats.bit_length()
        return Area(self.fifo_luts(fabric, *wires) + 4 * bits, out.width_bits + 2 * bits)


@op("pad")
@dataclass(frozen=True, eq=False)
class Pad(Waiting):
    """The image in a frame of `fill`: so many rows and columns on each side.

    The frame costs clocks, a beat one. It begins when the first pixel is there.

    Args:
        height, width: of the image, in pixels.
        top, bottom, left, right: rows and columns, from 0.
        fill: what every lane of the frame is.
    """

    part: ClassVar[str] = "windows"

    height: int
    width: int
    top: int
    bottom: int
    left: int
    right: int
    fill: int

    def infer(self, *wires: Wire) -> Wire:
        (x,) = wires
        if x.beats != self.height * self.width:
            raise GraphError(
                f"needs an image of {self.height} x {self.width} pixels, its input has"
                f" {x.beats} beats"
            )
        if min(self.top, self.bottom, self.left, self.right) < 0:
            raise GraphError("has a frame with a negative side")
        self.check_places()
        high, wide = self.shape
        return Wire(x.lanes, min(x.lo, self.fill), max(x.hi, self.fill), high * wide)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the output, in beats."""
        return self.height + self.top + self.bottom, self.width + self.left + self.right

    def eval(self, *values: Values) -> Values:
        (x,) = values
        image = x.reshape(len(x), self.height, self.width, x.shape[2])
        sides = (0, 0), (self.top, self.bottom), (self.left, self.right), (0, 0)
        framed = np.pad(image, sides, constant_values=self.fill)
        return framed.reshape(len(x), self.shape[0] * self.shape[1], x.shape[2])

    def _inside(self) -> NDArray[np.bool_]:
        inside = np.zeros(self.shape, dtype=bool)
        rows = slice(self.top, self.top + self.height)
        inside[rows, self.left : self.left + self.width] = True
        return inside.ravel()

    def needs(self, wire: Wire) -> NDArray[np.int64]:
        last = np.cumsum(self._inside(), dtype=np.int64) - 1
        return np.asarray(np.maximum(last, 0))

    def takes(self, wire: Wire) -> NDArray[np.bool_]:
        return self._inside()

    def area(self, fabric: Fabric, *wires: Wire) -> Area:
        return self._moving(fabric, *wires)

    @classmethod
    def example(cls, rng: np.random.Generator) -> tuple[Op, tuple[Wire, ...]]:
        high, wide, lanes = (int(n) for n in rng.integers(1, 4, 3))
        top, bottom, left, right = (int(n) for n in rng.integers(0, 3, 4))
        fill = int(rng.integers(-3, 3))
        op = cls(2, high, wide, top, bottom, left, right, fill)
        return op, (Wire(lanes, -1, 2, high * wide),)


@op("merge")
@dataclass(frozen=True, eq=False)
class Merge(Waiting):
    """Two streams side by side: the lanes of the first input, then those of the second.

    What they are, of one image, may have come different ways: the FIFO of the shorter way holds
    what has to wait. A sum behind it is the addition of a residual branch.

    Args:
        other: places of the second FIFO.
    """

    part: ClassVar[str] = "windows"
    arity: ClassVar[int] = 2

    other: int

    @property
    def depths(self) -> tuple[int, ...]:
        return self.places, self.other

    def deeper(self, number: int, places: int) -> Waiting:
        return dataclasses.replace(self, **{("places", "other")[number]: places})

    def unfolded(self) -> Waiting:
        return Merge(FEWEST, FEWEST)

    def infer(self, *wires: Wire) -> Wire:
        one, other = wires
        if one.beats != other.beats:
            raise GraphError(
                f"joins streams of {one.beats} and {other.beats} beats a frame: they must have"
                " equally many, or no FIFO could hold what is left over"
            )
        self.check_places()
        lo, hi = min(one.lo, other.lo), max(one.hi, other.hi)
        return Wire(one.lanes + other.lanes, lo, hi, one.beats)

    def eval(self, *values: Values) -> Values:
        return np.concatenate(values, axis=2)

    def area(self, fabric: Fabric, *wires: Wire) -> Area:
        return self._moving(fabric, *wires)

    @classmethod
    def example(cls, rng: np.random.Generator) -> tuple[Op, tuple[Wire, ...]]:
        lanes = [int(n) for n in rng.integers(1, 4, 2)]
        return cls(2, int(rng.integers(2, 5))), (Wire(lanes[0], -2, 1, 3), Wire(lanes[1], 0, 5, 3))


@op("serialize")
@dataclass(frozen=True, eq=False)
class Serialize(Waiting):
    """Each beat as several narrower ones, the lowest lanes first.

    A window of one row, as many pixels and that stride gathers them again.

    Args:
        parts: beats that one becomes, from 1; they divide its lanes.
    """

    part: ClassVar[str] = "windows"

    parts: int

    def infer(self, *wires: Wire) -> Wire:
        (x,) = wires
        if self.parts < 1 or x.lanes % self.parts:
            raise GraphError(f"makes {self.parts} beats of one: they must divide {x.lanes} lanes")
        self.check_places()
        return Wire(x.lanes // self.parts, x.lo, x.hi, x.beats * self.parts)

    def eval(self, *values: Values) -> Values:
        (x,) = values
        return x.reshape(len(x), x.shape[1] * self.parts, x.shape[2] // self.parts)

    def needs(self, wire: Wire) -> NDArray[np.int64]:
        return np.arange(wire.beats * self.parts, dtype=np.int64) // self.parts

    def takes(self, wire: Wire) -> NDArray[np.bool_]:
        return np.asarray(np.arange(wire.beats * self.parts) % self.parts == self.parts - 1)

    def area(self, fabric: Fabric, *wires: Wire) -> Area:
        (x,) = wires
        chosen = x.width_bits // self.parts * -(-(self.parts - 1) // 2)
        return self._moving(fabric, x) + Area(chosen)

    @classmethod
    def example(cls, rng: np.random.Generator) -> tuple[Op, tuple[Wire, ...]]:
        parts, lanes = (int(n) for n in rng.integers(1, 4, 2))
        return cls(2, parts), (Wire(parts * lanes, -1, 3, 4),)
