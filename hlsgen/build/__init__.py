"""Board flows: from verified RTL to the file that configures the device."""

from __future__ import annotations

import re
from pathlib import Path

from hlsgen.boards import Board
from hlsgen.build import area, nextpnr, uart_host, vitis
from hlsgen.emit import framing
from hlsgen.errors import ConfigError, ToolFailed, ToolMissing
from hlsgen.graph.interp import run
from hlsgen.graph.ir import Graph, Values
from hlsgen.plan import Plan, Step
from hlsgen.tools import TOOLS

# A line of nextpnr's table of cells: kind, used, available. The summary of LUTs before the table
# counts the same cells again, under names of two words.
_USED = re.compile(r"^Info:\s+(\w+):\s+(\d+)/\s*(\d+)\s+\d+%", re.MULTILINE)

_CLOCK_ERROR = 0.001

# The programs that each flow runs.
FLOW_TOOLS = {
    "nextpnr": ("yosys", "room", "nextpnr-ecp5", "ecppack", "ecppll"),
    "vitis": ("yosys", "vivado", "v++"),
}


def board_plan(
    graph: Graph, board: Board, rtl: Plan, clock_mhz: float, seed: int, samples: Values
) -> Plan:
    """Everything from the emitted `rtl` to the file that configures the device.

    Args:
        graph: the optimised graph that `rtl` implements.
        board: where it shall run.
        rtl: what `emit` returned.
        clock_mhz: clock of the network.
        seed: of place and route.
        samples: int64 [n, beats, lanes], test samples for the host program.

    Raises:
        ConfigError: the board cannot carry the network as asked.
    """
    answers = run(graph, {graph.feeds()[0].name: samples})[graph.outputs[0]]
    if board.flow == "nextpnr":
        host = uart_host.plan(graph, board, samples, answers)
        return rtl | nextpnr.plan(graph, board, rtl, clock_mhz, seed) | host
    frame = framing(graph, board.shell.width_bits)
    wire = graph.wires[graph.feeds()[0].name]
    data = {
        "vitis/samples.bin": vitis.pack_frames(
            *(
                samples.reshape(len(samples), -1),
                wire.bits,
                board.shell.width_bits,
                wire.lanes,
                frame.slot,
            )
        ),
        "vitis/expected.bin": answers[:, 0, 0].astype("<u4").tobytes(),
    }
    kernel = vitis.plan(
        graph.name,
        board,
        frame_beats=frame.in_beats,
        result_bits=frame.out_bits,
        clock_mhz=clock_mhz,
        rtl_files=sorted(rtl.files),
    )
    return rtl | area.plan(graph, sorted(rtl.files)) | Plan(data) | kernel


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
        if step.tool != "nextpnr-ecp5":
            raise
        raise ToolFailed(_explain_route(str(error), log_file)) from error
    if step.tool == "ecppll":
        _check_clock(step, output)


def _explain_route(message: str, log_file: Path) -> str:
    """Add what to do to the two failures that a larger network or clock causes."""
    text = log_file.read_text(encoding="utf-8", errors="replace")
    too_big = [
        f"the design needs {used} {cell}, the device has {total}: {int(used) - int(total)} too many"
        for cell, used, total in _USED.findall(text)
        if int(used) > int(total)
    ]
    if too_big:
        advice = f"{'; '.join(dict.fromkeys(too_big))}. Use a smaller network or a larger board."
        return f"{advice}\n{message}"
    if slow := re.findall(r"Max frequency for .*?: ([\d.]+) MHz \(FAIL at ([\d.]+) MHz\)", text):
        reached, asked = slow[-1]
        advice = f"the routed design reaches {reached} of {asked} MHz: lower hardware.clock_mhz"
        return f"{advice}\n{message}"
    return message


def _check_clock(step: Step, output: str) -> None:
    """The generator takes the nearest frequency it can make.

    The bit time of the UART and the latency in ns are those of the frequency asked for.
    """
    asked = float(step.args[step.args.index("--clkout0") + 1])
    match = re.search(r"clkout0 frequency: ([\d.]+)", output)
    made = float(match.group(1)) if match else 0.0
    if abs(made - asked) > _CLOCK_ERROR * asked:
        raise ConfigError(
            f"hardware.clock_mhz is {asked:g}: the board's clock generator makes {made:g} MHz"
            f" at the nearest, and {100 * _CLOCK_ERROR:g} % off is allowed: ask for {made:g}"
        )


def board_state(board: Board) -> str:
    """Whether everything that the board's flow needs is installed here."""
    missing = []
    for name in FLOW_TOOLS[board.flow]:
        try:
            TOOLS[name].find()
        except ToolMissing:
            missing.append(name)
    return f"prepares the build; {', '.join(missing)} not found" if missing else "builds here"
