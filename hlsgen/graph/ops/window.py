"""A window that slides over an image: what makes an ordinary layer a convolution."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hlsgen.errors import GraphError
from hlsgen.graph import memory
from hlsgen.graph.fabric import Fabric
from hlsgen.graph.ir import Area, Lanes, Op, Values, Wire, array, op

# A memory of at most so many words takes LUTs, a deeper one blocks of memory.
SHALLOW = 32


@dataclass(frozen=True)
class Taps:
    """A run of registers behind one delay of whole rows.

    Args:
        rows: rows of the image before the newest beat.
        lanes: for each column before it, from 0, the input lanes that are kept so far.
    """

    rows: int
    lanes: tuple[tuple[int, ...], ...]


@op("window")
@dataclass(frozen=True, eq=False)
class Window(Op):
    """Output beat (r, c) has x[r * stride_y + row[i], c * stride_x + column[i]], its lane lane[i].

    The input is an image in raster order, a beat a pixel, and so is the output, whose beats are
    the places where the kernel lies wholly inside the image: there is no padding. With a kernel as
    large as the image it is what flattens one.

    In hardware a beat leaves one clock after the last of its pixels came, or none: a window takes
    beats at any pace and never has to wait. Whole rows are kept in one memory as deep as the image
    is wide, pixels of the kernel's rows in registers, and only what some tap reads.

    Args:
        height, width: of the image, in pixels.
        kernel_height, kernel_width: of the window, at most those of the image.
        stride_y, stride_x: pixels from one place to the next, at least 1; they divide what the
            image is larger than the kernel.
        row, column: int32 [n], of each tap in the window, from its upper left corner.
        lane: int32 [n], of each tap.
    """

    part: ClassVar[str] = "windows"
    streams: ClassVar[bool] = True

    height: int
    width: int
    kernel_height: int
    kernel_width: int
    stride_y: int
    stride_x: int
    row: Lanes = array("int32")
    column: Lanes = array("int32")
    lane: Lanes = array("int32")

    def infer(self, *wires: Wire) -> Wire:
        (x,) = wires
        if x.beats != self.height * self.width:
            raise GraphError(
                f"needs an image of {self.height} x {self.width} pixels, its input has"
                f" {x.beats} beats"
            )
        _check_side("high", self.height, self.kernel_height, self.stride_y)
        _check_side("wide", self.width, self.kernel_width, self.stride_x)
        if not len(self.row) or not self.row.shape == self.column.shape == self.lane.shape:
            raise GraphError("needs one row, column and lane for each tap, and a tap at least")
        for name, tap, end in (
            ("row", self.row, self.kernel_height),
            ("column", self.column, self.kernel_width),
            ("lane", self.lane, x.lanes),
        ):
            if tap.min() < 0 or tap.max() >= end:
                bad = int(np.flatnonzero((tap < 0) | (tap >= end))[0])
                raise GraphError(f"tap {bad} has {name} {tap[bad]}, allowed are 0 to {end - 1}")
        return Wire(len(self.row), x.lo, x.hi, self.shape[0] * self.shape[1])

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the output, in beats."""
        down = (self.height - self.kernel_height) // self.stride_y + 1
        return down, (self.width - self.kernel_width) // self.stride_x + 1

    def eval(self, *values: Values) -> Values:
        (x,) = values
        beat = self._corners()[:, None] + self.row * self.width + self.column
        place = beat * x.shape[2] + self.lane
        # One index into whole frames is several times as fast as one for beats and one for lanes.
        frames = x.reshape(len(x), x.shape[1] * x.shape[2])
        return np.asarray(np.take(frames, place.ravel(), axis=1).reshape(len(x), *place.shape))

    def _corners(self) -> NDArray[np.int64]:
        """The input beat in the upper left corner of each place, int64 [beats]."""
        rows, columns = (np.arange(count, dtype=np.int64) for count in self.shape)
        grid = rows[:, None] * self.stride_y * self.width + columns * self.stride_x
        return np.asarray(grid.ravel())

    def completes(self) -> NDArray[np.int64]:
        """The input beat with which each output beat is complete, int64 [beats]."""
        last = (self.kernel_height - 1) * self.width + self.kernel_width - 1
        return self._corners() + last

    @cached_property
    def taps(self) -> tuple[Taps, ...]:
        """The registers, row by row of the kernel, the newest row first."""
        down = self.kernel_height - 1 - self.row
        across = self.kernel_width - 1 - self.column
        runs = []
        for rows in range(int(down.max()) + 1):
            here, later = down == rows, down > rows
            columns = int(across[here].max(initial=-1)) + 1
            # What later rows need goes on from the first register, or from the last of the row.
            if later.any():
                columns = self.width if self.chained else max(columns, 1)
            lanes = []
            for e in range(columns):
                kept = here & (across >= e)
                if self.chained or not e:
                    kept |= later
                lanes.append(tuple(sorted(set(self.lane[kept].tolist()))))
            runs.append(Taps(rows, tuple(lanes)))
        return tuple(runs)

    @property
    def chained(self) -> bool:
        """Whether rows follow each other in registers: the kernel is as wide as the image."""
        return self.kernel_width == self.width

    def stored(self) -> int:
        """Lanes of the memory that keeps whole rows."""
        if self.chained:
            return 0
        return sum(len(run.lanes[0]) for run in self.taps[1:])

    def area(self, fabric: Fabric, *wires: Wire) -> Area:
        """Registers of the taps and the counters; LUTs of a shallow memory.

        The counters' LUTs are a rule of thumb: two or four for each of their bits.
        """
        bits = wires[0].bits
        registers = sum(len(lanes) for run in self.taps for lanes in run.lanes) * bits
        counters = sum(_counter_bits(n) for n in (self.width, self.height)) * 2
        lut = counters * (1 if fabric.lut_inputs > 4 else 2)
        if self.width <= SHALLOW:
            lut += memory.ram_luts(fabric.name, self.width, self.stored() * bits)
        return Area(lut, registers + counters + 1)

    def memory_bits(self, wire: Wire) -> int:
        """Bits of the memory that keeps whole rows."""
        return self.stored() * wire.bits * self.width

    def delay_ns(self, fabric: Fabric, *wires: Wire) -> float:
        return 0.0

    def levels(self, fabric: Fabric, *wires: Wire) -> int:
        return 0

    @classmethod
    def example(cls, rng: np.random.Generator) -> tuple[Op, tuple[Wire, ...]]:
        kernel = rng.integers(1, 4, 2)
        stride = rng.integers(1, 3, 2)
        image = kernel + stride * rng.integers(0, 4, 2)
        wire = Wire(int(rng.integers(1, 4)), int(rng.integers(-2, 1)), 1, int(image.prod()))
        n = int(rng.integers(1, 9))
        row, column, lane = (
            rng.integers(0, end, n).astype(np.int32) for end in (*kernel, wire.lanes)
        )
        down, across, high, wide, step_y, step_x = (
            int(size) for size in (*image, *kernel, *stride)
        )
        return cls(down, across, high, wide, step_y, step_x, row, column, lane), (wire,)

    @classmethod
    def whole(
        cls, image: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int], lanes: int
    ) -> Window:
        """All taps of the kernel: row by row, pixel by pixel, lanes last."""
        row, column, lane = (grid.ravel() for grid in np.indices((*kernel, lanes), dtype=np.int32))
        return cls(*image, *kernel, *stride, row, column, lane)

    def fragments(self) -> Iterator[tuple[int, int, int]]:
        """For each output lane: rows and columns before the newest beat, place in its register."""
        at = {
            (run.rows, e, lane): place
            for run in self.taps
            for e, lanes in enumerate(run.lanes)
            for place, lane in enumerate(lanes)
        }
        for row, column, lane in zip(
            self.row.tolist(), self.column.tolist(), self.lane.tolist(), strict=True
        ):
            down, across = self.kernel_height - 1 - row, self.kernel_width - 1 - column
            yield down, across, at[down, across, lane]


def _check_side(adjective: str, image: int, kernel: int, stride: int) -> None:
    if min(image, kernel, stride) < 1 or kernel > image:
        raise GraphError(
            f"has a kernel {kernel} pixels {adjective} with stride {stride} on an image"
            f" {image} pixels {adjective}: needs 1 <= kernel <= image and stride >= 1"
        )
    if rest := (image - kernel) % stride:
        raise GraphError(
            f"has a kernel {kernel} pixels {adjective} that moves by {stride} on an image"
            f" {image} pixels {adjective}: {rest} pixels are left over; images of"
            f" {image - rest} or {image - rest + stride} fit"
        )


def _counter_bits(n: int) -> int:
    return max(1, (n - 1).bit_length())
