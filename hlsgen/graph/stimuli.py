"""Input values that a hardware check drives: see `Op.stimuli`."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from hlsgen.graph.ir import Rows, Wire

_EXHAUSTIVE_BITS = 12
_RANDOM_ROWS = 512


def rows(rng: np.random.Generator, wires: tuple[Wire, ...]) -> tuple[Rows, ...]:
    """Every combination where there are at most 2**12 of them, else random and extreme rows."""
    if sum(wire.width_bits for wire in wires) <= _EXHAUSTIVE_BITS:
        return _every_combination(wires)
    return tuple(_random_rows(rng, wire) for wire in wires)


def _every_combination(wires: tuple[Wire, ...]) -> tuple[Rows, ...]:
    """All combinations of lane values, one a row."""
    ranges = [range(wire.lo, wire.hi + 1) for wire in wires for _ in range(wire.lanes)]
    combined = np.array(list(itertools.product(*ranges)), dtype=np.int64)
    ends = np.cumsum([wire.lanes for wire in wires])[:-1]
    return tuple(part[:, None, :] for part in np.split(combined, ends, axis=1))


def _random_rows(rng: np.random.Generator, wire: Wire) -> Rows:
    """Uniform rows, rows of extremes, and rows whose lanes differ by at most one."""
    shape, dtype = (_RANDOM_ROWS, 1, wire.lanes), wire.dtype
    low, high = dtype(wire.lo), dtype(wire.hi)
    uniform = rng.integers(wire.lo, wire.hi + 1, shape, dtype)
    extremes = np.where(rng.integers(0, 2, shape, bool), high, low)
    level = rng.integers(wire.lo, wire.hi + 1, (_RANDOM_ROWS, 1, 1), dtype)
    close = np.clip(level + rng.integers(-1, 2, shape, dtype), low, high)
    ends = np.broadcast_to(np.array([[[low]], [[high]]]), (2, *shape[1:]))
    return np.concatenate([uniform, extremes, close, ends])
