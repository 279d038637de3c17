"""The FPGA families that cores are synthesised for and proved on, with the open tools."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hlsgen.emit import kept, modules_of
from hlsgen.emit.render import render
from hlsgen.graph.ir import Graph
from hlsgen.plan import Plan, Step


@dataclass(frozen=True)
class Family:
    """How Yosys maps a core: options of read_verilog, and the synthesis command."""

    name: str
    macro: str
    synth: str


FAMILIES = {
    family.name: family
    for family in (
        Family("xcup", "-DHLSGEN_XILINX", "synth_xilinx -family xcup -noiopad -flatten"),
        Family("ecp5", "-DHLSGEN_ECP5", "synth_ecp5 -abc9"),
        Family("ice40", "-DHLSGEN_ICE40", "synth_ice40"),
        Family(
            "xc7",
            "-DHLSGEN_XILINX -DHLSGEN_XC7",
            "synth_xilinx -family xc7 -noiopad -flatten",
        ),
        Family("gowin", "-DHLSGEN_GOWIN", "synth_gowin -noiopads"),
        Family("nexus", "-DHLSGEN_NEXUS", "synth_nexus -noiopad"),
    )
}


def rtl_plan(graph: Graph, sources: Sequence[str]) -> Plan:
    """The Verilog `sources` of `graph` as gates, in prove/rtl.json."""
    script = render("proof/rtl.ys.j2", sources=sources, top=f"{graph.name}_core")
    step = Step("yosys", ("-s", "prove/rtl.ys"), ("prove/rtl.json",), log="prove_rtl")
    return Plan({"prove/rtl.ys": script}, (step,))


def family_plan(graph: Graph, sources: Sequence[str], family: Family) -> Plan:
    """The core mapped to a family: layer by layer, and as one."""
    top = f"{graph.name}_core"
    # Of a core that streams each pipeline stays one by itself.
    walls = [name for name in kept(graph)["cores"] if name != top]
    layers = [*modules_of(graph).values(), *walls]
    values = {"sources": sources, "top": top, "family": family}
    script = render("proof/synth.ys.j2", **values, layers=layers, walls=walls)
    makes = tuple(f"prove/{family.name}_{part}.json" for part in ("layers", "core"))
    file = f"prove/{family.name}.ys"
    return Plan({file: script}, (Step("yosys", ("-s", file), makes, log=f"prove_{family.name}"),))
