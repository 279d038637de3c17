"""Open boards: Yosys, nextpnr and a packer, all from PyPI, to a bitstream; one flow for all."""

from __future__ import annotations

from hlsgen import __version__
from hlsgen.boards import Board
from hlsgen.build.design import Design, Family
from hlsgen.build.ecp5 import ECP5
from hlsgen.build.gowin import GOWIN
from hlsgen.build.ice40 import ICE40
from hlsgen.build.nexus import NEXUS
from hlsgen.emit import emit_uart, kept
from hlsgen.emit.render import render
from hlsgen.errors import ConfigError
from hlsgen.graph.ir import Graph
from hlsgen.graph.parts import streams
from hlsgen.passes.estimate import size
from hlsgen.plan import Plan, Step

# By the board's `fabric`, which is also the name of its table.
FAMILIES: dict[str, Family] = {"ecp5": ECP5, "ice40": ICE40, "gowin": GOWIN, "nexus": NEXUS}
# The part of the LUTs that a LUT in front of each register may fill.
_FILLED = 0.6


def plan(graph: Graph, board: Board, rtl: Plan, clock_mhz: float, seed: int) -> Plan:
    """Files and steps from the emitted `rtl` to the bitstream, at `clock_mhz`.

    Raises:
        ConfigError: the board lacks a pin, or its clock cannot be made.
    """
    family = FAMILIES.get(board.fabric)
    if family is None or getattr(board, board.fabric) is None or board.shell.baud is None:
        raise ConfigError(
            f"board {board.name}: flow nextpnr needs [{board.fabric}], one of"
            f" {', '.join(FAMILIES)}, and a UART shell"
        )
    if clock_mhz > board.clock.max_mhz:
        raise ConfigError(
            f"hardware.clock_mhz is {clock_mhz}, board {board.name} allows {board.clock.max_mhz}"
        )
    design = Design(graph.name, board, clock_mhz, seed, _roomy(graph, board))
    generator = family.generator(design) if design.generates else None
    shell = emit_uart(graph, clock_mhz, board.shell.baud)
    made = [generator.source] if generator else []
    sources = sorted([*rtl.files, *shell.files, f"synth/{design.top}.v"]) + made
    script = render(
        "nextpnr/synth.ys.j2",
        sources=sources,
        top=design.top,
        macro=family.macro,
        synth=family.synth(board),
        finish=[command.format(top=design.top) for command in family.finish],
        **kept(graph),
    )
    files = {
        **shell.files,
        **(generator.files if generator else {}),
        f"synth/{design.top}.v": top_module(graph, board, pll=generator is not None),
        "synth/synth.ys": script,
        **{f"synth/{name}": render(f"nextpnr/{name}") for name in family.extra},
        f"route/{family.constraints}": render(f"nextpnr/{family.constraints}.j2", board=board),
    }
    counted = (design.netlist, "synth/layers.json", "synth/stat.json")
    return Plan(
        files,
        (
            *(generator.steps if generator else ()),
            Step("yosys", ("-s", "synth/synth.ys"), counted, log="synth"),
            *family.steps(design),
        ),
    )


def top_module(graph: Graph, board: Board, *, pll: bool) -> str:
    """Clock, reset and pins around the UART shell; `pll`: with module `<name>_pll`.

    Raises:
        ConfigError: the board lacks a pin.
    """
    if missing := {"clk", "uart_rxd", "uart_txd"} - set(board.pins):
        raise ConfigError(f"board {board.name}: [pins] lacks {', '.join(sorted(missing))}")
    return render(
        "verilog/uart_top.v.j2",
        version=__version__,
        digest=graph.digest,
        name=graph.name,
        pll=pll,
        lamps=board.lamps,
        inverted=board.leds_active_low,
        constants=board.constants,
    )


def _roomy(graph: Graph, board: Board) -> bool:
    """Whether there are windows, with their many registers, and a LUT to spare for each."""
    if board.fabric != "ecp5" or board.resources.lut is None or not streams(graph):
        return False
    cells = size(graph, board.logic, quick=True).area
    return cells.lut + cells.ff <= _FILLED * board.resources.lut
