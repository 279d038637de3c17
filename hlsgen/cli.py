"""The command line: the only place that prints and ends the process."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from typer.core import TyperGroup

from hlsgen import __version__, flow
from hlsgen.boards import Board, board_names, load_board
from hlsgen.emit import LANGUAGES
from hlsgen.errors import ConfigError, HlsgenError, ToolMissing
from hlsgen.flow import Job, Listener
from hlsgen.ledger import State
from hlsgen.plan import Step
from hlsgen.project import load_project
from hlsgen.report import Report, make_report, summary
from hlsgen.tools import TOOLS
from hlsgen.tools.verilator import libpython
from hlsgen.verify import Verdict, verify

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
            err.print(str(error), markup=False, soft_wrap=True)
            sys.exit(error.exit_code)
        except OSError as error:
            # A full disk, a folder that cannot be written: the user's machine, not hlsgen.
            err.print(f"error: {error}", markup=False, soft_wrap=True)
            sys.exit(_MACHINE)
        except KeyboardInterrupt:
            err.print("interrupted; the next run goes on from the last finished stage")
            sys.exit(_INTERRUPTED)


app = typer.Typer(cls=_Commands, help=_HELP, no_args_is_help=True, pretty_exceptions_enable=False)
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

ProjectPath = Annotated[
    Path, typer.Argument(metavar="PROJECT", help="Folder with project.toml, or the file.")
]
Checked = Annotated[
    Path, typer.Argument(metavar="PROJECT", help="Project, or a build folder to check as it is.")
]
BoardName = Annotated[
    str, typer.Option("--board", metavar="NAME", help="Board, or a board file ending in .toml.")
]
Language = Annotated[
    str, typer.Option("--hdl", metavar="NAME", help=f"Language: {', '.join(LANGUAGES)}.")
]
Output = Annotated[
    Path, typer.Option("--output", "-o", metavar="DIR", help="Folder of all build folders.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be done, do nothing.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Tell more.")]
BUILD = Path("build")
DEFAULT_BOARD = "ulx3s"
GOOD, MISSING = "[green]good[/green]", "[red]missing[/red]"


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


def _run(
    last: str,
    project: Path,
    board: str,
    hdl: str,
    output: Path,
    dry_run: bool,
    verbose: bool,
    *,
    full: bool = False,
) -> Job:
    """Run the stages up to `last`."""
    _log(verbose)
    if hdl not in LANGUAGES:
        raise ConfigError(f"unknown language {hdl!r}; known: {', '.join(LANGUAGES)}")
    job = Job(load_project(project), load_board(board), output, hdl)
    stages = flow.STAGES[: flow.STAGES.index(last) + 1]
    if last == "report" and not full:
        stages = tuple(name for name in stages if name != "build")
    if dry_run:
        _show_plan(job, stages)
    else:
        flow.run(job, stages, _listener(job))
    return job


def _log(verbose: bool) -> None:
    level = logging.DEBUG if verbose else logging.INFO
    logging.basicConfig(level=logging.WARNING, format="  %(message)s", stream=sys.stderr)
    logging.getLogger("hlsgen").setLevel(level)


@dataclass
class _Epochs:
    """The progress bar of the training."""

    bar: Progress | None = None
    task: TaskID | None = None

    def __call__(self, progress: object) -> None:
        from hlsgen.train import Progress as Epoch

        if not isinstance(progress, Epoch):
            raise TypeError(progress)
        if self.bar is None or self.task is None:
            columns = (TextColumn("  {task.description}"), BarColumn(), TimeElapsedColumn())
            self.bar = Progress(*columns, console=err)
            self.task = self.bar.add_task("training", total=progress.epochs)
            self.bar.start()
        text = (
            f"epoch {progress.epoch}/{progress.epochs}, {progress.samples_per_s:,.0f} samples/s,"
            f" {progress.eta_s:.0f} s left, loss {progress.loss:.3f},"
            f" validation {progress.validation_accuracy:.2%}"
        )
        self.bar.update(self.task, completed=progress.epoch, description=text)
        if progress.epoch == progress.epochs:
            self.bar.stop()


def _listener(job: Job) -> Listener:
    def stage(name: str, state: State) -> None:
        if state is State.STALE:
            err.print(f"[bold]{name}[/bold]")
        elif state is State.FRESH:
            err.print(f"{name}: up to date")
        else:
            err.print(
                f"[yellow]{name}: its files were edited by hand and are kept;"
                f" `hlsgen {name.partition(':')[0]}` makes them anew[/yellow]"
            )

    def step(step: Step) -> None:
        err.print(f"  {step.tool} -> {', '.join(step.makes)}")

    return Listener(stage, _Epochs(), step, lambda report: _print_report(report, job.folder))


def _show_plan(job: Job, stages: tuple[str, ...]) -> None:
    out.print(f"folder {job.folder}", markup=False, soft_wrap=True)
    for name in stages:
        out.print(f"stage {name}")
        if name == "build" and (job.folder / "graph" / "final.json").is_file():
            for line in flow.plan_of(job).show():
                out.print(f"  {line}", markup=False, soft_wrap=True)


def _print_report(report: Report, folder: Path) -> None:
    table = Table(title=f"{report.name} on {report.board}", title_justify="left")
    for column in ("", "value", "stage"):
        table.add_column(column)
    for row in summary(report):
        table.add_row(row.label, row.value, row.stage)
    out.print(table)
    out.print(f"report: {folder / 'report' / 'report.html'}", markup=False, soft_wrap=True)


def _print_verdict(verdict: Verdict) -> None:
    table = Table(title="verification", title_justify="left")
    for column in ("rung", "compares", "status", "values"):
        table.add_column(column)
    for rung in verdict.rungs:
        note = rung.reason if rung.status == "not run" else f"{rung.checked:,}"
        table.add_row(f"{rung.number} {rung.name}", rung.what, rung.status, note)
    out.print(table)


def _is_build_folder(path: Path) -> bool:
    return (path / "graph" / "final.json").is_file()


def _stage_command(stage: str, text: str) -> None:
    """Add the command that runs everything up to `stage`."""

    @app.command(stage, help=text)
    def command(
        project: ProjectPath, board: BoardName = DEFAULT_BOARD, hdl: Language = "verilog",
        output: Output = BUILD, dry_run: DryRun = False, verbose: Verbose = False,
    ) -> None:  # fmt: skip
        _run(stage, project, board, hdl, output, dry_run, verbose)


_stage_command("train", "Train the network; a run that was cut short goes on.")
_stage_command("export", "Make a graph of the network, equal to PyTorch on every sample.")
_stage_command("opt", "Make the graph smaller and pipeline it for the project's clock.")
_stage_command("emit", "Write the Verilog.")


@app.command("verify")
def verify_command(
    project: Checked, board: BoardName = DEFAULT_BOARD, hdl: Language = "verilog",
    output: Output = BUILD, dry_run: DryRun = False, verbose: Verbose = False,
) -> None:  # fmt: skip
    """Check the Verilog against the graph, bit by bit, in simulation."""
    if _is_build_folder(project):
        _log(verbose)
        _print_verdict(verify(project, _board_of(project).shell.width_bits))
        return
    job = _run("verify", project, board, hdl, output, dry_run, verbose)
    if not dry_run:
        _print_verdict(Verdict.load(job.folder / "verify" / "verdict.json"))


_stage_command("build", "Synthesise, place, route and pack for the board.")


@app.command()
def bitstream(
    project: ProjectPath, board: BoardName = DEFAULT_BOARD, hdl: Language = "verilog",
    output: Output = BUILD, dry_run: DryRun = False, verbose: Verbose = False,
) -> None:  # fmt: skip
    """Everything: train, prove, build, report."""
    job = _run("report", project, board, hdl, output, dry_run, verbose, full=True)
    if not dry_run:
        product = job.folder / f"{job.project.name}.{job.board.product}"
        out.print(f"bitstream: {product}", markup=False, soft_wrap=True)


@app.command("report")
def report_command(
    project: Checked, board: BoardName = DEFAULT_BOARD, hdl: Language = "verilog",
    output: Output = BUILD, dry_run: DryRun = False, verbose: Verbose = False,
) -> None:  # fmt: skip
    """Report area, timing, energy, accuracy and verification, with the source of each number."""
    if _is_build_folder(project):
        _log(verbose)
        _print_report(make_report(project), project)
        return
    _run("report", project, board, hdl, output, dry_run, verbose)


def _board_of(folder: Path) -> Board:
    file = folder / "board.json"
    if not file.is_file():
        raise ConfigError(f"{file}: missing; run the stage export")
    try:
        return Board.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise ConfigError(f"{file}: damaged; remove it and run the stage export") from error


@app.command()
def boards() -> None:
    """List the boards."""
    table = Table("board", "", "part", "flow", "state")
    for name in board_names():
        board = load_board(name)
        table.add_row(name, board.title, board.part, board.flow, flow.board_state(board))
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
    out.print(table)
    for line in advice:
        out.print(line, markup=False, soft_wrap=True)
    if not complete:
        raise ToolMissing("the default flow lacks a tool; see the table above")


def main() -> None:
    """Entry point of `hlsgen` and `python -m hlsgen`."""
    app(prog_name="hlsgen")
