"""`python -m benchmarks`: run them, print a table, write one JSON file for each."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.figure import Figures
from benchmarks.run import measure, save

NAMES = ("emit", "interp", "opt", "scale", "verilator", "proof", "train", "timing", "logic",
         "area_model", "kernel", "engines", "flow")  # fmt: skip
VERDICTS = {None: "", True: "[green]met[/green]", False: "[red]missed[/red]"}


def main() -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure speed and memory of hlsgen.",
        epilog="Exit code: 0 if every target was met, 1 if one was missed.",
    )
    parser.add_argument("--only", choices=NAMES, action="append", help="one benchmark, repeatable")
    parser.add_argument(
        "--out", type=Path, default=Path("build/bench"), metavar="DIR", help="default: %(default)s"
    )
    options = parser.parse_args()
    console, table = Console(), Table("benchmark", "figure", "value", "target", "")
    met = True
    for name in options.only or NAMES:
        with console.status(f"measuring {name}"):
            figures = measure(name)
        save(options.out / f"{name}.json", name, figures)
        add_rows(table, name, figures)
        met &= all(figure.ok is not False for figure in figures.values())
    console.print(table)
    return 0 if met else 1


def add_rows(table: Table, name: str, figures: Figures) -> None:
    """One row for each figure; a missed target in red."""
    for key, figure in figures.items():
        value = f"{figure.record()['value']:,g} {figure.unit}"
        table.add_row(name, key, value, figure.target or "", VERDICTS[figure.ok])
    table.add_section()


if __name__ == "__main__":
    sys.exit(main())
