"""Constant folding and support reduction."""

from __future__ import annotations

import dataclasses

from hlsgen.graph.ir import Constants, Graph


def simplify(graph: Graph) -> Graph:
    """Fold constant lanes into their readers and drop the inputs that a table ignores."""
    known: dict[str, Constants] = {}
    nodes = []
    for node in graph.nodes:
        wires = graph.inputs_of(node)
        # The wires of the unchanged graph stay valid: simplifying keeps every value.
        op = node.op.simplify(wires, tuple(known[name] for name in node.inputs))
        known[node.name] = op.constants(wires)
        nodes.append(dataclasses.replace(node, op=op))
    return dataclasses.replace(graph, nodes=tuple(nodes))
