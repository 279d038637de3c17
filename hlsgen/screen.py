"""What the person at the keyboard sees: progress on stderr, results on stdout."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from hlsgen.graph import Graph
from hlsgen.graph.schedule import pace
from hlsgen.ledger import State
from hlsgen.mutate import RUNGS, Outcome, Score
from hlsgen.passes.record import Change, Record
from hlsgen.plan import Step
from hlsgen.proof.equivalence import Proof
from hlsgen.proof.families import FAMILIES
from hlsgen.report import Report, summary
from hlsgen.report.area import CORE, SUM
from hlsgen.report.number import show, signed
from hlsgen.report.provenance import change_in_words
from hlsgen.verify import Verdict
from hlsgen.verify.csim import CSimulated
from hlsgen.verify.equivalence import Listener
from hlsgen.verify.simulation import Simulated

if TYPE_CHECKING:
    from hlsgen.train import Progress as Epoch

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

# Off a terminal, how often the training tells where it stands.
_LOG_EVERY_S = 10.0


def say(text: str) -> None:
    """One result line, as it is: neither wrapped nor read as markup."""
    out.print(text, markup=False, soft_wrap=True)


def complain(text: str) -> None:
    """One line of progress or trouble, as it is."""
    err.print(text, markup=False, soft_wrap=True)


def show_stage(name: str, state: State) -> None:
    """A stage begins, or need not."""
    shown = escape(name)
    if state is State.STALE:
        err.print(f"[bold]{shown}[/bold]")
    elif state is State.FRESH:
        err.print(f"{shown}: up to date")
    else:
        text = "its files were edited by hand and are kept"
        err.print(f"[yellow]{shown}: {text}; `hlsgen {shown}` makes them anew[/yellow]")


def show_step(step: Step, log_file: Path) -> None:
    """A program of a board's build starts."""
    complain(f"  {step.tool} -> {', '.join(step.makes)} (log: {log_file})")


