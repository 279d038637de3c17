"""What synthesis and place and route make of the emitted Verilog."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from hlsgen.boards import load_board
from hlsgen.build import board_plan, run_step, vitis
from hlsgen.emit import emit
from hlsgen.emit.verilog import library
from hlsgen.errors import ToolFailed
from hlsgen.graph import Graph, Node, check, random_feeds
from hlsgen.graph.fabric import FABRICS
from hlsgen.graph.ir import Constants
from hlsgen.graph.ops import Count, Input, Lut, Register
from hlsgen.plan import Plan
from hlsgen.tools import TOOLS
from rtl_tests.designs import ECP5, random_lut, random_network, with_latency

FAN_INS = (1, 2, 3, 4, 5, 6)
XCUP = FABRICS["xcup"]


def yosys(folder: Path, *script: str) -> None:
    """Run a script in `folder`."""
    path = folder / "script.ys"
    path.write_text("\n".join(script) + "\n")
    TOOLS["yosys"].run(
        ["-s", path.name], cwd=folder, makes=[], log_file=folder / "yosys.log", timeout_s=300
    )


def cells(folder: Path, *script: str) -> dict[str, int]:
    """Cell counts of the top module after a script."""
    yosys(folder, *script, "tee -q -o stat.json stat -json")
    design: dict[str, int] = json.loads((folder / "stat.json").read_text())["design"]
    return design["num_cells_by_type"]


def layer(seed: int, fan_ins: Sequence[int]) -> Graph:
    """One layer whose LUTs need all their inputs, all different."""
    rng = np.random.default_rng(seed)
    op = random_lut(rng, 40, len(fan_ins), (6, 6))
    src = np.stack([rng.permutation(40)[:6] for _ in fan_ins])
    op = Lut.of(src, np.array(fan_ins), op.table)
    nodes = (
        Node("x", Input(1, np.zeros(40), np.ones(40))),
        Node("layer", op, ("x",)),
        Node("q", Register(), ("layer",)),
    )
    graph = check(Graph("net", nodes, ("q",)))
    simple = op.simplify((graph.wires["x"],), (Constants.none(40),))
    # Random tables of few inputs often ignore one: drop those, the others are incompressible.
    needed = np.flatnonzero(simple.k == op.k).astype(np.int32)
    nodes = (nodes[0], Node("layer", op.keep(needed), ("x",)), nodes[2])
    return check(Graph("net", nodes, ("q",)))


@pytest.mark.yosys
def test_the_kernel_for_vivado_is_made_of_primitives(tmp_path: Path) -> None:
    """Read with no macro set, as Vivado reads a packaged kernel: LUTs, pairs and a chain."""
    graph = layer(51, FAN_INS * 8)
    count = Node("count", Count.of([[list(range(7))]]), ("layer",))
    graph = dataclasses.replace(
        graph, nodes=(*graph.nodes, count, Node("r", Register(), ("count",)))
    )
    graph = check(dataclasses.replace(graph, outputs=("q", "r")))
    rtl = emit(graph, 512, XCUP)
    vitis.plan(
        "net",
        load_board("u280"),
        vitis.Core(1, 8),
        clock_mhz=100.0,
        sources=sorted(rtl.files),
    ).write(tmp_path)
    rtl.write(tmp_path)
    libraries = ("vitis/hlsgen_lut.v", "vitis/hlsgen_carry.v")
    counted = cells(
        tmp_path,
        *(f"read_verilog {name}" for name in (*libraries, "rtl/net_layer.v")),
        "hierarchy -top net_layer",
        "flatten",
    )
    op = graph.by_name["layer"].op
    assert isinstance(op, Lut)
    alone = (op.mates < 0) & ~op.wired
    wanted = {f"LUT{i}": int((op.k[alone] == i).sum()) for i in FAN_INS}
    wanted["LUT6_2"] = int((op.mates >= 0).sum()) // 2
    assert wanted["LUT6_2"] > 5
    found = {name: n for name, n in counted.items() if name != "$scopeinfo"}
    assert found == {name: n for name, n in wanted.items() if n}
    counted = cells(
        tmp_path,
        *(f"read_verilog {name}" for name in (*libraries, "rtl/net_count.v")),
        "hierarchy -top net_count",
        "flatten",
    )
    assert (counted["LUT6_2"], counted["CARRY8"]) == (
        count.op.area(XCUP, graph.wires["layer"]).lut,
        1,
    )


# Yosys's models of a family's cells.
MODELS = {
    "HLSGEN_XILINX": "+/xilinx/cells_sim.v",
    "HLSGEN_ECP5": "+/ecp5/cells_sim.v",
    "HLSGEN_ICE40": "+/ice40/cells_sim.v",
    "HLSGEN_GOWIN": "+/gowin/cells_sim.v",
    "HLSGEN_NEXUS": "+/nexus/cells_sim.v",
}


def wrapper(inits: Sequence[tuple[int, int]]) -> str:
    """A module `top` with a hlsgen_lutK for each (K, INIT), all on the same six inputs."""
    lines = [f"module top (input wire [5:0] x, output wire [{len(inits) - 1}:0] y);"]
    for i, (k, init) in enumerate(inits):
        pins = ", ".join(f"x[{pin}]" for pin in range(k))
        lines.append(f"hlsgen_lut{k} #({1 << k}'h{init:x}) u{i} (y[{i}], {pins});")
    return "\n".join([*lines, "endmodule", ""])


def prove(
    folder: Path, gate: str, gold: Sequence[tuple[int, int]], of: Sequence[tuple[int, int]]
) -> None:
    """Prove by SAT that the behavioural bodies of `gold` equal the bodies `gate` of `of`."""
    text = dict(library())["hlsgen_lut.v"]
    (folder / "lut.v").write_text(text)
    (folder / "gold.v").write_text(wrapper(gold))
    (folder / "gate.v").write_text(wrapper(of))
    cell_models = [f"read_verilog -defer -DNO_INCLUDES {MODELS[gate]}"] if gate in MODELS else []
    yosys(
        folder,
        "read_verilog lut.v gold.v",
        "hierarchy -top top; proc; flatten; rename top gold",
        "design -stash gold",
        *cell_models,
        f"read_verilog -icells -D{gate} lut.v gate.v",
        "hierarchy -top top; proc; flatten; rename top gate",
        "design -stash gate",
        "design -copy-from gold -as gold gold",
        "design -copy-from gate -as gate gate",
        "miter -equiv -flatten -make_assert gold gate miter",
        "sat -verify -prove-asserts -show-inputs miter",
    )


@pytest.mark.yosys
@pytest.mark.parametrize("gate", [*MODELS, "HLSGEN_YOSYS"])
def test_lut_bodies_are_equivalent(tmp_path: Path, gate: str) -> None:
    """The bodies of the lookup tables are one function, bit order included."""
    rng = np.random.default_rng(53)
    inits = [(k, int(rng.integers(1 << min(1 << k, 62)))) for k in FAN_INS for _ in range(5)]
    inits += [(6, 1 << 63), (6, 2**64 - 2), (1, 1), (1, 2)]
    prove(tmp_path, gate, inits, inits)
    k, init = inits[-5]
    wrong = [*inits[:-5], (k, init ^ 1 << 37), *inits[-4:]]
    assert k == 6
    with pytest.raises(ToolFailed, match=r"proof did fail"):
        prove(tmp_path, gate, inits, wrong)


def small_plan(graph: Graph, clock_mhz: float) -> Plan:
    board = load_board("ulx3s")
    feeds = random_feeds(graph, 20, np.random.default_rng(1))
    samples = feeds[graph.feeds()[0].name]
    return board_plan(graph, board, emit(graph, 8, ECP5), clock_mhz, 1, samples)


@pytest.mark.yosys
def test_reset_is_released_at_a_clock_edge(tmp_path: Path) -> None:
    """Only two registers in a row see `locked` rise; a counter that did could start anywhere."""
    plan = small_plan(with_latency(random_network(56), 1), 50.0)
    plan.write(tmp_path)
    script = ("read_verilog synth/net_top.v", "proc", "simplemap")
    yosys(tmp_path, *script, "select -assert-count 2 t:$_DFF_PN0_")


@pytest.mark.yosys
@pytest.mark.nextpnr
def test_bitstream(tmp_path: Path) -> None:
    """A real bitstream of a small network, with a clock generator."""
    plan = small_plan(with_latency(random_network(54), 3), 50.0)
    plan.write(tmp_path)
    for step in plan.steps:
        run_step(step, tmp_path)
    assert [step.tool for step in plan.steps] == ["ecppll", "yosys", "nextpnr-ecp5", "ecppack"]
    bits = (tmp_path / "net.bit").read_bytes()
    # ECP5 bitstreams begin with a comment and this preamble (FPGA-TN-02039).
    assert bytes.fromhex("ffffbdb3") in bits[:200]
    assert len(bits) > 50_000
    report = json.loads((tmp_path / "route" / "report.json").read_text())
    (fmax,) = report["fmax"].values()
    assert fmax["achieved"] > fmax["constraint"] == pytest.approx(50.0, rel=0.01)
    assert report["utilization"]["TRELLIS_COMB"]["used"] > 50


@pytest.mark.yosys
@pytest.mark.nextpnr
def test_clock_too_high(tmp_path: Path) -> None:
    """A network without registers inside cannot run at 300 MHz: the message has both numbers."""
    plan = small_plan(with_latency(random_network(54), 1), 300.0)
    plan.write(tmp_path)
    *before, route, _ = plan.steps
    for step in before:
        run_step(step, tmp_path)
    reaches = r"the routed design reaches \d+\.\d+ of 300\.\d+ MHz: lower hardware\.clock_mhz"
    with pytest.raises(ToolFailed, match=reaches):
        run_step(route, tmp_path)
    assert not any((tmp_path / name).exists() for name in route.makes)
