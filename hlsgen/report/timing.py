"""Clock frequency: what the router reached, and the estimate from the graph's delay model."""

from __future__ import annotations

from typing import Any

from hlsgen.graph import Graph
from hlsgen.graph.fabric import Fabric


def estimate_mhz(graph: Graph, fabric: Fabric) -> float:
    """Frequency of the longest path between registers (and the ports, taken as registers)."""
    arrival_ns: dict[str, float] = {}
    longest_ns = 0.0
    for node in graph.nodes:
        start_ns = max((arrival_ns[name] for name in node.inputs), default=0.0)
        end_ns = start_ns + node.op.delay_ns(fabric, *graph.inputs_of(node))
        longest_ns = max(longest_ns, end_ns)
        arrival_ns[node.name] = 0.0 if node.op.latency else end_ns
    return 1000.0 / (longest_ns + fabric.register_ns)


def routed_mhz(route: dict[str, Any], clock_mhz: float) -> float | None:
    """Fmax of the core's clock: the one whose constraint is nearest to `clock_mhz`.

    A board has further clocks (the oscillator before the PLL); of equally near ones the slowest
    counts. None if the router reports no clock.
    """
    clocks = [(entry["constraint"], entry["achieved"]) for entry in route.get("fmax", {}).values()]
    if not clocks:
        return None
    return float(min(clocks, key=lambda clock: (abs(clock[0] - clock_mhz), clock[1]))[1])
