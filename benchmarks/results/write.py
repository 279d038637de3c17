"""The files of the results: page, records, plots."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from benchmarks.results.convention import apart
from benchmarks.results.page import page
from benchmarks.results.peers import Peer
from benchmarks.results.plot import plot
from benchmarks.results.record import Document, Missing, Result
from benchmarks.run import PACKAGES
from hlsgen import __version__
from hlsgen.errors import ConfigError
from hlsgen.paths import write_atomic

PAGE, RECORDS = "results.md", "results.json"
Row = TypeVar("Row", Result, Missing)


def write(folder: Path, document: Document, peers: Sequence[Peer], fast: set[str]) -> None:
    """Write all of it to `folder`; plots of groups that are no more are removed."""
    plots = _plots(document.results)
    for path in folder.glob("results_*.svg"):
        if path.name not in plots.values():
            path.unlink()
    for group, name in plots.items():
        write_atomic(folder / name, plot(_drawn(document.results, group)))
    write_atomic(folder / PAGE, page(document, peers, plots, fast))
    write_atomic(folder / RECORDS, document.model_dump_json(indent=1) + "\n")


def merged(stated: Document, added: Document, order: Sequence[str]) -> Document:
    """What is stated, with the rows `added` in their place.

    Args:
        stated: a page; its rows are of one state of the source but for those marked older.
        added: rows that are new, or new numbers of some.
        order: of the ids; a row that is not among them is left out.
    """
    codes = {run.code for row in stated.results if not row.older for run in row.runs}
    fresh = {row.id for row in added.results} | {row.id for row in added.missing}
    results = [row for row in stated.results if row.id not in fresh]
    for row in added.results:
        older = any(run.code not in codes for run in row.runs) if codes else row.older
        results.append(row.model_copy(update={"older": older}))
    missing = [row for row in stated.missing if row.id not in fresh]
    return Document(
        results=_ordered(results, order),
        missing=_ordered([*missing, *added.missing], order),
        machine=added.machine,
    )


def _ordered(rows: Iterable[Row], order: Sequence[str]) -> tuple[Row, ...]:
    known = [row for row in rows if row.id in order]
    return tuple(sorted(known, key=lambda row: order.index(row.id)))


def load_document(path: Path) -> Document:
    """Read the results that were written.

    Raises:
        ConfigError: there are none, or those of another version.
    """
    try:
        return Document.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: no results here ({error}); run make results") from error


def machine() -> dict[str, str]:
    """Where the results were made."""
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "cores": str(len(os.sched_getaffinity(0))),
        "python": platform.python_version(),
        "hlsgen": __version__,
        **{package: version(package) for package in PACKAGES},
    }


def _plots(results: Sequence[Result]) -> dict[str, str]:
    """File name by group; one point is no plot."""
    groups = dict.fromkeys(result.group for result in results)
    drawn = [group for group in groups if len(_drawn(results, group)) > 1]
    return {group: f"results_{re.sub(r'[^a-z0-9]+', '_', group.lower())}.svg" for group in drawn}


def _drawn(results: Sequence[Result], group: str) -> list[Result]:
    """The longest table of a group: a plot has one convention, too."""
    return max(apart([row for row in results if row.group == group]), key=len)
