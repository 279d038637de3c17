"""Area: cells that the tools counted, and the estimate from the graph, layer by layer."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

from hlsgen.graph import Graph
from hlsgen.graph.fabric import Fabric
from hlsgen.graph.ops import Lut
from hlsgen.report.evidence import Stat
from hlsgen.report.number import Layer

# LUTs that one cell occupies. nextpnr packs CCU2C, a carry pair, into two TRELLIS_COMB and a 16x4
# RAM into four; the wide multiplexers PFUMX, L6MUX21, MUXF* and the AMD carry chains are
# dedicated and take none.
_LUTS = {
    "ecp5": {"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 4},
    "xcup": {**{f"LUT{k}": 1 for k in range(1, 7)}, "LUT6_2": 1, "SRL16E": 1, "SRLC32E": 1},
}
_FF = {"ecp5": re.compile(r"TRELLIS_FF"), "xcup": re.compile(r"FD[RSCP]E(_1)?")}


def cells(stat: Stat, module: str | None = None) -> Counter[str]:
    """Primitive cells by type from a Yosys `stat -json`, below `module` or in the whole design."""
    modules = {name.lstrip("\\"): entry for name, entry in stat.modules.items()}
    if module is None:
        counts = stat.design.num_cells_by_type
        return Counter({kind: n for kind, n in counts.items() if kind not in modules})
    total: Counter[str] = Counter()
    for kind, n in modules[module].num_cells_by_type.items():
        inner = cells(stat, kind) if kind in modules else Counter({kind: 1})
        total.update({cell: n * count for cell, count in inner.items()})
    return total


def luts(fabric: str, counts: Counter[str]) -> int:
    """LUTs that the cells `counts` occupy."""
    return sum(_LUTS[fabric].get(kind, 0) * n for kind, n in counts.items())


def registers(fabric: str, counts: Counter[str]) -> int:
    """Flip-flops among the cells `counts`."""
    return sum(n for kind, n in counts.items() if _FF[fabric].fullmatch(kind))


def layers(graph: Graph, fabric: Fabric, stat: Stat | None) -> tuple[Layer, ...]:
    """One row for each node: the estimate, and Yosys's count where the module was kept."""
    modules = {name.lstrip("\\") for name in stat.modules} if stat else set()
    rows = []
    for node in graph.nodes:
        wire, module = graph.wires[node.name], f"{graph.name}_{node.name}"
        area = node.op.area(fabric, *graph.inputs_of(node))
        counted = None
        if stat is not None and module in modules:
            counted = luts(fabric.name, cells(stat, module))
        rows.append(
            Layer(
                node.name,
                node.op.kind,
                wire.lanes,
                wire.bits,
                graph.latency[node.name],
                area.lut,
                area.ff,
                counted,
            )
        )
    return tuple(rows)


def fan_in(graph: Graph) -> tuple[int, ...]:
    """How many LUTs of all LUT layers read 0, 1, ... 6 inputs."""
    counts = np.zeros(7, dtype=np.int64)
    for node in graph.nodes:
        if isinstance(node.op, Lut):
            counts += np.bincount(node.op.k, minlength=7)
    return tuple(int(n) for n in counts)
