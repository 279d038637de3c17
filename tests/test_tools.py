"""Tool: found or explained, and never a stale, half or missing product that passes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hlsgen.errors import ToolFailed, ToolMissing
from hlsgen.tools import TOOLS, Tool
from hlsgen.tools.tool import _find

MOCKS = Path(__file__).parent / "mock_tools"
VPP = TOOLS["v++"]
INSTALL = VPP.install
PLATFORM = "xilinx_u280_gen3x16_xdma_1_202211_1"
ARGS = ("-c", "--platform", PLATFORM, "-k", "a", "--hls.clock", "1:a", "-o", "out/a.xo", "a.cpp")
PLACES = "looked at $HLSGEN_V__, then v++ on PATH"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Build folder with the source; the mock is the tool; nothing is remembered."""
    _find.cache_clear()
    monkeypatch.setenv("HLSGEN_V__", str(MOCKS / "v++"))
    monkeypatch.setenv("PLATFORM_REPO_PATHS", str(MOCKS / "platforms"))
    monkeypatch.delenv("MOCK_MODE", raising=False)
    (tmp_path / "a.cpp").write_text("void a(int b) {}\n")
    return tmp_path


@pytest.fixture
def mode(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    return lambda name: monkeypatch.setenv("MOCK_MODE", name)


def run(folder: Path, tool: Tool = VPP, **options: object) -> str:
    options = {"makes": ["out/a.xo"], "log_file": folder / "logs/a.log"} | options
    return tool.run(ARGS, cwd=folder, **options)  # type: ignore[arg-type]


def failure(folder: Path, **options: object) -> str:
    """Message of a run that must fail and leave no product, though one lay there before."""
    product = folder / "out" / "a.xo"
    product.parent.mkdir(exist_ok=True)
    product.write_text("yesterday's")
    with pytest.raises(ToolFailed) as caught:
        run(folder, **options)
    assert not product.exists()
    return str(caught.value)


# --- runs -------------------------------------------------------------------------------------


def test_success_returns_the_output_and_logs_it_below_the_command(folder: Path) -> None:
    output = run(folder)
    assert output == "INFO: [v++] working on out/a.xo\n"
    assert (folder / "out/a.xo").read_text().startswith('{"MOCK": "no object file", "name": "a"')
    log = (folder / "logs/a.log").read_text()
    assert log == f"$ {MOCKS / 'v++'} {' '.join(ARGS)}\n{output}"


def test_replay_script_does_it_again(folder: Path) -> None:
    run(folder, env={"HLSGEN_TEST": "it's set"})
    (folder / "out/a.xo").unlink()
    script = folder / "logs" / "replay_a.sh"
    assert "export HLSGEN_TEST='it'\"'\"'s set'\n" in script.read_text()
    subprocess.run([script], cwd="/", check=True, capture_output=True)
    assert (folder / "out/a.xo").read_text().startswith('{"MOCK": "no object file", "name": "a"')


def test_error_line_and_exit_code(folder: Path, mode: Callable[[str], None]) -> None:
    mode("fail")
    assert failure(folder) == (
        "v++ failed: exit code 1\n"
        "ERROR: [v++ 17-70] Application Exception: out of licences\n"
        f"full log: {folder}/logs/a.log"
    )


def test_exit_code_0_without_product(folder: Path, mode: Callable[[str], None]) -> None:
    mode("silent")
    assert failure(folder) == (
        f"v++ failed: exit code 0; did not make {folder}/out/a.xo\n"
        "INFO: [v++] working on out/a.xo\n"
        f"full log: {folder}/logs/a.log"
    )


def test_exit_code_0_with_error_line(folder: Path, mode: Callable[[str], None]) -> None:
    mode("lying")
    assert failure(folder) == (
        "v++ failed: exit code 0, but errors in its output\n"
        "ERROR: [v++ 17-70] Application Exception: out of licences\n"
        f"full log: {folder}/logs/a.log"
    )


def test_one_product_of_two_missing_takes_the_other_with_it(folder: Path) -> None:
    message = failure(folder, makes=["out/a.xo", "out/a.rpt"])
    assert message.startswith(f"v++ failed: exit code 0; did not make {folder}/out/a.rpt\n")


def test_hanging_tool_is_ended(folder: Path, mode: Callable[[str], None]) -> None:
    run(folder)  # asks the version, which must not count
    mode("hang")
    start = time.monotonic()
    message = failure(folder, timeout_s=2.0)
    assert time.monotonic() - start < 20
    assert message == (
        "v++ failed: still running after 2 s; "
        f"did not make {folder}/out/a.xo\n"
        "INFO: [v++] working on out/a.xo\n"
        f"full log: {folder}/logs/a.log"
    )


def test_what_a_wrapper_started_ends_with_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Vivado is a shell script: its child must not make the product after we gave up."""
    wrapper = folder / "wrapper"
    wrapper.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && exec echo "v++ v2023.2"\n'
        "(sleep 3; echo late > out/a.xo) &\nwait\n"
    )
    wrapper.chmod(0o755)
    monkeypatch.setenv("HLSGEN_V__", str(wrapper))
    failure(folder, timeout_s=1.0)
    time.sleep(3)
    assert not (folder / "out/a.xo").exists()


def test_long_output_shows_its_end(folder: Path) -> None:
    script = "print(*range(1000), sep='\\n'); raise SystemExit(7)"
    tool = Tool(sys.executable, "test", "", version_pattern=r"Python ([\d.]+)")
    with pytest.raises(ToolFailed) as caught:
        tool.run(("-c", script), cwd=folder, makes=[], log_file=folder / "b.log")
    lines = str(caught.value).splitlines()
    assert lines[0].endswith("failed: exit code 7")
    assert lines[1:-1] == [str(n) for n in range(988, 1000)]


# --- finding ----------------------------------------------------------------------------------


def missing(tool: Tool = VPP) -> str:
    with pytest.raises(ToolMissing) as caught:
        tool.find()
    return str(caught.value)


def test_found_by_variable(folder: Path) -> None:
    found = VPP.find()
    assert (found.version, found.path) == ("2023.2", MOCKS / "v++")


def test_found_on_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HLSGEN_V__")
    monkeypatch.setenv("PATH", f"{MOCKS}{os.pathsep}{os.environ['PATH']}")
    assert TOOLS["vivado"].find().path == MOCKS / "vivado"
    assert VPP.find().path == MOCKS / "v++"


def test_not_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HLSGEN_V__")
    monkeypatch.setenv("PATH", str(folder))
    assert missing() == f"v++ not found ({PLACES}). {INSTALL}"


def test_variable_names_no_program(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HLSGEN_V__", "/nowhere/v++")
    assert missing() == "$HLSGEN_V__ is '/nowhere/v++', which is not a program"


def test_too_old(folder: Path, mode: Callable[[str], None]) -> None:
    mode("old")
    assert missing() == (
        f"v++ 2019.2 at {MOCKS / 'v++'} is too old: 2022.2 or newer is needed. {INSTALL}"
    )


def test_version_that_cannot_be_read(folder: Path, mode: Callable[[str], None]) -> None:
    mode("garbage")
    told = f"`{MOCKS / 'v++'} --version` told no version"
    assert missing() == f"v++ not found ({PLACES}; {told}). {INSTALL}"


@pytest.mark.parametrize(
    ("name", "text", "version"),
    [
        ("vivado", "vivado v2023.2 (64-bit)", "2023.2"),
        ("vivado", "Vivado v2021.1 (64-bit)", "2021.1"),
        ("v++", "****** v++ v2021.1 (64-bit)", "2021.1"),
        ("v++", "****** Vitis v++ Compiler v2022.2.1 (64-bit)", "2022.2"),
    ],
)
def test_version_lines_of_amd(tmp_path: Path, name: str, text: str, version: str) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho '{text}'\n")
    program.chmod(0o755)
    assert TOOLS[name].version((str(program),)) == version


def test_identity_follows_version_and_file(folder: Path, mode: Callable[[str], None]) -> None:
    first = VPP.find()
    assert first.identity == VPP.find().identity
    assert replace(first, version="2024.1").identity != first.identity
    other = folder / "v++"
    other.write_text("another program")
    assert replace(first, path=other).identity != first.identity


def test_default_flow_needs_no_amd_tool() -> None:
    needed = {tool.name for tool in TOOLS.values() if tool.default_flow}
    assert {"yosys", "verilator", "nextpnr-ecp5", "ecppack", "ecppll", "room"} <= needed
    assert not needed & {"vivado", "v++", "openFPGALoader", "nextpnr-xilinx", "icepack"}
