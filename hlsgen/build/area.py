"""Area of an AMD design from Yosys, where Vivado is not needed or not there."""

from __future__ import annotations

from collections.abc import Sequence

from hlsgen.emit import kept
from hlsgen.emit.render import render
from hlsgen.graph.ir import Graph
from hlsgen.plan import Plan, Step


def plan(graph: Graph, rtl_files: Sequence[str]) -> Plan:
    """Synthesis of `<graph>_axis` for UltraScale+.

    It makes the netlist and two counts of cells: synth/layers.json by module, where each layer is
    one, and synth/stat.json of the whole without any hierarchy.
    """
    top = f"{graph.name}_axis"
    script = render("area/synth.ys.j2", sources=rtl_files, top=top, **kept(graph))
    makes = (f"synth/{top}.json", "synth/layers.json", "synth/stat.json")
    step = Step("yosys", ("-s", "synth/synth.ys"), makes, log="synth")
    return Plan({"synth/synth.ys": script}, (step,))
