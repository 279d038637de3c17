"""Sums of sums as one sum, so that trees of different shape can be compared."""

from __future__ import annotations

import dataclasses

import numpy as np

from hlsgen.graph.ir import Graph, Node
from hlsgen.graph.ops import Sum
from hlsgen.passes.pipeline import remove_registers


def whole_sums(graph: Graph) -> Graph:
    """The graph without registers, each sum reading no other sum; unread nodes stay."""
    nodes: dict[str, Node] = {}
    for node in remove_registers(graph).nodes:
        source = nodes.get(node.inputs[0]) if node.inputs else None
        if isinstance(node.op, Sum) and source is not None and isinstance(source.op, Sum):
            whole = _composed(node.op, source.op)
            nodes[node.name] = dataclasses.replace(node, op=whole, inputs=source.inputs)
        else:
            nodes[node.name] = node
    outputs = remove_registers(graph).outputs
    return dataclasses.replace(graph, nodes=tuple(nodes.values()), outputs=outputs)


def _composed(outer: Sum, inner: Sum) -> Sum:
    """The sum that adds what the summands of `outer` are sums of."""
    parts = [inner.src[inner.offset[lane] : inner.offset[lane + 1]] for lane in outer.src]
    lengths = np.array([len(part) for part in parts], dtype=np.int64)
    sizes = np.array([lengths[outer.group == g].sum() for g in range(len(outer.bias))])
    bias = outer.bias + np.bincount(
        outer.group, weights=inner.bias[outer.src], minlength=len(outer.bias)
    ).astype(np.int64)
    src = np.concatenate([*parts, np.zeros(0, dtype=np.int32)])
    return Sum.of(src, sizes, bias)
