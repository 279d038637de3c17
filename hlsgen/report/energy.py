"""Dynamic energy per inference: bit toggles counted on real samples times sourced capacitances.

An estimate, to an order of magnitude: activity comes from functional simulation, so glitches are
not in it; fan-out and placement are those of an average net; static power, the I/O shell and the
clock while the core waits are left out. In an engine, whose inner values are not simulated, every
net is taken to change in half of the clocks in which it works, as random ones do; what its block
memories take to be read is left out.

E = 1/2 V**2 (sum over nodes of C(node) * toggles(node)  +  2 * cycles * FFs * C_clock)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hlsgen.graph import Graph, Node, run
from hlsgen.graph.cells import Cells, Table
from hlsgen.graph.fabric import Fabric
from hlsgen.graph.ir import Area, Values, Wire
from hlsgen.graph.schedule import pace

# Values held at a time, in int64 words; bounds the memory to some 64 MiB.
_WORDS = 8_000_000
# Consecutive samples that activity is averaged over; more change the mean by little.
MAX_SAMPLES = 1000

# Shang, Kaviani, Bathala, "Dynamic power consumption in Virtex-II FPGA family", FPGA 2002,
# doi 10.1145/503048.503072: a CLB (8 LUT4, 8 flip-flops; 150 nm, 1.5 V) takes 5.9 uW per MHz in
# typical designs, of which routing 60 %, logic 16 %, clocking 14 %.
_CLB_PJ, _CLB_LUTS, _CLB_VOLT, _CLB_NM = 5.9, 8, 1.5, 150.0
_ROUTING, _LOGIC, _CLOCKING = 0.60, 0.16, 0.14
# Toggles per signal and cycle in a "typical design": the default of both vendors' power analysers
# (Quartus "power_default_toggle_rate" 12.5 %; Vivado UG907 gives clocks two toggles a cycle).
_TYPICAL_TOGGLES = 0.125

SOURCE = (
    "Shang, Kaviani, Bathala (FPGA 2002, doi 10.1145/503048.503072), scaled with V² and linearly"
    " with feature size"
)


@dataclass(frozen=True)
class Coefficients:
    """Effective capacitance per toggle, in pF, and the core supply of a family."""

    volt: float
    logic_pf: float
    routing_pf: float
    clock_pf: float
    source: str

    def nj(self, capacitance_pf: float, toggles: float) -> float:
        """Energy of `toggles` edges on `capacitance_pf`, in nJ: 1/2 C V**2 each."""
        return 0.5 * capacitance_pf * self.volt**2 * toggles * 1e-3


def _scaled(volt: float, feature_nm: float, source: str) -> Coefficients:
    """Virtex-II capacitance shrunk linearly to `feature_nm` (constant-field scaling)."""
    shrink = feature_nm / _CLB_NM
    lut_cycle_pf = _CLB_PJ / _CLB_LUTS / _CLB_VOLT**2 * shrink  # C with E = C V**2 each cycle
    per_toggle = 2.0 / _TYPICAL_TOGGLES * lut_cycle_pf
    return Coefficients(
        volt, _LOGIC * per_toggle, _ROUTING * per_toggle, _CLOCKING * lut_cycle_pf, source
    )


# Of Gowin and Nexus the data sheets are named from memory: their text was not at hand.
COEFFICIENTS = {
    "ecp5": _scaled(1.1, 40.0, "40 nm, VCC 1.1 V: Lattice FPGA-DS-02012"),
    "ice40": _scaled(1.2, 40.0, "40 nm, VCC 1.2 V: Lattice FPGA-DS-02029"),
    "xcup": _scaled(0.85, 16.0, "16 nm FinFET, VCCINT 0.85 V: AMD DS923"),
    "xc7": _scaled(1.0, 28.0, "28 nm HPL: AMD WP389; VCCINT 1.0 V: DS181"),
    "gowin": _scaled(1.2, 55.0, "55 nm, VCC 1.2 V (GW1N; GW2A has 1.0 V): not looked up"),
    "nexus": _scaled(1.0, 28.0, "28 nm FD-SOI, VCC 1.0 V: not looked up"),
}


@dataclass(frozen=True)
class Energy:
    """Mean over consecutive samples, each per inference and by node name."""

    toggles: dict[str, float]
    energy_nj: dict[str, float]
    samples: int

    @property
    def total_nj(self) -> float:
        """The whole core."""
        return sum(self.energy_nj.values())


def estimate(graph: Graph, fabric: Fabric, feeds: dict[str, Values]) -> Energy | None:
    """Dynamic energy of `graph` on `fabric` when the samples follow each other without a gap.

    Returns:
        None for fewer than two samples: nothing toggles between one.
    """
    frames = min(len(value) for value in feeds.values())
    if frames < 2:
        return None
    frames = min(frames, MAX_SAMPLES)
    toggled = count_toggles(graph, {name: value[:frames] for name, value in feeds.items()})
    cycles = pace(graph).interval
    toggles, energy_nj = {}, {}
    for node in graph.nodes:
        beats = graph.wires[node.name].beats
        each = toggled[node.name] * beats / (frames * beats - 1)
        toggles[node.name] = each
        energy_nj[node.name] = _node_nj(graph, node, fabric, each, cycles)
    return Energy(toggles, energy_nj, frames)


def count_toggles(graph: Graph, feeds: dict[str, Values]) -> dict[str, int]:
    """Output bits of each node that change from one beat to the next, over all samples."""
    names = [node.name for node in graph.nodes]
    words = sum(wire.lanes * wire.beats for wire in graph.wires.values())
    block = max(2, _WORDS // words)
    frames = min(len(value) for value in feeds.values())
    total = dict.fromkeys(names, 0)
    # Blocks share one sample, so that the step from block to block is counted too.
    for start in range(0, frames - 1, block - 1):
        piece = {name: value[start : start + block] for name, value in feeds.items()}
        values = run(graph, piece, names)
        for name in names:
            wire = graph.wires[name]
            new = 0 if start == 0 else wire.beats - 1  # steps inside the shared sample
            total[name] += _toggles(values[name].reshape(-1, wire.lanes)[new:], wire.bits)
    return total


def _toggles(sequence: Values, bits: int) -> int:
    """Bits that change between successive rows of [steps, lanes], in two's complement."""
    changed = (sequence[1:] ^ sequence[:-1]) & ((1 << bits) - 1)
    return int(np.bitwise_count(changed).sum(dtype=np.int64))


