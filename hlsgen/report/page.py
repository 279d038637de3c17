"""`report.html`: one self-contained page, without scripts or external resources."""

from __future__ import annotations

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from hlsgen.passes import PARTS
from hlsgen.paths import data_dir
from hlsgen.report import plots
from hlsgen.report.area import SHELL
from hlsgen.report.number import Report, show, signed
from hlsgen.report.provenance import change_in_words
from hlsgen.report.summary import LABELS, TILES

# Registers hold no LUTs; the core and the sum are sums of the others.
AREA_PLOT = (*(part for part in PARTS if part != "registers"), SHELL)


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
    environment.filters |= {"show": show, "signed": signed, "words": change_in_words}
    template = environment.get_template("report.html.j2")
    return template.render(report=report, labels=LABELS, tiles=TILES, figures=_figures(report))


def _figures(report: Report) -> list[tuple[str, str, Markup]]:
    """(caption, description for screen readers, SVG) of each plot there is data for."""
    figures = []
    parts = [part for part in report.parts if part.name in AREA_PLOT]
    if any(part.lut or part.lut_synth for part in parts):
        text = ", ".join(f"{p.name} {show(p.lut)} and {show(p.lut_synth)} LUTs" for p in parts)
        caption = "LUTs by part, estimated and counted by Yosys"
        if all(part.lut_synth is None for part in parts):
            caption = "LUTs by part, estimated"
        figures.append((caption, text, plots.area_plot(parts)))
    if any(sum(counts) for counts in report.fan_in.values()):
        text = "; ".join(
            f"{name}: " + ", ".join(f"k={k} {n} LUTs" for k, n in enumerate(counts) if n)
            for name, counts in report.fan_in.items()
        )
        caption = (
            "Inputs that each LUT reads: as learned (export compared them with the checkpoint),"
            " and in the Verilog, after optimisation"
        )
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
