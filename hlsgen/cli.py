"""The command line: the only place that prints and ends the process."""

from __future__ import annotations

import logging
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.table import Table
from typer.core import TyperGroup

from hlsgen import __version__, flow
from hlsgen.boards import Board, board_names, load_board
from hlsgen.build import board_state
from hlsgen.emit import LANGUAGES
from hlsgen.errors import CheckFailed, ConfigError, HlsgenError, ToolMissing
from hlsgen.flow import Job, Listener
from hlsgen.mutate import Campaign, Work
from hlsgen.project import load_project
from hlsgen.proof.families import FAMILIES
from hlsgen.proof.solver import Budget
from hlsgen.proof.sweep import BUDGET
from hlsgen.report import judge, make_report
from hlsgen.screen import (
    Epochs,
    Mutants,
    Proofs,
    complain,
    err,
    out,
    print_report,
    print_score,
    print_training,
    print_verdict,
    say,
    show_stage,
    show_step,
)
from hlsgen.tools import TOOLS
from hlsgen.tools.verilator import libpython
from hlsgen.verify import Verdict, load_samples, verify
from hlsgen.verify.equivalence import prove, prove_netlist

DEFAULT_BOARD = "ulx3s"
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

ProjectPath = Annotated[
    Path, typer.Argument(metavar="PROJECT", help="Folder with project.toml, or the file.")
]
Checked = Annotated[
    Path, typer.Argument(metavar="PROJECT", help="Project, or a build folder to check as it is.")
]
BoardName = Annotated[
    str | None,
    typer.Option(
        "--board",
        metavar="NAME",
        help=f"Board, or a board file ending in .toml. Default: {DEFAULT_BOARD}.",
        autocompletion=board_names,
    ),
]
Language = Annotated[
    str,
    typer.Option(
        "--hdl",
        metavar="NAME",
        help=f"Language: {', '.join(LANGUAGES)}.",
        autocompletion=lambda: list(LANGUAGES),
    ),
]
Output = Annotated[
    Path, typer.Option("--output", "-o", metavar="DIR", help="Folder of all build folders.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be done, do nothing.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Tell more.")]
Accept = Annotated[
    bool,
    typer.Option(
        "--accept-failed-verification",
        help="Write a bitstream in spite of a red verdict; the report says so.",
    ),
]
BUILD = Path("build")


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
    board: str | None,
    hdl: str,
    output: Path,
    dry_run: bool,
    verbose: bool,
    *,
    full: bool = False,
    accept: bool = False,
) -> Job:
    """Run the stages up to `last`."""
    _log(verbose)
    if hdl not in LANGUAGES:
        raise ConfigError(f"unknown language {hdl!r}; known: {', '.join(LANGUAGES)}")
    job = Job(load_project(project), load_board(board or DEFAULT_BOARD), output, hdl, accept)
    stages = flow.STAGES[: flow.STAGES.index(last) + 1]
    if last == "report" and not full:
        stages = tuple(name for name in stages if name != "build")
    if dry_run:
        _show_plan(job, stages)
    else:
        epochs = Epochs()
        try:
            flow.run(job, stages, _listen(job, epochs))
        finally:
            epochs.stop()
    return job


def _log(verbose: bool) -> None:
    level = logging.DEBUG if verbose else logging.INFO
    logging.basicConfig(level=logging.WARNING, format="  %(message)s", stream=sys.stderr)
    logging.getLogger("hlsgen").setLevel(level)


def _listen(job: Job, epochs: Epochs) -> Listener:
    return Listener(
        stage=show_stage,
        epoch=epochs,
        step=show_step,
        report=lambda report: print_report(report, job.folder),
        wait=lambda name: complain(f"waiting for another hlsgen that builds {name}"),
    )


def _show_plan(job: Job, stages: tuple[str, ...]) -> None:
    say(f"folder {job.folder}")
    for name in stages:
        out.print(f"stage {name}")
        if name == "build" and (job.folder / "graph" / "final.json").is_file():
            for line in flow.plan_of(job).show():
                say(f"  {line}")


def _is_build_folder(path: Path) -> bool:
    return (path / "graph" / "final.json").is_file()


def _stage_command(stage: str, text: str) -> None:
    """Add the command that runs everything up to `stage`."""

    @app.command(stage, help=text)
    def command(
        project: ProjectPath, board: BoardName = None, hdl: Language = "verilog",
        output: Output = BUILD, dry_run: DryRun = False, verbose: Verbose = False,
    ) -> None:  # fmt: skip
        job = _run(stage, project, board, hdl, output, dry_run, verbose)
        if stage == "train" and not dry_run:
            print_training(job.trained)


_stage_command("train", "Train the network; a run that was cut short goes on.")
_stage_command("export", "Make a graph of the network, equal to PyTorch on every sample.")
_stage_command("opt", "Make the graph smaller and pipeline it for the project's clock.")
_stage_command("emit", "Write the Verilog.")


