"""Area: cells that the tools counted, and the estimate from the graph, by part and by layer."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

from hlsgen.emit import modules_of
from hlsgen.graph import Graph
from hlsgen.graph.fabric import Fabric
from hlsgen.graph.ir import Area, Node
from hlsgen.graph.ops import Lut
from hlsgen.passes import PARTS
from hlsgen.report.evidence import Stat
from hlsgen.report.number import Layer, Part

_AMD_LUTS = {
    **{f"LUT{k}": 1 for k in range(1, 7)},
    **{"LUT6_2": 1, "SRL16E": 1, "SRLC32E": 1},
    # Memories of LUTs, which hold 64 bits each (AMD UG474, UG574).
    **{"RAM32X1S": 1, "RAM32X1D": 2, "RAM64X1S": 1, "RAM64X1D": 2, "RAM128X1D": 4},
    **{"RAM32M": 4, "RAM32M16": 8, "RAM64M": 4, "RAM64M8": 8},
}
# LUTs that one cell occupies. nextpnr packs CCU2C and CCU2, carry pairs, and WIDEFN9 into two LUTs
# and a 16x4 RAM into four, on Gowin into the eight of a whole tile; the wide multiplexers PFUMX,
# L6MUX21, MUX2_LUT*, MUXF* and the AMD carry chains are dedicated and take none. LUT6_2 is one LUT
# with both outputs (see `hlsgen.graph.pairing`).
_LUTS = {
    "ecp5": {"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 4},
    "ice40": {"SB_LUT4": 1},
    "xcup": _AMD_LUTS,
    "xc7": _AMD_LUTS,
    "gowin": {**{f"LUT{k}": 1 for k in range(1, 5)}, "ALU": 1, "RAM16SDP4": 8},
    "nexus": {"LUT4": 1, "INV": 1, "WIDEFN9": 2, "CCU2": 2, "DPR16X4": 4},
}
# Block memories that one cell occupies: on AMD parts of 36 Kbit.
_BLOCKS = {
    "ecp5": {"DP16KD": 1.0, "PDPW16KD": 1.0},
    "ice40": {"SB_RAM40_4K": 1.0},
    "xcup": {"RAMB36E2": 1.0, "RAMB18E2": 0.5},
    "xc7": {"RAMB36E1": 1.0, "RAMB18E1": 0.5},
    "gowin": dict.fromkeys(("SP", "SPX9", "SDPB", "SDPX9B", "DPB", "DPX9B"), 1.0),
    "nexus": {"DP16K": 1.0, "PDP16K": 1.0, "PDPSC16K": 1.0},
}
_FF = {
    "ecp5": re.compile(r"TRELLIS_FF"),
    "ice40": re.compile(r"SB_DFFN?E?(S?[SR])?"),
    "xcup": re.compile(r"FD[RSCP]E(_1)?"),
    "xc7": re.compile(r"FD[RSCP]E(_1)?"),
    "gowin": re.compile(r"DFFN?[SRPC]?E?"),
    "nexus": re.compile(r"FD1P3[BDIJ]X"),
}
_CARRY = {
    "ecp5": re.compile(r"CCU2C"),
    "ice40": re.compile(r"SB_CARRY"),
    "xcup": re.compile(r"CARRY[48]"),
    "xc7": re.compile(r"CARRY4"),
    "gowin": re.compile(r"ALU"),
    "nexus": re.compile(r"CCU2"),
}

_AMD_COUNTED = (
    "LUT1 to LUT6 count one each; a LUT6_2, which holds two functions that read at most five"
    " signals together (AMD {guide}), counts one, so each dual-output pair is one LUT; {carry}"
    " and MUXF count none; a memory made of LUTs counts those ({memory})"
)
# The rule of `_LUTS` in words, with its source.
COUNTED = {
    "ecp5": (
        "LUT4 counts one, a carry pair (CCU2C) two and a 16x4 RAM four, as nextpnr packs them;"
        " the multiplexers PFUMX and L6MUX21 count none"
    ),
    "ice40": "SB_LUT4 counts one; SB_CARRY none: it lies beside the LUT that adds",
    "xcup": _AMD_COUNTED.format(guide="UG574", carry="CARRY8", memory="RAM32M16: eight"),
    "xc7": _AMD_COUNTED.format(guide="UG474", carry="CARRY4", memory="RAM32M: four"),
    "gowin": (
        "LUT1 to LUT4 count one each, and so does an ALU, a position of a carry chain, which takes"
        " the place of a LUT; a 16x4 RAM counts the eight of the tile that nextpnr gives it; the"
        " multiplexers MUX2_LUT5 to MUX2_LUT8 count none; not counted is what nextpnr adds: an ALU"
        " that begins each carry chain and one that makes its length even, and the LUTs through"
        " which it leads what no LUT computes to a flip-flop"
    ),
    "nexus": (
        "LUT4 and INV count one, WIDEFN9 and a carry pair (CCU2) two and a 16x4 RAM four, as"
        " nextpnr packs them"
    ),
}

# Rows behind those of `PARTS`: these together; what is not the core; all of it.
CORE, SHELL, SUM = "core", "shell", "sum"


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


def blocks(fabric: str, counts: Counter[str]) -> float:
    """Block memories that the cells `counts` occupy."""
    return sum(_BLOCKS[fabric].get(kind, 0.0) * n for kind, n in counts.items())


def memory_bits(graph: Graph) -> int:
    """Bits that the memories of windows and engines hold."""
    return sum(_memory_bits(graph, node) for node in graph.nodes)


def _memory_bits(graph: Graph, node: Node) -> int:
    return node.op.memory_bits(graph.inputs_of(node)[0]) if node.inputs else 0


def registers(fabric: str, counts: Counter[str]) -> int:
    """Flip-flops among the cells `counts`."""
    return sum(n for kind, n in counts.items() if _FF[fabric].fullmatch(kind))


def carries(fabric: str, counts: Counter[str]) -> int:
    """Carry cells among the cells `counts`."""
    return sum(n for kind, n in counts.items() if _CARRY[fabric].fullmatch(kind))


def counted(stat: Stat | None, module: str) -> Counter[str] | None:
    """Primitive cells below `module`; None where it was not kept, or nothing was counted."""
    if stat is None or module not in {name.lstrip("\\") for name in stat.modules}:
        return None
    return cells(stat, module)


def deviation(estimate: int | None, found: int | None) -> float | None:
    """How far an estimate is off what was counted, in percent of that; above 0 it is too large."""
    if estimate is None or found is None:
        return None
    if not found:
        return None if estimate else 0.0
    return 100.0 * (estimate - found) / found


def layers(graph: Graph, fabric: Fabric, stat: Stat | None) -> tuple[Layer, ...]:
    """One row for each node: the estimate, and Yosys's count where the module was kept."""
    rows, modules = [], modules_of(graph)
    for node in graph.nodes:
        wire = graph.wires[node.name]
        area = node.op.area(fabric, *graph.inputs_of(node))
        found = counted(stat, modules[node.name]) if node.inputs else None
        rows.append(
            Layer(
                node.name,
                node.op.kind,
                node.op.part,
                wire.lanes,
                wire.bits,
                graph.latency[node.name],
                int(area.lut),
                int(area.ff),
                None if found is None else luts(fabric.name, found),
                None if found is None else registers(fabric.name, found),
                clocks=wire.beats * node.op.fold,
                memory_bits=_memory_bits(graph, node),
            )
        )
    return tuple(rows)


