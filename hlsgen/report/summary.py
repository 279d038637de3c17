"""The report in a few rows, for a terminal."""

from __future__ import annotations

from dataclasses import dataclass

from hlsgen.report.number import Report

LABELS = {
    "accuracy": "Test accuracy",
    "verified": "Verified",
    "lut": "LUTs",
    "ff": "Registers",
    "lut_used_percent": "LUTs of the device",
    "ff_used_percent": "Registers of the device",
    "lut_core": "LUTs of the core, estimated",
    "ff_core": "Registers of the core, estimated",
    "lut_core_synth": "LUTs of the core after synthesis",
    "lut_core_deviation_percent": "Deviation of the core's estimate",
    "lut_synth": "LUTs after synthesis",
    "ff_synth": "Registers after synthesis",
    "memory_bits": "Memory of windows and engines",
    "memory_blocks": "Block memories",
    "fmax_mhz": "Fmax",
    "fmax_estimate_mhz": "Fmax, estimated",
    "latency_cycles": "Latency",
    "latency_ns": "Latency in time",
    "throughput_per_s": "Throughput of the core",
    "energy_nj": "Dynamic energy per inference",
    "area_delay_lut_ns": "Area-delay product",
}

TILES = (
    "accuracy",
    "verified",
    "lut",
    "ff",
    "lut_used_percent",
    "fmax_mhz",
    "latency_ns",
    "energy_nj",
)


@dataclass(frozen=True)
class Row:
    """One line: what, the value with its unit (or a dash), the stage it comes from."""

    label: str
    value: str
    stage: str


def summary(report: Report) -> list[Row]:
    """The numbers in reading order; the stage is left empty where nothing was measured."""
    numbers = ((label, report.numbers[name]) for name, label in LABELS.items())
    return [
        Row(label, str(number), "" if number.value is None else number.stage)
        for label, number in numbers
    ]
