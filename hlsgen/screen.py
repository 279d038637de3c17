"""What the person at the keyboard sees: progress on stderr, results on stdout."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from hlsgen.ledger import State
from hlsgen.plan import Step
from hlsgen.report import Report, summary
from hlsgen.verify import Verdict

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


def print_training(folder: Path) -> None:
    """What a training run measured."""
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    say(
        f"test accuracy {metrics['test_accuracy']:.2%}, validation accuracy"
        f" {metrics['validation_accuracy']:.2%} (epoch {metrics['epoch']}); model:"
        f" {folder / 'model.pt'}"
    )


def print_report(report: Report, folder: Path) -> None:
    """The numbers of a report, and where its page lies."""
    table = Table(title=f"{report.name} on {report.board}", title_justify="left")
    for column in ("", "value", "stage"):
        table.add_column(column)
    for row in summary(report):
        table.add_row(row.label, row.value, row.stage)
    out.print(table)
    say(f"report: {folder / 'report' / 'report.html'}")


def print_verdict(verdict: Verdict) -> None:
    """The rungs of the ladder: what was compared, how often, what was not run."""
    table = Table(title="verification", title_justify="left")
    for column in ("rung", "compares", "status", "values"):
        table.add_column(column)
    for rung in verdict.rungs:
        note = rung.reason if rung.status == "not run" else f"{rung.checked:,}"
        table.add_row(f"{rung.number} {rung.name}", rung.what, rung.status, note)
    out.print(table)
