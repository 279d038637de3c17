"""The command `selftest`: known samples through a board, every answer compared, and measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from hlsgen.errors import CheckFailed, ConfigError, HlsgenError, ToolFailed, ToolMissing
from hlsgen.graph import load, run
from hlsgen.graph.ir import Values
from hlsgen.options import BUILD, BoardName, Language, Output, Verbose, build_folder, log
from hlsgen.runtime import (
    TRANSPORTS,
    BadInput,
    Device,
    DeviceError,
    DriverMissing,
    Interface,
    Measured,
    connect,
    measure,
    read_interface,
)
from hlsgen.samples import load_samples
from hlsgen.screen import err, out, say

# Calls of the simulation's program that a self-test makes unless more is asked for.
_SIMULATED_RUNS = 4
_NONE = "–"


Build = Annotated[
    Path,
    typer.Argument(
        metavar="BUILD", help="Build folder, a copy of the host folder in it, or the project."
    ),
]
Via = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help=f"How the board is reached: {', '.join(TRANSPORTS)}. Default: as it was built.",
        autocompletion=lambda: list(TRANSPORTS),
    ),
]
Port = Annotated[
    str | None, typer.Option(metavar="PORT", help="Serial port, such as /dev/ttyUSB0.")
]
Baud = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Of the serial port, if not as built.")
]
Card = Annotated[int, typer.Option(metavar="N", min=0, help="Index of an XRT card.")]
Count = Annotated[
    int | None,
    typer.Option(
        metavar="N", min=1,
        help="Test samples to send. Default: those whose answers the build wrote down.",
    ),
]  # fmt: skip
Timeout = Annotated[
    float | None, typer.Option(metavar="S", min=0.001, help="Seconds that an answer may take.")
]


def selftest_command(
    build: Build, via: Via = None, port: Port = None, baud: Baud = None, device: Card = 0,
    samples: Count = None, timeout: Timeout = None, board: BoardName = None,
    hdl: Language = "verilog", output: Output = BUILD, verbose: Verbose = False,
) -> None:  # fmt: skip
    """Stream known samples through the board, compare every answer, measure speed and energy."""
    log(verbose)
    try:
        build = build_folder(build, board, hdl, output)
        interface, root = read_interface(build)
        words, answers = _known(interface, root, samples)
        with err.status("simulation: compiling" if via == "simulation" else "connecting"):
            reached = connect(
                build, via=via, port=port, baud=baud, device=device, timeout_s=timeout
            )
        with reached:
            count = len(words) if samples else _worth(reached, len(words))
            measured = _measured(reached, words[:count], answers[:count])
    except DeviceError as error:
        raise _told(error) from error
    file = measured.save(interface)
    _show(measured, interface)
    say(f"{'simulated' if measured.simulated else 'measured'}: {file}")
    if measured.mismatches:
        raise CheckFailed(_complaint(measured, interface))


def _known(interface: Interface, root: Path, samples: int | None) -> tuple[Values, Values]:
    """Words [n, words] and their answers [n, lanes], at least `samples` of them."""
    if samples is None or samples <= len(interface.known_words):
        return interface.known_words[:samples], interface.known_answers[:samples]
    path = root / "graph" / "samples.npz"
    if not path.is_file():
        raise ConfigError(
            f"--samples is {samples}: {interface.file} holds {len(interface.known_words)}; more"
            " need the whole build folder, with graph/"
        )
    graph, x = load(root / "graph" / "final"), load_samples(path)
    if graph.digest != interface.graph:
        raise ConfigError(
            f"{root}: graph/final is another network than host/interface.json was written for: run"
            " hlsgen build"
        )
    if samples > len(x):
        raise ConfigError(f"--samples is {samples}: there are {len(x)} test samples")
    x = x[:samples]
    answers = run(graph, {graph.feeds()[0].name: x})[graph.outputs[0]]
    return x.reshape(samples, -1), answers[:, 0, :]


def _worth(board: Device, known: int) -> int:
    """How many samples to send unless told: a slow simulation takes a part of the known ones."""
    return min(known, _SIMULATED_RUNS * board.at_once) if board.simulated else known


def _measured(board: Device, words: Values, answers: Values) -> Measured:
    """The measurement, with a bar on a terminal."""
    columns = (TextColumn("  {task.description}"), BarColumn(bar_width=30), MofNCompleteColumn(),
               TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("samples", total=len(words))
        return measure(
            board, words, answers, lambda done, of: bar.update(task, completed=done, total=of)
        )


def _told(error: DeviceError) -> HlsgenError:
    """The board's trouble as an error of the command line, with its exit code."""
    if isinstance(error, BadInput):
        return ConfigError(str(error))
    return ToolMissing(str(error)) if isinstance(error, DriverMissing) else ToolFailed(str(error))


def _show(measured: Measured, interface: Interface) -> None:
    title = f"{interface.name} on {interface.board}, via {measured.transport}"
    if measured.simulated:
        title = f"SIMULATION of {interface.name} for {interface.board}: no board was measured"
    table = Table("", "value", "unit", "", title=title, title_justify="left")
    how = "of the simulated clock" if measured.simulated else "host to host, with copies"
    rows = (
        ("frames compared", measured.frames, "", ""),
        ("mismatches", measured.mismatches, "", ""),
        ("throughput", measured.throughput_fps, "frames/s", how),
        ("latency of one frame", measured.latency_us, "us", f"median, {how}"),
        ("latency of one frame", measured.latency_p99_us, "us", "99th percentile"),
        ("power before", measured.idle_w, "W", measured.power_source),
        ("power while streaming", measured.power_w, "W", measured.power_source),
        ("energy of a frame", measured.energy_uj, "uJ", "above idle"),
    )
    for name, value, unit, note in rows:
        absent = value is None
        table.add_row(name, _text(value), "" if absent else unit, "" if absent else note)
    out.print(table)
    for wrong in measured.first:
        say(str(wrong))


def _text(value: float | None) -> str:
    if value is None:
        return _NONE
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"


def _complaint(measured: Measured, interface: Interface) -> str:
    what = "the simulated shell" if measured.simulated else "the board"
    advice = (
        "the Verilog in rtl/ is not the network in graph/: run hlsgen verify"
        if measured.simulated
        else f"configure it with {interface.product} of this very folder; if it stays, check the"
        " clock and the report's timing"
    )
    share = f"{measured.mismatches} of {measured.frames} answers of {what} are wrong"
    return f"{share}; {advice}"
