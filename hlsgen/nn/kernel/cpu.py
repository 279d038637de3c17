"""The LUT kernel for the processor, compiled by numba.

Node-major: row l of `rows` holds lane l of all samples, so every inner loop runs along samples and
is vectorised. One pass over the LUTs does everything backward while their samples are in cache.
The functions use one thread, and each LUT's sums are taken in the order of the samples.
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


@_jit
def look_up(rows: Bits, src: Lanes, table: Floats, out: Bits, address: Bits) -> None:
    """Addresses and outputs of all LUTs; see `Kernel.look_up`."""
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
def spread(table: Floats, near: float, far: float, slopes: Floats) -> None:
    """Slopes [K, 2**K] of one table [2**K]: differences along one pin, blurred along the others.

    Along each other pin the entry at the address weighs `near` and its neighbour `far`; K steps of
    2**K additions stand for a sum over all pairs of entries.
    """
    fan_in, entries = slopes.shape
    for pin in range(fan_in):
        line = slopes[pin]
        for a in range(entries):
            line[a] = table[a | (1 << pin)] - table[a & ~(1 << pin)]
        if far == 0:
            continue
        for other in range(fan_in):
            if other == pin:
                continue
            step = 1 << other
            for base in range(0, entries, 2 * step):
                for a in range(base, base + step):
                    low, high = line[a], line[a + step]
                    line[a] = near * low + far * high
                    line[a + step] = near * high + far * low


@_jit
def differentiate(
    grad: Floats,
    address: Bits,
    src: Lanes,
    table: Floats,
    near: float,
    far: float,
    grad_table: Floats,
    grad_rows: Floats,
    rows: Bits,
    candidates: Lanes,
    grad_logits: Floats,
) -> None:
    """Gradients of all LUTs; see `Kernel.differentiate`. Empty arrays are not filled."""
    n, fan_in = src.shape
    batch = grad.shape[1]
    wired, chosen = grad_rows.shape[0] > 0, grad_logits.shape[0] > 0
    slopes = np.empty((fan_in, table.shape[1]), np.float32)
    pull = np.empty(batch, np.float32)
    for i in range(n):
        line, at, sums = grad[i], address[i], grad_table[i]
        for b in range(batch):
            sums[at[b]] += line[b]
        if not (wired or chosen):
            continue
        spread(table[i], near, far, slopes)
        for pin in range(fan_in):
            slope = slopes[pin]
            for b in range(batch):
                pull[b] = line[b] * slope[at[b]]
            if wired:
                to = grad_rows[src[i, pin]]
                for b in range(batch):
                    to[b] += pull[b]
            if chosen:
                whole = np.float32(0)
                for b in range(batch):
                    whole += pull[b]
                for c in range(candidates.shape[2]):
                    row = rows[candidates[i, pin, c]]
                    total = np.float32(0)
                    for b in range(batch):
                        total += pull[b] * row[b]
                    grad_logits[i, pin, c] = 2 * total - whole


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
