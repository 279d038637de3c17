"""Reports that AMD's tools write: Vivado's texts, those of Vitis HLS and of the Vitis linker.

They are texts for people whose columns come and go with the release, so a value is looked up by
the names of its row and column. What a report does not tell is None. A report that ends in the
middle of a table, or before what its table of contents names, is damaged and refused: half a
number would look like one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from hlsgen.report.vendor_text import (
    Damage,
    Table,
    check_contents,
    find_tables,
    number,
    read_text,
    word,
)


@dataclass(frozen=True)
class Use:
    """Cells that a design takes, and those that the device has."""

    used: float
    available: float | None = None


@dataclass(frozen=True)
class Utilisation:
    """`report_utilization`: `cells` by "lut", "ff", "bram36", "uram", "dsp", where they are told.

    `state` is how far the design was ("Synthesized", "Fully Placed", "Routed").
    """

    version: str | None
    state: str | None
    cells: Mapping[str, Use]


@dataclass(frozen=True)
class VendorClock:
    """A clock of the design, both in ns; `slack_ns` is None where no path uses it."""

    period_ns: float
    slack_ns: float | None

    @property
    def mhz(self) -> float | None:
        """The fastest that its paths allow."""
        return None if self.slack_ns is None else 1000.0 / (self.period_ns - self.slack_ns)


@dataclass(frozen=True)
class Timing:
    """`report_timing_summary`: worst slacks for set-up and hold in ns, and the clocks by name."""

    version: str | None
    setup_ns: float | None
    hold_ns: float | None
    clocks: Mapping[str, VendorClock]


@dataclass(frozen=True)
class Power:
    """`report_power`, in W; `confidence` is what Vivado thinks of it ("Low", "Medium", "High")."""

    version: str | None
    total_w: float | None
    dynamic_w: float | None
    static_w: float | None
    confidence: str | None


@dataclass(frozen=True)
class Units:
    """Cells of each kernel and compute unit of a linked design, by name, as in `Utilisation`.

    "Platform" is what the card's shell takes, "Used Resources" all kernels together.
    """

    version: str | None
    cells: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Synthesis:
    """What Vitis HLS expects of its top function: clocks in ns, cycles, cells."""

    version: str | None
    top: str | None
    target_ns: float | None = None
    estimated_ns: float | None = None
    latency: tuple[int | None, int | None] = (None, None)
    interval: tuple[int | None, int | None] = (None, None)
    cells: Mapping[str, float] = field(default_factory=dict)


# --- Vivado -----------------------------------------------------------------------------------


def _vivado(text: str) -> str | None:
    return word(r"^\| Tool Version\s*: Vivado v\.(\d{4}\.\d+)", text)


def _cycles(cell: str | None) -> int | None:
    value = number(cell)
    return None if value is None else int(value)


# Rows of the tables of sites, by kind of cell; names differ between families.
_SITES = {
    "lut": ("CLB LUTs", "Slice LUTs"),
    "ff": ("CLB Registers", "Slice Registers"),
    "bram36": ("Block RAM Tile",),
    "uram": ("URAM",),
    "dsp": ("DSPs",),
}


def read_utilisation(path: Path) -> Utilisation:
    """A `report_utilization` of Vivado 2014 to 2024.

    Raises:
        ConfigError: it is damaged; so for each reader here.
    """
    return read_text(path, _utilisation)


def _utilisation(text: str) -> Utilisation:
    tables = find_tables(text)
    check_contents(text)
    cells = {}
    for kind, names in _SITES.items():
        rows = (table.find(*names) for table in tables if "Used" in table.head)
        row = next((row for row in rows if row), None)
        used = number(row["Used"]) if row else None
        if row and used is not None:
            cells[kind] = Use(used, number(row.get("Available")))
    if not {"lut", "ff"} <= set(cells):
        raise Damage("it has no rows of LUTs and registers")
    return Utilisation(_vivado(text), word(r"^\| Design State\s*: (.*)$", text), cells)


def read_timing(path: Path) -> Timing:
    """A `report_timing_summary`."""
    return read_text(path, _timing)


def _timing(text: str) -> Timing:
    worst = next(iter(_columns(text, "Design Timing Summary")), None)
    if worst is None:
        raise Damage("it has no Design Timing Summary")
    slacks = {row["Clock"]: row for row in _columns(text, "Intra Clock Table")}
    if not re.search(r"^\| Timing Details$", text, re.MULTILINE):
        raise Damage("it has no Timing Details")
    clocks = {}
    summary = re.compile(r"^\s*(\S+)\s+\{[^}]*\}\s+([\d.]+)\s+([\d.]+)\s*$", re.MULTILINE)
    for name, period, _ in summary.findall(_part(text, "Clock Summary")):
        slack = number(slacks.get(name, {}).get("WNS(ns)"))
        clocks[name] = VendorClock(float(period), slack)
    return Timing(_vivado(text), number(worst["WNS(ns)"]), number(worst["WHS(ns)"]), clocks)


def _part(text: str, title: str) -> str:
    """What follows a title between lines, up to the next."""
    rule = "-" * 90
    match = re.search(rf"^\| {title}\n\| -+\n{rule}-*\n(.*?)(?=^{rule}|\Z)", text,
                      re.MULTILINE | re.DOTALL)  # fmt: skip
    if match is None:
        raise Damage(f"it has no {title}")
    return match.group(1)


def _columns(text: str, title: str) -> list[dict[str, str]]:
    """Rows of a table without lines: a value stands above the end of its column's underline."""
    lines = _part(text, title).splitlines()
    at = next((i for i, line in enumerate(lines) if re.fullmatch(r"\s*-[- ]*", line)), None)
    if at is None:
        raise Damage(f"{title} has no table")
    ends = [match.end() for match in re.finditer(r"-+", lines[at])]
    names = [match.group().strip() for match in re.finditer(r"\S+(?: \S+)*", lines[at - 1])]
    rows = []
    for line in lines[at + 1 :]:
        if not line.strip():
            break
        row = {}
        # A long name in the first column goes beyond its underline.
        first, *rest = re.finditer(r"\S+", line)
        row[names[0]] = first.group()
        for match in rest:
            column = next((i for i, end in enumerate(ends) if match.end() <= end), len(ends) - 1)
            row[names[column]] = match.group()
        if names[-1] not in row:
            raise Damage(f"a row of {title} is cut")
        rows.append(row)
    return rows


