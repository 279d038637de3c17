"""Numbers of the report that come from AMD's tools: with stage, tool and file, or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from report_folder import write_folder

from hlsgen.boards import load_board
from hlsgen.errors import ConfigError
from hlsgen.report import Number, Report, collect, measure, summary

SAMPLES = Path(__file__).parent / "vendor_reports"


def put(folder: Path, name: str, sample: str = "") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if sample:
        shutil.copy(SAMPLES / sample, path)
    else:
        path.write_text("made\n")
    return path


def build(folder: Path, board: str, files: dict[str, str]) -> Path:
    """A build folder for `board` without nextpnr's report, with `files` and their samples."""
    write_folder(folder)
    (folder / "route/report.json").unlink()
    (folder / "board.json").write_text(load_board(board).model_dump_json())
    for name, sample in files.items():
        put(folder, name, sample)
    return folder


def look(folder: Path) -> Report:
    return measure(collect(folder))


VIVADO = {
    "reports/utilization.rpt": "utilisation_2021_2.rpt",
    "reports/timing_summary.rpt": "timing_2021_2.rpt",
    "reports/power.rpt": "power_2020.rpt",
    "tiny.bit": "",
}
LINK = "vitis/report/link/link/imp"
VITIS = {
    f"{LINK}/impl_1_kernel_util_routed.rpt": "kernel_util_2023_2.rpt",
    f"{LINK}/impl_1_hw_bb_locked_timing_summary_routed.rpt": "timing_2021_2.rpt",
    "vitis/temp/tiny_kernel/tiny_kernel/tiny_kernel/solution/syn/report/csynth.xml":
        "csynth_2023_2.xml",
    "tiny.xclbin": "",
    "vitis/tiny_kernel.xo": "",
}  # fmt: skip


def test_numbers_of_vivado(tmp_path: Path) -> None:
    report = look(build(tmp_path, "zcu104", VIVADO))
    place = "reports/utilization.rpt"
    assert report.numbers["lut"] == Number(429, "LUT", "route", "Vivado 2021.2", place)
    assert report.numbers["ff"] == Number(299, "FF", "route", "Vivado 2021.2", place)
    fmax = report.numbers["fmax_mhz"]
    assert fmax.value == pytest.approx(1000 / (5 - 2.221))
    assert (fmax.stage, fmax.tool) == ("route", "Vivado 2021.2")
    assert fmax.source == "reports/timing_summary.rpt"
    assert report.numbers["latency_ns"].stage == "route"
    assert report.numbers["power_w"] == Number(1.795, "W", "route", "Vivado", "reports/power.rpt")
    share = report.numbers["lut_used_percent"]
    assert share.value == pytest.approx(100 * 429 / 230400)
    assert share.source == f"lut ({place}) / board.json: resources.lut"
    assert any("Power is an estimate of Vivado" in note and "low" in note for note in report.notes)
    whole = "those of the whole design: network, DMA and interconnect."
    assert any(whole in note for note in report.notes)
    assert {row.label for row in summary(report)} >= {"Power of the device, estimated by Vivado"}


@pytest.mark.parametrize(
    ("board", "text"),
    [("zcu104", "DMA and interconnect"), ("u280_bare", "UART and clock generator")],
)
def test_without_vivado_the_counts_are_yosyss(tmp_path: Path, board: str, text: str) -> None:
    report = look(build(tmp_path, board, {}))
    assert report.numbers["lut"].tool == "Yosys 0.70"
    assert report.numbers["lut_used_percent"].source.endswith(f"; {text} not counted")
    assert any(f"{text} are neither in them nor" in note for note in report.notes)
    for name in ("fmax_mhz", "power_w", "lut_hls", "interval_hls_cycles"):
        assert report.numbers[name].value is None
    assert not {row.label for row in summary(report)} & {"LUTs that Vitis HLS expects"}


def test_reports_of_an_earlier_build_do_not_count(tmp_path: Path) -> None:
    folder = build(tmp_path, "zcu104", VIVADO)
    (folder / "tiny.bit").unlink()
    assert look(folder).numbers["lut"].tool == "Yosys 0.70"
    assert look(folder).numbers["power_w"].value is None


