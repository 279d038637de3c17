"""Run the tasks, some at a time, each in a process of its own; show what runs and what is left."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as ready
from multiprocessing.context import SpawnProcess
from threading import Thread
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from benchmarks.results.measure import Task, measure
from benchmarks.results.record import Run, save_run
from hlsgen.errors import HlsgenError

_UNKNOWN_S = 60.0  # a row that was never run
_SPAWN = multiprocessing.get_context("spawn")

Name = tuple[str, int]


@dataclass(frozen=True)
class Outcome:
    """What became of the tasks, by row and seed."""

    runs: dict[Name, Run]
    failures: dict[Name, str]


@dataclass(frozen=True)
class _Job:
    name: Name
    process: SpawnProcess
    pipe: Connection


def name_of(task: Task) -> Name:
    """Row and seed."""
    return task.row, task.project.seed


def run_all(
    tasks: Sequence[Task], code: str, jobs: int, seconds: Mapping[str, float], console: Console
) -> Outcome:
    """Do `tasks`, `jobs` at a time; one that fails does not stop the others.

    Args:
        tasks: what to do; each run is kept as soon as it is done.
        code: digest of the source, see `code_key`.
        jobs: processes, each with one thread.
        seconds: what a row took before, for the time that is left.
        console: where progress is shown.
    """
    known = [seconds[task.row] for task in tasks if task.row in seconds]
    usual = sum(known) / len(known) if known else _UNKNOWN_S
    weights = {name_of(task): seconds.get(task.row, usual) for task in tasks}
    outcome, waiting, running = Outcome({}, {}), deque(tasks), list[_Job]()
    with _Board(console, weights) as board:
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    running.append(_start(waiting.popleft(), code))
                heard = ready([job.pipe for job in running])
                for job in [job for job in running if job.pipe in heard]:
                    if _hear(job, outcome, board):
                        running.remove(job)
                        job.process.join()
        finally:
            for job in running:
                job.process.terminate()
            for job in running:
                job.process.join()
    return outcome


def _start(task: Task, code: str) -> _Job:
    """A process for each task: what is killed for its memory takes no other with it."""
    mine, theirs = _SPAWN.Pipe(duplex=False)
    process = _SPAWN.Process(target=_work, args=(task, code, theirs), daemon=True)
    process.start()
    theirs.close()  # now the pipe ends when the process does
    return _Job(name_of(task), process, mine)


def _work(task: Task, code: str, pipe: Connection) -> None:
    """In the process: what is told on the way, then the `Run` or the error."""
    # To be terminated is to be interrupted: half-written files are then removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    Thread(target=_follow, daemon=True).start()
    try:
        run = measure(task, code, lambda text, share: pipe.send((text, share)))
    except HlsgenError as error:
        pipe.send(error)
        return
    except KeyboardInterrupt:
        return
    save_run(run, task.record)
    pipe.send(run)


def _follow() -> None:
    """End with the process that started this one."""
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _hear(job: _Job, outcome: Outcome, board: _Board) -> bool:
    """Take one message; whether it was the last."""
    try:
        message: Any = job.pipe.recv()
    except EOFError:
        job.process.join()
        message = f"its process ended with exit code {job.process.exitcode}"
    if isinstance(message, tuple):
        board.show(job.name, *message)
        return False
    if isinstance(message, Run):
        outcome.runs[job.name] = message
        board.close(job.name, f"{100 * message.accuracy:.2f} %, {message.lut:,} LUT")
    else:
        outcome.failures[job.name] = str(message)
        # One line: whole messages come at the end.
        board.close(job.name, f"[red]failed[/red]: {escape(str(message).partition(chr(10))[0])}")
    return True


class _Board:
    """The bars of what runs, and one for all."""

    def __init__(self, console: Console, weights: Mapping[Name, float]) -> None:
        columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
        # The speed of all of it so far, as rows differ.
        self._progress = Progress(
            *columns, TimeRemainingColumn(), console=console, speed_estimate_period=3600
        )
        self._weights = weights
        self._shares = dict.fromkeys(weights, 0.0)
        self._bars: dict[Name, TaskID] = {}
        self._closed = 0

    def __enter__(self) -> _Board:
        self._progress.start()
        self._whole = self._progress.add_task("", total=sum(self._weights.values()) or None)
        self._update()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def show(self, name: Name, text: str, share: float) -> None:
        """A task is busy with `text`; `share` of it is done."""
        if name not in self._bars:
            self._bars[name] = self._progress.add_task("", total=1.0)
        title = f"{name[0]}, seed {name[1]}: {text}"
        self._progress.update(self._bars[name], description=title, completed=share)
        self._shares[name] = share
        self._update()

    def close(self, name: Name, text: str) -> None:
        """A task ended."""
        if name in self._bars:
            self._progress.remove_task(self._bars.pop(name))
        self._shares[name] = 1.0
        self._closed += 1
        self._progress.console.print(f"{name[0]}, seed {name[1]}: {text}")
        self._update()

    def _update(self) -> None:
        done = sum(self._weights[name] * share for name, share in self._shares.items())
        title = f"{self._closed} of {len(self._weights)} runs"
        self._progress.update(self._whole, completed=done, description=title)
