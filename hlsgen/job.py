"""A job: one project on one board in one language; its stages, and who is told of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hlsgen.boards import Board
from hlsgen.ledger import Ledger, State
from hlsgen.plan import Step
from hlsgen.project import Project
from hlsgen.report import Report

if TYPE_CHECKING:
    from hlsgen.train import Progress

STAGES = ("train", "export", "opt", "emit", "verify", "build", "report")


@dataclass(frozen=True)
class Listener:
    """What the person at the keyboard is told; each call is optional."""

    stage: Callable[[str, State], None] = lambda name, state: None
    epoch: Callable[[Progress], None] | None = None
    samples: Callable[[int, int], None] = lambda done, of: None
    step: Callable[[Step, Path], None] = lambda step, log_file: None
    report: Callable[[Report], None] = lambda report: None
    wait: Callable[[str], None] = lambda project: None


@dataclass(frozen=True)
class Job:
    """One project on one board in one language; `root` holds all build folders.

    `accept` goes on in spite of a red verdict, and says so in the report. `budget_luts` chooses the
    best network of so many six-input LUTs from the front of the training run.
    """

    project: Project
    board: Board
    root: Path
    language: str = "verilog"
    accept: bool = False
    budget_luts: int | None = None

    @property
    def trained(self) -> Path:
        """Folder of the training run, which all boards share."""
        return self.root / self.project.name / "train"

    @property
    def network(self) -> Path:
        """Folder of the trained network that goes on from here."""
        return self.trained / f"budget_{self.budget_luts}" if self.budget_luts else self.trained

    @property
    def folder(self) -> Path:
        """The build folder."""
        suffix = "" if self.language == "verilog" else f"-{self.language}"
        return self.root / f"{self.project.name}-{self.board.name}{suffix}"


def bring(
    listener: Listener,
    folder: Path,
    name: str,
    key: str,
    last: bool,
    work: Callable[[], Sequence[Path]],
) -> None:
    """Do `work` unless the ledger says that its products are there."""
    ledger = Ledger(folder)
    state = ledger.state(name, key)
    if state is State.EDITED and (last or name != "emit"):
        state = State.STALE
    listener.stage(name, state)
    if state is not State.STALE:
        return
    later = [other for other in ledger.stages if rank(other) > rank(name)]
    before = ledger.products(name)
    ledger.discard([name])
    same = False
    try:
        ledger.record(name, key, work())
        same = ledger.products(name) == before
    finally:
        if not same:
            ledger.discard(later)


def rank(name: str) -> tuple[int, str]:
    """Order of the stages; the steps of a build are numbered in their names."""
    return STAGES.index(name.partition(":")[0]), name
