"""Netlists of other tools as and-inverter graphs: Yosys' gates and the cells of the families."""

from hlsgen.netlist.design import Cell, Design, Flat, read_design, yosys_share
from hlsgen.netlist.unroll import Pipeline

__all__ = ["Cell", "Design", "Flat", "Pipeline", "read_design", "yosys_share"]
