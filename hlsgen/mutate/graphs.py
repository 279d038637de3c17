"""Faults of a graph: as a wrong export or a wrong optimisation would make them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from hlsgen.graph.ir import Graph, Node, Op
from hlsgen.graph.ops import Count, Lut, Sum, Thermometer

# What a fault changes, in words, and the graph with it.
Fault = tuple[str, Graph]
_Change = Callable[[Node, np.random.Generator], tuple[str, Op] | None]


def faults(graph: Graph, each: int, rng: np.random.Generator) -> Iterator[tuple[str, Fault]]:
    """`each` faults of every kind that the graph has a place for: kind, what, graph."""
    for kind, change in _CHANGES.items():
        places = [node for node in graph.nodes if change(node, np.random.default_rng(0))]
        for _ in range(each if places else 0):
            node = places[int(rng.integers(len(places)))]
            made = change(node, rng)
            if made:
                what, op = made
                broken = dataclasses.replace(node, op=op)
                nodes = tuple(broken if other is node else other for other in graph.nodes)
                yield kind, (f"{node.name}, {what}", dataclasses.replace(graph, nodes=nodes))


def _table_bit(node: Node, rng: np.random.Generator) -> tuple[str, Op] | None:
    op = node.op
    if not isinstance(op, Lut):
        return None
    lut = int(rng.choice(np.flatnonzero(op.k))) if op.k.any() else 0
    entry = int(rng.integers(1 << int(op.k[lut])))
    table = op.table.copy()
    table[lut] ^= np.uint64(1 << entry)
    return f"LUT {lut}, table entry {entry}", dataclasses.replace(op, table=table)


def _swapped_pins(node: Node, rng: np.random.Generator) -> tuple[str, Op] | None:
    op = node.op
    if not isinstance(op, Lut) or not (op.k >= 2).any():
        return None
    lut = int(rng.choice(np.flatnonzero(op.k >= 2)))
    a, b = rng.choice(int(op.k[lut]), 2, replace=False)
    src = op.src.copy()
    src[lut, [a, b]] = src[lut, [b, a]]
    return f"LUT {lut}, pins {a} and {b} exchanged", dataclasses.replace(op, src=src)


def _threshold(node: Node, rng: np.random.Generator) -> tuple[str, Op] | None:
    op = node.op
    if not isinstance(op, Thermometer):
        return None
    lane, step = int(rng.integers(len(op.threshold))), int(rng.choice([-1, 1]))
    threshold = op.threshold.copy()
    threshold[lane] += step
    return f"threshold {lane} {step:+d}", dataclasses.replace(op, threshold=threshold)


def _class_order(node: Node, rng: np.random.Generator) -> tuple[str, Op] | None:
    op = node.op
    if isinstance(op, Count):
        return _counter_order(op, rng)
    if not isinstance(op, Sum) or len(op.bias) < 2:
        return None
    order = np.arange(len(op.bias))
    a, b = rng.choice(len(order), 2, replace=False)
    order[[a, b]] = order[[b, a]]
    parts = [op.src[op.offset[g] : op.offset[g + 1]] for g in order]
    swapped = Sum.of(np.concatenate(parts), op.sizes[order], op.bias[order])
    return f"sums {a} and {b} exchanged", swapped


def _counter_order(op: Count, rng: np.random.Generator) -> tuple[str, Op] | None:
    """Two counters of one form take each other's bits."""
    forms: dict[tuple[int, ...], list[int]] = {}
    for g, digits in enumerate(op.digits.tolist()):
        shifts = op.shift[op.offset[g] : op.offset[g + 1]].tolist()
        forms.setdefault((digits, *shifts), []).append(g)
    same = [groups for groups in forms.values() if len(groups) > 1]
    if not same:
        return None
    a, b = rng.choice(same[int(rng.integers(len(same)))], 2, replace=False)
    src = op.src.copy()
    one, two = (slice(op.offset[g], op.offset[g + 1]) for g in (a, b))
    src[one], src[two] = op.src[two], op.src[one]
    return f"counters {a} and {b} exchanged", dataclasses.replace(op, src=src)


def _lost_lane(node: Node, rng: np.random.Generator) -> tuple[str, Op] | None:
    op = node.op
    if isinstance(op, Count):
        return _lost_bit(op, rng)
    if not isinstance(op, Sum) or not len(op.src):
        return None
    lost = int(rng.integers(len(op.src)))
    kept = np.arange(len(op.src)) != lost
    sizes = np.bincount(op.group[kept], minlength=len(op.bias))
    return f"lane {op.src[lost]} not added", Sum.of(op.src[kept], sizes, op.bias)


def _lost_bit(op: Count, rng: np.random.Generator) -> tuple[str, Op] | None:
    """A counter of two or more bits adds one less, and gives as many digits."""
    sizes = np.diff(op.offset)
    places = np.flatnonzero(sizes[op.group] > 1)
    if not len(places):
        return None
    lost = int(rng.choice(places))
    kept = np.arange(len(op.src)) != lost
    sizes[op.group[lost]] -= 1
    offset = np.concatenate([[0], np.cumsum(sizes)])
    return f"bit {lost} not counted", Count(op.src[kept], op.shift[kept], offset, op.digits)


_CHANGES: dict[str, _Change] = {
    "table bit": _table_bit,
    "swapped pins": _swapped_pins,
    "threshold off by one": _threshold,
    "wrong class order": _class_order,
    "lost lane": _lost_lane,
}
