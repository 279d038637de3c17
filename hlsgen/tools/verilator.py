"""Compile a design with Verilator and cocotb's VPI library; run cocotb benches on it."""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path

from hlsgen.errors import ToolFailed, ToolMissing
from hlsgen.tools import TOOLS
from hlsgen.tools.program_cache import ProgramCache, cache_folder
from hlsgen.tools.tool import run_command

# The part of the simulator that does not depend on the design.
_RUNTIME = ("verilated", "verilated_vpi", "verilated_threads", "verilated_dpi")
_CXXFLAGS = (
    *("-std=gnu++17", "-DVERILATOR=1", "-DVM_SC=0", "-DVM_TIMING=0", "-DVM_COVERAGE=0"),
    *("-DVM_TRACE=0", "-DVM_TRACE_FST=0", "-DVM_TRACE_VCD=0", "-DVM_TRACE_SAIF=0"),
)
# Three small files a module, Verilator's default, would each read the same large headers.
_GROUPED = ("--output-groups", str(os.cpu_count() or 1))
# A layer becomes one huge function. With shared loads its values outnumber the registers so far
# that g++ spends most of its time there; without them -O1 compiles four times as fast.
_FAST = "OPT_FAST=-O1 -fno-tree-fre -fno-tree-dominator-opts"
_QUIET = ("-Wno-lint", "-Wno-style", "-Wno-fatal", "-Wno-TIMESCALEMOD", "-Wno-UNOPTFLAT")
_NO_WARNING = ("WIDTHEXPAND", "WIDTHTRUNC", "UNUSEDSIGNAL", "DECLFILENAME", "PINCONNECTEMPTY")


def build(
    sources: Sequence[str],
    top: str,
    folder: Path,
    logs: Path,
    *,
    parameters: Mapping[str, int] | None = None,
    lint: bool = True,
) -> Path:
    """Compile `sources` and return the simulation program.

    A program that was compiled from the same bytes by the same tools comes from the user's cache.

    Args:
        sources: Verilog and `.vlt` files, relative to the parent of `folder`.
        top: module whose public ports the bench drives.
        folder: where generated C++ and the program go.
        logs: folder of the log files.
        parameters: values of the top module's parameters.
        lint: whether Verilator's warnings are errors; not for Verilog of other tools.

    Raises:
        ToolMissing: Verilator, make or the compiler is not there.
        ToolFailed: one of them failed; the message shows its first errors.
    """
    program = folder / "simulation"
    arguments = _arguments(sources, top, folder.name, parameters or {}, lint)
    # A program loads cocotb's library from the environment that it was linked in.
    compiled_with = [*arguments, *_CXXFLAGS, _FAST, version("cocotb"), str(_cocotb_libs())]
    cached = ProgramCache(folder.parent, sources, compiled_with)
    if cached.fetch(program):
        return program
    runtime = _runtime(logs)
    _compile(arguments, folder, logs)
    cached.keep(_link(runtime, folder, logs))
    return program


def _compile(arguments: Sequence[str], folder: Path, logs: Path) -> None:
    """The model's library, libVtop.a in `folder`."""
    programs, objects = _programs(), folder.name
    TOOLS["verilator"].run(
        arguments,
        cwd=folder.parent,
        makes=[f"{objects}/Vtop.mk"],
        log_file=logs / "verilate.log",
    )
    TOOLS["make"].run(
        [
            *("-C", objects, "-f", "Vtop.mk", f"-j{os.cpu_count() or 1}", *programs),
            *("CFG_CXXFLAGS_PCH_I=-include", _FAST, "OPT_SLOW=-O0", "libVtop.a"),
        ],
        cwd=folder.parent,
        makes=[f"{objects}/libVtop.a"],
        log_file=logs / "compile.log",
        env={"VERILATOR_ROOT": str(root())},
    )


def _arguments(
    sources: Sequence[str], top: str, objects: str, parameters: Mapping[str, int], lint: bool
) -> list[str]:
    return [
        *("--cc", "--vpi", "--no-timing", "--prefix", "Vtop", "--top-module", top),
        # The data-flow optimisation would write the same logic out again at each place.
        *("--Mdir", objects, "-O3", "-fno-dfg", "--timescale", "1ns/1ps"),
        *_GROUPED,
        *(("-Wall", *(f"-Wno-{name}" for name in _NO_WARNING)) if lint else _QUIET),
        *(f"-G{name}={value}" for name, value in parameters.items()),
        *sources,
    ]


def root() -> Path:
    """Folder of the Verilator that is run; its C++ sources are in `include`.

    Raises:
        ToolMissing: no Verilator, or one without its sources.
    """
    return _root_of(TOOLS["verilator"].find().command)


@cache
def _root_of(command: tuple[str, ...]) -> Path:
    asking = [*command, "--getenv", "VERILATOR_ROOT"]
    told = subprocess.run(asking, capture_output=True, text=True, timeout=120, check=False)
    folder = Path(told.stdout.strip())
    if not (folder / "include" / "verilated.cpp").is_file():
        raise ToolMissing(
            f"verilator at {command[-1]} has no include/verilated.cpp (looked in"
            f" {told.stdout.strip()!r}, which `{shlex.join(asking)}` told). Install it whole."
        )
    return folder


def _programs() -> list[str]:
    """For make: the wheel's makefile names those of the machine that it was built on."""
    perl, compiler = (shlex.join(TOOLS[name].find().command) for name in ("perl", "g++"))
    return [f"CXX={compiler}", f"LINK={compiler}", "AR=ar", f"PERL={perl}",
            f"PYTHON3={sys.executable}"]  # fmt: skip


