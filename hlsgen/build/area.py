"""Area of an AMD design from Yosys, where Vivado is not needed or not there."""

from __future__ import annotations

from collections.abc import Sequence

from hlsgen.emit import kept
from hlsgen.emit.render import render
from hlsgen.graph.ir import Graph
from hlsgen.plan import Plan, Step

# What the libraries of the emitted Verilog want defined, so that they are made of primitives.
MACROS = {"xcup": ("HLSGEN_XILINX",), "xc7": ("HLSGEN_XILINX", "HLSGEN_XC7")}


def plan(graph: Graph, rtl_files: Sequence[str], fabric: str = "xcup") -> Plan:
    """Synthesis of `<graph>_axis` for UltraScale+ ("xcup") or the 7 series ("xc7").

    It makes the netlist and two counts of cells: synth/layers.json by module, where each layer is
    one, and synth/stat.json of the whole without any hierarchy.
    """
    top = f"{graph.name}_axis"
    defines = " ".join(f"-D{macro}" for macro in MACROS[fabric])
    script = render(
        "area/synth.ys.j2",
        sources=rtl_files,
        top=top,
        fabric=fabric,
        defines=defines,
        **kept(graph),
    )
    makes = (f"synth/{top}.json", "synth/layers.json", "synth/stat.json")
    step = Step("yosys", ("-s", "synth/synth.ys"), makes, log="synth")
    return Plan({"synth/synth.ys": script}, (step,))
