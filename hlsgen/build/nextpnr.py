"""ECP5 boards: Yosys, nextpnr and ecppack, all from PyPI, to a bitstream."""

from __future__ import annotations

from hlsgen import __version__
from hlsgen.boards import PORTS, Board, Ecp5
from hlsgen.emit import emit_uart, kept
from hlsgen.emit.render import render
from hlsgen.errors import ConfigError
from hlsgen.graph.ir import Graph
from hlsgen.graph.parts import streams
from hlsgen.passes.estimate import size
from hlsgen.plan import Plan, Step

# The netlist with every cell in its place.
_PLACED = "route/placed.json"
# The part of the LUTs that a LUT in front of each register may fill.
_FILLED = 0.6


def plan(graph: Graph, board: Board, rtl: Plan, clock_mhz: float, seed: int) -> Plan:
    """Files and steps from the emitted `rtl` to `<name>.bit`, at `clock_mhz`.

    Raises:
        ConfigError: the board lacks a pin, or its clock cannot be made.
    """
    name, top = graph.name, f"{graph.name}_top"
    options = board.ecp5
    if options is None or board.shell.baud is None:
        raise ConfigError(f"board {board.name}: flow nextpnr needs [ecp5] and a UART shell")
    if missing := {"clk", "uart_rxd", "uart_txd"} - set(board.pins):
        raise ConfigError(f"board {board.name}: [pins] lacks {', '.join(sorted(missing))}")
    if clock_mhz > board.clock.max_mhz:
        raise ConfigError(
            f"hardware.clock_mhz is {clock_mhz}, board {board.name} allows {board.clock.max_mhz}"
        )
    with_pll = clock_mhz != board.clock.source_mhz
    shell = emit_uart(graph, clock_mhz, board.shell.baud)
    wrapper = render(
        "verilog/uart_top.v.j2",
        version=__version__,
        digest=graph.digest,
        name=name,
        pll=with_pll,
        lamps=[port for port in PORTS if port.startswith("led") and port in board.pins],
        constants=board.constants,
    )
    made = [f"synth/{name}_pll.v"] if with_pll else []
    sources = sorted([*rtl.files, *shell.files, f"synth/{top}.v"]) + made
    files = {
        **shell.files,
        f"synth/{top}.v": wrapper,
        "synth/synth.ys": render("nextpnr/synth.ys.j2", sources=sources, top=top, **kept(graph)),
        "route/pins.lpf": render("nextpnr/pins.lpf.j2", board=board),
    }
    steps = _pll_steps(name, board, clock_mhz) if with_pll else ()
    roomy = _roomy(graph, board)
    return Plan(files, (*steps, *_steps(name, top, options, clock_mhz, seed, roomy)))


def _roomy(graph: Graph, board: Board) -> bool:
    """Whether there are windows, with their many registers, and a LUT to spare for each."""
    if board.resources.lut is None or not streams(graph):
        return False
    cells = size(graph, board.logic, quick=True).area
    return cells.lut + cells.ff <= _FILLED * board.resources.lut


def _pll_steps(name: str, board: Board, clock_mhz: float) -> tuple[Step, ...]:
    """The clock generator's module, computed by ecppll."""
    made = f"synth/{name}_pll.v"
    args = (
        *("--clkin", f"{board.clock.source_mhz:g}", "--clkin_name", "clkin"),
        *("--clkout0", f"{clock_mhz:g}", "--clkout0_name", "clkout"),
        *("--module", f"{name}_pll", "--file", made),
    )
    return (Step("ecppll", args, (made,), log="pll"),)


def _steps(
    name: str, top: str, options: Ecp5, clock_mhz: float, seed: int, roomy: bool
) -> tuple[Step, ...]:
    """From the sources to the bitstream; `roomy`: see `hlsgen.tools.room`."""
    netlist, config, routed = f"synth/{top}.json", f"route/{top}.config", f"route/{top}.json"
    counted = (netlist, "synth/layers.json", "synth/stat.json")
    common = (
        *(f"--{options.device}", "--package", options.package, "--speed", str(options.speed)),
        *("--lpf", "route/pins.lpf", "--freq", f"{clock_mhz:g}", "--seed", str(seed)),
    )
    placing: tuple[Step, ...] = ()
    reads: tuple[str, ...] = (netlist,)
    read: tuple[str, ...] = ("--json", netlist)
    if roomy:
        placing, reads = _placing(netlist, common), (netlist, _PLACED)
        read = ("--json", _PLACED, "--no-pack", "--no-place")
    made = (config, routed, "route/report.json")
    write = ("--textcfg", made[0], "--write", made[1], "--report", made[2])
    return (
        Step("yosys", ("-s", "synth/synth.ys"), counted, log="synth"),
        *placing,
        Step("nextpnr-ecp5", (*common, *read, *write), made, reads, log="route"),
        Step("ecppack", (config, f"{name}.bit", "--compress"), (f"{name}.bit",), (config,), "pack"),
    )


def _placing(netlist: str, common: tuple[str, ...]) -> tuple[Step, ...]:
    """Steps that make `_PLACED`, with room for registers."""
    room, loose = "route/room.json", "route/loose.json"
    place = (*common, "--json", room, "--no-route", "--write", loose)
    return (
        Step("room", ("make", netlist, room), (room,), (netlist,), "room"),
        Step("nextpnr-ecp5", place, (loose,), (room,), "place"),
        Step("room", ("take", loose, _PLACED), (_PLACED,), (loose,), "tighten"),
    )
