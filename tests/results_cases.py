"""Rows of results, made up."""

from __future__ import annotations

from pathlib import Path

from benchmarks.results.convention import Counted
from benchmarks.results.gather import Plan, gather
from benchmarks.results.measure import Task
from benchmarks.results.peers import Peer
from benchmarks.results.pool import Outcome
from benchmarks.results.record import Result, Run
from benchmarks.results.rows import DataFile, Row, project_of

WHOLE = Counted(quantiser="no", encoder="yes", head="yes", argmax="yes")
SETS = {"digits": DataFile(title="Digits")}


def run_of(row: str = "net", seed: int = 1, accuracy: float = 0.95, lut: int = 500, **other) -> Run:
    values = {
        "settings": "s",
        "code": "c",
        "trained_accuracy": accuracy,
        "validation_accuracy": 0.9,
        "epoch": 3,
        "samples": {"train": 80, "validation": 20, "test": 50},
        "split": "d",
        "words": (64, 5),
        "counted": WHOLE,
        "luts": {"LUT6": lut},
        "sites": lut,
        "carry": 1.5,
        "wide": 0,
        "ff": 5,
        "latency_cycles": 1,
        "train_s": 2.0,
        "synth_s": 1.0,
        "script": "synth_x",
        "torch": "2",
        "yosys": "0.1",
    }
    return Run(row=row, seed=seed, accuracy=accuracy, lut=lut, **values | other)


def row_of(name: str = "net", seeds: tuple[int, ...] = (1, 2), **other) -> Row:
    return Row(
        id=name, project="examples/digits", data="digits", group="Digits", seeds=seeds, **other
    )


def results_of(*runs: Run, code: str = "c", **other) -> list[Result]:
    """The rows of some runs, as `gather` makes them."""
    names = dict.fromkeys(run.row for run in runs)
    rows = [
        row_of(name, tuple(run.seed for run in runs if run.row == name), **other) for name in names
    ]
    project = project_of(rows[0], 1, None)
    made = Plan(tuple(Task(name, project, "ab12", Path()) for name in names), {})
    outcome = Outcome({(run.row, run.seed): run for run in runs}, {})
    results, missing = gather(rows, SETS, made, outcome, code)
    assert not missing
    return list(results)


def peer(**other) -> Peer:
    values = {"group": "Digits", "system": "peer", "dataset": "Digits", "accuracy": 0.9, "lut": 9}
    values |= {"stage": "synthesis", "tool": "Yosys", "family": "xcup", "mark": "S", "source": "x"}
    return Peer(**values | {"counted": WHOLE} | other)
