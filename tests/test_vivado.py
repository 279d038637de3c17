"""Vivado's flow without Vivado: golden files, scripts in a real Tcl, mock tools."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from tcl_recorder import TclFailure
from tcl_vivado import VitisHls, Vivado
from vivado_cases import board, made

from hlsgen import flow
from hlsgen.boards import load_board
from hlsgen.build import FLOW_TOOLS, board_plan, board_state, run_step
from hlsgen.emit import emit
from hlsgen.errors import ToolFailed, ToolMissing
from hlsgen.flow import STAGES, Job, Listener
from hlsgen.graph import Graph
from hlsgen.ledger import State
from hlsgen.passes import opt
from hlsgen.plan import Plan
from hlsgen.project import load_project
from hlsgen.report import Report
from hlsgen.tools import TOOLS

HERE = Path(__file__).parent
GOLDEN = HERE / "golden" / "vivado"
MOCKS = HERE / "mock_tools"
# Case: board, clock, language.
CASES = {
    "u280_bare": ("u280_bare", 125.0, "verilog"),
    "seven": ("seven", 100.0, "verilog"),
    "zcu104": ("zcu104", 125.0, "verilog"),
    "kv260": ("kv260", 125.0, "hls"),
    "pynq_z2": ("pynq_z2", 125.0, "verilog"),
}


def shown(small: Graph, case: str) -> dict[str, str]:
    """What a golden folder holds: the libraries are others' goldens."""
    plan = made(small, *CASES[case])
    files = {
        name.replace("/", "_"): str(text)
        for name, text in plan.files.items()
        if name.startswith(("vivado/", "vitis_hls/")) and "hlsgen_" not in name
    }
    return {**files, "steps.txt": "\n".join(map(str, plan.steps)) + "\n"}


# --- plans ------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_golden(small: Graph, case: str) -> None:
    folder, files = GOLDEN / case, shown(small, case)
    if os.environ.get("UPDATE_GOLDEN") == "1":
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
    assert {path.name for path in folder.iterdir()} == set(files), "UPDATE_GOLDEN=1 rewrites"
    for name, text in files.items():
        assert text == (folder / name).read_text(encoding="utf-8"), name
        assert not re.search(r"/home|/work|/tmp", text), name
        assert not re.search(r"[ \t]+$", text, re.MULTILINE), name


@pytest.mark.parametrize("case", CASES)
def test_every_step_reads_what_the_plan_or_an_earlier_step_makes(small: Graph, case: str) -> None:
    plan = made(small, *CASES[case])
    there = set(plan.files)
    for step in plan.steps:
        assert set(step.reads) <= there, step
        assert step.tool in TOOLS
        there.update(step.makes)
    products = {"small.bit", "small.hwh"} if board(CASES[case][0]).shell.kind == "axis" else {
        "small.bit"
    }  # fmt: skip
    assert products <= set(plan.steps[-1].makes)


@pytest.mark.parametrize("name", ["u280_bare", "arty_a7_100t", "zcu104", "kv260", "pynq_z2"])
def test_the_whole_plan_of_a_board(small: Graph, name: str, mocks: None) -> None:
    target = load_board(name)
    graph = opt(small, target.logic, 100.0)
    rtl = emit(graph, target.shell.width_bits, target.logic)
    samples = np.random.default_rng(0).integers(0, 8, (20, 1, 2))
    plan = board_plan(graph, target, rtl, 100.0, 1, samples)
    assert {step.tool for step in plan.steps} == set(FLOW_TOOLS["vivado"])
    macros = "-DHLSGEN_XILINX -DHLSGEN_XC7" if target.fabric == "xc7" else "-DHLSGEN_XILINX"
    assert f"read_verilog {macros} rtl/hlsgen_lut.v\n" in str(plan.files["synth/synth.ys"])
    assert f"synth_xilinx -family {target.fabric} " in str(plan.files["synth/synth.ys"])
    host = json.loads(str(plan.files["host/interface.json"]))
    assert host["transport"] == ("uart" if target.shell.kind == "uart" else "pynq")


def test_vivado_reads_the_libraries_with_primitives_once(small: Graph) -> None:
    for case in ("zcu104", "pynq_z2"):
        plan = made(small, *CASES[case])
        script = str(plan.files["vivado/overlay.tcl"])
        assert "rtl/hlsgen_lut.v" not in script
        assert "vivado/hlsgen_lut.v" in script
        text = str(plan.files["vivado/hlsgen_lut.v"])
        before, _, after = text.partition("module hlsgen_lut1")
        assert ("`define HLSGEN_XC7" in before) == (case == "pynq_z2")
        assert "`define HLSGEN_XILINX\n" in before
        assert "`undef HLSGEN_XILINX\n" in after


