"""The stage emit: read a graph, write its Verilog."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.figure import Figure, Figures, seconds
from benchmarks.networks import FABRIC, pipelined, random_network
from hlsgen.emit import emit
from hlsgen.graph import load, save


def measure() -> Figures:
    """Time for 10,000 and 100,000 LUTs; their ratio shows whether the effort stays linear."""
    small, large = _seconds(10_000, 9), _seconds(100_000, 3)
    return {
        "time_10k": Figure(small, "s"),
        "time_100k": Figure(large, "s", at_most=15),
        "time_ratio": Figure(large / small, "", at_most=12),
    }


def _seconds(luts: int, repeats: int) -> float:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save(pipelined(random_network(luts)), folder / "graph")
        return seconds(
            lambda: emit(load(folder / "graph"), 8, FABRIC).write(folder / "out"), repeats
        )
