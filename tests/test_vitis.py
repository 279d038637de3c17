"""The U280 flow without AMD's tools: golden files, Tcl with recorded commands, mock tools."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from hlsgen.boards import Board, load_board
from hlsgen.build.vitis import plan
from hlsgen.errors import ConfigError, ToolFailed, ToolMissing
from hlsgen.paths import data_dir
from hlsgen.plan import Plan, Step
from hlsgen.tools import TOOLS

HERE = Path(__file__).parent
GOLDEN = HERE / "golden" / "vitis"
MOCKS = HERE / "mock_tools"
RTL = ("rtl/digits_axis.v", "rtl/digits_l0.v", "rtl/hlsgen_carry.v", "rtl/hlsgen_lut.v")
PACKAGED = (*RTL[:2], "vitis/hlsgen_carry.v", "vitis/hlsgen_lut.v", "vitis/kernel.v")


def u280() -> Board:
    return load_board("u280")


def digits(**changed: object) -> Plan:
    values = {"frame_beats": 2, "result_bits": 4, "clock_mhz": 250.0, "rtl_files": RTL}
    return plan("digits", u280(), **(values | changed))  # type: ignore[arg-type]


def shown(made: Plan) -> dict[str, str]:
    return {**made.files, "steps.txt": "\n".join(map(str, made.steps)) + "\n"}


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
    for changed in ({"frame_beats": 3}, {"result_bits": 5}, {"clock_mhz": 251.0},
                    {"rtl_files": RTL[:1]}):  # fmt: skip
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
            *PACKAGED  # the Tcl script names these
        }
        there.update(step.makes)
    assert made.steps[-1].makes == ("digits.xclbin",)
    assert all(step.tool in TOOLS and step.log for step in made.steps)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"frame_beats": 0}, "a frame of 0 beats cannot be sent, must be at least 1"),
        (
            {"result_bits": 33},
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


def test_other_flow() -> None:
    other = u280().model_copy(update={"name": "other", "flow": "nextpnr", "vitis": None})
    with pytest.raises(ConfigError, match="board other cannot be built with Vitis: flow is"):
        plan("digits", other, frame_beats=1, result_bits=4, clock_mhz=100.0, rtl_files=RTL)


# --- the packaging script ---------------------------------------------------------------------

_RECORDED = (
    "create_project add_files set_property update_compile_order current_fileset"
    " ipx::package_project ipx::current_core ipx::infer_bus_interface ipx::get_bus_interfaces"
    " ipx::associate_bus_interfaces ipx::add_bus_parameter ipx::create_xgui_files"
    " ipx::update_checksums ipx::check_integrity ipx::save_core package_xo close_project"
)


def run_tcl(folder: Path, script: str, missing_stream: str = "") -> list[list[str]]:
    """Commands that the script ran, in order; an unknown one is a Tcl error."""
    tkinter = pytest.importorskip("tkinter", reason="this Python has no tkinter, so no Tcl")
    tcl, calls = tkinter.Tcl(), []

    def record(*words: str) -> str:
        calls.append(list(words))
        return "" if words[:2] == ("ipx::get_bus_interfaces", missing_stream) else f"<{words[0]}>"

    tcl.createcommand("record", record)
    tcl.eval("namespace eval ipx {}")
    for name in _RECORDED.split():
        tcl.eval(f"proc {name} args {{ return [record {name} {{*}}$args] }}")
    tcl.eval(f"cd {{{folder}}}")
    tcl.eval("rename exec {}; rename open {}; rename socket {}")  # it needs none of them
    tcl.eval(script)
    return calls


def test_package_script_runs_these_commands(tmp_path: Path) -> None:
    old = tmp_path / "vitis" / "ip" / "component.xml"
    old.parent.mkdir(parents=True)
    old.touch()
    calls = run_tcl(tmp_path, digits().files["vitis/package_kernel.tcl"])
    assert not old.exists(), "an IP packaged earlier must not leak into this one"
    core, clock = "<ipx::current_core>", "<ipx::get_bus_interfaces>"
    nested = {"ipx::current_core", "current_fileset", "ipx::get_bus_interfaces",
              "ipx::add_bus_parameter"}  # fmt: skip
    assert [call for call in calls if call[0] not in nested] == [
        ["create_project", "-force", "package", "vitis/package", "-part", "xcu280-fsvh2892-2L-e"],
        ["add_files", "-norecurse", " ".join(PACKAGED)],
        ["set_property", "top", "digits_kernel", "<current_fileset>"],
        ["update_compile_order", "-fileset", "sources_1"],
        ["ipx::package_project", "-root_dir", "vitis/ip", "-vendor", "hlsgen", "-library",
         "kernel", "-taxonomy", "/KernelIP", "-import_files", "-set_current", "true"],
        ["ipx::infer_bus_interface", "ap_clk", "xilinx.com:signal:clock_rtl:1.0", core],
        ["ipx::infer_bus_interface", "ap_rst_n", "xilinx.com:signal:reset_rtl:1.0", core],
        ["ipx::associate_bus_interfaces", "-busif", "in_frames", "-clock", "ap_clk", core],
        ["ipx::associate_bus_interfaces", "-busif", "out_answers", "-clock", "ap_clk", core],
        ["ipx::associate_bus_interfaces", "-clock", "ap_clk", "-reset", "ap_rst_n", core],
        ["set_property", "value", "-1", "<ipx::add_bus_parameter>"],
        ["set_property", "ipi_drc", "ignore_freq_hz true", core],
        ["set_property", "sdx_kernel", "true", core],
        ["set_property", "sdx_kernel_type", "rtl", core],
        ["set_property", "vitis_drc", "ctrl_protocol ap_ctrl_none", core],
        ["ipx::create_xgui_files", core],
        ["ipx::update_checksums", core],
        ["ipx::check_integrity", core],
        ["ipx::save_core", core],
        ["package_xo", "-force", "-xo_path", "vitis/digits_kernel.xo",
         "-kernel_name", "digits_kernel", "-ctrl_protocol", "ap_ctrl_none",
         "-ip_directory", "vitis/ip"],
        ["close_project"],
    ]  # fmt: skip
    assert ["ipx::add_bus_parameter", "FREQ_TOLERANCE_HZ", clock] in calls


@pytest.mark.parametrize("stream", ["in_frames", "out_answers"])
def test_package_script_stops_without_a_stream(tmp_path: Path, stream: str) -> None:
    with pytest.raises(Exception, match=f"found no AXI4-Stream interface {stream} on digits_ker"):
        run_tcl(tmp_path, digits().files["vitis/package_kernel.tcl"], missing_stream=stream)


def test_names_agree_between_the_files() -> None:
    files = digits().files
    ports = set(re.findall(r"(\w+)_tdata", files["vitis/kernel.v"]))
    joined = re.findall(r"^stream_connect=(\w+)\.(\w+):(\w+)\.(\w+)$", files["vitis/link.cfg"],
                        re.MULTILINE)  # fmt: skip
    assert {joined[0][3], joined[1][1]} <= ports
    assert joined[0][:2] == ("mm2s_1", "to_net") and "& to_net)" in files["vitis/mm2s.cpp"]
    assert joined[1][2:] == ("s2mm_1", "from_net") and "& from_net)" in files["vitis/s2mm.cpp"]
    for mover, memory in (("mm2s", "frames"), ("s2mm", "answers")):
        assert f"sp={mover}_1.{memory}:HBM[" in files["vitis/link.cfg"]
        assert f"m_axi port = {memory} " in files[f"vitis/{mover}.cpp"]
    assert "kernel_frequency=0:250\n" in files["vitis/link.cfg"]
    assert "nk=digits_kernel:1:net_1" in files["vitis/link.cfg"]


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


# --- the steps, with mock tools ------------------------------------------------------------------


@pytest.fixture
def mocks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Build folder with the plan's files and RTL; the mock tools are the tools."""
    for tool in ("vivado", "v++"):
        monkeypatch.setenv(TOOLS[tool].variable, str(MOCKS / tool))
    monkeypatch.setenv("MOCK_RECORD", str(tmp_path / "calls.json"))
    for name in RTL:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("module x; endmodule\n")
    digits().write(tmp_path)
    return tmp_path


