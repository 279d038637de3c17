"""One way to make the Verilog of a network, ready to be counted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hlsgen import __version__
from hlsgen.graph import Graph


class NotRun(Exception):
    """A peer cannot be measured here; the message says why."""


@dataclass(frozen=True)
class Variant:
    """Verilog `sources` whose module `top` has the ports x and y, in the order of hlsgen's frame.

    Args:
        tool: what made the Verilog, with its version.
        sources: files that Yosys reads.
        top: the module to count.
        latency: clock cycles from x to y.
        note: what a reader must know of the row.
    """

    tool: str
    sources: tuple[Path, ...]
    top: str = "core"
    latency: int = 0
    note: str = ""


def core(folder: Path, final: Graph) -> Variant:
    """Hlsgen's own: the core of a build folder, from input words to the class, without shell."""
    shells = {f"{final.name}_{shell}.v" for shell in ("axis", "stage", "uart")}
    paths = sorted((folder / "rtl").glob("*.v"))
    sources = tuple(path for path in paths if path.name not in shells)
    latency = final.latency[final.outputs[0]]
    tool, top = f"hlsgen {__version__}", f"{final.name}_core"
    return Variant(tool, sources, top, latency, f"latency {latency}")
