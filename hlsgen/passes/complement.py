"""Complementary tables: one is enough for readers that can invert, and a pair adds up to one."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from hlsgen.graph import truth
from hlsgen.graph.ir import Graph, Lanes, Op
from hlsgen.graph.ops import Lut, Sum


def complement(graph: Graph) -> Graph:
    """Tables read the first of two complementary lanes; sums that add both add 1 instead."""
    first: dict[str, Lanes] = {}
    nodes = []
    for node in graph.nodes:
        op: Op = node.op
        if node.inputs and node.inputs[0] in first:
            lanes = first[node.inputs[0]]
            if isinstance(op, Lut):
                op = _inverted(op, lanes)
            elif isinstance(op, Sum):
                op = _cancelled(op, lanes)
        if isinstance(op, Lut):
            pairs = _first(op)
            if (pairs >= 0).any():
                first[node.name] = pairs
        nodes.append(dataclasses.replace(node, op=op))
    return dataclasses.replace(graph, nodes=tuple(nodes))


def _first(op: Lut) -> Lanes:
    """For each lane the first lane that is its complement, where that is an earlier one, or -1."""
    found = np.full(len(op.k), -1, dtype=np.int32)
    seen: dict[tuple[bytes, int], int] = {}
    mask = truth.mask(op.k)
    inverse = (~op.table & mask).tolist()
    for lane, (pins, table) in enumerate(zip(op.src, op.table.tolist(), strict=True)):
        # The fan-in is that of the pins: unused ones are -1.
        key = pins.tobytes()
        found[lane] = seen.get((key, inverse[lane]), -1)
        seen.setdefault((key, table), lane)
    return found


def _inverted(op: Lut, first: Lanes) -> Lut:
    """The same layer, reading complements' firsts."""
    src, full = op.src.copy(), truth.widen(op.table, op.k)
    for pin in range(truth.MAX_INPUTS):
        rows = (src[:, pin] >= 0) & (first[src[:, pin]] >= 0)
        low, high = (truth.cofactor(full[rows], pin, value) for value in (0, 1))
        full[rows] = (high & truth.LOW[pin]) | (low & ~truth.LOW[pin])
        src[rows, pin] = first[src[rows, pin]]
    return Lut.of(src, op.k, full)


def _cancelled(op: Sum, first: Lanes) -> Sum:
    """The sums without pairs of a lane and its complement; each pair is 1."""
    kept: NDArray[np.bool_] = np.ones(len(op.src), dtype=bool)
    bias = op.bias.copy()
    waiting: dict[tuple[int, int], list[int]] = {}
    for at, (group, lane) in enumerate(zip(op.group.tolist(), op.src.tolist(), strict=True)):
        waiting.setdefault((group, lane), []).append(at)
    for (group, lane), places in waiting.items():
        others = waiting.get((group, int(first[lane])), []) if first[lane] >= 0 else []
        while places and others:
            kept[[places.pop(), others.pop()]] = False
            bias[group] += 1
    sizes = np.bincount(op.group[kept], minlength=len(op.bias))
    return Sum.of(op.src[kept], sizes, bias)
