"""A dense layer whose weights lie in memory, worked off in tiles."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hlsgen.errors import GraphError
from hlsgen.graph import memory
from hlsgen.graph.fabric import Fabric
from hlsgen.graph.ir import Area, Op, Values, Wire, array, op
from hlsgen.graph.ops.waiting import FEWEST, Waiting

# Wider sums than this are a mistake.
_MOST_BITS = 32
# Products that are added in one clock: about three levels of LUTs.
RADIX = 8
# Clocks from the last sum of products to the output: accumulator, comparison.
_BEHIND = 2
# Below so many integers float32 is exact.
_EXACT = 1 << 24


@op("tiled")
@dataclass(frozen=True, eq=False)
class Tiled(Waiting):
    """The sum of weight[m] * x; output lane m is how many of threshold[m] it reaches, or the sum.

    The layer is worked off in tiles of `pe` rows by `simd` columns, one a clock, the columns of
    `pe` rows first: a beat takes `fold` clocks. A FIFO in front holds beats that wait.

    Args:
        pe: rows at a time; it divides the rows.
        simd: columns at a time; it divides the columns, which are the input's lanes.
        weight: int8 [rows, columns], each -1 or 1.
        threshold: int64 [rows, levels], ascending in each row; without levels the sum goes out.
    """

    part: ClassVar[str] = "engines"

    pe: int
    simd: int
    weight: NDArray[np.int8] = array("int8")
    threshold: NDArray[np.int64] = array("int64")

    @property
    def rows(self) -> int:
        """Output lanes."""
        return int(self.weight.shape[0])

    @property
    def columns(self) -> int:
        """Input lanes."""
        return int(self.weight.shape[1])

    @property
    def steps(self) -> int:
        """Thresholds of a row."""
        return int(self.threshold.shape[1])

    @property
    def tiles(self) -> tuple[int, int]:
        """Tiles down and across."""
        return self.rows // self.pe, self.columns // self.simd

    @property
    def fold(self) -> int:
        """Clocks that a beat takes."""
        down, across = self.tiles
        return down * across

    @property
    def depth(self) -> int:
        """Registers in a tree that adds `simd` products, `RADIX` at a time; at least one."""
        terms, depth = self.simd, 0
        while terms > 1 or not depth:
            terms, depth = -(-terms // RADIX), depth + 1
        return depth

    @property
    def delay(self) -> int:
        return self.fold + self.depth + _BEHIND

    def unfolded(self) -> Tiled:
        """The same layer, as it comes from training: one row by one column, the smallest FIFO."""
        return dataclasses.replace(self, pe=1, simd=1, places=FEWEST)

    def infer(self, *wires: Wire) -> Wire:
        (x,) = wires
        if self.weight.ndim != 2 or not self.weight.size:
            raise GraphError("needs weights [rows, columns], one at least")
        if self.threshold.ndim != 2 or len(self.threshold) != self.rows:
            raise GraphError(f"needs thresholds [{self.rows}, levels]")
        if (np.abs(self.weight) != 1).any():
            bad = self.weight[np.abs(self.weight) != 1][0]
            raise GraphError(f"has a weight {bad}, allowed are -1 and 1")
        if (np.diff(self.threshold) < 0).any():
            raise GraphError("needs ascending thresholds in each row")
        if self.columns != x.lanes:
            raise GraphError(f"has {self.columns} columns, its input has {x.lanes} lanes")
        _check_tile("pe", self.pe, "rows", self.rows)
        _check_tile("simd", self.simd, "columns", self.columns)
        self.check_places()
        sums = self.sums(x)
        if sums.bits > _MOST_BITS:
            raise GraphError(
                f"has sums of {sums.bits} bits ({sums.lo} to {sums.hi}), at most {_MOST_BITS} are"
                " allowed: its input has too many lanes or too wide ones"
            )
        return Wire(self.rows, 0, self.steps, x.beats) if self.steps else sums

    def sums(self, x: Wire) -> Wire:
        """The range of the sums."""
        positive = (self.weight > 0).sum(axis=1, dtype=np.int64)
        negative = self.columns - positive
        lo, hi = positive * x.lo - negative * x.hi, positive * x.hi - negative * x.lo
        return Wire(self.rows, int(lo.min()), int(hi.max()), x.beats)

    def eval(self, *values: Values) -> Values:
        (x,) = values
        # The products of float32 take a tenth of the time of those of integers.
        largest = int(np.abs(x).max(initial=0)) * self.columns
        exact = np.float32 if largest < _EXACT else np.float64
        total: Values = (x.astype(exact) @ self.weight.T.astype(exact)).astype(np.int64)
        if not self.steps:
            return total
        reached = np.zeros(total.shape, dtype=np.int64)
        for level in self.threshold.T:
            reached += total >= level
        return reached

    def area(self, fabric: Fabric, *wires: Wire) -> Area:
        """A rule of thumb: a LUT for each bit that is added or compared, choosers, small memories.

        `python -m benchmarks --only engines` compares it with Yosys.
        """
        (x,) = wires
        bits, (down, across) = self.sum_bits(x), self.tiles
        product = self.product_bits(x)
        # Sums of numbers grow on their way; the first bits that are added share a LUT.
        grown = product if product == 1 else product + self.simd.bit_length() / 2
        added = int(self.pe * (self.simd * grown + bits) * (1 if fabric.lut_inputs > 4 else 1.75))
        compared = self.pe * max(self.steps, 1) * bits
        chosen = self.simd * x.bits * -(-(across - 1) // (3 if fabric.lut_inputs > 4 else 1))
        counters = sum(4 * max(1, n.bit_length()) for n in (down, across, self.fold))
        kept = self.fifo_luts(fabric, x)
        kept += sum(
            memory.rom_luts(fabric.name, fabric.lut_inputs, *size) for size in self.memories(x)
        )
        out = self.infer(x)
        registers = self.simd * x.bits + self.pe * self.simd + added // 4 + out.width_bits
        return Area(added + compared + chosen + counters + kept, registers + counters // 2)

    def made(self, x: Wire) -> Wire:
        """The range of the sums that the circuit makes, and one more: see `offset`."""
        if _bits(x):
            return Wire(self.rows, 0, self.columns + 1)
        lo, hi = min(x.lo, -x.hi - 1), max(x.hi, -x.lo - 1)
        return Wire(self.rows, self.columns * lo, self.columns * hi + 1)

    def sum_bits(self, x: Wire) -> int:
        """Bits of the circuit's sums, and of what they are compared with or added to."""
        made = self.made(x).bits
        return made if self.steps else max(made, self.sums(x).bits)

    def offset(self, x: Wire) -> NDArray[np.int64]:
        """What the circuit's sums lack, int64 [rows].

        Of a bit it adds the opposite where the weight is -1, which is 1 - x; of wider lanes all
        bits inverted, which is -x - 1.
        """
        negative = np.asarray((self.weight < 0).sum(axis=1, dtype=np.int64))
        return -negative if _bits(x) else negative

    @staticmethod
    def product_bits(x: Wire) -> int:
        """Bits of a product: of a bit one, of wider lanes a sign more where they have none."""
        return x.bits if x.signed or _bits(x) else x.bits + 1

    def memories(self, x: Wire) -> tuple[tuple[int, int], ...]:
        """Words and bits of a word of the memories: weights, then thresholds."""
        level = self.sum_bits(x) * max(self.steps, 1)
        return (self.fold, self.pe * self.simd), (self.tiles[0], self.pe * level)

    def memory_bits(self, wire: Wire) -> int:
        """Bits of weights and thresholds."""
        return sum(words * bits for words, bits in self.memories(wire))

    def weight_words(self) -> Iterator[int]:
        """Weights of one tile after the other; bit p * simd + s is 1 where that weight is 1."""
        down, across = self.tiles
        tiles = (self.weight > 0).reshape(down, self.pe, across, self.simd).swapaxes(1, 2)
        yield from _words(tiles.reshape(self.fold, -1))

    def level_words(self, x: Wire) -> Iterator[int]:
        """What the sums of each `pe` rows are compared with, or what is added to them.

        Row after row, all levels of a row side by side, each of `sum_bits`.
        """
        offset, wire = self.offset(x)[:, None], self.made(x)
        level = np.clip(self.threshold - offset, wire.lo, wire.hi) if self.steps else offset
        bits = np.arange(self.sum_bits(x))
        digits = (level[:, :, None] >> bits & 1).astype(bool)
        yield from _words(digits.reshape(self.tiles[0], -1))

    @classmethod
    def example(cls, rng: np.random.Generator) -> tuple[Op, tuple[Wire, ...]]:
        pe, simd, down, across = (int(n) for n in rng.integers(1, 5, 4))
        rows, columns = pe * down, simd * across
        wire = Wire(columns, int(rng.integers(-3, 1)), int(rng.integers(1, 4)), 3)
        weight = rng.choice([-1, 1], (rows, columns))
        near = columns * wire.hi
        threshold = np.sort(rng.integers(-near, near + 1, (rows, int(rng.integers(0, 4)))))
        return cls(int(rng.integers(2, 5)), pe, simd, weight, threshold), (wire,)


def _bits(x: Wire) -> bool:
    """Whether the lanes are bits without a sign."""
    return x.bits == 1 and not x.signed


def _words(bits: NDArray[np.bool_]) -> Iterator[int]:
    """Numbers of rows of bits, the first least significant."""
    for row in np.packbits(bits, axis=1, bitorder="little"):
        yield int.from_bytes(row.tobytes(), "little")


def _check_tile(name: str, tile: int, what: str, whole: int) -> None:
    if tile < 1 or whole % tile:
        fits = [str(n) for n in range(1, whole + 1) if whole % n == 0]
        shown = fits if len(fits) <= 12 else [*fits[:11], "...", fits[-1]]
        raise GraphError(f"has {name} {tile}: its {whole} {what} need one of {', '.join(shown)}")
