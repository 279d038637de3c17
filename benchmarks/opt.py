"""The stage opt on a large network with something to remove."""

from __future__ import annotations

from benchmarks.figure import Figure, Figures, seconds
from benchmarks.networks import CLOCK_MHZ, FABRIC, random_network
from hlsgen.graph.ir import Graph
from hlsgen.graph.ops import Lut
from hlsgen.passes import opt

LUTS = 100_000


def measure() -> Figures:
    """Time to optimise 100,000 LUTs, every pass checked on random inputs."""
    graph = random_network(LUTS, repeats=0.1)
    left: list[Graph] = []
    time_s = seconds(lambda: left.append(opt(graph, FABRIC, CLOCK_MHZ)), 3)
    luts = sum(len(node.op.k) for node in left[0].nodes if isinstance(node.op, Lut))
    return {"time_100k": Figure(time_s, "s", at_most=60), "luts_left": Figure(luts, "LUT")}
