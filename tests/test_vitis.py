"""The Alveo flow as planned: golden files, and Tcl with recorded commands."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from tcl_recorder import TclFailure
from tcl_vivado import Vivado
from vitis_plans import HLS, PACKAGED, PLATFORM, RTL, digits, hls

from hlsgen.boards import load_board
from hlsgen.build.vitis import Core, plan
from hlsgen.errors import ConfigError
from hlsgen.paths import data_dir
from hlsgen.plan import Plan
from hlsgen.tools import TOOLS

GOLDEN = Path(__file__).parent / "golden" / "vitis"


def shown(made: Plan) -> dict[str, str]:
    """What the golden files hold; the libraries are copies, which a test of their own compares."""
    files = {name: str(text) for name, text in made.files.items() if "/hlsgen_" not in name}
    return {**files, "steps.txt": "\n".join(map(str, made.steps)) + "\n"}


# --- the plan ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(shown(digits())))
def test_golden(name: str) -> None:
    content, golden = shown(digits())[name], GOLDEN / name.removeprefix("vitis/")
    if os.environ.get("UPDATE_GOLDEN") == "1":
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(content, encoding="utf-8")
    assert content == golden.read_text(encoding="utf-8"), "UPDATE_GOLDEN=1 rewrites"


def test_golden_has_no_stray_files() -> None:
    there = {str(path.relative_to(GOLDEN)) for path in GOLDEN.rglob("*") if path.is_file()}
    assert there == {name.removeprefix("vitis/") for name in shown(digits())}


def test_plan_is_deterministic_and_follows_its_arguments() -> None:
    assert digits() == digits()
    cores = ({"core": core} for core in (Core(3, 4), Core(2, 5), Core(2, 4, interval=9)))
    others = ({"clock_mhz": 251.0}, {"units": 1}, {"sources": RTL[:1]}, {"regions": ()})
    for changed in (*cores, *others):
        assert digits(**changed) != digits()


def test_no_absolute_path_and_no_trailing_space() -> None:
    for name, content in shown(digits()).items():
        assert not re.search(r"/home|/work|/tmp", content), name
        assert not re.search(r"[ \t]+$", content, re.MULTILINE), name


def test_every_step_reads_what_the_plan_or_an_earlier_step_makes() -> None:
    made = digits()
    there = {*made.files, *RTL}
    for step in made.steps:
        assert set(step.reads) <= there, step
        assert set(step.reads) <= set(re.findall(r"\S+", " ".join(step.args))) | {
            *PACKAGED,
            "vitis/kernel.xml",  # the Tcl script names these
        }
        there.update(step.makes)
    assert made.steps[-1].makes == ("digits.xclbin",)
    assert all(step.tool in TOOLS and step.log for step in made.steps)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"core": Core(0, 4)}, "a frame of 0 beats cannot be sent, must be at least 1"),
        (
            {"core": Core(2, 33)},
            "an answer has 33 bits, but the Vitis host program takes 1 to 32: let the network end"
            " in an argmax",
        ),
        (
            {"clock_mhz": 301.0},
            "hardware.clock_mhz is 301, must be a whole number of MHz from 1 to 300 on u280",
        ),
        (
            {"clock_mhz": 62.5},
            "hardware.clock_mhz is 62.5, must be a whole number of MHz from 1 to 300 on u280",
        ),
    ],
)
def test_out_of_range(changed: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        digits(**changed)
    assert str(caught.value) == message


@pytest.mark.parametrize("units", [0, 17])
def test_units_out_of_range(units: int) -> None:
    with pytest.raises(ConfigError) as caught:
        digits(units=units, regions=())
    assert str(caught.value) == (
        f"{units} units cannot be linked on u280, must be 1 to 16: each takes 2 of its 32 banks"
    )


def test_other_flow() -> None:
    other = load_board("u280").model_copy(
        update={"name": "other", "flow": "nextpnr", "vitis": None}
    )
    with pytest.raises(ConfigError, match="board other cannot be built with Vitis: flow is"):
        plan("digits", other, Core(1, 4), clock_mhz=100.0, sources=RTL)


# --- the packaging script ---------------------------------------------------------------------


def packaging(folder: Path, **answers: str) -> Vivado:
    """Vivado in a build folder; `answers` to calls in place of those of a good run."""
    digits().write(folder)
    for name in RTL:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("module x; endmodule\n")
    return Vivado(folder, answers)


def test_package_script_runs_these_commands(tmp_path: Path) -> None:
    vivado = packaging(tmp_path)
    old = tmp_path / "vitis" / "ip" / "old.xml"
    old.parent.mkdir(parents=True)
    old.touch()
    vivado.run("vitis/package_kernel.tcl")
    assert not old.exists(), "an IP packaged earlier must not leak into this one"
    nested = {"ipx::current_core", "current_fileset", "ipx::get_bus_interfaces",
              "ipx::add_bus_parameter"}  # fmt: skip
    assert [call for call in vivado.calls if call[0] not in nested] == [
        ["create_project", "-force", "package", "vitis/package", "-part", "xcu280-fsvh2892-2L-e"],
        ["add_files", "-norecurse", " ".join(PACKAGED)],
        ["set_property", "top", "digits_kernel", "sources_1"],
        ["update_compile_order", "-fileset", "sources_1"],
        ["ipx::package_project", "-root_dir", "vitis/ip", "-vendor", "hlsgen", "-library",
         "kernel", "-taxonomy", "/KernelIP", "-import_files", "-set_current", "true"],
        ["set_property", "name", "digits_kernel", "core"],
        ["set_property", "version", "1.0", "core"],
        ["ipx::infer_bus_interface", "ap_clk", "xilinx.com:signal:clock_rtl:1.0", "core"],
        ["ipx::infer_bus_interface", "ap_rst_n", "xilinx.com:signal:reset_rtl:1.0", "core"],
        ["ipx::associate_bus_interfaces", "-busif", "in_frames", "-clock", "ap_clk", "core"],
        ["ipx::associate_bus_interfaces", "-busif", "out_answers", "-clock", "ap_clk", "core"],
        ["ipx::associate_bus_interfaces", "-clock", "ap_clk", "-reset", "ap_rst_n", "core"],
        ["set_property", "value", "-1", "ap_clk/FREQ_TOLERANCE_HZ"],
        ["set_property", "ipi_drc", "ignore_freq_hz true", "core"],
        ["set_property", "sdx_kernel", "true", "core"],
        ["set_property", "sdx_kernel_type", "rtl", "core"],
        ["set_property", "vitis_drc", "ctrl_protocol ap_ctrl_none", "core"],
        ["ipx::create_xgui_files", "core"],
        ["ipx::update_checksums", "core"],
        ["ipx::check_integrity", "core"],
        ["ipx::save_core", "core"],
        ["package_xo", "-force", "-xo_path", "vitis/digits_kernel.xo",
         "-kernel_name", "digits_kernel", "-kernel_xml", "vitis/kernel.xml",
         "-ip_directory", "vitis/ip"],
        ["close_project"],
    ]  # fmt: skip
    assert ["ipx::add_bus_parameter", "FREQ_TOLERANCE_HZ", "ap_clk"] in vivado.calls


@pytest.mark.parametrize("stream", ["in_frames", "out_answers"])
def test_package_script_stops_without_a_stream(tmp_path: Path, stream: str) -> None:
    vivado = packaging(tmp_path, **{f"ipx::get_bus_interfaces {stream}": ""})
    with pytest.raises(TclFailure, match=f"found no AXI4-Stream interface {stream} on digits_ker"):
        vivado.run("vitis/package_kernel.tcl")


@pytest.mark.parametrize("file", ["vitis/kernel.xml", "rtl/digits_l0.v"])
def test_package_script_stops_without_a_file(tmp_path: Path, file: str) -> None:
    vivado = packaging(tmp_path)
    (tmp_path / file).unlink()
    with pytest.raises(TclFailure, match=f"no such file: {file}"):
        vivado.run("vitis/package_kernel.tcl")


@pytest.mark.parametrize("file", ["hlsgen_carry.v", "hlsgen_lut.v"])
def test_vivado_gets_the_vendors_primitives(file: str) -> None:
    """A macro of the project is not part of the packaged kernel: the file must hold it."""
    text = str(digits().files[f"vitis/{file}"])
    assert "HLSGEN_XILINX" in (data_dir("templates") / "verilog/lib" / file).read_text()
    before, library, after = re.split(r"^`define HLSGEN_XILINX\n|^`undef HLSGEN_XILINX\n", text,
                                      flags=re.MULTILINE)  # fmt: skip
    assert library == (data_dir("templates") / "verilog/lib" / file).read_text()
    assert "`" not in before + after
    script = str(digits().files["vitis/package_kernel.tcl"])
    assert f"vitis/{file}" in script
    assert f"rtl/{file}" not in script


# --- the network in C++ --------------------------------------------------------------------------


def test_hls_compiles_the_kernel_instead_of_packaging_it() -> None:
    made, verilog = hls(), digits()
    kernel, *others = made.steps
    assert str(kernel) == (
        f"v++ -c -t hw --platform {PLATFORM} --temp_dir vitis/temp/digits_kernel --log_dir"
        " vitis/log/digits_kernel --report_dir vitis/report/digits_kernel -k digits_kernel"
        " --hls.clock 250000000:digits_kernel -Ihls -o vitis/digits_kernel.xo"
        " hls/digits_kernel.cpp  ->  vitis/digits_kernel.xo"
    )
    assert kernel.reads == HLS
    assert tuple(others) == verilog.steps[1:], "movers and link are the same for both"
    left_out = set(verilog.files) - set(made.files)
    assert left_out == {f"vitis/{name}" for name in ("kernel.v", "kernel.xml", "hlsgen_carry.v",
                        "hlsgen_lut.v", "package_kernel.tcl")}  # fmt: skip
    differing = {name for name in made.files if made.files[name] != verilog.files[name]}
    assert differing == {"vitis/README.md"}


def test_hls_needs_the_kernels_source() -> None:
    with pytest.raises(ConfigError, match=r"the HLS sources have no hls/digits_kernel.cpp, only a"):
        digits(sources=("a.h",), language="hls")
