"""`python -m benchmarks.results`: see docs/results.md."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.results.compare import deviations, verdict
from benchmarks.results.gather import Plan, choose, finished, gather, plan
from benchmarks.results.measure import Task, code_key
from benchmarks.results.peers import load_peers
from benchmarks.results.pool import Outcome, name_of, run_all
from benchmarks.results.record import Document, Result
from benchmarks.results.rows import ROOT, ROWS, Row, Rows, load_rows
from benchmarks.results.write import PAGE, RECORDS, load_document, machine, merged, write
from hlsgen.errors import ConfigError, HlsgenError

_FAILED = 1


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks.results",
        description="Train, build and count every row of rows.toml, and write docs/results.*.",
        epilog="Exit code: 0; 1 if a row failed or, with --fast, left the stated spread; 2 to 4"
        " as hlsgen. Interrupted, the same command goes on.",
    )
    made.add_argument(
        "--data", type=Path, metavar="DIR",
        help="folder of the data files; without it the projects' own sources are used",
    )  # fmt: skip
    made.add_argument(
        "--only", action="append", default=[], metavar="ROW", help="repeatable; writes no page"
    )
    made.add_argument(
        "--add", action="store_true", help="with --only: these rows into the page that is there"
    )
    made.add_argument(
        "--fast", action="store_true",
        help="one seed of each fast row, from nothing, compared with what the page states",
    )  # fmt: skip
    made.add_argument(
        "--keep", action="store_true",
        help="take runs of earlier states of the source too, and mark them",
    )  # fmt: skip
    made.add_argument(
        "--page", action="store_true", help="run nothing: the page anew from results.json"
    )
    made.add_argument("--jobs", type=int, default=2, metavar="N", help="default: %(default)s")
    build = ROOT / "build" / "results"
    made.add_argument(
        "--build", type=Path, default=build, metavar="DIR", help="default: %(default)s"
    )
    made.add_argument(
        "--out", type=Path, default=ROOT / "docs", metavar="DIR", help="default: %(default)s"
    )
    made.add_argument(
        "--rows", type=Path, default=ROWS, metavar="FILE", help="default: %(default)s"
    )
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = parser().parse_args(arguments)
    console = Console()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # For the processes that do the rows: each is to take one core.
    for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    try:
        return _results(options, console)
    except HlsgenError as error:
        console.print(f"[red]error[/red]: {escape(str(error))}", highlight=False)
        return error.exit_code
    except KeyboardInterrupt:
        console.print("interrupted; the same command goes on from here")
        return 130


def _results(options: argparse.Namespace, console: Console) -> int:
    rows = load_rows(options.rows)
    if options.add and (options.fast or not options.only):
        raise ConfigError("--add puts rows of --only into the page; it needs that, and no --fast")
    if options.jobs < 1:
        raise ConfigError(f"--jobs {options.jobs}: needs at least 1")
    if options.data and not options.data.is_dir():
        raise ConfigError(f"--data {options.data}: no such folder; leave it out for OpenML")
    peers, fast = load_peers().peer, {row.id for row in rows.row if row.fast}
    if options.page:
        write(options.out, load_document(options.out / RECORDS), peers, fast)
        return 0
    chosen = choose(rows, options.only, fast=options.fast)
    root = (options.build / "fast" if options.fast else options.build).resolve()
    made = plan(chosen, rows.data, options.data, root, options.build.resolve() / "data")
    code = code_key()
    stated = options.out / RECORDS
    bound = load_document(stated) if options.fast else None
    outcome = _done(options, made, code, _seconds(stated), console)
    document = _document(chosen, rows, made, outcome, code)
    found = deviations(document.results, bound) if bound else []
    if options.add:
        order = [row.id for row in rows.row]
        document = merged(load_document(stated), document, order)
    if options.fast or (options.only and not options.add):
        console.print(table(document.results))
    else:
        write(options.out, document, peers, fast)
        console.print(f"written: {options.out / PAGE}, {stated}")
    return _told(outcome, made, found, console)


def _done(
    options: argparse.Namespace,
    made: Plan,
    code: str,
    seconds: dict[str, float],
    console: Console,
) -> Outcome:
    """The runs that were kept, and those that were not yet done."""
    kept = finished(made.tasks, code, keep=options.keep)
    if options.fast and len(kept) == len(made.tasks):
        # All was done by a run before this one; what is to be shown is that it can be done again.
        for task in made.tasks:
            shutil.rmtree(task.folder)
        kept = {}
    todo: list[Task] = [task for task in made.tasks if name_of(task) not in kept]
    if kept:
        console.print(f"{len(kept)} of {len(made.tasks)} runs are there already")
    outcome = run_all(todo, code, options.jobs, seconds, console)
    return Outcome(kept | outcome.runs, outcome.failures)


def _seconds(stated: Path) -> dict[str, float]:
    """What a run of each row took, as far as it is known."""
    try:
        results = load_document(stated).results
    except ConfigError:
        return {}
    return {row.id: row.train_s.mean + row.runs[0].synth_s for row in results}


def _document(
    chosen: Sequence[Row], rows: Rows, made: Plan, outcome: Outcome, code: str
) -> Document:
    results, missing = gather(chosen, rows.data, made, outcome, code)
    return Document(results=results, missing=missing, machine=machine())


def table(results: Sequence[Result]) -> Table:
    """The rows in short, in the order of the file: no ranking."""
    others = {row.id: row for row in results}
    shown = Table("row", "test accuracy", "validation", "LUT", "sites", "seeds", "goal")
    for row in results:
        shown.add_row(
            row.id,
            f"{100 * row.accuracy.mean:.2f} ± {100 * row.accuracy.sd:.2f} %",
            f"{100 * row.validation.mean:.2f} %",
            f"{row.lut.mean:,.0f}",
            f"{row.sites.mean:,.0f}",
            str(len(row.seeds)),
            verdict(row, others),
        )
    return shown


def _told(outcome: Outcome, made: Plan, found: Sequence[str], console: Console) -> int:
    for row, reason in made.reasons.items():
        console.print(f"{row}: {escape(reason)}", highlight=False)
    for (row, seed), reason in outcome.failures.items():
        console.print(f"[red]failed[/red]: {row}, seed {seed}: {escape(reason)}", highlight=False)
    for sentence in found:
        console.print(f"[red]outside[/red]: {escape(sentence)}", highlight=False)
    return _FAILED if outcome.failures or found else 0


if __name__ == "__main__":
    sys.exit(main())