def _node_nj(graph: Graph, node: Node, fabric: Fabric, toggles: float, cycles: int) -> float:
    """Energy of one node: its output nets, the nets inside it, and the clock of its registers."""
    if _only_wires(graph, node, fabric):
        return 0.0  # its inputs have been counted where they are driven
    c, wires = COEFFICIENTS[fabric.name], graph.inputs_of(node)
    readers = list(_readers(graph, node, fabric))
    # A value that only registers read stays inside its slice and uses no routing.
    local = bool(readers) and all(reader.op.latency for reader in readers)
    # Only outputs are simulated: on average each net is taken to toggle as often as one of them.
    # Nets inside are those between neighbours and are charged without routing.
    width = graph.wires[node.name].width_bits
    driven, inside = _nets(node, fabric, wires, width)
    output_nj = c.nj(c.logic_pf + (0.0 if local else c.routing_pf), toggles * driven / width)
    changes = toggles * inside / width
    if node.op.waits:
        changes = inside * node.op.fold * graph.wires[node.name].beats / 2
    inside_nj = c.nj(c.logic_pf, changes)
    clock_nj = c.nj(c.clock_pf, 2 * cycles * node.op.area(fabric, *wires).ff)
    return output_nj + inside_nj + clock_nj


def _nets(node: Node, fabric: Fabric, wires: tuple[Wire, ...], width: int) -> tuple[int, int]:
    """Output bits that the node drives (others are its inputs or constants), and nets inside it."""
    cells = node.op.cells(fabric, *wires)
    if cells is None:
        # Of adders that synthesis makes: one net for each LUT.
        return width, max(0, node.op.area(fabric, *wires).lut - width)
    made = _made(cells)
    outputs = made.intersection(cells.outputs)
    return len(outputs), len(made) - len(outputs)


def _made(cells: Cells) -> set[int]:
    """The signals that cells drive and that something reads; not the carries inside a chain."""
    driven: set[int] = set()
    read = set(cells.outputs)
    for cell in cells.cells:
        if isinstance(cell, Table):
            driven.add(cell.out)
            read.update(cell.pins)
            continue
        driven.update(link.out for link in cell.links)
        read.update([cell.carry, *(pin for link in cell.links for pin in link.pins)])
        if cell.carry_out:
            driven.add(cell.carry_out)
    return driven & read


def _only_wires(graph: Graph, node: Node, fabric: Fabric) -> bool:
    """Whether the node neither is a source nor has any cell."""
    return bool(node.inputs) and node.op.area(fabric, *graph.inputs_of(node)) == Area()


def _readers(graph: Graph, node: Node, fabric: Fabric) -> Iterator[Node]:
    """The nodes with cells that read the node's output, directly or through mere wires."""
    for name in graph.nx.successors(node.name):
        reader = graph.by_name[name]
        if _only_wires(graph, reader, fabric):
            yield from _readers(graph, reader, fabric)
        else:
            yield reader
