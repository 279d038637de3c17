"""The rules that every graph keeps."""

from __future__ import annotations

import re

from hlsgen.errors import GraphError
from hlsgen.graph.ir import Graph

# A name must be legal, and mean the same, in every output language.
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


def check(graph: Graph) -> Graph:
    """Return `graph` if it keeps every rule.

    Names are unique and legal in every output language, inputs are defined before use, types
    infer, outputs exist, and the inputs of every node have the same latency in the same stream,
    unless it waits.

    Raises:
        GraphError: the first rule broken, with graph and node.
    """
    where = f"graph {graph.name!r}"
    if not _NAME.fullmatch(graph.name):
        raise GraphError(f"{where}: the name must match {_NAME.pattern}")
    seen: set[str] = set()
    for node in graph.nodes:
        if not _NAME.fullmatch(node.name):
            raise GraphError(f"{where}: node name {node.name!r} must match {_NAME.pattern}")
        if node.name in seen:
            raise GraphError(f"{where}: two nodes are called {node.name!r}")
        if missing := [name for name in node.inputs if name not in seen]:
            raise GraphError(
                f"{where}: node {node.name!r} reads {missing[0]!r}, which no earlier node defines"
            )
        seen.add(node.name)
    if not graph.outputs or (missing := [name for name in graph.outputs if name not in seen]):
        raise GraphError(f"{where}: outputs {graph.outputs} must be one or more of its nodes")
    _ = graph.wires
    for node in graph.nodes:
        arrival = {name: (graph.latency[name], graph.stream[name]) for name in node.inputs}
        if node.op.waits:
            continue  # its FIFOs hold what comes early
        if len(set(arrival.values())) > 1:
            cycles = {name: clock for name, (clock, _) in arrival.items()}
            streams = {name: stream or "the inputs" for name, (_, stream) in arrival.items()}
            raise GraphError(
                f"{where}: inputs of node {node.name!r} arrive in different cycles: {cycles}"
                if len(set(streams.values())) == 1
                else f"{where}: inputs of node {node.name!r} follow different streams: {streams}"
            )
    return graph
