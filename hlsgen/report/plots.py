"""The report's plots, as SVG text to be set inline; equal data give equal bytes."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hlsgen.report.number import Layer, Part

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK, _GRID, _BLUE, _PALE, _GREEN = "#1f2933", "#d9dee3", "#2b6cb0", "#b7c9dd", "#2f7d5b"

# Longest name of a class, in letters, that fits beside the confusion matrix.
_SHORT = 12

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "path",  # no font is needed to read the page
    "svg.hashsalt": "hlsgen",  # ids that do not change from run to run
    "font.size": 9.0,
    "font.family": "DejaVu Sans",
    "axes.edgecolor": _GRID,
    "axes.labelcolor": _INK,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def area_plot(parts: Sequence[Part]) -> str:
    """LUTs of each part, estimated and counted by Yosys; a bar is left out where nothing was."""
    ran = any(part.lut_synth is not None for part in parts)
    with _figure("area", 0.42 * len(parts) + 0.9) as (axes, svg):
        places = [part.name for part in parts]
        estimates = [part.lut or 0 for part in parts]
        found = [part.lut_synth or 0 for part in parts]
        shift = 0.19 if ran else 0.0
        _bars(axes, list(zip(places, estimates, strict=True)), _PALE, "estimate", shift=-shift)
        if ran:
            _bars(axes, list(zip(places, found, strict=True)), _BLUE, "Yosys", shift=shift)
            axes.legend(frameon=False, loc="best")
        axes.set_xlabel("LUTs" if ran else "LUTs (estimate)")
    return svg[0]


def energy_plot(layers: Sequence[Layer]) -> str:
    """Estimated energy of each layer, in pJ per inference."""
    used = [(row.name, 1000 * row.energy_nj) for row in layers if row.energy_nj]
    with _figure("energy", 0.3 * len(used) + 0.9) as (axes, svg):
        _bars(axes, used, _GREEN)
        axes.set_xlabel("pJ per inference (estimate)")
    return svg[0]


def fan_in_plot(fan_in: dict[str, tuple[int, ...]]) -> str:
    """How many LUTs read k inputs, before and after optimisation."""
    labels = {"export": "as trained", "final": "after optimisation"}
    with _figure("fan-in", 2.4) as (axes, svg):
        width = 0.8 / len(fan_in)
        for i, (name, counts) in enumerate(fan_in.items()):
            places = [k + (i - (len(fan_in) - 1) / 2) * width for k in range(len(counts))]
            color = _BLUE if name == "final" else _PALE
            axes.bar(places, counts, width, color=color, label=labels[name])
        axes.set_xlabel("inputs k that a LUT reads")
        axes.set_ylabel("LUTs")
        axes.grid(axis="y", color=_GRID, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.legend(frameon=False, loc="best")
    return svg[0]


def confusion_plot(confusion: Sequence[Sequence[int]], labels: Sequence[str] = ()) -> str:
    """Labels down, decisions across; the diagonal is right. Long names stay class numbers."""
    size = len(confusion)
    names = [str(i) for i in range(size)]
    # The font has no sign for every script.
    if len(labels) == size and all(len(x) <= _SHORT and x.isascii() for x in labels):
        names = list(labels)
    with _figure("confusion", min(5.2, 0.32 * size + 1.3)) as (axes, svg):
        # The root keeps the few errors visible beside the many hits.
        axes.pcolormesh([[n**0.5 for n in row] for row in confusion], cmap="Blues")
        axes.set_aspect("equal")
        axes.invert_yaxis()
        axes.set_xlabel("decided class")
        axes.set_ylabel("label")
        axes.spines[:].set_visible(False)
        if size <= 20:
            places = [i + 0.5 for i in range(size)]
            upright = max(map(len, names)) <= 3
            axes.set_xticks(places, names, rotation=0 if upright else 90, parse_math=False)
            axes.set_yticks(places, names, parse_math=False)
            dark = max(max(row) for row in confusion) / 4
            for y, row in enumerate(confusion):
                for x, n in enumerate(row):
                    if n:
                        ink = "white" if n > dark else _INK
                        axes.text(
                            x + 0.5,
                            y + 0.5,
                            str(n),
                            ha="center",
                            va="center",
                            color=ink,
                            fontsize=7,
                        )
    return svg[0]


def _bars(
    axes: Axes,
    rows: Sequence[tuple[str, float]],
    color: str,
    label: str = "",
    *,
    shift: float = 0.0,
) -> None:
    """Horizontal bars of (name, value); `shift` leaves room for a second set beside them."""
    places = [i + shift for i in range(len(rows))]
    axes.barh(places, [v for _, v in rows], 0.36 if shift else 0.6, color=color, label=label)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)  # data flow from top to bottom
    axes.grid(axis="x", color=_GRID, linewidth=0.6)
    axes.set_axisbelow(True)


@contextmanager
def _figure(name: str, height: float) -> Iterator[tuple[Axes, list[str]]]:
    """Axes to draw on; the SVG stands in the list once the block is left."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    done: list[str] = []
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(5.6, height), layout="constrained")
        yield figure.add_subplot(), done
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    done.append(_inline(buffer.getvalue(), name))


def _inline(document: str, name: str) -> str:
    """The <svg> element alone, sized by the page, its ids apart from those of other plots."""
    body = document[document.index("<svg") :]
    body = re.sub(r"\s*<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    head, rest = body.split(">", 1)
    body = re.sub(r' (width|height|version|xmlns(:xlink)?)="[^"]*"', "", head) + ">" + rest
    body = re.sub(r'id="', f'id="{name}-', body)
    body = re.sub(r'href="#', f'href="#{name}-', body)
    body = re.sub(r"url\(#", f"url(#{name}-", body)
    return body.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)
