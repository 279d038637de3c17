"""Compile a design with Verilator and a main program in C++, without cocotb: for long runs."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from hlsgen.paths import write_atomic
from hlsgen.tools import TOOLS
from hlsgen.tools.program_cache import ProgramCache
from hlsgen.tools.verilator import _CXXFLAGS, _includes, _runtime

# -O3: the flat netlist is small, and its clocks are many. The start values of registers and what
# nothing drives are drawn by the runtime, which the main program seeds.
_OPTIONS = (
    *("--cc", "--no-timing", "--prefix", "Vtop", "-O3"),
    *("--x-initial", "unique", "--x-assign", "unique", "--timescale", "1ns/1ps"),
)
# What runs in every clock, and what runs once.
_FAST, _SLOW = ("-O1",), ("-O0",)
_LIBRARIES = ("-pthread", "-latomic")
_NO_WARNING = (
    *("UNUSEDSIGNAL", "UNUSEDPARAM", "DECLFILENAME", "PINCONNECTEMPTY", "PINMISSING"),
    "SYNCASYNCNET",
)


def build_native(
    sources: Sequence[str],
    top: str,
    main: Path,
    folder: Path,
    logs: Path,
    *,
    defines: Sequence[str] = (),
) -> Path:
    """Compile `sources` and `main` and return the program.

    Args:
        sources: Verilog files, relative to the parent of `folder`.
        top: the top module; `main` finds it as class `Vtop` in `Vtop.h`.
        main: C++ file with the main program.
        folder: where generated C++ and the program go.
        logs: folder of the log files.
        defines: macros for the Verilog.

    Raises:
        ToolMissing: Verilator or the compiler is not there.
        ToolFailed: one of them failed; the message shows its first errors.
    """
    program = folder / "simulation"
    arguments = [
        *(*_OPTIONS, "--top-module", top, "--Mdir", folder.name),
        *("-Wall", *(f"-Wno-{name}" for name in _NO_WARNING)),
        *(f"+define+{name}" for name in defines),
        *sources,
    ]
    compiled_with = [*arguments, *_SLOW, *_FAST, *_CXXFLAGS]
    cached = ProgramCache(folder.parent, [*sources, str(main.resolve())], compiled_with)
    if cached.fetch(program):
        return program
    runtime = _runtime(logs)
    # A larger design before this one may have left more files.
    shutil.rmtree(folder, ignore_errors=True)
    TOOLS["verilator"].run(
        arguments,
        cwd=folder.parent,
        makes=[f"{folder.name}/Vtop.mk"],
        log_file=logs / "verilate.log",
    )
    _compile(main, runtime, folder, logs)
    cached.keep(program)
    return program


def _compile(main: Path, runtime: Path, folder: Path, logs: Path) -> None:
    """One file for each level of optimisation.

    Each file that reads Verilator's headers costs a second, and make would compile them twice for
    itself.
    """
    sources_cpp = sorted(path.name for path in folder.glob("Vtop*.cpp"))
    slow = [name for name in sources_cpp if name.endswith("__Slow.cpp")]
    fast = [name for name in sources_cpp if name not in slow]
    _include_all(folder / "slow.cpp", slow)
    _include_all(folder / "fast.cpp", [*fast, str(main.resolve())])
    common = (*_CXXFLAGS, *_includes(), "-I.", "-o")
    TOOLS["g++"].run(
        [*_SLOW, "-c", *common, "slow.o", "slow.cpp"],
        cwd=folder,
        makes=["slow.o"],
        log_file=logs / "compile.log",
    )
    TOOLS["g++"].run(
        [*_FAST, *common, "simulation", "fast.cpp", "slow.o", str(runtime), *_LIBRARIES],
        cwd=folder,
        makes=["simulation"],
        log_file=logs / "link.log",
    )


def _include_all(path: Path, names: Sequence[str]) -> None:
    write_atomic(path, "".join(f'#include "{name}"\n' for name in names))