def test_the_boards_own_clock_needs_no_generator(small: Graph) -> None:
    assert "MMCME4_BASE" in str(made(small, "u280_bare", 125.0).files["vivado/small_top.v"])
    assert "MMCM" not in str(made(small, "u280_bare", 100.0).files["vivado/small_top.v"])


@pytest.mark.parametrize(
    ("case", "action"), [("u280_bare", "OVERTEMPSHUTDOWN"), ("seven", "OVERTEMPPOWERDOWN")]
)
def test_each_family_calls_its_protection_by_its_name(small: Graph, case: str, action: str) -> None:
    """AMD UG908: POWERDOWN on the 7 series, SHUTDOWN on UltraScale+; the other is unknown there."""
    text = str(made(small, *CASES[case]).files["vivado/pins.xdc"])
    assert re.findall(r"BITSTREAM\.CONFIG\.(OVERTEMP\w+) ENABLE", text) == [action]


# --- scripts in a Tcl interpreter -----------------------------------------------------------------


def written(small: Graph, case: str, folder: Path) -> Plan:
    plan = made(small, *CASES[case])
    plan.write(folder)
    return plan


def run_scripts(plan: Plan, folder: Path) -> list[list[str]]:
    calls = []
    for step in plan.steps:
        tool = VitisHls(folder) if step.tool == "vitis_hls" else Vivado(folder)
        calls += tool.run(step.args[-1])
    return calls


@pytest.mark.parametrize("case", CASES)
def test_scripts_run_and_make_what_their_steps_promise(
    small: Graph, case: str, tmp_path: Path
) -> None:
    plan = written(small, case, tmp_path)
    calls = run_scripts(plan, tmp_path)
    for step in plan.steps:
        assert all((tmp_path / name).is_file() for name in step.makes)
    names = [call[0] for call in calls]
    assert names[-1] == "write_bitstream"
    assert {"report_utilization", "report_timing_summary", "report_power"} <= set(names)
    read = {
        file
        for call in calls
        if call[0] in ("read_verilog", "add_files")
        for word in call[1:]
        for file in word.split()
    }
    own = [file for file in plan.files if file.endswith((".v", ".cpp"))]
    assert set(own) - read <= {"rtl/hlsgen_lut.v", "rtl/hlsgen_carry.v"}


def test_the_newest_board_files_and_ips_are_taken(small: Graph, tmp_path: Path) -> None:
    calls = run_scripts(written(small, "zcu104", tmp_path), tmp_path)
    taken = [call[2] for call in calls if call[:2] == ["set_property", "board_part"]]
    assert taken == ["xilinx.com:zcu104:part0:1.10"]
    cells = {call[-1]: call[4] for call in calls if call[:3] == ["create_bd_cell", "-type", "ip"]}
    assert cells["dma"] == "xilinx.com:ip:axi_dma:7.1"


def test_the_exported_ip_is_the_network(small: Graph, tmp_path: Path) -> None:
    plan = written(small, "kv260", tmp_path)
    calls = run_scripts(plan, tmp_path)
    assert [
        "create_bd_cell",
        "-type",
        "ip",
        "-vlnv",
        "hlsgen:kernel:small_kernel:1.0",
        "net",
    ] in calls
    with pytest.raises(TclFailure, match="no IP in vitis_hls/project/solution/impl/ip"):
        (tmp_path / "vitis_hls/project/solution/impl/ip/component.xml").unlink()
        Vivado(tmp_path).run("vivado/overlay.tcl")


def test_programming(small: Graph, tmp_path: Path) -> None:
    plan = written(small, "u280_bare", tmp_path)
    with pytest.raises(TclFailure, match=r"small\.bit is not there: build it first"):
        Vivado(tmp_path).run("vivado/program.tcl")
    run_scripts(plan, tmp_path)
    calls = Vivado(tmp_path).run("vivado/program.tcl")
    assert ["program_hw_devices", "xcu280_0"] in calls
    (tmp_path / "other.bit").write_text("\n")
    calls = Vivado(tmp_path).run("vivado/program.tcl", "other.bit")
    assert ["set_property", "PROGRAM.FILE", "other.bit", "xcu280_0"] in calls
    absent = Vivado(tmp_path)
    absent.devices = []
    with pytest.raises(TclFailure, match="no xcu280 on this cable"):
        absent.run("vivado/program.tcl")


