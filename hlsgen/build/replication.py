"""Copies of the core on a Vitis board: as many as its memory feeds and its device holds.

A unit is one core between two data movers, with a memory bank for samples and one for answers.
"""

from __future__ import annotations

from dataclasses import dataclass

from hlsgen.boards import Board, Vitis, board_names, load_board
from hlsgen.emit import framing
from hlsgen.errors import ConfigError
from hlsgen.graph.fabric import Fabric
from hlsgen.graph.ir import Area, Graph
from hlsgen.graph.schedule import pace

# Bytes a second that one HBM pseudo channel gives at most: AMD UG1393, "HBM Configuration and Use".
HBM_BYTES_PER_S = 14.375e9

# Two data movers with their two ports into the HBM. The ports: 100,000 LUT and 120,000 FF for all
# 32 in RapidStream's device file of the U280. The movers themselves are a guess, nobody here has
# run Vitis; `report_utilization` of a first build tells.
MOVERS = {"lut": 12_000, "ff": 20_000, "bram36": 32}

# Share of a device that units may fill. The U280's platform alone takes 8 % of its LUTs and 10 % of
# its block memories (public U280 projects), AMD's UG1393 tells to leave another 10 % to the links,
# and a device that is fuller than this is seldom routed at the platform's clock.
USABLE = 0.6

_BLOCK_BITS = 36 * 1024
_NAMES = {"lut": "LUT", "ff": "FF", "bram36": "block memories"}


@dataclass(frozen=True)
class Core:
    """What the Vitis flow needs to know of a network.

    Args:
        frame_beats: input beats of the shell's width in one frame.
        result_bits: bits of one answer; it comes in one output beat.
        interval: clocks from one frame to the next at which the core takes them.
        lut, ff, bram36: estimated cells of one core.
    """

    frame_beats: int
    result_bits: int
    interval: int = 1
    lut: int = 0
    ff: int = 0
    bram36: int = 0

    def frames_per_s(self, board: Board, clock_mhz: float) -> float:
        """Frames a second through one unit at most: of core, mover and memory the slowest."""
        frame_bytes = self.frame_beats * board.shell.width_bits // 8
        at_clock = clock_mhz * 1e6 / max(self.interval, self.frame_beats)
        return min(at_clock, HBM_BYTES_PER_S / frame_bytes)


def core_of(graph: Graph, width_bits: int, fabric: Fabric) -> Core:
    """The numbers of `graph` behind a shell of `width_bits` bits, made of the cells of `fabric`."""
    frame, area, bits = framing(graph, width_bits), Area(), 0
    for node in graph.nodes:
        area += node.op.area(fabric, *graph.inputs_of(node))
        bits += node.op.memory_bits(graph.inputs_of(node)[0]) if node.inputs else 0
    return Core(
        frame.in_beats,
        frame.out_bits,
        pace(graph).interval,
        area.lut,
        area.ff,
        -(-bits // _BLOCK_BITS),
    )


def units_of(core: Core, board: Board) -> int:
    """Units on `board`, which is of flow "vitis": what `[vitis] units` says, or as many as fit.

    A unit reads no more than one bank gives, so the memory is full when all pairs of banks are
    used; a device too small for that many units holds fewer.

    Raises:
        ConfigError: not even one fits, or the board's file asks for more than there are banks.
    """
    vitis = _vitis(board)
    pairs = vitis.banks // 2
    if vitis.units is not None:
        if vitis.units > pairs:
            raise ConfigError(
                f"board {board.name}: [vitis] units is {vitis.units}, must be at most {pairs}:"
                f" each unit has 2 of the {vitis.banks} banks"
            )
        return vitis.units
    regions = max(1, len(vitis.regions))
    in_regions = regions * _fitting(core, board, regions)
    found = in_regions or _fitting(core, board, 1)
    if not found:
        raise ConfigError(_too_large(core, board))
    return min(pairs, found)


def regions_of(core: Core, board: Board, units: int) -> list[str]:
    """The super logic region of each unit, evenly; '' where a unit is too large for one region.

    Whole units lie in one region: for memory ports that cross to another one AMD documents that the
    linker adds registers (UG1393, "Assigning Compute Units to SLRs"), for streams it does not. The
    first region, beside the HBM, gets the odd ones.
    """
    regions = _vitis(board).regions
    if not regions or not _fitting(core, board, len(regions)):
        return [""] * units
    return [regions[i * len(regions) // units] for i in range(units)]


def _fitting(core: Core, board: Board, regions: int) -> int:
    """Units that fit into one of `regions` equal parts of the device; of many where unknown."""
    rooms = [
        int(USABLE * total / regions) // need
        for total, need in _needs(core, board).values()
        if total is not None
    ]
    return min(rooms, default=_vitis(board).banks)


def _needs(core: Core, board: Board) -> dict[str, tuple[int | None, int]]:
    """For each kind of cell: how many the device has, and how many a unit takes."""
    return {
        kind: (getattr(board.resources, kind), getattr(core, kind) + MOVERS[kind])
        for kind in MOVERS
    }


def _too_large(core: Core, board: Board) -> str:
    lacking = [
        f"{need:,} {_NAMES[kind]} where {int(USABLE * total):,} of {total:,} are free for it:"
        f" {need - int(USABLE * total):,} too many"
        for kind, (total, need) in _needs(core, board).items()
        if total is not None and need > int(USABLE * total)
    ]
    known = (load_board(name) for name in board_names())
    larger = [other.name for other in known if other.vitis and _fitting(core, other, 1)]
    advice = f", or use {' or '.join(larger)}" if larger else ": no board of this flow is larger"
    return (
        f"not even one unit fits on {board.name} ({board.title}): with its data movers it takes"
        f" about {'; '.join(lacking)}. Make the network smaller or fold it (`hlsgen fold`){advice}"
    )


def _vitis(board: Board) -> Vitis:
    if board.vitis is None:
        raise ConfigError(f"board {board.name} cannot be built with Vitis: flow is {board.flow!r}")
    return board.vitis
