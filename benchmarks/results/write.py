"""The files of the results: page, records, plots."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.results.convention import apart
from benchmarks.results.page import page
from benchmarks.results.peers import Peer
from benchmarks.results.plot import plot
from benchmarks.results.record import Document, Result
from benchmarks.run import PACKAGES
from hlsgen import __version__
from hlsgen.errors import ConfigError
from hlsgen.paths import write_atomic

PAGE, RECORDS = "results.md", "results.json"


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
