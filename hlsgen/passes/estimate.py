"""What a graph costs: cells by part, logic levels, before any tool has seen it."""

from __future__ import annotations

from dataclasses import dataclass

from hlsgen.graph.fabric import Fabric
from hlsgen.graph.ir import Area, Graph
from hlsgen.graph.ops import Argmax, Sum
from hlsgen.passes.head import split_head
from hlsgen.passes.pipeline import longest

PARTS = ("encoder", "windows", "engines", "tables", "popcount", "argmax", "registers")


@dataclass(frozen=True)
class Size:
    """Cells of a graph, LUT levels of its longest path between registers, and its latency."""

    area: Area
    levels: int
    cycles: int


def parts(graph: Graph, fabric: Fabric, clock_mhz: float = 1.0) -> dict[str, Area]:
    """Estimated cells of each of `PARTS`; sums and argmax as `split_head` would build them."""
    found = dict.fromkeys(PARTS, Area())
    whole = _split(graph, fabric, clock_mhz, False)
    for node in whole.nodes:
        found[node.op.part] += node.op.area(fabric, *whole.inputs_of(node))
    return found


def size(graph: Graph, fabric: Fabric, clock_mhz: float = 1.0, *, quick: bool = False) -> Size:
    """Cells, levels and latency; sums and argmax as `split_head` would build them."""
    whole = _split(graph, fabric, clock_mhz, quick)
    area = Area()
    for node in whole.nodes:
        area += node.op.area(fabric, *whole.inputs_of(node))
    levels = longest(whole, lambda node: node.op.levels(fabric, *whole.inputs_of(node)))
    return Size(area, round(levels), max(whole.latency[name] for name in whole.outputs))


def _split(graph: Graph, fabric: Fabric, clock_mhz: float, quick: bool) -> Graph:
    if any(isinstance(node.op, Sum | Argmax) for node in graph.nodes):
        return split_head(fabric, clock_mhz, quick=quick)(graph)
    return graph
