"""Board flows: from verified RTL to the file that configures the device."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path

from hlsgen.errors import ConfigError, ToolFailed
from hlsgen.plan import Plan, Step
from hlsgen.tools import TOOLS

log = logging.getLogger(__name__)


def run_plan(plan: Plan, folder: Path, started: Callable[[Step], None] | None = None) -> None:
    """Write the plan's files below `folder` and run its steps in order.

    Args:
        plan: what to write and run.
        folder: the build folder, every step's working folder.
        started: called before each step, for progress.

    Raises:
        ToolMissing: a step's program is not there; files and earlier products stay.
        ToolFailed: a step failed; its products are gone, its log is in logs/.
    """
    plan.write(folder)
    for step in plan.steps:
        if started:
            started(step)
        output = _run(step, folder)
        if step.tool == "ecppll":
            _check_clock(step, output)


def _run(step: Step, folder: Path) -> str:
    log_file = folder / "logs" / f"{step.log or step.tool}.log"
    try:
        return TOOLS[step.tool].run(step.args, cwd=folder, makes=step.makes, log_file=log_file)
    except ToolFailed as error:
        if step.tool != "nextpnr-ecp5":
            raise
        raise ToolFailed(_explain_route(str(error), log_file)) from error


def _explain_route(message: str, log_file: Path) -> str:
    """Add what to do to the two failures that a larger network or clock causes."""
    text = log_file.read_text(encoding="utf-8", errors="replace")
    too_big = [
        f"the design needs {used} {cell} and the device has {total}, {int(used) - int(total)} too many"
        for cell, used, total in re.findall(r"(\w+):\s+(\d+)/\s*(\d+)\s+\d+%", text)
        if int(used) > int(total)
    ]
    if too_big:
        return f"{'; '.join(dict.fromkeys(too_big))}: use a smaller network or a larger board\n{message}"
    if slow := re.findall(r"Max frequency for clock.*?: ([\d.]+) MHz \(FAIL at ([\d.]+) MHz\)", text):
        reached, asked = slow[-1]
        return f"the routed design reaches {reached} of {asked} MHz: lower hardware.clock_mhz\n{message}"
    return message


def _check_clock(step: Step, output: str) -> None:
    """The generator takes the nearest frequency it can make; a UART needs the one asked for."""
    asked = float(step.args[step.args.index("--clkout0") + 1])
    match = re.search(r"clkout0 frequency: ([\d.]+)", output)
    made = float(match.group(1)) if match else 0.0
    if abs(made - asked) > 0.01 * asked:
        raise ConfigError(
            f"hardware.clock_mhz is {asked:g}: the board's clock generator makes {made:g} MHz;"
            " ask for that, or another frequency"
        )
