"""Where a build leaves the reports of AMD's tools, and the numbers that come from them.

A report counts only beside the product that it is about: one of an earlier build would be about
another network.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from hlsgen.boards import Board
from hlsgen.report.number import Number, Stage, Value
from hlsgen.report.vendor import (
    Power,
    Synthesis,
    Timing,
    Units,
    Utilisation,
    read_power,
    read_synthesis,
    read_timing,
    read_units,
    read_utilisation,
)

# Kinds of report, and where each board flow leaves one, best first; {kernel} is the network's.
_PLACES: dict[str, dict[str, tuple[str, ...]]] = {
    "vivado": {
        "utilisation": ("reports/utilization.rpt",),
        "timing": ("reports/timing_summary.rpt",),
        "power": ("reports/power.rpt",),
        "synthesis": ("vitis_hls/project/solution/syn/report/csynth.xml",),
    },
    # AMD UG1393, "Output Directories of the v++ Command".
    "vitis": {
        "units": ("vitis/report/link/**/*kernel_util_routed.rpt",),
        "timing": (
            "vitis/report/link/**/*timing_summary_postroute_physopted.rpt",
            "vitis/report/link/**/*timing_summary_routed.rpt",
        ),
        "synthesis": (
            "vitis/temp/{kernel}/**/syn/report/csynth.xml",
            "vitis/report/{kernel}/**/{kernel}_csynth.xml",
            "vitis/report/{kernel}/**/{kernel}_csynth.rpt",
        ),
    },
}
# The product beside which a kind of report counts; that of other kinds is the bitstream.
_BESIDE = {
    ("vivado", "synthesis"): "vitis_hls/project/solution/impl/ip/component.xml",
    ("vitis", "synthesis"): "vitis/{kernel}.xo",
}
# What report_utilization calls a design behind placement.
_ROUTED = ("Routed", "Physopt postRoute", "Fully Placed")


@dataclass(frozen=True)
class Vendor:
    """Reports that lie in a build folder; None for one that does not. `places` are their names."""

    utilisation: Utilisation | None = None
    units: Units | None = None
    timing: Timing | None = None
    power: Power | None = None
    synthesis: Synthesis | None = None
    places: dict[str, str] = field(default_factory=dict)

    def cells(self, kind: str, unit: str) -> Number | None:
        """Cells of the implemented design: "lut", "ff", "bram36"; None where no report tells."""
        if self.units is not None:
            used = self.units.cells["Used Resources"].get(kind)
            return self._number("units", used, unit, "route", self.units.version)
        if self.utilisation is None:
            return None
        use, state = self.utilisation.cells.get(kind), self.utilisation.state
        stage: Stage = "route" if state in _ROUTED else "synth"
        used = use.used if use else None
        return self._number("utilisation", used, unit, stage, self.utilisation.version)

    def fmax_mhz(self, clock_mhz: float | None) -> Number | None:
        """Of the clock that is nearest to `clock_mhz`, see `routed_mhz`; None if not run."""
        if self.timing is None:
            return None
        clocks = [
            (abs(1000.0 / clock.period_ns - (clock_mhz or 0.0)), clock.mhz)
            for clock in self.timing.clocks.values()
            if clock.mhz is not None
        ]
        value = min(clocks)[1] if clocks and clock_mhz else None
        return self._number("timing", value, "MHz", "route", self.timing.version)

    def power_w(self) -> Number:
        """Vivado's estimate for the implemented design."""
        report = self.power
        version, value = (report.version, report.total_w) if report else (None, None)
        return self._number("power", value, "W", "route", version)

    def synthesised(self) -> dict[str, Number]:
        """What Vitis HLS expects of the kernel."""
        report = self.synthesis or Synthesis(None, None)

        def number(value: Value, unit: str) -> Number:
            return self._number("synthesis", value, unit, "synth", report.version)

        return {
            "lut_hls": number(report.cells.get("lut"), "LUT"),
            "ff_hls": number(report.cells.get("ff"), "FF"),
            "clock_hls_ns": number(report.estimated_ns, "ns"),
            "latency_hls_cycles": number(report.latency[1], "cycles"),
            "interval_hls_cycles": number(report.interval[1], "cycles"),
        }

    def _number(
        self, kind: str, value: Value, unit: str, stage: Stage, version: str | None
    ) -> Number:
        if isinstance(value, float) and value == int(value) and unit not in ("W", "ns", "MHz"):
            value = int(value)
        tool = "Vitis HLS" if kind == "synthesis" else "Vivado"
        place = self.places.get(kind, f"{tool}'s report")
        return Number(value, unit, stage, f"{tool} {version}" if version else tool, place)


def find_reports(folder: Path, board: Board | None, name: str) -> Vendor:
    """Reports of the network `name` in its build folder.

    Raises:
        ConfigError: one is damaged; the message names it.
    """
    places = report_places(folder, board, name)
    paths = {kind: folder / place for kind, place in places.items()}

    def path(kind: str) -> Path | None:
        return paths.get(kind)

    utilisation, units, timing = path("utilisation"), path("units"), path("timing")
    power, synthesis = path("power"), path("synthesis")
    return Vendor(
        read_utilisation(utilisation) if utilisation else None,
        read_units(units) if units else None,
        read_timing(timing) if timing else None,
        read_power(power) if power else None,
        read_synthesis(synthesis) if synthesis else None,
        places,
    )


def report_places(folder: Path, board: Board | None, name: str) -> dict[str, str]:
    """Reports that count, by kind, relative to the folder."""
    if board is None or board.flow not in _PLACES:
        return {}
    found, kernel = {}, f"{name}_kernel"
    for kind, patterns in _PLACES[board.flow].items():
        beside = _BESIDE.get((board.flow, kind), f"{name}.{board.product}")
        if not (folder / beside.format(kernel=kernel)).is_file():
            continue
        for pattern in patterns:
            matches = sorted(folder.glob(pattern.format(kernel=kernel)))
            if matches:
                found[kind] = matches[0].relative_to(folder).as_posix()
                break
    return found