def test_a_report_after_synthesis_is_of_that_stage(tmp_path: Path) -> None:
    files = VIVADO | {"reports/utilization.rpt": "utilisation_synth.rpt"}
    number = look(build(tmp_path, "zcu104", files)).numbers["lut"]
    assert (number.value, number.stage, number.tool) == (340, "synth", "Vivado 2025.2")


def test_optimised_behind_the_router_is_routed(tmp_path: Path) -> None:
    folder = build(tmp_path, "zcu104", VIVADO)
    path = folder / "reports/utilization.rpt"
    text = path.read_text()
    assert "| Design State : Routed\n" in text
    path.write_text(text.replace("State : Routed", "State : Physopt postRoute"))
    assert look(folder).numbers["lut"].stage == "route"


def test_numbers_of_the_vitis_linker(tmp_path: Path) -> None:
    report = look(build(tmp_path, "u280", VITIS))
    place = f"{LINK}/impl_1_kernel_util_routed.rpt"
    assert report.numbers["lut"] == Number(36901, "LUT", "route", "Vivado 2023.2", place)
    assert report.numbers["lut_used_percent"].source.endswith("; The platform not counted")
    assert any("all kernels, data movers among them. The platform is n" in n for n in report.notes)
    assert report.numbers["fmax_mhz"].source.endswith("timing_summary_routed.rpt")
    place = "vitis/temp/tiny_kernel/tiny_kernel/tiny_kernel/solution/syn/report/csynth.xml"
    assert report.numbers["lut_hls"] == Number(63, "LUT", "synth", "Vitis HLS 2023.2", place)
    assert report.numbers["clock_hls_ns"].value == 2.325
    assert report.numbers["latency_hls_cycles"].value == 1722


def test_timing_after_physical_optimisation_goes_before_that_of_the_router(tmp_path: Path) -> None:
    final = f"{LINK}/impl_1_hw_bb_locked_timing_summary_postroute_physopted.rpt"
    report = look(build(tmp_path, "u280", VITIS | {final: "timing_2021_2.rpt"}))
    assert report.numbers["fmax_mhz"].source == final


def test_link_reports_without_their_xclbin_do_not_count(tmp_path: Path) -> None:
    folder = build(tmp_path, "u280", VITIS)
    (folder / "tiny.xclbin").unlink()
    numbers = look(folder).numbers
    assert numbers["lut"].tool == "Yosys 0.70"
    assert numbers["lut_hls"].value == 63
    (folder / "vitis/tiny_kernel.xo").unlink()
    assert look(folder).numbers["lut_hls"].value is None


def test_counts_of_hls_stand_in_for_those_of_synthesis(tmp_path: Path) -> None:
    files = {
        "vitis_hls/project/solution/syn/report/csynth.xml": "csynth_2023_2.xml",
        "vitis_hls/project/solution/impl/ip/component.xml": "",
    }
    folder = build(tmp_path, "kv260", files)
    (folder / "synth/stat.json").unlink()
    number = look(folder).numbers["lut"]
    assert (number.value, number.stage, number.tool) == (63, "synth", "Vitis HLS 2023.2")
    assert any("the C++ kernel, as Vitis HLS expects them" in note for note in look(folder).notes)


@pytest.mark.parametrize(
    ("board", "files", "name"),
    [("zcu104", VIVADO, name) for name in VIVADO if name.endswith(".rpt")]
    + [("u280", VITIS, name) for name in VITIS if name.endswith((".rpt", ".xml"))],
)
def test_a_damaged_report_is_refused_by_name(
    tmp_path: Path, board: str, files: dict[str, str], name: str
) -> None:
    path = build(tmp_path, board, files) / name
    path.write_text(path.read_text()[: path.stat().st_size // 3])
    with pytest.raises(ConfigError, match=f"{path.name}: damaged or truncated"):
        collect(tmp_path)