def _includes() -> list[str]:
    include = root() / "include"
    return [f"-I{include}", f"-I{include / 'vltstd'}"]


def _cocotb_libs() -> Path:
    from cocotb_tools import config

    return Path(config.libs_dir)


def _link(runtime: Path, folder: Path, logs: Path) -> Path:
    """The program: the model linked with cocotb's main program and library and the runtime."""
    from cocotb_tools import config

    main = Path(config.share_dir) / "lib" / "verilator" / "verilator.cpp"
    libs = _cocotb_libs()
    TOOLS["g++"].run(
        [
            *("-O0", *_CXXFLAGS, *_includes(), "-I.", "-o", "simulation", str(main)),
            *("libVtop.a", str(runtime), f"-L{libs}", f"-Wl,-rpath,{libs}"),
            *("-lcocotbvpi_verilator", "-pthread", "-latomic"),
        ],
        cwd=folder,
        makes=["simulation"],
        log_file=logs / "link.log",
    )
    return folder / "simulation"


def _runtime(logs: Path) -> Path:
    """The compiled runtime library, from the user's cache if these versions were built before."""
    programs = [TOOLS[name].find() for name in ("verilator", "g++")]
    key = "|".join([*(found.identity for found in programs), str(root()), *_CXXFLAGS])
    digest = hashlib.sha256(key.encode()).hexdigest()[:16]
    folder = cache_folder() / f"verilated-{digest}"
    library = folder / "libverilated.a"
    if library.is_file():
        return library
    partial = f"libverilated.{os.getpid()}.a"
    objects = []
    for name in _RUNTIME:
        source = root() / "include" / f"{name}.cpp"
        objects.append(f"{name}.{os.getpid()}.o")
        TOOLS["g++"].run(
            ["-Os", *_CXXFLAGS, *_includes(), "-c", str(source), "-o", objects[-1]],
            cwd=folder,
            makes=objects[-1:],
            log_file=logs / f"runtime_{name}.log",
        )
    command = ["ar", "rcs", partial, *objects]
    run_command("ar", command, cwd=folder, makes=[partial], log_file=logs / "runtime.log", env={})
    # Renamed when whole: two builds at once end with the same library.
    (folder / partial).replace(library)
    for name in objects:
        (folder / name).unlink()
    return library


def simulate(
    program: Path,
    top: str,
    module: str,
    *,
    tests: Collection[str],
    results: Path,
    log_file: Path,
    env: Mapping[str, str],
    seed: int = 1,
    timeout_s: float | None = None,
) -> list[str]:
    """Run the cocotb tests of Python `module` on `program`; return the failures.

    Args:
        program: what `build` returned.
        top: the top module.
        module: importable module with the tests.
        tests: names of the tests that must have run, and no others.
        results: where the `results.xml` goes.
        log_file: the simulation's log.
        env: variables for the bench.
        seed: of the bench's random numbers.
        timeout_s: end the simulation after so long.

    Returns:
        One line for each failed test: its name and message.

    Raises:
        ToolFailed: the simulation crashed or hung, or other tests ran.
    """
    output = run_command(
        "simulation",
        [str(program.resolve())],
        cwd=results.parent,
        makes=[results.name],
        log_file=log_file,
        env={**_bench(top, module, results, seed), **env},
        timeout_s=timeout_s,
        errors=r"^%Error\b",
    )
    return failures(results, tests, output)


def _bench(top: str, module: str, results: Path, seed: int) -> dict[str, str]:
    """What tells cocotb which tests of which Python to run."""
    from cocotb_tools import config

    return {
        "GPI_USERS": f"{libpython()};{config.pygpi_entry_point()}",
        "PYGPI_PYTHON_BIN": sys.executable,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "COCOTB_TEST_MODULES": module,
        "COCOTB_TOPLEVEL": top,
        "TOPLEVEL_LANG": "verilog",
        "COCOTB_RESULTS_FILE": str(results.resolve()),
        "COCOTB_RANDOM_SEED": str(seed),
        "COCOTB_TRUST_INERTIAL_WRITES": "1",
        "COCOTB_ANSI_OUTPUT": "0",
    }


def libpython() -> str:
    """The shared library of this Python, which cocotb loads into the simulator.

    Raises:
        ToolMissing: there is none.
    """
    from find_libpython import find_libpython

    path = find_libpython()
    if not path:
        release = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise ToolMissing(
            f"libpython not found (looked where Python {release} keeps its libraries)."
            f" Install it: apt install libpython{release}."
        )
    return str(path)


def failures(results: Path, tests: Collection[str], output: str = "") -> list[str]:
    """Failed tests of a `results.xml`; cocotb itself ends with exit code 0 whatever happened.

    Raises:
        ToolFailed: the file is damaged, or holds other tests than `tests`.
    """
    try:
        cases = ET.parse(results).getroot().findall(".//testcase")
    except ET.ParseError as error:
        raise ToolFailed(f"{results}: damaged or truncated: {error}") from error
    ran = sorted(case.get("name") or "" for case in cases)
    if ran != sorted(tests):
        last = "\n".join(output.splitlines()[-8:])
        raise ToolFailed(
            f"{results}: tests that ran: {', '.join(ran) or 'none'};"
            f" expected: {', '.join(sorted(tests))}\n{last}"
        )
    broken = []
    for case in cases:
        for problem in [*case.findall("failure"), *case.findall("error"), *case.findall("skipped")]:
            message = problem.get("message") or problem.get("error_msg")
            text = message or (problem.text or "").strip()
            broken.append(f"{case.get('name')}: {text}")
    return broken
