"""Vitis HLS of two generations behind one name, and the project that it is given."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from hlsgen.build import hls_project
from hlsgen.errors import ConfigError, ToolFailed, ToolMissing
from hlsgen.tools import TOOLS

MOCKS = Path(__file__).parent / "mock_tools"
SOURCES = ["hls/net.h", "hls/net_kernel.cpp", "hls/net_tb.cpp", "hls/vectors.dat"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_tools: None) -> Path:
    """Build folder with a plan; neither tool is there."""
    tools = tmp_path / "tools"
    tools.mkdir()
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("MOCK_RECORD", str(tmp_path / "calls.json"))
    for name in ("vitis_hls", "vitis-run"):
        monkeypatch.delenv(TOOLS[name].variable, raising=False)
    for name in SOURCES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("\n")
    hls_project.plan("net", "xc7z020clg400-1", SOURCES, 100.0).write(tmp_path)
    return tmp_path


def install(folder: Path, *names: str) -> None:
    """Put mocks on PATH."""
    for name in names:
        script = folder / "tools" / name
        script.write_text(f'#!/bin/sh\nexec "{MOCKS / name}" "$@"\n')
        script.chmod(0o755)


def run(folder: Path) -> list[list[str]]:
    """Run the plan's step; the calls that reached a tool."""
    step = hls_project.plan("net", "xc7z020clg400-1", SOURCES, 100.0).steps[0]
    tool = TOOLS[step.tool]
    tool.run(step.args, cwd=folder, makes=step.makes, log_file=folder / "logs" / "csynth.log")
    return [json.loads(line) for line in (folder / "calls.json").read_text().splitlines()]


SCRIPT = "vitis_hls/csynth.tcl"


@pytest.mark.parametrize(
    ("installed", "call"),
    [
        (("vitis_hls",), ["vitis_hls", "-f", SCRIPT]),
        (("vitis-run",), ["vitis-run", "--mode", "hls", "--tcl", SCRIPT]),
        (("vitis_hls", "vitis-run"), ["vitis_hls", "-f", SCRIPT]),
    ],
)
def test_either_generation_runs_the_script(
    folder: Path, installed: tuple[str, ...], call: list[str]
) -> None:
    install(folder, *installed)
    assert run(folder) == [call]
    assert (folder / hls_project.IP / "component.xml").is_file()
    assert TOOLS["vitis_hls"].find().version == "2023.2"


def test_neither_is_told_with_what_to_do(folder: Path) -> None:
    with pytest.raises(ToolMissing, match=r"vitis_hls not found .*Install AMD Vitis"):
        run(folder)


@pytest.mark.parametrize("name", ["vitis_hls", "vitis-run"])
def test_an_old_release_is_refused(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(folder, name)
    monkeypatch.setenv("MOCK_MODE", "old")
    with pytest.raises(ToolMissing):
        run(folder)


@pytest.mark.parametrize("mode", ["fail", "silent", "lying"])
@pytest.mark.parametrize("name", ["vitis_hls", "vitis-run"])
def test_yesterdays_ip_never_passes(
    folder: Path, name: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(folder, name)
    run(folder)
    monkeypatch.setenv("MOCK_MODE", mode)
    with pytest.raises(ToolFailed, match=r"^vitis_hls failed: "):
        run(folder)
    assert not (folder / hls_project.IP / "component.xml").exists()


# --- the project ----------------------------------------------------------------------------------


def test_sources_and_bench_are_told_apart() -> None:
    files = hls_project.plan("net", "part", SOURCES, 250.0).files
    script = str(files["vitis_hls/csim.tcl"])
    assert 'add_files hls/net_kernel.cpp -cflags "-std=c++14 -Ihls"\n' in script
    assert "add_files -tb hls/net_tb.cpp " in script
    assert "add_files -tb hls/vectors.dat " in script
    assert "create_clock -period 4.000 -name default\n" in script
    assert "hls/net.h" not in script
    assert script.endswith("csim_design\nclose_project\nexit\n")


def test_without_a_bench_nothing_is_simulated() -> None:
    files = hls_project.plan("net", "part", ["hls/net_kernel.cpp"], 250.0).files
    assert set(files) == {"vitis_hls/csynth.tcl"}


@pytest.mark.parametrize(
    ("sources", "clock_mhz", "message"),
    [
        (
            ["hls/other.cpp"],
            100.0,
            "hls/net_kernel.cpp with the top function net_kernel",
        ),
        (SOURCES, 0.0, "hardware.clock_mhz is 0, must be above 0"),
    ],
)
def test_what_cannot_be_built(sources: list[str], clock_mhz: float, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        hls_project.plan("net", "part", sources, clock_mhz)
