"""Accuracy against LUTs of one table, as SVG; equal data give equal bytes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from benchmarks.results.record import Result

_DECADE = 10
_INK, _GRID, _BLUE = "#1f2933", "#d9dee3", "#2b6cb0"
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "path",
    "svg.hashsalt": "hlsgen",
    "font.size": 9.0,
    "font.family": "DejaVu Sans",
    "axes.edgecolor": _GRID,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def plot(rows: Sequence[Result]) -> str:
    """Means over the seeds; bars from the least to the greatest accuracy."""
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter, StrMethodFormatter

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(6.4, 3.6), layout="constrained", facecolor="white")
        axes = figure.add_subplot()
        for row in rows:
            mean = 100 * row.accuracy.mean
            bar = [[mean - 100 * row.accuracy.min], [100 * row.accuracy.max - mean]]
            axes.errorbar([row.lut.mean], [mean], yerr=bar, fmt="o", color=_BLUE, capsize=3)
            place = (row.lut.mean, mean)
            axes.annotate(row.id, place, (6, 4), textcoords="offset points", color=_INK)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        sizes = [row.lut.mean for row in rows]
        # Within one decade there are no other labels; over more they would overlap.
        narrow = max(sizes) < _DECADE * min(sizes)
        minor = StrMethodFormatter("{x:,.0f}") if narrow else NullFormatter()
        axes.xaxis.set_minor_formatter(minor)
        axes.margins(x=0.2, y=0.2)
        axes.set_xlabel("LUT cells of the core, after synthesis")
        axes.set_ylabel("test accuracy, %")
        axes.grid(color=_GRID, linewidth=0.6)
        axes.set_axisbelow(True)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()