def run_step(step: Step, folder: Path) -> str:
    log = folder / "logs" / f"{step.log}.log"
    return TOOLS[step.tool].run(step.args, cwd=folder, makes=step.makes, log_file=log)


def test_steps_run_in_order_and_make_the_xclbin(mocks: Path) -> None:
    for step in digits().steps:
        run_step(step, mocks)
    assert (mocks / "digits.xclbin").read_text() == "v++ made this\n"
    calls = [json.loads(line) for line in (mocks / "calls.json").read_text().splitlines()]
    assert calls == [[step.tool, *step.args] for step in digits().steps]


def test_link_needs_what_came_before(mocks: Path) -> None:
    with pytest.raises(ToolFailed, match=r"ERROR: \[v\+\+\] no such file: vitis/digits_kernel.xo"):
        run_step(digits().steps[-1], mocks)


@pytest.mark.parametrize("mode", ["fail", "silent", "lying"])
def test_yesterdays_xclbin_never_passes(
    mocks: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    *before, link = digits().steps
    for step in before:
        run_step(step, mocks)
    (mocks / "digits.xclbin").write_text("yesterday's")
    monkeypatch.setenv("MOCK_MODE", mode)
    with pytest.raises(ToolFailed, match=r"^v\+\+ failed: "):
        run_step(link, mocks)
    assert not (mocks / "digits.xclbin").exists()


def test_critical_warning_is_no_failure(mocks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOCK_MODE", "warning")
    output = run_step(digits().steps[0], mocks)
    assert "CRITICAL WARNING: [Board 49-71]" in output


@pytest.mark.parametrize("tool", ["vivado", "v++"])
def test_missing_tool_leaves_the_finished_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(TOOLS[tool].variable, raising=False)
    made = digits()
    made.write(tmp_path)
    step = next(step for step in made.steps if step.tool == tool)
    with pytest.raises(ToolMissing) as caught:
        run_step(step, tmp_path)
    assert str(caught.value) == (
        f"{tool} not found (looked at ${TOOLS[tool].variable}, then {tool} on PATH). Install AMD"
        " Vitis 2021.1 or newer (it brings Vivado) with the board's platform, then run `source"
        " <install>/Vitis/<version>/settings64.sh` in this shell."
    )
    assert all((tmp_path / name).is_file() for name in made.files)
