"""The LUT kernel for the processor, compiled by numba.

Node-major: row l of `rows` holds lane l of all samples, so every inner loop runs along samples and
is vectorised. One pass over the LUTs does everything backward while their samples are in cache.
The functions use one thread, and each sum is taken in an order that the shapes alone decide.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.uint8]
Floats = NDArray[np.float32]
Lanes = NDArray[np.int32]

# Sums may be reordered (one per vector lane); NaN and infinities keep their meaning.
_FAST = {"reassoc", "contract", "nsz", "arcp"}
_jit = numba.njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")

# Samples of one step in soft mode: what all entries of six pins need of them fits into L1.
_BLOCK = 64


@_jit
def look_up(rows: Bits, src: Lanes, table: Floats, out: Bits, address: Bits) -> None:
    """Addresses and outputs of all LUTs; see `kernel.look_up`."""
    n, fan_in = src.shape
    batch = rows.shape[1]
    entries = np.empty(table.shape[1], np.uint8)
    for i in range(n):
        for a in range(table.shape[1]):
            entries[a] = table[i, a] > 0
        to = address[i]
        to[:] = rows[src[i, 0]]
        for pin in range(1, fan_in):
            row = rows[src[i, pin]]
            for b in range(batch):
                to[b] |= row[b] << pin
        for b in range(batch):
            out[i, b] = entries[to[b]]


@_jit
def _slopes(table: Floats, blur: np.float32, blurred: Floats, slopes: Floats) -> None:
    """Slopes [K, 2**K] of one table [2**K] at all its addresses; see `kernel.differentiate`.

    The table is blurred along all pins, K steps of 2**K sums; the blur along the slope's own pin
    only makes differences along it smaller, by 1 - 2 * blur.
    """
    fan_in, entries = slopes.shape
    near, scale = 1 - blur, 1 / (1 - 2 * blur)
    blurred[:] = table
    if blur > 0:
        for pin in range(fan_in):
            step = 1 << pin
            for base in range(0, entries, 2 * step):
                for a in range(base, base + step):
                    low, high = blurred[a], blurred[a + step]
                    blurred[a] = near * low + blur * high
                    blurred[a + step] = near * high + blur * low
    for pin in range(fan_in):
        line, bit = slopes[pin], 1 << pin
        for a in range(entries):
            line[a] = scale * (blurred[a | bit] - blurred[a & ~bit])


@_jit
def _dots(pull: Floats, rows: Bits | Floats, picks: Lanes, dots: Floats) -> None:
    """dots[c] = sum of pull * (2 * rows[picks[c]] - 1)."""
    batch = rows.shape[1]
    whole = np.float32(0)
    for b in range(batch):
        whole += pull[b]
    for c in range(len(picks)):
        row = rows[picks[c]]
        total = np.float32(0)
        for b in range(batch):
            total += pull[b] * row[b]
        dots[c] = 2 * total - whole


@_jit
def differentiate(
    grad: Floats,
    address: Bits,
    src: Lanes,
    table: Floats,
    blur: np.float32,
    grad_table: Floats,
    grad_rows: Floats,
    rows: Bits,
    candidates: Lanes,
    grad_logits: Floats,
) -> None:
    """Gradients of all LUTs; see `kernel.differentiate`. Empty arrays are not filled."""
    n, fan_in = src.shape
    batch, entries = grad.shape[1], table.shape[1]
    wired, chosen = grad_rows.shape[0] > 0, grad_logits.shape[0] > 0
    blurred, slopes = np.empty(entries, np.float32), np.empty((fan_in, entries), np.float32)
    pull = np.empty(batch, np.float32)
    for i in range(n):
        line, at, sums = grad[i], address[i], grad_table[i]
        for b in range(batch):
            sums[at[b]] += line[b]
        if not (wired or chosen):
            continue
        _slopes(table[i], blur, blurred, slopes)
        for pin in range(fan_in):
            slope = slopes[pin]
            for b in range(batch):
                pull[b] = line[b] * slope[at[b]]
            if wired:
                to = grad_rows[src[i, pin]]
                for b in range(batch):
                    to[b] += pull[b]
            if chosen:
                _dots(pull, rows, candidates[i, pin], grad_logits[i, pin])


@_jit
def _read(rows: Floats, src: Lanes, start: int, pins: Floats) -> None:
    """pins[p] = what pin p reads of the block from sample `start` on; behind the end, zeros."""
    size = min(_BLOCK, rows.shape[1] - start)
    for pin in range(len(src)):
        row = rows[src[pin]]
        for b in range(size):
            pins[pin, b] = row[start + b]
        pins[pin, size:] = 0


@_jit
def _fold(table: Floats, pins: Floats, values: Floats) -> None:
    """Halve a table along one pin after the other, the last first, for a block of samples.

    values [2**K, block] is a heap: 2**p + a holds entry a of what is left when pins p and above
    are fixed, so values[1] is the result; an entry comes of those at 2 * 2**p + a and
    3 * 2**p + a, or of the table.
    """
    top = len(pins) - 1
    half = 1 << top
    for a in range(half):
        low, step = table[a], table[a + half] - table[a]
        for b in range(_BLOCK):
            values[half + a, b] = low + step * pins[top, b]
    for pin in range(top - 1, -1, -1):
        half = 1 << pin
        for a in range(half):
            lows, highs = values[2 * half + a], values[3 * half + a]
            for b in range(_BLOCK):
                values[half + a, b] = lows[b] + (highs[b] - lows[b]) * pins[pin, b]


@_jit
def _unfold(
    table: Floats, pins: Floats, values: Floats, grads: Floats, pulls: Floats, grad_table: Floats
) -> None:
    """The way back of `_fold`, from grads[1]; adds to `grad_table`, sets pulls [K, block]."""
    top = len(pins) - 1
    pulls[:] = 0
    for pin in range(top):
        half, pull, bits = 1 << pin, pulls[pin], pins[pin]
        for a in range(half):
            lows, highs, above = values[2 * half + a], values[3 * half + a], grads[half + a]
            to_low, to_high = grads[2 * half + a], grads[3 * half + a]
            # Two loops: LLVM vectorises a loop of few arrays, as it must check their overlap.
            for b in range(_BLOCK):
                pull[b] += above[b] * (highs[b] - lows[b])
            for b in range(_BLOCK):
                to_high[b] = above[b] * bits[b]
                to_low[b] = above[b] - above[b] * bits[b]
    half, pull = 1 << top, pulls[top]
    for a in range(half):
        step, above = table[a + half] - table[a], grads[half + a]
        low, high = np.float32(0), np.float32(0)
        for b in range(_BLOCK):
            pull[b] += above[b] * step
            to_high = above[b] * pins[top, b]
            high += to_high
            low += above[b] - to_high
        grad_table[a] += low
        grad_table[a + half] += high


@_jit
def interpolate(rows: Floats, src: Lanes, table: Floats, out: Floats) -> None:
    """Values of all multilinear extensions; see `kernel.interpolate`."""
    n, fan_in = src.shape
    batch = rows.shape[1]
    pins = np.empty((fan_in, _BLOCK), np.float32)
    values = np.empty((table.shape[1], _BLOCK), np.float32)
    for i in range(n):
        for start in range(0, batch, _BLOCK):
            _read(rows, src[i], start, pins)
            _fold(table[i], pins, values)
            for b in range(min(_BLOCK, batch - start)):
                out[i, start + b] = values[1, b]


@_jit
def differentiate_soft(
    grad: Floats,
    src: Lanes,
    table: Floats,
    grad_table: Floats,
    grad_rows: Floats,
    rows: Floats,
    candidates: Lanes,
    grad_logits: Floats,
) -> None:
    """Gradients of all extensions; see `kernel.differentiate_soft`. Empty arrays are not filled."""
    n, fan_in = src.shape
    batch, entries = grad.shape[1], table.shape[1]
    wired, chosen = grad_rows.shape[0] > 0, grad_logits.shape[0] > 0
    pins = np.empty((fan_in, _BLOCK), np.float32)
    pulls = np.empty_like(pins)
    values = np.empty((entries, _BLOCK), np.float32)
    grads = np.empty_like(values)
    pull = np.empty((fan_in, batch), np.float32)
    for i in range(n):
        for start in range(0, batch, _BLOCK):
            size = min(_BLOCK, batch - start)
            _read(rows, src[i], start, pins)
            _fold(table[i], pins, values)
            grads[1, size:] = 0
            for b in range(size):
                grads[1, b] = grad[i, start + b]
            _unfold(table[i], pins, values, grads, pulls, grad_table[i])
            for pin in range(fan_in):
                for b in range(size):
                    pull[pin, start + b] = pulls[pin, b]
        for pin in range(fan_in):
            if wired:
                to, added = grad_rows[src[i, pin]], pull[pin]
                for b in range(batch):
                    to[b] += added[b]
            if chosen:
                _dots(pull[pin], rows, candidates[i, pin], grad_logits[i, pin])


@_jit
def project(table: Floats, support: NDArray[np.bool_]) -> None:
    """Both halves of a table along each pin outside its support become their mean, in place."""
    n, fan_in = support.shape
    for i in range(n):
        line = table[i]
        for pin in range(fan_in):
            if support[i, pin]:
                continue
            bit = 1 << pin
            for a in range(len(line)):
                if not a & bit:
                    mean = np.float32(0.5) * (line[a] + line[a | bit])
                    line[a] = mean
                    line[a | bit] = mean
