"""What the commands share: options, running the stages, and whose build folder it is."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from hlsgen import flow
from hlsgen.boards import Board, board_names, load_board
from hlsgen.clocks import clocked
from hlsgen.emit import LANGUAGES
from hlsgen.errors import ConfigError
from hlsgen.flow import Job, Listener
from hlsgen.project import load_project
from hlsgen.screen import Compared, Epochs, complain, out, print_report, say, show_stage, show_step

DEFAULT_BOARD = "ulx3s"
BUILD = Path("build")

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
NetworkSize = Annotated[
    int | None,
    typer.Option(
        "--budget-lut",
        metavar="N",
        min=1,
        help="Go on with the most accurate network of at most N six-input LUTs that training found"
        " (train.cost above 0 makes it find several).",
    ),
]
Samples = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="FILE",
        envvar="HLSGEN_DATA",
        help="An .npz file of samples instead of the project's data.source.",
    ),
]
Fps = Annotated[
    float | None,
    typer.Option(
        "--fps", metavar="N", min=1e-6,
        help="Frames a second, at least, instead of hardware.frames_per_s.",
    ),
]  # fmt: skip
Accept = Annotated[
    bool,
    typer.Option(
        "--accept-failed-verification",
        help="Write a bitstream in spite of a red verdict; the report says so.",
    ),
]


def run_stages(
    last: str,
    project: Path,
    board: str | None,
    hdl: str,
    output: Path,
    dry_run: bool,
    verbose: bool,
    data: Path | None,
    budget: int | None,
    *,
    full: bool = False,
    accept: bool = False,
    fps: float | None = None,
) -> Job:
    """Run the stages up to `last`; `full` puts the build before the report.

    `data` stands for the project's data source, `fps` for its frames a second, `budget` chooses a
    network; see `Job`.

    Raises:
        ConfigError: an unknown language, a mistake in the project or the board.
        HlsgenError: as the stage that failed.
    """
    log(verbose)
    if hdl not in LANGUAGES:
        raise ConfigError(f"unknown language {hdl!r}; known: {', '.join(LANGUAGES)}")
    settings = load_project(project)
    if data is not None:
        settings = settings.reading(data)
    if fps is not None:
        settings = settings.paced(fps)
    chosen = load_board(board or DEFAULT_BOARD)
    job = Job(clocked(settings, chosen), chosen, output, hdl, accept, budget)
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


def log(verbose: bool) -> None:
    """Show the messages of hlsgen on stderr, with `verbose` the small ones too."""
    level = logging.DEBUG if verbose else logging.INFO
    logging.basicConfig(level=logging.WARNING, format="  %(message)s", stream=sys.stderr)
    logging.getLogger("hlsgen").setLevel(level)


def _listen(job: Job, epochs: Epochs) -> Listener:
    return Listener(
        stage=show_stage,
        epoch=epochs,
        samples=Compared(),
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


def is_build_folder(path: Path) -> bool:
    """Whether a graph lies there that could be checked as it is."""
    return (path / "graph" / "final.json").is_file()


def build_folder(path: Path, board: str | None, hdl: str, output: Path) -> Path:
    """The build folder at `path`, or where the project at `path` is built for `board`.

    Raises:
        ConfigError: a mistake in the project, or an unknown board.
    """
    if path.suffix != ".toml" and not (path / "project.toml").is_file():
        return path
    return Job(load_project(path), load_board(board or DEFAULT_BOARD), output, hdl).folder


def made_for(folder: Path, board: str | None) -> Board:
    """The board that a build folder was made for.

    Raises:
        ConfigError: the folder does not say, or `board` is another one.
    """
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
