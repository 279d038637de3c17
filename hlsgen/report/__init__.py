"""The report: what was measured, what was estimated, and what was not run."""

from __future__ import annotations

from pathlib import Path

from hlsgen.paths import write_atomic
from hlsgen.report.evidence import Evidence, collect
from hlsgen.report.judge import judge
from hlsgen.report.measure import measure
from hlsgen.report.number import MISSING, Layer, Limit, Number, Report
from hlsgen.report.page import page
from hlsgen.report.summary import Row, summary

__all__ = [
    "MISSING",
    "Evidence",
    "Layer",
    "Limit",
    "Number",
    "Report",
    "Row",
    "collect",
    "judge",
    "make_report",
    "measure",
    "page",
    "summary",
]


def make_report(folder: Path) -> Report:
    """Report on exactly the files of the build folder; writes `report/report.{json,html}` there.

    Broken limits are in `Report.broken`; the caller decides what they mean.

    Raises:
        GraphError: `graph/final` is missing or damaged, or the samples do not fit it.
        ConfigError: another file is damaged.
    """
    report = measure(collect(folder))
    html = page(report)
    report.save(folder / "report" / "report.json")
    write_atomic(folder / "report" / "report.html", html)
    return report
