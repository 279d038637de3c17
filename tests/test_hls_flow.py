"""The flow with C++ as its language: folders, stages, what is refused, what the report says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hlsgen import flow
from hlsgen.boards import board_names, load_board
from hlsgen.cli import app
from hlsgen.errors import ConfigError, ToolMissing
from hlsgen.flow import STAGES, Job, Listener
from hlsgen.graph import load
from hlsgen.ledger import State
from hlsgen.project import load_project
from hlsgen.report import Report, make_report
from hlsgen.verify import language_of, rtl_digest

FRESH, EDITED, STALE = State.FRESH, State.EDITED, State.STALE


def job_for(project: Path, root: Path, board: str = "ulx3s") -> Job:
    return Job(load_project(project), load_board(board), root, "hls")


def states(job: Job, last: str = "emit") -> dict[str, State]:
    """Run up to `last`; the state in which each stage was found."""
    seen: dict[str, State] = {}
    flow.run(job, STAGES[: STAGES.index(last) + 1], Listener(stage=seen.__setitem__))
    return seen


def test_each_language_has_a_folder_of_its_own(project: Path, root: Path) -> None:
    job = job_for(project, root)
    found = states(job)
    assert found == {"train": FRESH, "export": STALE, "opt": STALE, "emit": STALE}
    assert job.folder == root / "tiny-ulx3s-hls"
    assert (job.folder / "hls" / "tiny_kernel.cpp").is_file()
    assert not (job.folder / "rtl").exists()
    assert (language_of(job.folder), language_of(root / "tiny-ulx3s")) == ("hls", "verilog")
    assert set(states(job).values()) == {FRESH}
    assert states(Job(job.project, job.board, root))["emit"] is FRESH


def test_a_stray_file_does_not_stay_among_the_cpp(project: Path, root: Path) -> None:
    job = job_for(project, root)
    states(job)
    stray = job.folder / "hls" / "tiny_old.h"
    stray.write_text("int old;\n")
    (job.folder / "hls" / "tiny_core.h").unlink()
    states(job)
    assert not stray.exists()


@pytest.mark.usefixtures("stand_ins")
def test_edited_cpp_is_kept_and_judged(project: Path, root: Path) -> None:
    job = job_for(project, root)
    states(job, "verify")
    kernel = job.folder / "hls" / "tiny_kernel.cpp"
    graph = load(job.folder / "graph" / "final")
    before = rtl_digest(job.folder, graph)
    kernel.write_text(kernel.read_text() + "// mine\n")
    assert rtl_digest(job.folder, graph) != before
    found = states(job, "verify")
    assert (found["emit"], found["verify"]) == (EDITED, STALE)
    assert kernel.read_text().endswith("// mine\n")


@pytest.mark.parametrize("board", [name for name in board_names()
                                   if load_board(name).flow == "nextpnr"])  # fmt: skip
def test_open_tools_build_no_cpp_and_it_is_said_at_once(
    project: Path, tmp_path: Path, board: str
) -> None:
    """Before the training, which is what takes long."""
    job = job_for(project, tmp_path, board)
    with pytest.raises(ConfigError) as caught:
        flow.run(job, STAGES, Listener())
    assert re.match(
        rf"board {board} \(flow nextpnr, shell uart\) cannot be built", str(caught.value)
    )
    assert re.search(r"built it is for .*u280", str(caught.value))
    assert not job.folder.exists()


@pytest.mark.usefixtures("stand_ins")
def test_vitis_compiles_the_cpp(project: Path, root: Path, stand_ins: list[str]) -> None:
    job = job_for(project, root, "u280")
    seen = states(job, "report")
    assert stand_ins[0] == "verify"
    assert "netlist" not in stand_ins
    assert not [name for name in seen if name.endswith("checked")]
    plan = flow.plan_of(job)
    (step,) = [step for step in plan.steps if "hls/tiny_kernel.cpp" in step.args]
    assert step.tool == "v++"
    assert set(step.reads) >= {"hls/tiny_kernel.cpp", "hls/tiny_core.h"}
    assert (job.folder / "tiny.xclbin").is_file()


def test_a_report_on_cpp_invents_nothing(
    project: Path, root: Path, stand_ins: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without Vitis: LUTs are an estimate, registers and clocks are not known."""
    monkeypatch.setenv("HLSGEN_V__", "/nowhere/v++")
    job = job_for(project, root, "u280")
    with pytest.raises(ToolMissing, match="ready to run"):
        states(job, "report")
    assert stand_ins
    report = Report.load(job.folder / "report" / "report.json")
    lut = report.numbers["lut"]
    assert (lut.value, lut.stage) != (None, "synth")
    unknown = ("ff", "ff_core", "fmax_mhz", "fmax_estimate_mhz", "latency_cycles", "latency_ns",
               "throughput_per_s", "area_delay_lut_ns", "lut_synth")  # fmt: skip
    assert {name: report.numbers[name].value for name in unknown} == dict.fromkeys(unknown)
    assert {part.ff for part in report.parts} == {None}
    assert any("are Vitis HLS's to choose" in note for note in report.notes)
    rungs = {rung.name: rung for rung in report.rungs}
    assert rungs["Verilog"].reason == "this build is in HLS C++"
    assert make_report(job.folder) == report


# --- commands -----------------------------------------------------------------------------------


def run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    return result.exit_code, re.sub(r"\s+", " ", result.output)


@pytest.mark.parametrize("command", ["prove", "mutate"])
def test_commands_on_verilog_refuse_cpp(project: Path, root: Path, command: str) -> None:
    code, output = run(command, project, "--hdl", "hls", "-o", root)
    assert code == 2
    assert f"hlsgen {command} works on Verilog" in output
    assert "hlsgen verify --hdl hls" in output
    if command == "prove":
        job = job_for(project, root)
        states(job)
        code, output = run(command, job.folder)
        assert (code, "works on Verilog" in output) == (2, True)


def test_sim_shows_each_layer(project: Path, root: Path) -> None:
    """The whole way, with the compiler that is there."""
    code, output = run("sim", project, "--hdl", "hls", "-o", root)
    assert code == 0, output
    graph = load(root / "tiny-ulx3s-hls" / "graph" / "final")
    for node in graph.nodes:
        assert node.name in output
    assert "kernel: equal" in output
    again = run("sim", root / "tiny-ulx3s-hls", "--frames", 7)
    assert again[0] == 0
    assert "7 test samples" in again[1]
    header = next(
        root / "tiny-ulx3s-hls" / "hls" / f"tiny_{node.name}.h"
        for node in graph.nodes
        if node.op.kind == "lut"
    )
    header.write_text(re.sub(r"0x\w+ULL", "0x0ULL", header.read_text()))
    code, output = run("sim", root / "tiny-ulx3s-hls")
    assert code == 1
    assert re.search(r"layer \w+, LUT \d+, table entry \d+: expected 1, got 0", output)
