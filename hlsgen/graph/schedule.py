"""When each beat is where: the exact clocks of a graph whose operators stream.

Nothing in a core waits, so the clock of every beat follows from those at which beats enter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hlsgen.graph.ir import Graph
from hlsgen.graph.ops import Window

Clocks = NDArray[np.int64]  # [..., beats]


@dataclass(frozen=True)
class Pace:
    """Clocks of one frame that enters without a gap.

    Args:
        latency: from the clock in which its first beat enters to that in which its last answer
            beat leaves the core.
        interval: from one frame to the next.
    """

    latency: int
    interval: int


def arrivals(graph: Graph, entering: Clocks) -> dict[str, Clocks]:
    """The clocks in which the beats of each node's output are there.

    Args:
        graph: a checked graph, pipelined.
        entering: for each beat of the inputs, ascending; any number of frames before that axis.
    """
    source: dict[str, Clocks] = {"": entering}
    found: dict[str, Clocks] = {}
    for node in graph.nodes:
        if isinstance(node.op, Window):
            source[node.name] = found[node.inputs[0]][..., node.op.completes()] + 1
        found[node.name] = source[graph.stream[node.name]] + graph.latency[node.name]
    return found


def pace(graph: Graph) -> Pace:
    """Latency and interval of frames that follow each other without a gap."""
    beats = max(graph.wires[node.name].beats for node in graph.feeds())
    clocks = arrivals(graph, np.arange(beats, dtype=np.int64))
    return Pace(int(max(clocks[name][-1] for name in graph.outputs)), beats)
