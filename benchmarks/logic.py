"""What the passes on tables save where tables read tables: random networks of four layers."""

from __future__ import annotations

from benchmarks.figure import Figure, Figures
from benchmarks.networks import CLOCK_MHZ, random_network
from hlsgen.graph.fabric import FABRICS
from hlsgen.passes import opt, size
from hlsgen.tools.abc import map_tables

LUTS, LAYERS = 1200, 4
# Family and inputs of each table.
CASES = (("xcup", 2), ("ecp5", 3))


def measure() -> Figures:
    """LUTs of the core as exported, after the passes without ABC, and with it."""
    figures: Figures = {}
    for family, fan_in in CASES:
        fabric = FABRICS[family]
        graph = random_network(LUTS, LAYERS, fan_in=fan_in, repeats=0.2)
        plain = opt(graph, fabric, CLOCK_MHZ)
        mapped = opt(graph, fabric, CLOCK_MHZ, mapper=map_tables)
        for stage, made in (("exported", graph), ("passes", plain), ("abc", mapped)):
            luts = size(made, fabric).area.lut
            figures[f"{family}_{fan_in}_{stage}"] = Figure(luts, "LUT")
    return figures
