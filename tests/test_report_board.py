"""What a board was measured to do, in the report: this network on a board, no simulation."""

from __future__ import annotations

from pathlib import Path

import pytest
from report_folder import write, write_folder

from hlsgen.errors import ConfigError
from hlsgen.graph import load
from hlsgen.report import Report, collect, measure, summary

NAMES = ("board_frames_per_s", "board_latency_us", "board_power_w", "board_energy_uj")
LABEL = "Throughput measured on the board"


def report(tmp_path: Path, **changed: object) -> Report:
    folder = write_folder(tmp_path)
    record = {
        "graph": load(folder / "graph/final").digest, "transport": "xrt", "simulated": False,
        "mismatches": 0, "throughput_fps": 2e6, "latency_us": 40.5, "power_w": 31.0,
        "energy_uj": 4.0, "units": 16,
    }  # fmt: skip
    write(folder / "host/measured.json", record | changed)
    return measure(collect(folder))


def test_numbers_of_the_board(tmp_path: Path) -> None:
    made = report(tmp_path)
    assert [made.numbers[name].value for name in NAMES] == [2e6, 40.5, 31.0, 4.0]
    assert {made.numbers[name].stage for name in NAMES} == {"board"}
    assert LABEL in [row.label for row in summary(made)]


def test_a_sensor_that_is_absent_is_no_zero(tmp_path: Path) -> None:
    made = report(tmp_path, power_w=None, energy_uj=None)
    assert [made.numbers[name].value for name in NAMES] == [2e6, 40.5, None, None]


@pytest.mark.parametrize("changed", [{"simulated": True}, {"graph": "other"}, {"mismatches": 1}])
def test_what_is_not_this_network_on_a_board(tmp_path: Path, changed: dict[str, object]) -> None:
    made = report(tmp_path, **changed)
    assert {made.numbers[name].value for name in NAMES} == {None}
    assert LABEL not in [row.label for row in summary(made)]


def test_a_damaged_record_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"host/measured\.json: damaged or truncated \(power_w"):
        report(tmp_path, power_w="much")
