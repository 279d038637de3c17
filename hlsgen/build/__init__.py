"""Board flows: from verified RTL to the file that configures the device."""

from __future__ import annotations

from pathlib import Path

from hlsgen.boards import Board, board_names, load_board
from hlsgen.build import area, interface, nextpnr, openxc7, vitis, vivado
from hlsgen.build.ecp5 import check_clock
from hlsgen.build.fit import check_fit, explain_route
from hlsgen.errors import ConfigError, ToolFailed, ToolMissing
from hlsgen.graph.interp import run
from hlsgen.graph.ir import Graph, Values
from hlsgen.plan import Plan, Step
from hlsgen.tools import TOOLS

# The programs that the flow of a vendor runs; those of flow nextpnr depend on the family.
FLOW_TOOLS = {
    "vitis": ("yosys", "vivado", "v++"),
    "vivado": ("yosys", "vivado"),
}


def board_plan(
    graph: Graph,
    board: Board,
    rtl: Plan,
    clock_mhz: float,
    seed: int,
    samples: Values,
    language: str = "verilog",
) -> Plan:
    """Everything from the emitted `rtl` to the file that configures the device.

    Args:
        graph: the optimised graph that `rtl` implements.
        board: where it shall run.
        rtl: what `emit` returned, in `language`.
        clock_mhz: clock of the network.
        seed: of place and route.
        samples: int64 [n, beats, lanes], test samples for the host program.
        language: of `rtl`; C++ is for the vendor's tools alone.

    Raises:
        ConfigError: the board cannot carry the network as asked.
    """
    if language == "hls":
        check_compiles(board)
    check_fit(graph, board)
    answers = run(graph, {graph.feeds()[0].name: samples})[graph.outputs[0]]
    host = interface.plan(graph, board, samples, answers, clock_mhz)
    if board.flow == "nextpnr":
        return rtl | nextpnr.plan(graph, board, rtl, clock_mhz, seed) | host
    sources = sorted(rtl.files)
    if openxc7.chosen(board):
        counted = area.plan(graph, sources, board.fabric)
        return rtl | counted | openxc7.plan(graph, board, rtl, clock_mhz, seed) | host
    if board.flow == "vivado":
        kernel = vivado.plan(graph, board, rtl, clock_mhz)
    else:
        kernel = vitis.graph_plan(graph, board, sources, clock_mhz, samples, answers, language)
    if language == "hls":
        return rtl | kernel | host
    return rtl | area.plan(graph, sources, board.fabric) | kernel | host


def check_compiles(board: Board) -> None:
    """Raise a ConfigError unless the board's tools make hardware of C++ with AXI streams."""
    able = [
        name
        for name in board_names()
        if (other := load_board(name)).flow != "nextpnr" and other.shell.kind == "axis"
    ]
    if board.flow == "nextpnr" or board.shell.kind != "axis":
        raise ConfigError(
            f"board {board.name} (flow {board.flow}, shell {board.shell.kind}) cannot be built from"
            " HLS C++, which needs Vitis HLS and AXI streams: for it --hdl hls can be emitted,"
            f" simulated and verified; built it is for {', '.join(able)}"
        )


def log_of(step: Step, folder: Path) -> Path:
    """Where a step's output goes."""
    return folder / "logs" / f"{step.log or step.tool}.log"


def run_step(step: Step, folder: Path) -> None:
    """Run one step in build folder `folder`.

    Raises:
        ToolMissing: its program is not there; files and earlier products stay.
        ToolFailed: it failed; its products are gone, its log is in logs/.
        ConfigError: the board's clock generator cannot make the clock.
    """
    log_file = log_of(step, folder)
    try:
        output = TOOLS[step.tool].run(step.args, cwd=folder, makes=step.makes, log_file=log_file)
    except ToolFailed as error:
        if not step.tool.startswith("nextpnr-"):
            raise
        raise ToolFailed(explain_route(str(error), log_file, folder)) from error
    if step.tool == "ecppll":
        check_clock(step, output)


def tools_of(board: Board) -> tuple[str, ...]:
    """The programs that build for a board, by their names in `hlsgen.tools`."""
    if board.flow == "nextpnr":
        return ("yosys", *nextpnr.FAMILIES[board.fabric].tools)
    if openxc7.chosen(board):
        return openxc7.STEPS
    return FLOW_TOOLS[board.flow]


def board_state(board: Board) -> str:
    """Whether everything that the board's flow needs is installed here."""
    missing = []
    for name in tools_of(board):
        try:
            TOOLS[name].find()
        except ToolMissing:
            missing.append(name)
    return f"prepares the build; {', '.join(missing)} not found" if missing else "builds here"