def read_power(path: Path) -> Power:
    """A `report_power`."""
    return read_text(path, _power)


def _power(text: str) -> Power:
    tables = find_tables(text)
    check_contents(text)
    pairs = {row[0].strip(): row[1].strip() for table in tables for row in table.rows
             if len(row) == 2}  # fmt: skip
    if "Total On-Chip Power (W)" not in pairs:
        raise Damage("it has no total power")
    total, dynamic, static = (
        number(pairs.get(name))
        for name in ("Total On-Chip Power (W)", "Dynamic (W)", "Device Static (W)")
    )
    return Power(_vivado(text), total, dynamic, static, pairs.get("Confidence Level"))


# --- Vitis ------------------------------------------------------------------------------------

_UNIT_COLUMNS = {"lut": "LUT", "ff": "REG", "bram36": "BRAM", "uram": "URAM", "dsp": "DSP"}


def read_units(path: Path) -> Units:
    """The `kernel_util_*.rpt` of `v++ --link`."""
    return read_text(path, _units)


def _units(text: str) -> Units:
    cells: dict[str, dict[str, float]] = {}
    for table in find_tables(text):
        if table.head[:1] != ("Name",):
            continue
        for row in table.rows:
            named = table.named(row)
            counts = {kind: number(named.get(name)) for kind, name in _UNIT_COLUMNS.items()}
            cells[row[0].strip()] = {kind: n for kind, n in counts.items() if n is not None}
    if "Used Resources" not in cells:
        raise Damage("it has no row of used resources")
    return Units(_vivado(text), cells)


