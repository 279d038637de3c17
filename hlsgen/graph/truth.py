"""Truth tables of up to six inputs, each packed into one uint64; arrays of them at a time.

Table entry `j` is bit `j`; bit `i` of `j` is input `i`. A *full* table has six inputs, some of
which it may ignore; a *narrow* table of `k` inputs uses only its lowest `2**k` bits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Tables = NDArray[np.uint64]

MAX_INPUTS = 6

# LOW[p]: the 32 entries whose input p is 0.
_LOW = [sum(1 << entry for entry in range(64) if not entry >> pin & 1) for pin in range(MAX_INPUTS)]
LOW = np.array(_LOW, dtype=np.uint64)


def _shift(pin: int) -> np.uint64:
    return np.uint64(1 << pin)


def cofactor(tables: Tables, pin: int, value: int) -> Tables:
    """Full tables with input `pin` fixed to `value` (0 or 1); the results ignore `pin`."""
    half = (tables >> _shift(pin) if value else tables) & LOW[pin]
    return np.asarray(half | (half << _shift(pin)))


def depends(tables: Tables, pin: int) -> NDArray[np.bool_]:
    """Whether each full table depends on input `pin`."""
    return np.asarray(((tables >> _shift(pin)) ^ tables) & LOW[pin] != 0)


def join(tables: Tables, pin: int, other: int) -> Tables:
    """Full tables in which input `other` is replaced by input `pin`."""
    low, high = cofactor(tables, other, 0), cofactor(tables, other, 1)
    return np.asarray((low & LOW[pin]) | (high & ~LOW[pin]))


def swap(tables: Tables, pin: int, other: int) -> Tables:
    """Full tables with inputs `pin < other` exchanged."""
    up = ~LOW[pin] & LOW[other]  # entries with pin = 1, other = 0 move up, their mirrors down
    distance = np.uint64((1 << other) - (1 << pin))
    stay = ~(up | (up << distance))
    return np.asarray((tables & stay) | ((tables & up) << distance) | ((tables >> distance) & up))


def widen(tables: Tables, k: NDArray[np.uint8]) -> Tables:
    """Narrow tables of `k` inputs as full tables that ignore the inputs from `k` on."""
    full = tables.copy()
    for pin in range(MAX_INPUTS):
        rows = k <= pin
        full[rows] |= full[rows] << _shift(pin)
    return full


def narrow(tables: Tables, k: NDArray[np.uint8]) -> Tables:
    """The lowest `2**k` bits of each table."""
    return tables & mask(k)


def mask(k: NDArray[np.uint8]) -> Tables:
    """A word with the lowest `2**k` bits set, for each `k` in 0..6."""
    words = [(1 << (1 << fan_in)) - 1 for fan_in in range(MAX_INPUTS + 1)]
    return np.array(words, dtype=np.uint64)[k]
