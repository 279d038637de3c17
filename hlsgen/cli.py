"""The command line: the only place that prints and ends the process."""

from __future__ import annotations

import signal
import sys
from typing import Annotated, Any

import typer
from rich.table import Column, Table
from typer.core import TyperGroup

from hlsgen import __version__
from hlsgen.boards import board_names, load_board
from hlsgen.build import board_state
from hlsgen.checks import mutate_command, prove_command, sim_command
from hlsgen.errors import HlsgenError, ToolMissing
from hlsgen.folding import fold_command
from hlsgen.options import (
    BUILD,
    Accept,
    BoardName,
    Checked,
    DryRun,
    Language,
    NetworkSize,
    Output,
    ProjectPath,
    Samples,
    Verbose,
    is_build_folder,
    log,
    made_for,
    run_stages,
)
from hlsgen.passes import Record
from hlsgen.programming import hint, program_command
from hlsgen.report import judge, make_report
from hlsgen.screen import (
    complain,
    err,
    out,
    print_passes,
    print_report,
    print_training,
    print_verdict,
    say,
)
from hlsgen.selftest import selftest_command
from hlsgen.tools import TOOLS
from hlsgen.tools.csim import headers
from hlsgen.tools.verilator import libpython
from hlsgen.verify import Verdict, verify

GOOD, MISSING = "[green]good[/green]", "[red]missing[/red]"
_MACHINE = 4
_INTERRUPTED = 130
_HELP = (
    "From a trained LUT network to a verified FPGA bitstream.\n\n"
    "Stages, in order: train, export, opt, emit, verify, build, report. Asking for one runs those"
    " before it whose inputs changed. PROJECT is a folder with project.toml, or the file itself."
    "\n\nExit codes: 0 good, 1 check failed, 2 bad project, board or option, 3 tool missing,"
    " 4 tool failed, 5 bad network or graph, 130 interrupted."
)


class _Commands(TyperGroup):
    """Turns the errors that a user can cause into one message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command."""
        try:
            return super().invoke(ctx)
        except HlsgenError as error:
            err.print("[red]error:[/red]", end=" ")
            complain(str(error))
            sys.exit(error.exit_code)
        except OSError as error:
            # A full disk, a folder that cannot be written: the user's machine, not hlsgen.
            complain(f"error: a file could not be read or written: {error}")
            sys.exit(_MACHINE)
        except KeyboardInterrupt:
            complain("interrupted; the next run goes on from the last finished stage")
            sys.exit(_INTERRUPTED)


app = typer.Typer(
    cls=_Commands,
    help=_HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        out.print(f"hlsgen {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Version.")
    ] = False,
) -> None:
    """Options before the command."""


def _stage_command(stage: str, text: str) -> None:
    """Add the command that runs everything up to `stage`."""

    @app.command(stage, help=text)
    def command(
        project: ProjectPath, board: BoardName = None, hdl: Language = "verilog",
        output: Output = BUILD, dry_run: DryRun = False, verbose: Verbose = False,
        data: Samples = None, budget_lut: NetworkSize = None,
    ) -> None:  # fmt: skip
        job = run_stages(stage, project, board, hdl, output, dry_run, verbose, data, budget_lut)
        if stage == "train" and not dry_run:
            print_training(job.network)


_stage_command("train", "Train the network; a run that was cut short goes on.")
_stage_command("export", "Make a graph of the network, equal to PyTorch on every sample.")


@app.command("opt")
def opt_command(
    project: ProjectPath,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show what each pass did to the size and the depth.")
    ] = False,
    board: BoardName = None, hdl: Language = "verilog",
    output: Output = BUILD, dry_run: DryRun = False, verbose: Verbose = False,
        data: Samples = None, budget_lut: NetworkSize = None,
) -> None:  # fmt: skip
    """Make the graph smaller and pipeline it for the project's clock."""
    job = run_stages("opt", project, board, hdl, output, dry_run, verbose, data, budget_lut)
    if explain and not dry_run:
        print_passes(Record.load(job.folder / "graph" / "opt.json"))


_stage_command("emit", "Write the Verilog, or the HLS C++.")


