"""The Alveo flow's steps with mock tools: what runs, what is refused, and what is left behind."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from vitis_plans import HLS, PLATFORM, RTL, digits, hls

from hlsgen.errors import ToolFailed, ToolMissing
from hlsgen.plan import Step
from hlsgen.tools import TOOLS
from hlsgen.tools.tool import _find

MOCKS = Path(__file__).parent / "mock_tools"
KERNEL = """
extern "C" void digits_kernel(hls::stream<ap_axiu<512, 0, 0, 0>>& in_frames,
                              hls::stream<ap_axiu<512, 0, 0, 0>>& out_answers) {
    out_answers.write(in_frames.read());
}
"""


@pytest.fixture
def mocks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Build folder with the plan's files and RTL; the mock tools are the tools."""
    _find.cache_clear()
    for tool in ("vivado", "v++"):
        monkeypatch.setenv(TOOLS[tool].variable, str(MOCKS / tool))
    monkeypatch.setenv("PLATFORM_REPO_PATHS", str(MOCKS / "platforms"))
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
    made = (mocks / "digits.xclbin").read_text()
    assert made.startswith("# MOCK: no device program, a test's v++ made this\n")
    calls = [json.loads(line) for line in (mocks / "calls.json").read_text().splitlines()]
    assert calls == [[step.tool, *step.args] for step in digits().steps]


def test_the_mock_linker_reads_the_link_file(mocks: Path) -> None:
    *before, link = digits().steps
    for step in before:
        run_step(step, mocks)
    config = mocks / "vitis/link.cfg"
    config.write_text(config.read_text().replace("HBM[3]", "HBM[33]"))
    with pytest.raises(ToolFailed, match=r"ERROR: \[v\+\+\] sp=s2mm_2.answers:HBM\[33\]: the plat"):
        run_step(link, mocks)


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


@pytest.mark.parametrize(("tool", "oldest"), [("vivado", "2021.1"), ("v++", "2022.2")])
def test_missing_tool_leaves_the_finished_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: str, oldest: str
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
        f" Vitis {oldest} or newer (it brings Vivado) with the board's platform, then run `source"
        " <install>/Vitis/<version>/settings64.sh` in this shell."
    )
    assert all((tmp_path / name).is_file() for name in made.files)


def test_missing_platform_is_named_before_anything_runs(
    mocks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = mocks / "platforms" / "xilinx_u50" / "xilinx_u50.xpfm"
    other.parent.mkdir(parents=True)
    other.touch()
    monkeypatch.setenv("PLATFORM_REPO_PATHS", str(mocks / "platforms"))
    monkeypatch.delenv("XILINX_VITIS", raising=False)
    with pytest.raises(ToolMissing) as caught:
        run_step(digits().steps[1], mocks)
    assert str(caught.value) == (
        f"the Vitis platform {PLATFORM} is not installed: $PLATFORM_REPO_PATHS and"
        f" {mocks}/platforms, /opt/xilinx/platforms hold xilinx_u50. Get the card's development"
        " target platform from AMD's page of the card (Alveo, Getting Started) and install it, or"
        " set PLATFORM_REPO_PATHS to the folder that holds it."
    )
    assert not (mocks / "calls.json").exists()
    monkeypatch.setenv("PLATFORM_REPO_PATHS", "")
    with pytest.raises(ToolMissing, match=r"/opt/xilinx/platforms hold no platform\. Get"):
        run_step(digits().steps[1], mocks)


def test_a_platform_of_the_vitis_installation_is_found(
    mocks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = mocks / "Vitis"
    (installed / "platforms").mkdir(parents=True)
    monkeypatch.setenv("XILINX_VITIS", str(installed))
    monkeypatch.setenv("PLATFORM_REPO_PATHS", "")
    with pytest.raises(ToolMissing, match="not installed"):
        run_step(digits().steps[1], mocks)
    shutil.copytree(MOCKS / "platforms" / PLATFORM, installed / "platforms" / PLATFORM)
    with pytest.raises(ToolFailed, match="no platform was found"):  # by the mock, which looks less
        run_step(digits().steps[1], mocks)


def test_a_platform_may_be_a_file(mocks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLATFORM_REPO_PATHS", "")
    file = MOCKS / "platforms" / PLATFORM / f"{PLATFORM}.xpfm"
    for name, error in ((str(file), ToolFailed), (f"{file}.xpfm", ToolMissing)):
        step = digits().steps[1]
        args = [name if word == PLATFORM else word for word in step.args]
        with pytest.raises(error, match="platform"):  # the mock knows names only
            run_step(replace(step, args=tuple(args)), mocks)


def test_tools_of_two_releases_are_refused(mocks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOCK_VERSION_VPP", "2022.2")
    *before, link = digits().steps
    for step in before:
        run_step(step, mocks)
    with pytest.raises(ToolMissing) as caught:
        run_step(link, mocks)
    assert str(caught.value).startswith(
        f"v++ at {MOCKS / 'v++'} is of release 2022.2, vivado at {MOCKS / 'vivado'} of 2023.2:"
        " kernels of one release are not linked by another."
    )
    assert not (mocks / "digits.xclbin").exists()


def test_hls_runs_through_with_the_mock_tools(mocks: Path) -> None:
    made = hls()
    made.write(mocks)
    (mocks / "hls").mkdir()
    for name in HLS:
        (mocks / name).write_text("// nothing\n")
    with pytest.raises(ToolFailed, match="no function digits_kernel"):
        run_step(made.steps[0], mocks)
    (mocks / HLS[0]).write_text(KERNEL)
    for step in made.steps:
        run_step(step, mocks)
    assert (mocks / "digits.xclbin").is_file()
