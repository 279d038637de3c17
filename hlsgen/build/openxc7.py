"""openXC7 in place of Vivado: Yosys, nextpnr-xilinx and Project X-Ray, where they are installed.

Cells are counted and the netlist of the core is proved as for Vivado; of what comes after nothing
is read back. The commands are those of openXC7's demo projects. Their databases lie where the user
put them, so they are looked for when the plan is made, and its steps name them.
"""

from __future__ import annotations

from hlsgen.boards import Board
from hlsgen.build import vivado
from hlsgen.emit.render import render
from hlsgen.errors import ToolMissing
from hlsgen.graph.ir import Graph
from hlsgen.plan import Plan, Step
from hlsgen.tools import TOOLS
from hlsgen.tools.openxc7 import databases

STEPS = ("yosys", "nextpnr-xilinx", "fasm2frames", "xc7frames2bit")
# Vivado's copies of the libraries: here the macros choose the primitives.
_COPIES = ("vivado/hlsgen_lut.v", "vivado/hlsgen_carry.v")


def chosen(board: Board) -> bool:
    """Whether openXC7 builds for `board` here: it is there, and Vivado is not."""
    seven_series = board.flow == "vivado" and board.fabric == "xc7"
    return (
        seven_series and board.shell.kind == "uart" and _is_there("nextpnr-xilinx")
        and not _is_there("vivado")
    )  # fmt: skip


def _is_there(tool: str) -> bool:
    try:
        TOOLS[tool].find()
    except ToolMissing:
        return False
    return True


def plan(graph: Graph, board: Board, rtl: Plan, clock_mhz: float, seed: int) -> Plan:
    """Files and steps from the emitted `rtl` to `<name>.bit`, with the top module for Vivado.

    Raises:
        ConfigError: see `hlsgen.build.vivado.plan`.
        ToolMissing: a database of openXC7 is not where its variable says.
    """
    name, top = graph.name, f"{graph.name}_top"
    chip, family = databases(board.part)
    files = {
        file: text
        for file, text in vivado.plan(graph, board, rtl, clock_mhz).files.items()
        if file.endswith(".v") and file not in _COPIES
    }
    netlist, fasm, frames = (f"route/{top}.{kind}" for kind in ("json", "fasm", "frames"))
    script = render(
        "nextpnr/openxc7.ys.j2", sources=sorted({**rtl.files, **files}), top=top, netlist=netlist
    )
    files |= {
        "route/synth.ys": script,
        "route/pins.xdc": render("nextpnr/pins.xdc.j2", board=board),
    }
    place = (
        *("--chipdb", str(chip), "--xdc", "route/pins.xdc"),
        *("--freq", f"{clock_mhz:g}", "--seed", str(seed), "--json", netlist, "--fasm", fasm),
    )
    yaml = family / board.part / "part.yaml"
    pack = (
        *("--part_file", str(yaml), "--part_name", board.part),
        *("--frm_file", frames, "--output_file", f"{name}.bit"),
    )
    assemble = ("--part", board.part, "--db-root", str(family), fasm, frames)
    return Plan(
        files,
        (
            Step("yosys", ("-s", "route/synth.ys"), (netlist,), log="openxc7_synth"),
            Step("nextpnr-xilinx", place, (fasm,), (netlist,), log="openxc7_route"),
            Step("fasm2frames", assemble, (frames,), (fasm,), log="openxc7_frames"),
            Step("xc7frames2bit", pack, (f"{name}.bit",), (frames,), log="openxc7_pack"),
        ),
    )