def read_synthesis(path: Path) -> Synthesis:
    """What Vitis HLS reports of a function: csynth.xml or <top>_csynth.xml, or the .rpt of either.

    Raises:
        ConfigError: it is damaged.
    """
    return read_text(path, _synthesis_xml if path.suffix == ".xml" else _synthesis_text)


def _synthesis_xml(text: str) -> Synthesis:
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise Damage(str(error)) from error
    overall, area = "PerformanceEstimates/SummaryOfOverallLatency/", "AreaEstimates/Resources"
    if root.find(area) is None:
        raise Damage("it has no AreaEstimates")
    get = root.findtext
    cells = {child.tag: number(child.text) for child in root.find(area) or ()}
    return Synthesis(
        version=get("ReportVersion/Version"),
        top=get("UserAssignments/TopModelName"),
        target_ns=number(get("UserAssignments/TargetClockPeriod")),
        estimated_ns=number(
            get("PerformanceEstimates/SummaryOfTimingAnalysis/EstimatedClockPeriod")
        ),
        latency=(
            _cycles(get(f"{overall}Best-caseLatency")),
            _cycles(get(f"{overall}Worst-caseLatency")),
        ),
        interval=(_cycles(get(f"{overall}Interval-min")), _cycles(get(f"{overall}Interval-max"))),
        cells=_hls_cells(cells),
    )


# Cells as Vitis HLS and, before 2020, Vivado HLS call them.
_HLS_CELLS = {"lut": ("LUT",), "ff": ("FF",), "bram18": ("BRAM_18K", "BRAM"), "uram": ("URAM",),
              "dsp": ("DSP", "DSP48E")}  # fmt: skip


def _hls_cells(named: Mapping[str, float | None]) -> dict[str, float]:
    found = {}
    for kind, names in _HLS_CELLS.items():
        value = next((named[name] for name in names if named.get(name) is not None), None)
        if value is not None:
            found[kind] = value
    return found


def _synthesis_text(text: str) -> Synthesis:
    tables = find_tables(text)
    version = word(r"^\s*\* Version:\s+(\d{4}\.\d+)", text)
    if top := word(r"^== Synthesis Summary Report of '(.*)'", text):
        return _summary(tables, version, top)
    top = word(r"^== (?:Vitis|Vivado) HLS Report for '(.*)'", text)
    if top is None:
        raise Damage("it is no report of Vitis HLS")
    clock = next((table for table in tables if table.head[:1] == ("Clock",)), None)
    timing = clock.find("ap_clk") if clock else None
    cycles = next((table for table in tables if table.head[:2] == ("min", "max")), None)
    used = next((table for table in tables if table.head[:1] == ("Name",)), None)
    total = used.find("Total") if used else None
    if not (timing and cycles and cycles.rows and total):
        raise Damage("it has no timing, latency or utilisation")
    # Latency in cycles, since 2019.2 also in time, and the interval, each min and max.
    row = [_cycles(cell) for cell in cycles.rows[0]]
    first = 4 if len(row) == 7 else 2
    return Synthesis(
        version, top, number(timing["Target"]), number(timing["Estimated"]),
        (row[0], row[1]), (row[first], row[first + 1]),
        _hls_cells({name: number(cell) for name, cell in total.items()}),
    )  # fmt: skip


def _summary(tables: list[Table], version: str | None, top: str) -> Synthesis:
    """The row of the top function in csynth.rpt; its interval and latency are one number each."""
    table = next((table for table in tables if "LUT" in table.head), None)
    if table is None or not table.rows or table.rows[0][0].strip(" +*") != top:
        raise Damage(f"it has no row of {top}")
    row = table.named(table.rows[0])
    latency = _cycles(row.get("(cycles)"))
    interval = _cycles(row.get("Interval"))
    cells = _hls_cells({name: number(cell) for name, cell in row.items()})
    return Synthesis(version, top, None, None, (latency, latency), (interval, interval), cells)
