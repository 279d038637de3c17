"""`hlsgen program`: load a bitstream into the board, with the program that the board file names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hlsgen.boards import Board
from hlsgen.errors import ConfigError, HlsgenError
from hlsgen.graph import load
from hlsgen.options import (
    BUILD,
    BoardName,
    DryRun,
    Language,
    Output,
    Verbose,
    build_folder,
    log,
    made_for,
)
from hlsgen.screen import say
from hlsgen.tools import TOOLS

_TIMEOUT_S = 600.0


def command_of(board: Board, file: str) -> tuple[str, ...]:
    """Program and arguments that load `file` into `board`.

    Raises:
        ConfigError: the board file names none, or one that hlsgen does not know.
    """
    if not board.program:
        way = {
            "vitis": "XRT loads the .xclbin when the host program starts",
            "vivado": "load the .bit with Vivado's hardware manager, or with PYNQ",
        }.get(board.flow, "its board file has no `program`; docs/boards.md says what belongs there")
        raise ConfigError(f"hlsgen has no way to program board {board.name}: {way}")
    tool, *args = (word.replace("{file}", file) for word in board.program)
    if tool not in TOOLS:
        raise ConfigError(
            f"board {board.name}: program starts with {tool!r}; known: {', '.join(TOOLS)}"
        )
    return (tool, *args)


def program(folder: Path, board: Board) -> None:
    """Load the bitstream of build folder `folder`; the program's output goes to logs/program.log.

    Raises:
        ConfigError: see `command_of`; or there is no bitstream.
        ToolMissing: the program is not installed; the message says how, and which command it is.
        ToolFailed: it failed; no board was found, as a rule.
    """
    name = load(folder / "graph" / "final").name
    file = f"{name}.{board.product}"
    tool, *args = command_of(board, file)
    if not (folder / file).is_file():
        raise ConfigError(f"{folder / file}: no bitstream here; run the stage build")
    try:
        TOOLS[tool].run(
            args, cwd=folder, makes=(), log_file=folder / "logs" / "program.log",
            timeout_s=_TIMEOUT_S,
        )  # fmt: skip
    except HlsgenError as error:
        hint = f"\nThe command is, in {folder}: {' '.join((tool, *args))}"
        raise type(error)(f"{error}{hint}") from error


def hint(folder: Path, board: Board) -> str:
    """What to type to load the bitstream; empty where hlsgen cannot."""
    return f"hlsgen program {folder}" if board.program else ""


def program_command(
    folder: Annotated[
        Path, typer.Argument(metavar="BUILD", help="Build folder with a bitstream, or the project.")
    ],
    board: BoardName = None, hdl: Language = "verilog", output: Output = BUILD,
    dry_run: DryRun = False, verbose: Verbose = False,
) -> None:  # fmt: skip
    """Load a build's bitstream into the board it was made for."""
    log(verbose)
    folder = build_folder(folder, board, hdl, output)
    made = made_for(folder, board)
    if dry_run:
        file = f"{load(folder / 'graph' / 'final').name}.{made.product}"
        say(" ".join(command_of(made, file)))
        return
    program(folder, made)
    say(f"programmed {made.title}; hlsgen selftest {folder} sends samples to it")
