"""Area of an AMD design from Yosys, where Vivado is not needed or not there."""

from __future__ import annotations

from collections.abc import Sequence

from hlsgen.emit.render import render
from hlsgen.plan import Plan, Step


def plan(name: str, rtl_files: Sequence[str]) -> Plan:
    """Synthesis of `<name>_axis` for UltraScale+, and its cell counts in synth/stat.json."""
    script = render("area/synth.ys.j2", sources=rtl_files, top=f"{name}_axis")
    step = Step("yosys", ("-s", "synth/synth.ys"), ("synth/stat.json",), log="synth")
    return Plan({"synth/synth.ys": script}, (step,))
