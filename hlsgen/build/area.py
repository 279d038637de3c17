"""Area of an AMD design from Yosys, where Vivado is not needed or not there."""

from __future__ import annotations

from collections.abc import Sequence

from hlsgen.emit.render import render
from hlsgen.plan import Plan, Step


def plan(name: str, rtl_files: Sequence[str]) -> Plan:
    """Synthesis of `<name>_axis` for UltraScale+: its netlist, and its cells in synth/stat.json."""
    top, core = f"{name}_axis", f"{name}_core"
    script = render("area/synth.ys.j2", sources=rtl_files, top=top, core=core)
    makes = (f"synth/{top}.json", "synth/stat.json")
    step = Step("yosys", ("-s", "synth/synth.ys"), makes, log="synth")
    return Plan({"synth/synth.ys": script}, (step,))
