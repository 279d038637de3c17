"""A graph with operators that wait, cut into segments in which nothing does.

A segment begins where the inputs are, or with an operator that waits, and ends at the FIFOs in
front of the next such operators. A beat enters it only when there is a place in each FIFO that it
comes to, so what is between never has to stop.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hlsgen.graph.ir import Graph
from hlsgen.graph.ops import Waiting, Window


@dataclass(frozen=True, eq=False)
class Way:
    """How beats come from the head of a segment to a node.

    Args:
        head: the operator that waits; empty for the inputs.
        windows: that the beats pass, in order.
        beats: int64 [beats of the node], those of the head that get there, counted in a frame.
        delay: clocks from the one in which a beat enters to the one in which it is there.
    """

    head: str
    windows: tuple[str, ...]
    beats: NDArray[np.int64]
    delay: int


@dataclass(frozen=True, eq=False)
class Exit:
    """A FIFO of an operator that waits: who reads it as which input, its places, who fills it."""

    reader: str
    number: int
    places: int
    node: str
    way: Way


def waits(graph: Graph) -> bool:
    """Whether some operator of the graph waits."""
    return any(node.op.waits for node in graph.nodes)


def ways(graph: Graph) -> dict[str, Way]:
    """How beats come to each node."""
    start = max(graph.wires[node.name].beats for node in graph.feeds())
    found = {"": Way("", (), np.arange(start, dtype=np.int64), 0)}
    for node in graph.nodes:
        if isinstance(node.op, Window):
            before = found[node.inputs[0]]
            windows = (*before.windows, node.name)
            beats = before.beats[node.op.completes()]
            found[node.name] = Way(before.head, windows, beats, before.delay + 1)
        elif isinstance(node.op, Waiting):
            beats = np.arange(graph.wires[node.name].beats, dtype=np.int64)
            found[node.name] = Way(node.name, (), beats, node.op.delay)
        else:
            source = found[graph.stream[node.name]]
            delay = source.delay + graph.latency[node.name]
            found[node.name] = Way(source.head, source.windows, source.beats, delay)
    return {name: way for name, way in found.items() if name}


def exits(graph: Graph) -> dict[str, list[Exit]]:
    """For each head, also that of the inputs, the FIFOs that its beats come to."""
    found: dict[str, list[Exit]] = {"": []}
    way = ways(graph)
    for node in graph.nodes:
        if isinstance(node.op, Waiting):
            found[node.name] = []
            for i, read in enumerate(node.inputs):
                fifo = Exit(node.name, i, node.op.depths[i], read, way[read])
                found[way[read].head].append(fifo)
    return found
