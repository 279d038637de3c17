"""What was measured: one `Run` for each row and seed, one `Result` for each row."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

from benchmarks.results.convention import Convention, Counted
from benchmarks.results.rows import Goal
from hlsgen.paths import write_atomic
from hlsgen.schema import Record


class Run(Record):
    """One row with one seed. Accuracies are shares, 0..1; times in seconds.

    Args:
        settings: digest over everything of project, data and board that decides the numbers.
        code: digest over hlsgen's source and the tools, or that they changed meanwhile.
        accuracy: test accuracy of the synthesised netlist.
        trained_accuracy: that of the network in PyTorch; another one only if the project lets
            the optimiser change the function.
        epoch: the one kept, counted from 1.
        samples: in each part.
        split: SHA-256 over samples, labels and split.
        words: number and bits of the input words.
        luts: LUT cells by kind; `lut` is their sum.
        sites: LUTs left when two functions share one where they fit.
        carry: in CARRY8.
        wide: MUXF7 to MUXF9.
        blocks: block memories of 36 Kbit.
        layer: LUTs of the row's layer alone; None where it names none.
        latency_cycles: from the clock of a sample's first beat to that of its answer.
        script: the Yosys command that the cells are counted after.
        train_s: all epochs, without validation.
        synth_s: Yosys.
    """

    row: str
    seed: int
    settings: str
    code: str
    accuracy: float
    trained_accuracy: float
    validation_accuracy: float
    epoch: int
    samples: dict[str, int]
    split: str
    words: tuple[int, int]
    counted: Counted
    luts: dict[str, int]
    lut: int
    sites: int
    carry: float
    wide: int
    ff: int
    latency_cycles: int
    blocks: float = 0.0
    layer: int | None = None
    train_s: float
    synth_s: float
    script: str
    torch: str
    yosys: str


def save_run(run: Run, path: Path) -> None:
    """Keep a run as JSON."""
    write_atomic(path, run.model_dump_json(indent=1) + "\n")


def load_run(path: Path) -> Run | None:
    """A run that was kept; None if there is none, or one that this version cannot read."""
    try:
        return Run.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


class Spread(Record):
    """Values of several seeds; `sd` is the sample standard deviation, 0 for one value."""

    mean: float
    sd: float
    min: float
    max: float


def spread(values: Sequence[float]) -> Spread:
    """Mean, standard deviation and range of at least one value."""
    sd = statistics.stdev(values) if len(values) > 1 else 0.0
    mean = statistics.fmean(values)
    return Spread(mean=mean, sd=sd, min=float(min(values)), max=float(max(values)))


class Result(Record):
    """One row over its seeds.

    Args:
        id: of the row.
        group: heading that it stands under.
        convention: what the numbers mean.
        script: Yosys command that the LUTs are counted after.
        version: of the tool.
        selection: samples that chose the epoch.
        command: what makes this row again.
        older: some run is not one of the state of the source that the page is of.
        layer: LUTs of its layer alone, if it names one.
        runs: every seed.
    """

    id: str
    group: str
    note: str
    convention: Convention
    script: str
    version: str
    selection: str
    command: str
    goal: Goal
    older: bool
    seeds: tuple[int, ...]
    accuracy: Spread
    validation: Spread
    lut: Spread
    sites: Spread
    carry: Spread
    ff: Spread
    latency_cycles: Spread
    blocks: Spread = Spread(mean=0.0, sd=0.0, min=0.0, max=0.0)
    layer: Spread | None = None
    train_s: Spread
    runs: tuple[Run, ...]

    @property
    def name(self) -> str:
        """How the reader finds it."""
        return self.id

    @property
    def order(self) -> tuple[float, float]:
        """Small ones first, then the more accurate."""
        return self.lut.mean, -self.accuracy.mean


class Missing(Record):
    """A row without numbers, and why."""

    id: str
    group: str
    reason: str


class Document(Record):
    """The content of `results.json`."""

    results: tuple[Result, ...]
    missing: tuple[Missing, ...]
    machine: dict[str, str]
