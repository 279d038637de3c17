"""Every operator by a definition in plain loops."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from hlsgen.graph import Op
from hlsgen.graph.ir import Values
from hlsgen.graph.ops import (
    Argmax,
    Count,
    Duel,
    Input,
    Join,
    Lut,
    Pad,
    Port,
    Register,
    Serialize,
    Sum,
    Thermometer,
    Tiled,
    Window,
)


def lane_by_lane(op: Any, x: list[int]) -> list[int]:
    """The operator on one beat, by its definition."""
    if isinstance(op, Input | Port | Register):
        return list(x)
    if isinstance(op, Thermometer):
        return [int(x[f] >= t) for f, t in zip(op.feature, op.threshold, strict=True)]
    if isinstance(op, Lut):
        out = []
        for src, k, table in zip(op.src, op.k, op.table, strict=True):
            address = sum(x[src[pin]] * 2**pin for pin in range(k))
            out.append(int(table) // 2**address % 2)
        return out
    if isinstance(op, Sum):
        ends = zip(op.offset, op.offset[1:], op.bias, strict=False)
        return [int(bias) + sum(x[lane] for lane in op.src[a:b]) for a, b, bias in ends]
    if isinstance(op, Argmax):
        return [x.index(max(x))]
    if isinstance(op, Tiled):
        sums = [sum(int(w) * v for w, v in zip(row, x, strict=True)) for row in op.weight]
        levels = op.threshold.tolist()
        reached = [sum(s >= t for t in row) for s, row in zip(sums, levels, strict=True)]
        return reached if op.steps else sums
    return head_lane_by_lane(op, x)


def head_lane_by_lane(op: Any, x: list[int]) -> list[int]:
    """The operators that sums and argmax are built from."""
    if isinstance(op, Count):
        out = []
        for a, b, digits in zip(op.offset, op.offset[1:], op.digits, strict=False):
            pairs = zip(op.src[a:b], op.shift[a:b], strict=True)
            total = sum((1 if lane == Count.ONE else x[lane]) * 2**shift for lane, shift in pairs)
            out += [int(total) // 2**i % 2 for i in range(digits)]
        return out
    if isinstance(op, Join):
        words = itertools.pairwise(op.offset)
        return [sum(bit * 2**i for i, bit in enumerate(x[a:b])) for a, b in words]
    if isinstance(op, Duel):
        one, out = 2**op.tags, []
        for j in range(0, len(x), 2):
            odd = j + 1 < len(x) and x[j + 1] // one > x[j] // one
            value, tag = divmod(x[j + odd], one)
            tag += odd * one
            out.append(tag if op.classes else value * 2 * one + tag)
        return out
    raise AssertionError(f"{op.kind}: define it here")


def window_by_window(op: Window, frame: Values) -> list[list[int]]:
    """The beats of a window on one image, by its definition."""
    image, out = frame.reshape(op.height, op.width, -1), []
    for r in range(0, op.height - op.kernel_height + 1, op.stride_y):
        for c in range(0, op.width - op.kernel_width + 1, op.stride_x):
            taps = zip(op.row, op.column, op.lane, strict=True)
            out.append([int(image[r + row, c + column, lane]) for row, column, lane in taps])
    return out


def reference(op: Op, values: Values) -> Values:
    """`lane_by_lane` on every sample and beat, or what streams on every sample."""
    if isinstance(op, Window):
        return np.array([window_by_window(op, frame) for frame in values], dtype=np.int64)
    if isinstance(op, Pad):
        image = values.reshape(len(values), op.height, op.width, values.shape[2])
        framed = np.full((len(values), *op.shape, image.shape[3]), op.fill)
        for r, c in np.ndindex(op.height, op.width):
            framed[:, op.top + r, op.left + c] = image[:, r, c]
        return framed.reshape(len(values), op.shape[0] * op.shape[1], values.shape[2])
    if isinstance(op, Serialize):
        parts = [np.split(beat, op.parts) for frame in values for beat in frame]
        beats, lanes = values.shape[1] * op.parts, values.shape[2] // op.parts
        return np.array(parts).reshape(len(values), beats, lanes)
    assert isinstance(op, Tiled) or not op.streams, f"{op.kind}: define it here"
    rows = [[lane_by_lane(op, [int(v) for v in beat]) for beat in sample] for sample in values]
    return np.array(rows, dtype=np.int64)