@app.command("verify")
def verify_command(
    project: Checked, board: BoardName = None, hdl: Language = "verilog",
    output: Output = BUILD, dry_run: DryRun = False, verbose: Verbose = False,
        data: Samples = None, budget_lut: NetworkSize = None,
) -> None:  # fmt: skip
    """Check what was emitted against the graph: Verilog also by proof, a folder to its end."""
    if is_build_folder(project):
        made = made_for(project, board)
        if dry_run:
            say(f"would check the files in {project}")
            return
        log(verbose)
        print_verdict(verify(project, made))
        return
    job = run_stages("verify", project, board, hdl, output, dry_run, verbose, data, budget_lut)
    if not dry_run:
        print_verdict(Verdict.load(job.folder / "verify" / "verdict.json"))


app.command("fold")(fold_command)
app.command("sim")(sim_command)
app.command("prove")(prove_command)
app.command("mutate")(mutate_command)
app.command("program")(program_command)
app.command("selftest")(selftest_command)
_stage_command("build", "Synthesise, place, route and pack for the board.")


@app.command()
def bitstream(
    project: ProjectPath, board: BoardName = None, hdl: Language = "verilog",
    output: Output = BUILD, dry_run: DryRun = False, accept: Accept = False,
    verbose: Verbose = False, data: Samples = None, budget_lut: NetworkSize = None,
) -> None:  # fmt: skip
    """Everything: train, verify, build, report. A red verdict stops it before the bitstream."""
    job = run_stages(
        *("report", project, board, hdl, output, dry_run, verbose, data, budget_lut),
        full=True,
        accept=accept,
    )
    if not dry_run:
        product = job.folder / f"{job.project.name}.{job.board.product}"
        say(f"bitstream: {product}")
        if load_it := hint(job.folder, job.board):
            say(f"load it: {load_it}")


@app.command("report")
def report_command(
    project: Checked, board: BoardName = None, hdl: Language = "verilog",
    output: Output = BUILD, dry_run: DryRun = False, verbose: Verbose = False,
        data: Samples = None, budget_lut: NetworkSize = None,
) -> None:  # fmt: skip
    """Report area, timing, energy, accuracy and verification, with the source of each number."""
    if is_build_folder(project):
        made_for(project, board)
        if dry_run:
            say(f"would report on the files in {project}")
            return
        log(verbose)
        report = make_report(project)
        print_report(report, project)
        judge(report, project)
        return
    run_stages("report", project, board, hdl, output, dry_run, verbose, data, budget_lut)


@app.command()
def boards() -> None:
    """List the boards."""
    table = Table(Column("board", no_wrap=True), "", "flow", "state")
    for name in board_names():
        board = load_board(name)
        table.add_row(name, board.title, board.flow, board_state(board))
    out.print(table)


@app.command()
def doctor() -> None:
    """Show the tools: wanted, found, version, verdict, what to do."""
    table = Table("tool", "for", "wanted", "found", "verdict")
    advice, complete = [], True
    for tool in TOOLS.values():
        wanted = f">= {'.'.join(map(str, tool.minimum))}" if tool.minimum else "any"
        try:
            found, verdict = tool.find().version, GOOD
        except ToolMissing as error:
            advice.append(str(error))
            complete &= not tool.default_flow
            needed = MISSING if tool.default_flow else "missing, optional"
            found, verdict = "–", needed
        table.add_row(tool.name, tool.purpose, wanted, found, verdict)
    try:
        libpython()
        table.add_row("libpython", "runs the benches in the simulator", "any", "yes", GOOD)
    except ToolMissing as error:
        advice.append(str(error))
        complete = False
        table.add_row("libpython", "runs the benches in the simulator", "any", "–", MISSING)
    try:
        headers()
        table.add_row("ap_int.h", "C simulation of HLS C++", "any", "yes", GOOD)
    except ToolMissing as error:
        advice.append(str(error))
        table.add_row("ap_int.h", "C simulation of HLS C++", "any", "–", "missing, optional")
    out.print(table)
    for line in advice:
        say(line)
    if not complete:
        raise ToolMissing("the default flow lacks a tool; see the table above")


def main() -> None:
    """Entry point of `hlsgen` and `python -m hlsgen`."""
    # A closed terminal or a scheduler's end is treated like Ctrl-C: running tools are ended too.
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.default_int_handler)
    app(prog_name="hlsgen")
