"""The report's page, its plots, and the words and counts that it shows."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from report_folder import SAMPLES, write, write_folder

from hlsgen.passes import PARTS
from hlsgen.report import MISSING, Number, Report, area, collect, make_report, measure
from hlsgen.report.evidence import Stat
from hlsgen.report.plots import confusion_plot


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path)


def test_confusion_and_fan_in(folder: Path) -> None:
    report = measure(collect(folder))
    table = np.array(report.confusion)
    assert (table.sum(), np.trace(table)) == (SAMPLES, SAMPLES - 3)
    assert report.fan_in == {"export": (0, 0, 0, 0, 0, 0, 32), "final": (0, 0, 0, 0, 32, 0, 0)}


NAMED = {"labels": ["<a>", "$b$", "cat", "dog"]}


def test_classes_have_their_names(folder: Path) -> None:
    write(folder / "graph/metrics.json", NAMED)
    report = make_report(folder)
    assert report.labels == ("<a>", "$b$", "cat", "dog")
    assert report.facts["classes"] == "0 = <a>, 1 = $b$, 2 = cat, 3 = dog"
    assert Report.load(folder / "report/report.json") == report
    page = (folder / "report/report.html").read_text()
    assert "2 = cat" in page
    assert "<a>" not in page


def test_numbers_that_are_names_are_not_repeated(folder: Path) -> None:
    write(folder / "graph/metrics.json", {"labels": ["0", "1", "2", "3"]})
    assert "classes" not in measure(collect(folder)).facts


def test_axes_of_the_confusion_matrix() -> None:
    table = [[3, 1], [0, 4]]
    numbered = confusion_plot(table)
    assert confusion_plot(table, ["cat", "$dog"]) != numbered
    for labels in (
        ["one label"],
        ["cat", "a name of many letters"],
        ["\N{CJK RADICAL DOG}", "cat"],
    ):
        assert confusion_plot(table, labels) == numbered


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [
            value or "" for name, value in attrs if name.split(":")[-1] in {"src", "href"}
        ]


def test_the_page_is_self_contained(folder: Path) -> None:
    make_report(folder)
    text = (folder / "report/report.html").read_text()
    page = _Page()
    page.feed(text)
    assert "script" not in page.tags
    assert page.tags.count("svg") == page.tags.count("figure") == 4
    assert all(link.startswith(("#", "data:")) for link in page.links)
    assert "http" not in text
    assert "@import" not in text
    ids = re.findall(r' id="([^"]*)"', text)
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(ids)


def test_the_page_escapes_what_it_is_given(folder: Path) -> None:
    write(folder / "graph/metrics.json", {"dataset": "<script>alert(1)</script>"})
    make_report(folder)
    assert "<script" not in (folder / "report/report.html").read_text()


def test_the_page_shows_parts_and_the_optimiser(folder: Path) -> None:
    make_report(folder)
    page = (folder / "report/report.html").read_text()
    assert "Area by part" in page
    assert "How LUTs are counted: LUT4 counts one" in page
    assert "two tables became constants" in page
    assert "Warning: luts: kept as it is, since mapping it anew failed: &lt;timed out&gt;" in page
    (folder / "synth/layers.json").unlink()
    (folder / "synth/stat.json").unlink()
    make_report(folder)
    page = (folder / "report/report.html").read_text()
    # The parts, core, shell and sum; six layers.
    assert page.count("not run</td>") == 3 * (len(PARTS) + 3) + 2 * 6 + 1
    assert "LUTs by part, estimated<" in page


@pytest.mark.parametrize(
    ("estimate", "found", "percent"),
    [
        (110, 100, 10.0),
        (90, 100, -10.0),
        (0, 0, 0.0),
        (1, 0, None),
        (None, 5, None),
        (5, None, None),
    ],
)
def test_deviation(estimate: int | None, found: int | None, percent: float | None) -> None:
    assert area.deviation(estimate, found) == percent


def test_cells_multiply_through_the_hierarchy() -> None:
    stat = {
        "modules": {
            "\\leaf": {"num_cells_by_type": {"LUT4": 3}},
            "\\mid": {"num_cells_by_type": {"leaf": 2, "CCU2C": 1}},
        },
        "design": {},
    }
    counts = area.cells(Stat.model_validate(stat), "mid")
    assert counts == {"LUT4": 6, "CCU2C": 1}
    assert area.luts("ecp5", counts) == 8


def test_amd_cells() -> None:
    counts = {"LUT2": 34, "LUT6": 2, "CARRY8": 4, "MUXF7": 9, "FDRE": 40, "FDSE": 8, "IBUF": 2}
    stat = Stat.model_validate({"design": {"num_cells_by_type": counts}})
    assert area.luts("xcup", area.cells(stat)) == 36
    assert area.registers("xcup", area.cells(stat)) == 48
    assert area.carries("xcup", area.cells(stat)) == 4


@pytest.mark.parametrize(
    ("family", "cells", "luts", "registers", "carries", "blocks"),
    [
        ("xc7", {"LUT5": 2, "LUT6_2": 3, "MUXF7": 1, "RAM32M": 2, "FDRE": 4, "FDSE": 1,
                 "CARRY4": 2, "INV": 1, "RAMB36E1": 1, "RAMB18E1": 1}, 13, 5, 2, 1.5),
        ("gowin", {"LUT1": 1, "LUT4": 4, "MUX2_LUT5": 2, "MUX2_LUT6": 1, "ALU": 5, "RAM16SDP4": 1,
                   "DFF": 3, "DFFRE": 2, "DFFSE": 1, "IBUF": 2, "SDPX9B": 2}, 18, 6, 5, 2.0),
        ("nexus", {"LUT4": 4, "WIDEFN9": 2, "INV": 1, "CCU2": 3, "DPR16X4": 1, "FD1P3IX": 6,
                   "FD1P3DX": 1, "OB": 1, "PDPSC16K": 3}, 19, 7, 3, 3.0),
    ],
)  # fmt: skip
def test_cells_of_other_families(
    family: str,
    cells: dict[str, int],
    luts: int,
    registers: int,
    carries: int,
    blocks: float,
) -> None:
    counts = Counter(cells)
    assert area.luts(family, counts) == luts
    assert area.registers(family, counts) == registers
    assert area.carries(family, counts) == carries
    assert area.blocks(family, counts) == blocks


def test_ice40_cells() -> None:
    counts = {"SB_LUT4": 30, "SB_CARRY": 8, "SB_DFF": 3, "SB_DFFESR": 4}
    stat = Stat.model_validate({"design": {"num_cells_by_type": counts}})
    assert area.luts("ice40", area.cells(stat)) == 30
    assert area.registers("ice40", area.cells(stat)) == 7
    assert area.carries("ice40", area.cells(stat)) == 8


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "nJ", MISSING),
        (0, "FF", "0 FF"),
        (12345, "LUT", "12,345 LUT"),
        (0.95, "fraction", "95.00 %"),
        (91.25, "MHz", "91.25 MHz"),
        (5e7, "inferences/s", "50,000,000 inferences/s"),
        (False, "", "no"),
    ],
)
def test_numbers_in_words(value: float | None, unit: str, text: str) -> None:
    assert str(Number(value, unit, "estimate", "t", "s")) == text
