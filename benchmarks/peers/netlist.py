"""The one Yosys script that every variant is counted by, and what its netlists hold and answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.variant import Variant
from hlsgen.graph.aig import Aig
from hlsgen.graph.blast import columns
from hlsgen.graph.interp import run
from hlsgen.graph.ir import Graph, Values
from hlsgen.graph.pairing import mates
from hlsgen.netlist import Cell, Flat, Pipeline, read_design
from hlsgen.paths import write_atomic
from hlsgen.tools import TOOLS

NETLIST = "netlist.json"
_SYNTH = "synth_xilinx -family xcup -noiopad -flatten"
_CARRY = {"CARRY4": 0.5, "CARRY8": 1.0}
_WIDE = ("MUXF7", "MUXF8", "MUXF9")
_TABLES = {"INV": 1, **{f"LUT{k}": k for k in range(1, 7)}}
_WHOLE = ("LUT6_2", "SRL16E", "SRLC32E")
# LUTs that a memory made of them takes: each holds 64 bits (AMD UG574).
_MEMORIES = {
    **{"RAM32X1S": 1, "RAM32X1D": 2, "RAM64X1S": 1, "RAM64X1D": 2, "RAM128X1D": 4},
    **{"RAM32M": 4, "RAM32M16": 8, "RAM64M": 4, "RAM64M8": 8},
}
# Blocks of 36 Kbit.
_BLOCKS = {"RAMB18E2": 0.5, "RAMB36E2": 1.0}
_FF = ("FDRE", "FDSE", "FDCE", "FDPE")
# Pins of a LUT that other cells read without leaving the slice: one function for each.
_FIXED = {**dict.fromkeys(_CARRY, ("S", "DI")), **dict.fromkeys(_WIDE, ("I0", "I1"))}


@dataclass(frozen=True)
class Count:
    """Cells of one netlist.

    `luts` counts LUTs by what they are: tables by their inputs (inverters as LUT1), LUT6_2, shift
    registers and memories by the names of their cells, of which a memory takes several. `sites` are
    those left when two functions share a dual-output LUT; `carry` is in CARRY8, `blocks` are block
    memories of 36 Kbit.
    """

    luts: dict[str, int]
    sites: int
    carry: float
    wide: int
    ff: int
    blocks: float = 0.0

    @property
    def lut(self) -> int:
        """LUTs of all kinds."""
        return sum(self.luts.values())


def synthesise(variant: Variant, folder: Path, keep: Sequence[str] = ()) -> Flat:
    """The mapped module of a variant; Yosys works in `folder`.

    Args:
        variant: what is synthesised.
        folder: for the script, the netlist and the log.
        keep: modules that stay apart, so that each can be counted alone.

    Raises:
        ToolMissing: Yosys is not there.
        ToolFailed: it fails on the sources.
    """
    lines = [
        *(f"read_verilog -DHLSGEN_XILINX {path}" for path in variant.sources),
        # ABC would prove its own result, which takes it many minutes; here it is simulated.
        "scratchpad -set abc9.verify 0",
        *(f"setattr -mod -set keep_hierarchy 1 {module}" for module in keep),
        f"{_SYNTH} -top {variant.top}",
        f"write_json {NETLIST}",
    ]
    write_atomic(folder / "synth.ys", "\n".join(lines) + "\n")
    makes, log_file = [NETLIST], folder / "synth.log"
    TOOLS["yosys"].run(["-s", "synth.ys"], cwd=folder, makes=makes, log_file=log_file)
    return read_design(folder / NETLIST).flatten(variant.top)


def count(module: Flat) -> Count:
    """The cells of a mapped module.

    Two functions share a site where `hlsgen.graph.pairing` finds that they fit into one LUT.
    A LUT that drives a pin S or DI of a carry chain, or a wide multiplexer, is given a site of its
    own, whatever else would fit; so is LUT6_2. No site is counted for a pin S that no LUT drives.

    Raises:
        ValueError: a cell that this does not know.
    """
    cells = Counter(cell.type for cell in module.cells)
    known = {*_TABLES, *_WHOLE, *_MEMORIES, *_BLOCKS, *_FIXED, *_FF, "VCC", "GND", "BUFG"}
    if unknown := sorted(set(cells) - known):
        raise ValueError(f"{module.name}: cells of type {', '.join(unknown)} are not counted")
    luts = Counter({f"LUT{k}": cells[kind] for kind, k in _TABLES.items() if kind != "INV"})
    luts["LUT1"] += cells["INV"]
    luts.update({kind: cells[kind] for kind in _WHOLE})
    luts.update({kind: cells[kind] * size for kind, size in _MEMORIES.items()})
    total = luts.total()
    return Count(
        {kind: n for kind, n in sorted(luts.items()) if n},
        total - _pairs(module),
        sum(cells[kind] * size for kind, size in _CARRY.items()),
        sum(cells[kind] for kind in _WIDE),
        sum(cells[kind] for kind in _FF),
        sum(cells[kind] * size for kind, size in _BLOCKS.items()),
    )


def _pairs(module: Flat) -> int:
    """How many pairs of functions share a LUT."""
    fixed = {
        net
        for cell in module.cells
        for pin in _FIXED.get(cell.type, ())
        for net in cell.pins.get(pin, ())
    }
    free = [
        cell for cell in module.cells if cell.type in _TABLES and cell.pins["O"][0] not in fixed
    ]
    src = np.full((len(free), 6), -1, dtype=np.int32)
    for row, cell in zip(src, free, strict=True):
        nets = sorted(set(_inputs(cell)))
        row[: len(nets)] = nets
    mate = mates(src, (src >= 0).sum(axis=1).astype(np.uint8))
    return int((mate >= 0).sum()) // 2


def _inputs(cell: Cell) -> Iterator[int]:
    for pin, nets in cell.pins.items():
        if pin not in cell.outputs:
            yield from (net for net in nets if isinstance(net, int))


def wrong(module: Flat, graph: Graph, words: Values, latency: int) -> int:
    """Samples whose answer differs from the graph's.

    Args:
        module: a netlist with the ports x and y.
        graph: what it must compute.
        words: int64 [n, 1, features], samples.
        latency: clock cycles from x to y.
    """
    (feed,) = graph.feeds()
    wire = graph.wires[feed.name]
    aig = Aig()
    samples = [bits for lane in columns(words, wire) for bits in lane]
    inputs = aig.inputs(len(samples))
    ports = {("x", i): literal for i, literal in enumerate(inputs)}
    pipeline = Pipeline(aig, module, ports, fixed={"rst": 0, "valid_in": 1}, depth=latency + 1)
    answer = pipeline.output("y", latency)
    seen = aig.simulate(dict(zip(inputs, samples, strict=True)), len(words))
    wanted = run(graph, {feed.name: words})
    expected = [
        bits
        for name in graph.outputs
        for lane in columns(wanted[name], graph.wires[name])
        for bits in lane
    ]
    ones = (1 << len(words)) - 1
    differ = 0 if len(expected) == len(answer) else ones
    for literal, bits in zip(answer, expected, strict=False):
        differ |= seen[literal >> 1] ^ (ones if literal & 1 else 0) ^ bits
    return differ.bit_count()


def samples(folder: Path, at_most: int) -> NDArray[np.int64]:
    """Real samples of a build folder, those of the test first: int64 [n, 1, features]."""
    parts = []
    for name in ("samples.npz", "train_samples.npz"):
        with np.load(folder / "graph" / name) as arrays:
            parts.append(arrays["x"][:at_most])
    return np.concatenate(parts)[:at_most, None, :].astype(np.int64)