@pytest.mark.parametrize(
    ("case", "answers", "message"),
    [
        (
            "u280_bare",
            {"get_property SLACK": "-0.031"},
            r"setup slack is -0\.031 ns and must",
        ),
        ("pynq_z2", {"get_property SLACK": ""}, "worst setup slack is  ns"),
        ("zcu104", {"get_timing_paths -hold": ""}, "no path has a hold check"),
        ("zcu104", {"get_board_parts": ""}, r"no files of the board xilinx\.com:zcu104:part0:\*"),
        ("zcu104", {"get_ipdefs": ""}, "knows no IP xilinx.com:ip:zynq_ultra_ps_e"),
        (
            "pynq_z2",
            {"get_property PROGRESS": "12%"},
            "synthesis failed: see vivado/project",
        ),
        (
            "zcu104",
            {"get_property CONFIG.PSU__CRL_APB__PL0_REF_CTRL__ACT": "124.5"},
            r"makes a clock of 124\.5 MHz at the nearest, not of 125 MHz",
        ),
    ],
)
def test_a_run_that_goes_wrong_makes_no_bitstream(
    small: Graph, case: str, answers: dict[str, str], message: str, tmp_path: Path
) -> None:
    written(small, case, tmp_path)
    script = "build" if case == "u280_bare" else "overlay"
    with pytest.raises(TclFailure, match=message):
        Vivado(tmp_path, answers).run(f"vivado/{script}.tcl")
    assert not (tmp_path / "small.bit").exists()


# --- the steps, with mock tools -------------------------------------------------------------------


@pytest.fixture
def mocks(monkeypatch: pytest.MonkeyPatch, fresh_tools: None) -> None:
    for tool in ("vivado", "vitis_hls"):
        monkeypatch.setenv(TOOLS[tool].variable, str(MOCKS / tool))
    monkeypatch.delenv("MOCK_MODE", raising=False)


@pytest.mark.parametrize("case", CASES)
def test_mock_builds_end_with_a_bitstream(
    small: Graph, case: str, tmp_path: Path, mocks: None
) -> None:
    for step in written(small, case, tmp_path).steps:
        run_step(step, tmp_path)
    assert (tmp_path / "small.bit").read_text() == (
        "made by write_bitstream, recorded, not by the tool\n"
    )


@pytest.mark.parametrize("mode", ["fail", "silent", "lying"])
def test_yesterdays_bitstream_never_passes(
    small: Graph, mode: str, tmp_path: Path, mocks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = written(small, "pynq_z2", tmp_path)
    (tmp_path / "small.bit").write_text("yesterday's")
    monkeypatch.setenv("MOCK_MODE", mode)
    with pytest.raises(ToolFailed, match=r"^vivado failed: "):
        run_step(plan.steps[-1], tmp_path)
    assert not (tmp_path / "small.bit").exists()


def test_slow_timing_is_told(
    small: Graph, tmp_path: Path, mocks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = written(small, "u280_bare", tmp_path)
    monkeypatch.setenv("MOCK_ANSWERS", json.dumps({"get_property SLACK": "-1.5"}))
    with pytest.raises(ToolFailed, match=r"slack is -1\.5 ns.*lower hardware\.clock_mhz \(125\)"):
        run_step(plan.steps[-1], tmp_path)


def test_an_old_tool_is_refused(
    small: Graph, tmp_path: Path, mocks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = written(small, "kv260", tmp_path)
    monkeypatch.setenv("MOCK_MODE", "old")
    for step in plan.steps:
        with pytest.raises(ToolMissing, match=r"2019\.2 at .* is too old"):
            run_step(step, tmp_path)


def test_without_vivado_a_board_can_be_prepared(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fresh_tools: None
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(TOOLS["vivado"].variable, raising=False)
    assert "vivado not found" in board_state(load_board("zcu104"))


def test_a_whole_run_of_stages_from_cpp_to_the_report(
    project: Path, root: Path, mocks: None
) -> None:
    job = Job(load_project(project), load_board("kv260"), root, "hls")
    stages = [stage for stage in STAGES if stage != "verify"]
    flow.run(job, stages, Listener())
    assert (job.folder / "tiny.bit").read_text().startswith("made by write_bitstream")
    assert (job.folder / "tiny.hwh").is_file()
    numbers = Report.load(job.folder / "report/report.json").numbers
    assert numbers["lut"].source == "reports/utilization.rpt"
    assert numbers["lut_hls"].tool == "Vitis HLS 2023.2"
    assert numbers["power_w"].stage == "route"
    # Done once; a lost bitstream is made again, and the report with it.
    seen: dict[str, State] = {}
    flow.run(job, stages, Listener(stage=seen.__setitem__))
    assert set(seen.values()) == {State.FRESH}
    (job.folder / "tiny.bit").unlink()
    flow.run(job, stages, Listener(stage=seen.__setitem__))
    assert (job.folder / "tiny.bit").is_file()
    assert seen["build:1:csynth"] == State.FRESH
    assert seen["build:2:bitstream"] == State.STALE