def parts(
    graph: Graph, fabric: Fabric, by_module: Stat | None, whole: Stat | None
) -> tuple[Part, ...]:
    """The parts of the core, the core, the shell, and the sum of both.

    Args:
        graph: the core as it was emitted.
        fabric: the family.
        by_module: Yosys's count with the core and each layer as a module of its own.
        whole: its count of core and shell, without any hierarchy.
    """
    estimates = dict.fromkeys(PARTS, Area())
    found = {part: Counter[str]() for part in PARTS}
    core, modules = counted(by_module, f"{graph.name}_core"), modules_of(graph)
    rest = Counter(core or {})
    for node in graph.nodes:
        if not node.inputs:
            continue
        estimates[node.op.part] += node.op.area(fabric, *graph.inputs_of(node))
        here = counted(by_module, modules[node.name])
        if here is None:
            core = None  # what a layer without a module is made of cannot be told
            continue
        found[node.op.part] = found[node.op.part] + here
        rest.subtract(here)
    # What is in no layer are the valid bits that go with the registers.
    found["registers"] = found["registers"] + rest
    rows = [
        _part(name, fabric, estimates[name], None if core is None else found[name])
        for name in PARTS
    ]
    rows.append(_part(CORE, fabric, sum(estimates.values(), Area()), core))
    total = None if whole is None else cells(whole)
    outside = None
    if core is not None and total is not None:
        outside = Counter(total)
        outside.subtract(core)
    # Nothing estimates the shell, nor therefore the sum.
    rows.append(_part(SHELL, fabric, None, outside))
    rows.append(_part(SUM, fabric, None, total))
    return tuple(rows)


def _part(name: str, fabric: Fabric, estimate: Area | None, found: Counter[str] | None) -> Part:
    lut = None if estimate is None else int(estimate.lut)
    lut_synth = None if found is None else luts(fabric.name, found)
    return Part(
        name,
        lut,
        None if estimate is None else int(estimate.ff),
        None if estimate is None else int(estimate.carry),
        None if estimate is None or not fabric.dual else int(estimate.pairs),
        lut_synth,
        None if found is None else registers(fabric.name, found),
        None if found is None else carries(fabric.name, found),
        deviation(lut, lut_synth),
    )


def fan_in(graph: Graph) -> tuple[int, ...]:
    """How many LUTs of all LUT layers read 0, 1, ... 6 inputs."""
    counts = np.zeros(7, dtype=np.int64)
    for node in graph.nodes:
        if isinstance(node.op, Lut):
            counts += np.bincount(node.op.k, minlength=7)
    return tuple(int(n) for n in counts)
