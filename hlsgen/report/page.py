"""`report.html`: one self-contained page, without scripts or external resources."""

from __future__ import annotations

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from hlsgen.paths import data_dir
from hlsgen.report import plots
from hlsgen.report.number import MISSING, Report
from hlsgen.report.summary import LABELS, TILES


def page(report: Report) -> str:
    """The report as HTML; the same report gives the same bytes."""
    environment = Environment(
        loader=FileSystemLoader(data_dir("templates") / "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["show"] = _show
    template = environment.get_template("report.html.j2")
    return template.render(report=report, labels=LABELS, tiles=TILES, figures=_figures(report))


def _show(value: float | None) -> str:
    """A table cell: counts in full, others short, nothing measured as a dash."""
    if value is None:
        return MISSING
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


def _figures(report: Report) -> list[tuple[str, str, Markup]]:
    """(caption, description for screen readers, SVG) of each plot there is data for."""
    figures = []
    if any(row.lut or row.ff for row in report.layers):
        text = ", ".join(
            f"{r.name} {r.lut:.0f} LUT {r.ff} FF" for r in report.layers if r.lut or r.ff
        )
        figures.append(("Area by layer, estimated", text, plots.area_plot(report.layers)))
    if any(sum(counts) for counts in report.fan_in.values()):
        text = "; ".join(
            f"{name}: " + ", ".join(f"k={k} {n} LUTs" for k, n in enumerate(counts) if n)
            for name, counts in report.fan_in.items()
        )
        caption = "Inputs that each LUT reads, before and after optimisation"
        figures.append((caption, text, plots.fan_in_plot(report.fan_in)))
    if any(row.energy_nj for row in report.layers):
        text = ", ".join(f"{r.name} {r.energy_nj:.3g} nJ" for r in report.layers if r.energy_nj)
        figures.append(("Energy by layer, estimated", text, plots.energy_plot(report.layers)))
    if report.confusion:
        right = sum(row[i] for i, row in enumerate(report.confusion))
        text = f"{right} of {sum(map(sum, report.confusion))} test samples on the diagonal"
        caption = "Confusion matrix of the test set"
        figures.append((caption, text, plots.confusion_plot(report.confusion, report.labels)))
    # The SVG comes from matplotlib, which escapes every text in it.
    return [(caption, text, Markup(svg)) for caption, text, svg in figures]
