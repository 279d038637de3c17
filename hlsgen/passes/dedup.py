"""Equal lanes are computed once."""

from __future__ import annotations

import dataclasses

import numpy as np

from hlsgen.graph.ir import Graph, Lanes


def dedup(graph: Graph) -> Graph:
    """Let every reader of a repeated lane read its first twin; dead-lane removal does the rest."""
    twins: dict[str, Lanes] = {}
    nodes = []
    for node in graph.nodes:
        op = node.op
        for i, name in enumerate(node.inputs):
            if name in twins:
                op = op.rewire(i, twins[name]) or op
        lanes = op.twins()
        if lanes is not None and (lanes != np.arange(len(lanes))).any():
            twins[node.name] = lanes
        nodes.append(dataclasses.replace(node, op=op))
    return dataclasses.replace(graph, nodes=tuple(nodes))
