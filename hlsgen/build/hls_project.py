"""The C++ of a network as a project of Vitis HLS: simulation, synthesis, co-simulation, export.

Two generations of the tool read the same Tcl: `vitis_hls -f` and, from 2025 on, `vitis-run --mode
hls --tcl` (see `hlsgen.tools.hls_module`). AMD UG1399, "Vitis HLS Command Reference".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hlsgen.emit.render import render
from hlsgen.errors import ConfigError
from hlsgen.plan import Plan, Step

FOLDER = "vitis_hls"
_PROJECT, _SOLUTION = f"{FOLDER}/project", "solution"
_MADE = f"{_PROJECT}/{_SOLUTION}"
# Where the exported IP lies, a repository for Vivado's catalogue.
IP = f"{_MADE}/impl/ip"
# What synthesis reports; the second is for people.
REPORTS = (f"{_MADE}/syn/report/csynth.xml", f"{_MADE}/syn/report/csynth.rpt")

_PURPOSES = {
    "csim": "C simulation",
    "csynth": "Synthesis and export",
    "cosim": "C and RTL co-simulation",
}


def plan(name: str, part: str, sources: Sequence[str], clock_mhz: float) -> Plan:
    """Scripts below `vitis_hls/`, and the step that synthesises and exports the kernel as an IP.

    Args:
        name: of the network; the top function is `<name>_kernel` in hls/<name>_kernel.cpp.
        part: device with package and speed grade.
        sources: files below hls/; those that end in `_tb.cpp` or `.dat` are its test bench.
        clock_mhz: clock of the kernel.

    Raises:
        ConfigError: no file with the top function among the sources, or no clock.
    """
    kernel = f"{name}_kernel"
    main = f"hls/{kernel}.cpp"
    if main not in sources:
        raise ConfigError(f"{main} with the top function {kernel} is missing in the sources")
    if clock_mhz <= 0:
        raise ConfigError(f"hardware.clock_mhz is {clock_mhz:g}, must be above 0")
    kernels = compiled(sources)
    benches = [file for file in sources if file not in kernels]
    export = f"export_design -format ip_catalog -vendor hlsgen -library kernel -ipname {kernel}"
    stages = {
        "csim": ["csim_design"],
        "csynth": ["csynth_design", f"{export} -version 1.0"],
        "cosim": ["cosim_design -rtl verilog"],
    }
    if not benches:
        stages = {"csynth": stages["csynth"]}
    settings: dict[str, object] = {
        "folder": _PROJECT,
        "solution": _SOLUTION,
        "include": "hls",
        "kernel": kernel,
        "part": part,
        "period_ns": 1000.0 / clock_mhz,
        "sources": [file for file in kernels if file.endswith(".cpp")],
        "benches": benches,
    }
    files = {
        f"{FOLDER}/{stage}.tcl": _script(stage, commands, settings)
        for stage, commands in stages.items()
    }
    script = f"{FOLDER}/csynth.tcl"
    step = Step("vitis_hls", ("-f", script), (*REPORTS, f"{IP}/component.xml"),
                (script, *sources), "csynth")  # fmt: skip
    return Plan(files, (step,))


def compiled(sources: Sequence[str]) -> list[str]:
    """The files that hardware is made of: `sources` without the test bench."""
    return [file for file in sources if not file.endswith(("_tb.cpp", ".dat"))]


def _script(stage: str, commands: Sequence[str], settings: Mapping[str, object]) -> str:
    """One stage's script; co-simulation goes on from what synthesis left."""
    return render(
        "vitis_hls/project.tcl.j2",
        purpose=_PURPOSES[stage],
        stage=stage,
        reset=stage != "cosim",
        commands=commands,
        **settings,
    )