@app.command("verify")
def verify_command(
    project: Checked, board: BoardName = None, hdl: Language = "verilog",
    output: Output = BUILD, dry_run: DryRun = False, verbose: Verbose = False,
) -> None:  # fmt: skip
    """Check the Verilog against the graph, in simulation and by proof; a folder to its end."""
    if _is_build_folder(project):
        made = _made_for(project, board)
        if dry_run:
            say(f"would check the files in {project}")
            return
        _log(verbose)
        print_verdict(verify(project, made))
        return
    job = _run("verify", project, board, hdl, output, dry_run, verbose)
    if not dry_run:
        print_verdict(Verdict.load(job.folder / "verify" / "verdict.json"))


@app.command("prove")
def prove_command(
    project: Checked,
    family: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help=f"FPGA family; may be given again. Default: {', '.join(FAMILIES)}.",
            autocompletion=lambda: list(FAMILIES),
        ),
    ] = None,
    netlist: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Prove this JSON netlist of one --family instead."),
    ] = None,
    time_limit: Annotated[
        float, typer.Option(metavar="S", min=0.0, help="Seconds for one bit of an output.")
    ] = BUDGET.time_s,
    board: BoardName = None, output: Output = BUILD, verbose: Verbose = False,
) -> None:  # fmt: skip
    """Prove by SAT that Verilog and mapped netlists are the graph: each layer, and the core."""
    if _is_build_folder(project):
        _made_for(project, board)
        _log(verbose)
        folder = project
    else:
        folder = _run("emit", project, board, "verilog", output, False, verbose).folder
    samples = load_samples(folder / "graph" / "samples.npz")
    budget = Budget(BUDGET.conflicts, time_limit)
    with Proofs() as show:
        if netlist:
            if len(family or ()) != 1:
                raise ConfigError("--netlist needs one --family: that of its cells")
            prove_netlist(folder, netlist, str(family and family[0]), samples,
                          budget=budget, listener=show.listener)  # fmt: skip
        else:
            prove(folder, family or list(FAMILIES), samples, budget=budget, listener=show.listener)
    say(f"proofs: {folder / 'prove' / 'proof.json'}; the graph as AIGER: prove/graph.aig")


@app.command("mutate")
def mutate_command(
    project: ProjectPath,
    each: Annotated[
        int, typer.Option(metavar="N", min=1, help="Faults of each kind on each level.")
    ] = 8,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Of the choice of faults.")] = 1,
    board: BoardName = None, output: Output = BUILD, verbose: Verbose = False,
) -> None:  # fmt: skip
    """Put faults into graph, Verilog, netlist and bitstream, and count which rung finds them."""
    job = _run("build", project, board, "verilog", output, False, verbose)
    score_file = job.folder / "mutate" / "score.json"
    samples = load_samples(job.folder / "graph" / "samples.npz")
    with Mutants() as tell:
        work = Work(job.folder, job.board, samples, flow.agreement(job, samples))
        score = Campaign(work, each, seed).run(tell)
    score.save(score_file)
    print_score(score, score_file)
    if score.survivors:
        raise CheckFailed(f"{len(score.survivors)} of {len(score.counted)} faults survived")


_stage_command("build", "Synthesise, place, route and pack for the board.")


@app.command()
def bitstream(
    project: ProjectPath, board: BoardName = None, hdl: Language = "verilog",
    output: Output = BUILD, dry_run: DryRun = False, accept: Accept = False,
    verbose: Verbose = False,
) -> None:  # fmt: skip
    """Everything: train, verify, build, report. A red verdict stops it before the bitstream."""
    job = _run("report", project, board, hdl, output, dry_run, verbose, full=True, accept=accept)
    if not dry_run:
        product = job.folder / f"{job.project.name}.{job.board.product}"
        say(f"bitstream: {product}")


@app.command("report")
def report_command(
    project: Checked, board: BoardName = None, hdl: Language = "verilog",
    output: Output = BUILD, dry_run: DryRun = False, verbose: Verbose = False,
) -> None:  # fmt: skip
    """Report area, timing, energy, accuracy and verification, with the source of each number."""
    if _is_build_folder(project):
        _made_for(project, board)
        if dry_run:
            say(f"would report on the files in {project}")
            return
        _log(verbose)
        report = make_report(project)
        print_report(report, project)
        judge(report, project)
        return
    _run("report", project, board, hdl, output, dry_run, verbose)


def _made_for(folder: Path, board: str | None) -> Board:
    """The board that a build folder was made for."""
    file = folder / "board.json"
    if not file.is_file():
        raise ConfigError(f"{file}: missing; run the stage export")
    try:
        made = Board.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise ConfigError(f"{file}: damaged; remove it and run the stage export") from error
    if board not in (None, made.name):
        raise ConfigError(f"{folder} was built for {made.name}, not for {board!r}")
    return made


@app.command()
def boards() -> None:
    """List the boards."""
    table = Table("board", "", "part", "flow", "state")
    for name in board_names():
        board = load_board(name)
        table.add_row(name, board.title, board.part, board.flow, board_state(board))
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
        say(line)
    if not complete:
        raise ToolMissing("the default flow lacks a tool; see the table above")


def main() -> None:
    """Entry point of `hlsgen` and `python -m hlsgen`."""
    # A closed terminal or a scheduler's end is treated like Ctrl-C: running tools are ended too.
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.default_int_handler)
    app(prog_name="hlsgen")
