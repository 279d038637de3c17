"""Lanes and nodes that nobody reads are removed."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from hlsgen.graph.ir import Graph, Node, Op


def dead(graph: Graph) -> Graph:
    """Remove nodes and lanes that no output depends on; inputs of the graph always stay."""
    live = {name: np.ones(graph.wires[name].lanes, dtype=bool) for name in graph.outputs}
    kept: dict[str, Op] = {}
    for node in reversed(graph.nodes):
        if not node.inputs:
            kept[node.name] = node.op
            live[node.name] = np.ones(graph.wires[node.name].lanes, dtype=bool)
        elif node.name in live:
            kept[node.name] = _shrink(graph, node, live)
            for i, name in enumerate(node.inputs):
                read = kept[node.name].reads(i, graph.wires[name])
                live[name] = live.get(name, False) | read
    return dataclasses.replace(graph, nodes=tuple(_renumber(graph, kept, live)))


def _shrink(graph: Graph, node: Node, live: dict[str, NDArray[np.bool_]]) -> Op:
    """The node's operator with its live output lanes only; `live` is set to what remains."""
    lanes = live[node.name]
    if not lanes.any():
        lanes[0] = True  # a wire has at least one lane
    readers = [other for other in graph.nodes if node.name in other.inputs]
    movable = all(
        other.op.rewire(i, np.arange(len(lanes), dtype=np.int32)) is not None
        for other in readers
        for i, name in enumerate(other.inputs)
        if name == node.name
    )
    fewer = None
    if movable and node.name not in graph.outputs and not lanes.all():
        fewer = node.op.keep(np.flatnonzero(lanes).astype(np.int32))
    if fewer is None:
        live[node.name] = np.ones(len(lanes), dtype=bool)
        return node.op
    return fewer


def _renumber(graph: Graph, kept: dict[str, Op], live: dict[str, NDArray[np.bool_]]) -> list[Node]:
    """Surviving nodes, reading the new lane numbers of their inputs."""
    nodes = []
    for node in graph.nodes:
        if node.name not in kept:
            continue
        op = kept[node.name]
        for i, name in enumerate(node.inputs):
            if not live[name].all():
                lane_of = np.cumsum(live[name], dtype=np.int32) - np.int32(1)
                op = op.rewire(i, lane_of) or op
        nodes.append(dataclasses.replace(node, op=op))
    return nodes
