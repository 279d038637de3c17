"""A layer of lookup tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hlsgen.errors import GraphError
from hlsgen.graph import truth
from hlsgen.graph.aig import Aig, Word
from hlsgen.graph.cells import FIRST, Cells, Table
from hlsgen.graph.fabric import Fabric
from hlsgen.graph.ir import Area, Constants, Lanes, Op, Rows, Values, Wire, array, op
from hlsgen.graph.pairing import mates

# LUTs evaluated together: their intermediate words then stay in the processor's cache.
_LUTS_AT_ONCE = 256
# Table addresses found together: bounds the memory of `coverage` to some 64 MiB.
_ADDRESSES = 4_000_000
# Random rows of a hardware check: an entry of a six-input table is missed once in 10**7.
_RANDOM_ROWS = 1024


@op("lut")
@dataclass(frozen=True, eq=False)
class Lut(Op):
    """Output lane i is bit a of table[i]; bit p of a is x[src[i, p]], for the pins p < k[i].

    Args:
        src: int32 [n, 6]; 0 <= src < lanes of x for pins p < k, and -1 for the others.
        k: uint8 [n], fan-in of each LUT, 0..6; 0 is a constant.
        table: uint64 [n]; only the lowest 2**k bits may be set (the INIT of the LUT).
    """

    part: ClassVar[str] = "tables"

    src: Lanes = array("int32")
    k: NDArray[np.uint8] = array("uint8")
    table: truth.Tables = array("uint64")

    def infer(self, *wires: Wire) -> Wire:
        (x,) = wires
        if (x.lo, x.hi) not in {(0, 1), (0, 0), (1, 1)}:
            raise GraphError(f"needs one-bit lanes, its input ranges over {x.lo} to {x.hi}")
        n = len(self.k)
        if self.src.shape != (n, truth.MAX_INPUTS) or self.table.shape != (n,):
            raise GraphError(f"has src {list(self.src.shape)} and {n} fan-ins, needs [{n}, 6]")
        if n and self.k.max() > truth.MAX_INPUTS:
            raise GraphError(f"has a LUT with {self.k.max()} inputs, allowed are 0 to 6")
        used = np.arange(truth.MAX_INPUTS) < self.k[:, None]
        bad = np.where(used, (self.src < 0) | (self.src >= x.lanes), self.src != -1)
        if bad.any():
            lut, pin = np.argwhere(bad)[0]
            raise GraphError(
                f"LUT {lut} reads lane {self.src[lut, pin]} on pin {pin},"
                f" its input has lanes 0 to {x.lanes - 1} (-1 on unused pins)"
            )
        if (self.table & ~truth.mask(self.k)).any():
            lut = int(np.flatnonzero(self.table & ~truth.mask(self.k))[0])
            raise GraphError(f"LUT {lut} sets table bits above 2**{self.k[lut]}")
        return Wire(n, 0, 1, x.beats)

    def eval(self, *values: Values) -> Values:
        (x,) = values
        flat = x.reshape(-1, x.shape[-1])
        rows = _pack(flat)
        full = truth.widen(self.table, self.k)
        # Unused pins read lane 0; the widened tables ignore them.
        pins = np.maximum(self.src, 0)
        out = np.empty((len(self.k), rows.shape[1]), dtype=np.uint64)
        for start in range(0, len(self.k), _LUTS_AT_ONCE):
            part = slice(start, start + _LUTS_AT_ONCE)
            out[part] = _select(full[part], [rows[pins[part, pin]] for pin in range(6)])
        return _unpack(out, len(flat)).reshape(*x.shape[:-1], len(self.k))

    def logic(
        self, aig: Aig, wires: tuple[Wire, ...], values: tuple[list[Word], ...]
    ) -> list[Word]:
        (x,) = values
        lanes = [word[0] for word in x]
        rows = zip(self.src.tolist(), self.k.tolist(), self.table.tolist(), strict=True)
        return [[aig.table(table, [lanes[lane] for lane in src[:k]])] for src, k, table in rows]

    @cached_property
    def wired(self) -> NDArray[np.bool_]:
        """Lanes that are an input lane, or constant, and take no LUT: bool [n]."""
        return np.asarray((self.k == 0) | ((self.k == 1) & (self.table == np.uint64(0b10))))

    @cached_property
    def mates(self) -> NDArray[np.int32]:
        """For each LUT the one that shares a dual-output LUT with it, or -1."""
        return mates(self.src, np.where(self.wired, 0, self.k).astype(np.uint8))

    def cells(self, fabric: Fabric, *wires: Wire) -> Cells:
        """Lane i is the signal of number i behind the inputs, or an input where it is a wire."""
        lanes = wires[0].lanes
        rows = zip(self.src.tolist(), self.k.tolist(), self.table.tolist(), strict=True)
        tables, paired, outputs = [], [], []
        place = np.cumsum(~self.wired) - 1
        mate = np.where(self.mates < 0, -1, place[self.mates]).tolist()
        for lane, ((src, k, table), wired) in enumerate(
            zip(rows, self.wired.tolist(), strict=True)
        ):
            if wired:
                outputs.append(FIRST + src[0] if k else table)
                continue
            out = FIRST + lanes + lane
            tables.append(Table(out, table, tuple(FIRST + pin for pin in src[:k])))
            paired.append(mate[lane])
            outputs.append(out)
        return Cells(lanes, tuple(tables), tuple(outputs), tuple(paired))

    def area(self, fabric: Fabric, *wires: Wire) -> Area:
        counts = np.bincount(self.k[~self.wired], minlength=7)
        luts = sum(int(counts[k]) * fabric.luts_for(k) for k in range(1, 7))
        pairs = int(np.count_nonzero(self.mates >= 0)) // 2 if fabric.dual else 0
        return Area(luts - pairs, pairs=pairs)

    def delay_ns(self, fabric: Fabric, *wires: Wire) -> float:
        if self.wired.all():
            return 0.0
        return fabric.table_ns(int(self.k.max(initial=0)))

    def levels(self, fabric: Fabric, *wires: Wire) -> int:
        return int(not self.wired.all())

    @classmethod
    def example(cls, rng: np.random.Generator) -> tuple[Op, tuple[Wire, ...]]:
        lanes, n = int(rng.integers(1, 9)), int(rng.integers(1, 9))
        return cls.of(
            rng.integers(0, lanes, (n, 6)),
            rng.integers(0, 7, n),
            rng.integers(0, 2**64, n, dtype=np.uint64),
        ), (Wire(lanes, 0, 1),)

    def stimuli(self, rng: np.random.Generator, *wires: Wire) -> tuple[Rows, ...]:
        """Random rows, then rows made for the table entries that those missed: every entry."""
        (x,) = wires
        rows = rng.integers(x.lo, x.hi + 1, (_RANDOM_ROWS, x.lanes), x.dtype)
        missed = [
            (lut, entry)
            for lut, reached in enumerate(self.coverage(rows[:, None, :]))
            for entry in np.flatnonzero(~reached[: 1 << int(self.k[lut])])
        ]
        extra = rng.integers(x.lo, x.hi + 1, (len(missed), x.lanes), x.dtype)
        for row, (lut, entry) in zip(extra, missed, strict=True):
            pins = self.src[lut, : self.k[lut]]
            row[pins] = entry >> np.arange(len(pins)) & 1
        return (np.concatenate([rows, extra])[:, None, :],)

    def explain(self, lane: int, *row: Values) -> str:
        entry = int(np.flatnonzero(self.coverage(row[0])[lane])[0])
        return f"LUT {lane}, table entry {entry}"

    def coverage(self, x: Rows) -> NDArray[np.bool_]:
        """Which table entries the samples address: bool [n, 64]."""
        reached = np.zeros((len(self.k), 64), dtype=bool)
        for start, address in self._addresses(x):
            reached[start + np.arange(len(address))[:, None], address] = True
        return reached

    def visits(self, x: Rows) -> NDArray[np.int64]:
        """How many samples address each table entry: int64 [n, 64]."""
        counts = np.zeros((len(self.k), 64), dtype=np.int64)
        for start, address in self._addresses(x):
            for lut, entries in enumerate(address, start):
                counts[lut] = np.bincount(entries, minlength=64)
        return counts

    def _addresses(self, x: Rows) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """For some LUTs at a time the first one's number and the entries, uint8 [luts, samples]."""
        lanes = np.ascontiguousarray(x.reshape(-1, x.shape[-1]).astype(np.uint8).T)
        step = max(1, _ADDRESSES // max(1, lanes.shape[1]))
        for start in range(0, len(self.k), step):
            src = self.src[start : start + step]
            address = np.zeros((len(src), lanes.shape[1]), dtype=np.uint8)
            for pin in range(truth.MAX_INPUTS):
                used = src[:, pin] >= 0
                address[used] |= lanes[src[used, pin]] << pin
            yield start, address

    @classmethod
    def of(cls, src: NDArray[np.integer], k: NDArray[np.integer], table: truth.Tables) -> Lut:
        """A layer from arrays whose unused pins and table bits hold anything."""
        fan_in = k.astype(np.uint8)
        pins = np.full((len(fan_in), truth.MAX_INPUTS), -1, dtype=np.int32)
        pins[:, : src.shape[1]] = src
        pins[np.arange(truth.MAX_INPUTS) >= fan_in[:, None]] = -1
        return cls(pins, fan_in, truth.narrow(table.astype(np.uint64), fan_in))

    def reads(self, i: int, wire: Wire) -> NDArray[np.bool_]:
        read = np.zeros(wire.lanes, dtype=bool)
        read[self.src[self.src >= 0]] = True
        return read

    def keep(self, lanes: Lanes) -> Op:
        return Lut(self.src[lanes], self.k[lanes], self.table[lanes])

    def rewire(self, i: int, lane_of: Lanes) -> Op:
        return dataclasses.replace(self, src=np.where(self.src < 0, -1, lane_of[self.src]))

    def simplify(self, wires: tuple[Wire, ...], known: tuple[Constants, ...]) -> Op:
        """Constant and repeated inputs folded in, ignored inputs dropped, pins sorted by lane."""
        src, full = self.src.copy(), truth.widen(self.table, self.k)
        for pin in range(truth.MAX_INPUTS):
            fixed = (src[:, pin] >= 0) & known[0].mask[src[:, pin]]
            ones = fixed & (known[0].value[src[:, pin]] != 0)
            full[ones] = truth.cofactor(full[ones], pin, 1)
            zeros = fixed & ~ones
            full[zeros] = truth.cofactor(full[zeros], pin, 0)
            for other in range(pin + 1, truth.MAX_INPUTS):
                # A constant is folded in on each of its pins; joined, it would come back.
                same = (src[:, pin] >= 0) & ~fixed & (src[:, pin] == src[:, other])
                full[same] = truth.join(full[same], pin, other)
        for pin in range(truth.MAX_INPUTS):
            src[~truth.depends(full, pin), pin] = -1
        self._sort_pins(src, full)
        k = (src >= 0).sum(axis=1)
        return Lut.of(src, k, full)

    @staticmethod
    def _sort_pins(src: Lanes, full: truth.Tables) -> None:
        """Order the pins of each LUT by lane, unused pins last, in place (a bubble sort)."""
        for end in range(truth.MAX_INPUTS - 1, 0, -1):
            for pin in range(end):
                # As uint32, -1 sorts behind every lane.
                order = src.view(np.uint32)
                rows = order[:, pin] > order[:, pin + 1]
                full[rows] = truth.swap(full[rows], pin, pin + 1)
                src[rows, pin], src[rows, pin + 1] = src[rows, pin + 1], src[rows, pin]

    def constants(self, wires: tuple[Wire, ...]) -> Constants:
        return Constants(self.k == 0, (self.table & np.uint64(1)).astype(np.int64))

    def twins(self) -> Lanes:
        key = np.empty(len(self.k), dtype=[("src", "i4", 6), ("k", "u1"), ("table", "u8")])
        key["src"], key["k"], key["table"] = self.src, self.k, self.table
        raw = key.view(f"V{key.itemsize}")
        _, first, inverse = np.unique(raw, return_index=True, return_inverse=True)
        return first[inverse.ravel()].astype(np.int32)


def _pack(bits: Values) -> NDArray[np.uint64]:
    """Samples [batch, lanes] of 0 and 1 as rows of bits [lanes, batch / 64, rounded up]."""
    columns = np.zeros((bits.shape[1], -(-len(bits) // 64) * 64), dtype=np.uint8)
    columns[:, : len(bits)] = bits.astype(np.uint8).T
    return np.packbits(columns, axis=1, bitorder="little").view(np.uint64)


def _unpack(rows: NDArray[np.uint64], batch: int) -> Values:
    """The inverse of `_pack`."""
    bits = np.unpackbits(rows.view(np.uint8), axis=1, count=batch, bitorder="little")
    return np.ascontiguousarray(bits.T).astype(np.int64)


def _select(full: truth.Tables, pins: list[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    """Six-input tables [n] on packed pins [n, words] each: 64 samples a word, by Shannon's rule."""
    entries = np.unpackbits(full.view(np.uint8).reshape(-1, 8), axis=1, bitorder="little")
    # Entry-major, and the highest pin first: both halves of each step are then contiguous.
    layer = np.ascontiguousarray(np.uint64(0) - entries.T.astype(np.uint64))[:, :, None]
    for pin in reversed(pins):
        low, high = np.split(layer, 2)
        step = (low ^ high) & pin
        step ^= low
        layer = step
    return np.asarray(layer[0])