class Epochs:
    """The progress of the training: a bar on a terminal, a line now and then in a log."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._said_s = 0.0

    def __call__(self, epoch: Epoch) -> None:
        """Show where the training stands."""
        text = (
            f"epoch {epoch.epoch}/{epoch.epochs}, {epoch.samples_per_s:,.0f} samples/s,"
            f" {epoch.eta_s:.0f} s left, validation {epoch.validation_accuracy:.2%}"
        )
        if err.is_terminal:
            self._draw(epoch, text)
        elif epoch.epoch == epoch.epochs or time.monotonic() - self._said_s > _LOG_EVERY_S:
            self._said_s = time.monotonic()
            err.print(f"  {text}")
        if epoch.epoch == epoch.epochs:
            self.stop()

    def _draw(self, epoch: Epoch, text: str) -> None:
        if self._bar is None:
            columns = (TextColumn("  {task.description}"), BarColumn(bar_width=20))
            self._bar = Progress(*columns, console=err)
            self._bar.add_task(text, total=epoch.epochs)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=epoch.epoch, description=text)

    def stop(self) -> None:
        """Give the terminal back, however the training ended."""
        if self._bar:
            self._bar.stop()
            self._bar = None


class Compared:
    """The progress of the comparison with PyTorch: a line now and then."""

    def __init__(self) -> None:
        self._first = 0
        self._began_s = self._said_s = 0.0

    def __call__(self, done: int, of: int) -> None:
        """Show how many samples are compared."""
        now = time.monotonic()
        if not self._first:
            self._first, self._began_s, self._said_s = done, now, now
        elif now - self._said_s > _LOG_EVERY_S:
            self._said_s = now
            left_s = (now - self._began_s) * (of - done) / (done - self._first)
            err.print(f"  {done:,} of {of:,} samples compared with PyTorch, {left_s:.0f} s left")


class Proofs:
    """The progress of `hlsgen prove`: a line for each proof, with what it is busy with below."""

    def __init__(self) -> None:
        self._status = err.status("")
        self._circuit = ""
        self.listener = Listener(self._begin_circuit, self._begin, self._end)

    def __enter__(self) -> Proofs:
        self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()

    def _begin_circuit(self, name: str) -> None:
        self._circuit = name
        self._status.update(f"{name}: synthesis" if name in FAMILIES else name)

    def _begin(self, name: str) -> None:
        self._status.update(f"{self._circuit}: {name}")

    def _end(self, proof: Proof) -> None:
        colour = {"proved": "green", "refuted": "red"}.get(proof.status, "yellow")
        out.print(
            f"{self._circuit:<16} {proof.name:<20} [{colour}]{proof.status:<8}[/{colour}]"
            f" {proof.proved:>6,} of {proof.outputs:>6,} bits {proof.time_s:>8.2f} s"
        )


class Mutants:
    """The progress of `hlsgen mutate`: how many faults were put in and found so far."""

    def __init__(self) -> None:
        self._status = err.status("mutants")
        self._said_s = 0.0
        self._done = self._found = 0

    def __enter__(self) -> Mutants:
        self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()

    def __call__(self, outcome: Outcome) -> None:
        """Show one outcome."""
        self._done += 1
        self._found += bool(outcome.found_by)
        text = f"{self._done} faults, {self._found} found; last of {outcome.level}, {outcome.kind}"
        self._status.update(text)
        if not err.is_terminal and time.monotonic() - self._said_s > _LOG_EVERY_S:
            self._said_s = time.monotonic()
            err.print(f"  {text}")


def print_score(score: Score, path: Path) -> None:
    """Caught and total by kind, which rung catches what, and the survivors."""
    table = Table(title="faults that matter, and those that each rung finds", title_justify="left")
    for column in ("fault of", "caught", "total", *(f"rung {n}" for n in RUNGS)):
        table.add_column(column, justify="left" if column == "fault of" else "right")
    for level, kind in dict.fromkeys((o.level, o.kind) for o in score.outcomes):
        rows = [o for o in score.counted if (o.level, o.kind) == (level, kind)]
        table.add_row(f"{level}: {kind}", str(sum(bool(o.found_by) for o in rows)),
                      str(len(rows)), *_by_rung(rows))  # fmt: skip
    table.add_section()
    total = len(score.counted)
    table.add_row("all", str(score.found()), str(total), *_by_rung(score.counted))
    without = (f"{score.found(n)}" for n in RUNGS)
    table.add_row("all, without this rung", "", "", *without)
    out.print(table)
    for outcome in score.survivors:
        say(f"survived: {outcome.level}, {outcome.kind}: {outcome.what}")
    for reason in score.not_run:
        say(f"not run: {reason}")
    share = 100 * score.found() / total if total else 0.0
    same = len(score.outcomes) - total
    say(f"not counted: {same} faults that change nothing, by SAT")
    say(f"caught {score.found()} of {total} ({share:.1f} %); outcomes: {path}")


def _by_rung(outcomes: list[Outcome]) -> list[str]:
    return [str(sum(n in outcome.found_by for outcome in outcomes)) for n in RUNGS]


def print_training(folder: Path) -> None:
    """What a training run measured."""
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    say(
        f"test accuracy {metrics['test_accuracy']:.2%}, validation accuracy"
        f" {metrics['validation_accuracy']:.2%} (epoch {metrics['epoch']}); model:"
        f" {folder / 'model.pt'}"
    )
    front = folder / "front.json"
    if front.is_file():
        _print_front(json.loads(front.read_text(encoding="utf-8"))["points"])


def _print_front(points: list[dict[str, float]]) -> None:
    """The networks that --budget-lut can choose."""
    table = Table("LUTs", "validation accuracy", "epoch", title="front", title_justify="left")
    for point in points:
        accuracy = f"{point['validation_accuracy']:.2%}"
        table.add_row(f"{point['luts']:,}", accuracy, f"{point['epoch']}")
    out.print(table)


def print_passes(record: Record) -> None:
    """What each pass of the optimiser did: estimates of the core before and after, and the time."""
    table = Table(title="passes that changed the graph", title_justify="left")
    for column in ("pass", "LUTs", "LUT levels", "registers", "cycles", "ms"):
        table.add_column(column, justify="left" if column == "pass" else "right")
    for step in record.steps:
        before, after = step.before, step.after
        table.add_row(
            step.name,
            _from_to(before.area.lut, after.area.lut),
            _from_to(before.levels, after.levels),
            _from_to(before.area.ff, after.area.ff),
            _from_to(before.cycles, after.cycles),
            f"{1000 * step.time_s:,.1f}",
        )
    if record.steps:
        first, last = record.steps[0].before, record.steps[-1].after
        table.add_section()
        table.add_row(
            "all",
            _from_to(first.area.lut, last.area.lut),
            _from_to(first.levels, last.levels),
            _from_to(first.area.ff, last.area.ff),
            _from_to(first.cycles, last.cycles),
            f"{1000 * sum(step.time_s for step in record.steps):,.1f}",
        )
    out.print(table)
    say("estimates of the core; LUT levels are those of the longest path between registers")
    _print_changes(record.changes, record.warnings)
    if not record.changes:
        say("no pass changed what the network computes")


def _from_to(before: int, after: int) -> str:
    """A number that a pass changed, or the one that it left."""
    return f"{after:,}" if before == after else f"{before:,} -> {after:,}"


def _print_changes(changes: Sequence[Change], warnings: Sequence[str]) -> None:
    for change in changes:
        say(change_in_words(change))
    for text in warnings:
        out.print(f"[yellow]warning:[/yellow] {escape(text)}", soft_wrap=True)


def print_report(report: Report, folder: Path) -> None:
    """The numbers of a report, its area by part, and where its page lies."""
    table = Table(title=f"{report.name} on {report.board}", title_justify="left")
    for column in ("", "value", "stage"):
        table.add_column(column)
    for row in summary(report):
        table.add_row(row.label, row.value, row.stage)
    out.print(table)
    if report.parts:
        out.print(_area_by_part(report))
        if rule := report.facts.get("LUTs counted"):
            say(f"LUTs counted: {rule}")
    if report.optimiser:
        _print_changes(report.optimiser.changes, report.optimiser.warnings)
    say(f"report: {folder / 'report' / 'report.html'}")


def _area_by_part(report: Report) -> Table:
    """Estimate beside tool, narrow enough for a terminal; the page has the carry cells too."""
    table = Table(title="area by part: estimate and Yosys", title_justify="left")
    table.add_column("part")
    paired = any(part.pairs is not None for part in report.parts)
    heads = ["LUTs est.", "Yosys", "deviation", "FFs est.", "Yosys", *["pairs est."] * paired]
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    for part in report.parts:
        if part.name in (CORE, SUM):
            table.add_section()
        table.add_row(
            part.name,
            show(part.lut),
            _found(part.lut_synth),
            signed(part.deviation_percent),
            show(part.ff),
            _found(part.ff_synth),
            *[show(part.pairs)] * paired,
        )
    return table


def _found(count: int | None) -> str:
    return "not run" if count is None else show(count)


def print_simulation(graph: Graph, seen: Simulated) -> None:
    """What was compared in each layer, and the clocks of a frame."""
    table = Table(title="layers in simulation", title_justify="left")
    for column in ("layer", "bits compared", "lanes that differ"):
        table.add_column(column, justify="left" if column == "layer" else "right")
    for name, bits, wrong in seen.layers():
        table.add_row(name, f"{bits:,}", f"[red]{wrong}[/red]" if wrong else "0")
    out.print(table)
    planned = pace(graph)
    say(
        f"{seen.frames} test samples, every beat in its own clock; planned: {planned.interval:,}"
        f" clocks from frame to frame, {planned.latency:,} of latency"
    )
    if seen.interval:
        say(f"seen: {seen.interval:,} clocks between the last two answers")
    say(f"shell: {'differs' if 'stream' in seen.failed else 'equal'}; log: {seen.log}")


def print_csim(seen: CSimulated) -> None:
    """What a C simulation compared in each layer."""
    table = Table(title="layers in C simulation", title_justify="left")
    for column in ("layer", "bits alone", "bits in the core", "lanes that differ"):
        table.add_column(column, justify="left" if column == "layer" else "right")
    for name, alone, core, wrong in seen.layers():
        shown = f"[red]{wrong}[/red]" if wrong else "0"
        table.add_row(name, f"{alone:,}", f"{core:,}", shown)
    out.print(table)
    wrong = any(each.check == "kernel" for each in seen.differences)
    say(f"{seen.frames} test samples, every beat of every layer; clocks are the tool's to choose")
    say(f"kernel: {'differs' if wrong else 'equal'}; log: {seen.log}")


def print_verdict(verdict: Verdict) -> None:
    """The rungs of the ladder: what was compared, how often, what was not run."""
    table = Table(title="verification", title_justify="left")
    for column in ("rung", "compares", "status", "values", "s"):
        table.add_column(column, justify="right" if column == "s" else "left")
    for rung in verdict.rungs:
        note = f"{rung.checked:,}" if rung.status == "passed" else escape(rung.reason)
        seconds = f"{rung.time_s:.1f}" if rung.time_s else ""
        table.add_row(f"{rung.number} {rung.name}", rung.what, rung.status, note, seconds)
    out.print(table)
