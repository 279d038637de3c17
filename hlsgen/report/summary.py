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
    "power_w": "Power of the device, estimated by Vivado",
    "lut_hls": "LUTs that Vitis HLS expects",
    "ff_hls": "Registers that Vitis HLS expects",
    "clock_hls_ns": "Clock period that Vitis HLS expects",
    "latency_hls_cycles": "Latency that Vitis HLS expects",
    "interval_hls_cycles": "Interval that Vitis HLS expects",
    "board_frames_per_s": "Throughput measured on the board",
    "board_latency_us": "Latency measured on the board, host to host",
    "board_power_w": "Power measured on the board",
    "board_energy_uj": "Energy per inference measured on the board, above idle",
    "area_delay_lut_ns": "Area-delay product",
}

# Numbers that only AMD's tools or a board tell: shown where they were run.
VENDOR = (
    *("power_w", "lut_hls", "ff_hls", "clock_hls_ns"),
    *("latency_hls_cycles", "interval_hls_cycles"),
    *("board_frames_per_s", "board_latency_us", "board_power_w", "board_energy_uj"),
)

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
    numbers = (
        (label, report.numbers[name])
        for name, label in LABELS.items()
        if name not in VENDOR or report.numbers[name].value is not None
    )
    return [
        Row(label, str(number), "" if number.value is None else number.stage)
        for label, number in numbers
    ]
