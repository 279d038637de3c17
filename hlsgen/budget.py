"""The size of a network in training, counted as the circuit that it would become."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hlsgen.graph import Graph
from hlsgen.graph.fabric import FABRICS
from hlsgen.graph.parts import split
from hlsgen.passes import REDUCE, size

if TYPE_CHECKING:
    from hlsgen.nn import Network

# The family whose six-input LUTs are meant by the LUTs of a front.
FABRIC = "xcup"


def count_luts(network: Network) -> int:
    """Six-input LUTs of the whole circuit: encoder, tables, counts and argmax.

    After the quick passes only, which find nearly all there is to find in a network of one layer;
    `opt` goes on and may end with fewer.
    """
    from hlsgen.frontend.torch import export

    graph, fabric = export(network, "network"), FABRICS[FABRIC]
    windows = (node for node in graph.nodes if node.op.streams)
    luts = sum(node.op.area(fabric, *graph.inputs_of(node)).lut for node in windows)
    return luts + sum(
        size(_reduced(part.graph), fabric, quick=True).area.lut for part in split(graph)
    )


def _reduced(graph: Graph) -> Graph:
    """The graph after the quick passes, repeated until none changes it."""
    while True:
        before = graph.digest
        for change in REDUCE:
            graph = change(graph)
        if graph.digest == before:
            return graph
