"""Wide sums and argmax become trees of small nodes, between which registers can stand."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from hlsgen.graph.ir import Graph, Node, Wire
from hlsgen.graph.ops import Argmax, Duel, Sum, Tag, Untag, index_bits

# Terms added by one node of the tree: six bits fit the six-input counters of LUT fabrics, and
# two numbers one carry chain.
_BITS_AT_ONCE = 6
_NUMBERS_AT_ONCE = 2


def split_head(graph: Graph) -> Graph:
    """Rewrite sums as adder trees and argmax as a tournament."""
    nodes: list[Node] = []
    for node in graph.nodes:
        wires = graph.inputs_of(node)
        if isinstance(node.op, Sum):
            nodes.extend(_adder_tree(node, node.op, wires[0]))
        elif isinstance(node.op, Argmax) and wires[0].lanes > 1:
            nodes.extend(_tournament(node, wires[0]))
        else:
            nodes.append(node)
    return dataclasses.replace(graph, nodes=tuple(nodes))


def _adder_tree(node: Node, whole: Sum, wire: Wire) -> Iterator[Node]:
    """Levels of partial sums; the last keeps the node's name and adds the bias."""
    op, source, level = whole, node.inputs[0], 0
    while True:
        at_once = _BITS_AT_ONCE if wire.bits == 1 else _NUMBERS_AT_ONCE
        # The bias rides on the last addition and counts as one of its terms.
        if op.sizes.max() + bool(whole.bias.any()) <= at_once:
            yield dataclasses.replace(node, op=op, inputs=(source,))
            return
        parts = -(-op.sizes // at_once)
        # Group sizes as even as possible, so that no partial sum is wider than needed.
        sizes = np.concatenate([_even(size, n) for size, n in zip(op.sizes, parts, strict=True)])
        partial = Sum.of(op.src, sizes, np.zeros(len(sizes), dtype=np.int64))
        name = f"{node.name}_{level}"
        yield Node(name, partial, (source,), node.origin)
        wire, source, level = partial.infer(wire), name, level + 1
        op = Sum.of(np.arange(len(sizes)), parts, whole.bias)


def _even(total: int, parts: int) -> np.ndarray:
    """`total` split into `parts` sizes that differ by at most one."""
    share, rest = divmod(int(total), max(int(parts), 1))
    return np.array([share + 1] * rest + [share] * (int(parts) - rest), dtype=np.int64)


def _tournament(node: Node, wire: Wire) -> Iterator[Node]:
    """Values carry their class number through rounds of duels; the number comes out."""
    tag_bits, lanes = index_bits(wire.lanes), wire.lanes
    source = f"{node.name}_tag"
    yield Node(source, Tag(tag_bits), node.inputs, node.origin)
    for level in range((wire.lanes - 1).bit_length()):
        name = f"{node.name}_{level}"
        yield Node(name, Duel(tag_bits), (source,), node.origin)
        source, lanes = name, (lanes + 1) // 2
    yield Node(node.name, Untag(tag_bits, wire.lanes), (source,), node.origin)
