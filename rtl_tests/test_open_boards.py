"""A bitstream for each open family, and its synthesised netlist from pin to pin.

The netlist is simulated with the cell models that Yosys ships, start values of registers included:
at the board's own clock nothing else makes a reset.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hlsgen import clocks
from hlsgen.boards import Board, Shell, load_board
from hlsgen.build import board_plan, run_step
from hlsgen.emit import emit, framing
from hlsgen.errors import ConfigError, ToolFailed
from hlsgen.graph import Graph, random_feeds
from hlsgen.netlist import read_design
from hlsgen.netlist.ice40 import before_and_after
from hlsgen.passes import opt
from hlsgen.paths import data_dir
from hlsgen.plan import Plan
from hlsgen.proof.equivalence import Proof
from hlsgen.proof.routed import prove_routed
from hlsgen.report.evidence import Route
from hlsgen.report.routed import used
from hlsgen.tools import TOOLS
from hlsgen.tools.verilator_native import build_native
from hlsgen.verify.after_route import routed
from hlsgen.verify.bits import pack, to_words
from hlsgen.verify.bitstream_ice40 import check_bitstream
from hlsgen.verify.routed import _compare, _simulate, _traffic
from hlsgen.verify.vectors import beats, bits_of
from rtl_tests.designs import random_network

pytestmark = [pytest.mark.verilator, pytest.mark.yosys]

CLOCKS_PER_BIT, FRAMES = 8, 12
# Yosys' models, and macros that they want.
MODELS = {
    "ice40": "-D ICE40_HX +/ice40/cells_sim.v",
    "gowin": "+/gowin/cells_sim.v",
    "nexus": "+/lattice/cells_sim_nexus.v",
}
# The Tang Nano 20K, whose device takes nextpnr a minute to read, is left to docs/boards.py.
BOARDS = ["icebreaker", "ice40_hx8k", "tang_nano_9k", "crosslink_nx_evn"]
WAKING = ["icebreaker", "tang_nano_9k", "crosslink_nx_evn"]
# What plain Verilog written by Yosys does and Verilator would rather not see.
QUIET = ("WIDTHEXPAND", "WIDTHTRUNC", "UNDRIVEN", "UNOPTFLAT", "INITIALDLY", "PROCASSINIT",
         "CASEINCOMPLETE", "BLKSEQ", "VARHIDDEN", "GENUNNAMED")  # fmt: skip


def planned(name: str, clock_mhz: float) -> tuple[Graph, Plan]:
    """A small network on a board with a fast line."""
    board = load_board(name)
    shell = Shell(kind="uart", baud=round(clock_mhz * 1e6 / CLOCKS_PER_BIT))
    board = board.model_copy(update={"shell": shell})
    graph = opt(random_network(61, features=3, code=10, layers=(12,)), board.logic, clock_mhz)
    samples = random_feeds(graph, 5, np.random.default_rng(1))[graph.feeds()[0].name]
    return graph, board_plan(graph, board, emit(graph, 8, board.logic), clock_mhz, 1, samples)


@pytest.mark.nextpnr
@pytest.mark.parametrize("name", BOARDS)
def test_bitstream(tmp_path: Path, name: str) -> None:
    board = load_board(name)
    clock_mhz = clocks.clock_for(board, 20.0)
    graph, plan = planned(name, clock_mhz)
    plan.write(tmp_path)
    for step in plan.steps:
        run_step(step, tmp_path)
    assert (tmp_path / f"net.{board.product}").stat().st_size > 20_000
    route = Route.model_validate_json((tmp_path / "route" / "report.json").read_bytes())
    assert min(clock.achieved for clock in route.fmax.values()) >= clock_mhz
    lut = used(route, board, "lut", "LUT").value
    assert lut is not None and board.resources.lut is not None
    assert 100 < lut < 1000
    # The board file gives the device's totals as nextpnr counts them.
    kinds = {"ice40": "ICESTORM_LC", "gowin": "LUT4", "nexus": "OXIDE_COMB"}
    report = json.loads((tmp_path / "route" / "report.json").read_text())
    assert report["utilization"][kinds[board.fabric]]["available"] == board.resources.lut

    if board.fabric == "ice40":
        check_decoded(tmp_path)
        check_routed(tmp_path)
        check_simulated(tmp_path, graph, board)


def check_routed(folder: Path) -> None:
    """The routed netlist is the synthesised one; what place and route might break is found."""
    path = folder / "route" / "net_top.json"
    placed = json.loads(path.read_text())
    assert routed_proof(folder, placed).status == "proved"
    cells = placed["modules"]["top"]["cells"]
    logic = [cell for cell in cells.values() if cell["type"] == "ICESTORM_LC"]
    table = next(cell for cell in logic if in_use(cell))
    good = table["parameters"]["LUT_INIT"]
    table["parameters"]["LUT_INIT"] = "".join(str(1 - int(bit)) for bit in good)
    wrong = routed_proof(folder, placed)
    assert wrong.status == "refuted" and "takes something else after routing" in wrong.reason
    table["parameters"]["LUT_INIT"] = good
    register = next(cell for cell in logic if cell["parameters"]["DFF_ENABLE"] == "1"
                    and cell["connections"]["SR"])  # fmt: skip
    register["parameters"]["SET_NORESET"] = str(1 - int(register["parameters"]["SET_NORESET"]))
    assert routed_proof(folder, placed).status == "refuted"
    register["parameters"]["DFF_ENABLE"] = "0"
    lost = routed_proof(folder, placed)
    assert lost.status == "refuted" and "in one of the netlists only" in lost.reason


def check_simulated(folder: Path, graph: Graph, board: Board) -> None:
    """The routed board answers as the graph does; one that answers something else is found."""
    samples = random_feeds(graph, FRAMES, np.random.default_rng(2))[graph.feeds()[0].name]
    short = (folder / "rtl" / "net_uart.v").read_text()
    (folder / "rtl" / "net_uart.v").write_text(
        re.sub(r"IDLE_CLOCKS = \d+", "IDLE_CLOCKS = 9000000", short)
    )
    _, simulated = routed(folder, graph, board, samples)
    assert (simulated.name, simulated.status, simulated.checked) == (
        "board simulation", "passed", FRAMES
    )  # fmt: skip
    path = folder / "route" / "net_top.json"
    good, placed = path.read_text(), json.loads(path.read_text())
    cells = placed["modules"]["top"]["cells"]
    (answer,) = (name for name in cells if name.startswith("uart_txd$sb_io"))
    cells[answer]["connections"]["D_OUT_0"] = cells["uart_rxd$sb_io"]["connections"]["D_IN_0"]
    path.write_text(json.dumps(placed))
    proof, simulated = routed(folder, graph, board, samples)
    assert (proof.status, simulated.status) == ("failed", "failed")
    path.write_text(good)


def in_use(cell: dict[str, Any]) -> bool:
    """A logic cell whose table reads all its pins and goes into a register."""
    pins = cell["connections"]
    return cell["parameters"]["DFF_ENABLE"] == "1" and all(pins[f"I{i}"] for i in range(4))


def routed_proof(folder: Path, placed: dict[str, Any]) -> Proof:
    changed = folder / "changed.json"
    changed.write_text(json.dumps(placed))
    before = read_design(folder / "synth" / "net_top.json")
    return prove_routed(*before_and_after(before, "net_top", read_design(changed)))


def check_decoded(folder: Path) -> None:
    """The bitstream is what was routed; one bit more in a file that packs well is found."""
    found = check_bitstream(folder, "net")
    assert (found.failed, found.reason) == (0, "")
    assert found.checked > 500
    config = folder / "route" / "net_top.asc"
    asked = config.read_text()
    head, first, rest = asked.partition(".logic_tile ")
    place, _, bits = rest.partition("\n")
    flipped = str(1 - int(bits[0]))
    config.write_text(f"{head}{first}{place}\n{flipped}{bits[1:]}")
    TOOLS["icepack"].run(
        [str(Path("route", "net_top.asc")), "net.bin"],
        cwd=folder,
        makes=["net.bin"],
        log_file=folder / "pack.log",
    )
    config.write_text(asked)
    found = check_bitstream(folder, "net")
    assert found.failed == 1
    assert found.reason == (
        f"logic_tile {place}: 1 of its bits differ from what the router asked for"
    )
    (folder / "net.bin").unlink()
    with pytest.raises(ConfigError, match="no bitstream here"):
        check_bitstream(folder, "net")


def plain(folder: Path, board: Board) -> Path:
    """The synthesised netlist as Verilog without cells of the family.

    What is left open reads 0: the carry into the first cell of a chain on Nexus.
    """
    quiet = "".join(f"/* verilator lint_off {name} */\n" for name in QUIET)
    script = f"""
read_json synth/net_top.json
delete =A:blackbox =A:whitebox
read_verilog {MODELS[board.fabric]}
hierarchy -top net_top
setattr -mod -unset whitebox -unset lib_whitebox -unset keep_hierarchy *
proc
flatten
setundef -undriven -zero
opt -full
memory_map
rename net_top board
delete */t:$scopeinfo
write_verilog -noattr plain.v
"""
    (folder / "plain.ys").write_text(script)
    TOOLS["yosys"].run(
        ["-s", "plain.ys"], cwd=folder, makes=["plain.v"], log_file=folder / "plain.log"
    )
    text = (folder / "plain.v").read_text()
    assert not re.search(r"^\s+(SB_|DFF|FD1P3|LUT4|ALU|CCU2)\w* ", text, re.MULTILINE)
    sources = folder / "sim"
    sources.mkdir()
    (sources / "plain.v").write_text(quiet + text)
    return sources


@pytest.mark.parametrize("name", WAKING)
def test_the_board_wakes_by_itself_and_answers(tmp_path: Path, name: str) -> None:
    board = load_board(name)
    graph, plan = planned(name, board.clock.source_mhz)
    plan.write(tmp_path)
    (step,) = (step for step in plan.steps if step.log == "synth")
    run_step(step, tmp_path)
    here = plain(tmp_path, board)
    program = build_native(
        ["plain.v"], "board", data_dir("templates") / "verify" / "uart_main.cpp", here / "obj",
        tmp_path / "logs",
    )  # fmt: skip
    values = bits_of(graph, random_feeds(graph, FRAMES, np.random.default_rng(2)))
    send, expect = (to_words(pack(bits)) for bits in beats(graph, values, 8))
    size = framing(graph, 8).in_beats
    frames = [send[i : i + size] for i in range(0, len(send), size)]
    answers = [[byte] for byte in expect]
    traffic = _traffic(frames, answers, CLOCKS_PER_BIT, 0, 20)
    _, state, got = _simulate(program, here, traffic, tmp_path / "logs")
    assert _compare(answers, got, state) == (0, "")
    assert len({tuple(answer) for answer in answers}) > 1


@pytest.mark.nextpnr
@pytest.mark.parametrize(("source_mhz", "clock_mhz"), [(12.0, 49.5), (12.0, 24.0), (25.0, 100.0)])
def test_ice40_settings_are_those_of_icepll(source_mhz: float, clock_mhz: float) -> None:
    program = Path(sys.executable).parent / "yowasp-icepll"
    args = ["-i", f"{source_mhz:g}", "-o", f"{clock_mhz:g}"]
    said = subprocess.run([program, *args], capture_output=True, text=True, check=True).stdout
    found = {
        key: int(value) for key, value in re.findall(r"^(\w+):\s+(\d+) \(", said, re.MULTILINE)
    }
    board = load_board("ice40_hx8k")
    clock = board.clock.model_copy(update={"source_mhz": source_mhz})
    ours = clocks.setting_for(board.model_copy(update={"clock": clock}), clock_mhz)
    assert dict(ours.dividers) == {key: found[key] for key in dict(ours.dividers)}


def test_simulation_models_of_ice40_are_those_of_yosys(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    pins = ".I0(a), .I1(b), .I2(c), .I3(d), .O({})"
    inits = (1, 0xCAFE, *rng.integers(1 << 16, size=2))
    cells = [f"SB_LUT4 #(.LUT_INIT({init})) {{}} ({pins});" for init in inits]
    cells.append("SB_CARRY {} (.I0(a), .I1(b), .CI(c), .CO({}));")
    for kind in ("", "E", "SR", "R", "SS", "S", "ESR", "ER", "ESS", "ES"):
        pins = {"E": ".E(e), ", "R": ".R(r), ", "S": ".S(r), "}
        extra = (pins["E"] if "E" in kind else "") + (
            pins.get(kind[-1:], "") if kind != "E" else ""
        )
        cells.append(f"SB_DFF{kind} {{}} (.C(clk), .D(d), {extra}.Q({{}}));")
    body = "\n".join(cell.format(f"u{i}", f"y[{i}]") for i, cell in enumerate(cells))
    ports = f"input clk, a, b, c, d, e, r, output [{len(cells) - 1}:0] y"
    (tmp_path / "top.v").write_text(f"module top ({ports});\n{body}\nendmodule\n")
    ours = data_dir("templates") / "verify" / "cells_ice40.v"
    elaborate = "hierarchy -top top; proc; flatten; async2sync; opt_clean"
    script = [
        f"read_verilog -DHLSGEN_POWER_UP {ours} top.v; {elaborate}; rename top gold",
        "design -stash gold",
        f"read_verilog -D ICE40_HX +/ice40/cells_sim.v top.v; {elaborate}; rename top gate",
        "design -stash gate",
        "design -copy-from gold -as gold gold; design -copy-from gate -as gate gate",
        "miter -equiv -flatten -make_outputs gold gate miter; hierarchy -top miter",
        "sat -verify -tempinduct-baseonly -maxsteps 2 -prove trigger 0 -set-def-inputs miter",
    ]
    (tmp_path / "prove.ys").write_text("\n".join(script) + "\n")

    def prove() -> None:
        TOOLS["yosys"].run(
            ["-s", "prove.ys"], cwd=tmp_path, makes=[], log_file=tmp_path / "yosys.log"
        )

    prove()
    wrong = ours.read_text().replace("Q <= S ? 1'b1 : D", "Q <= S ? 1'b0 : D", 1)
    (tmp_path / "wrong.v").write_text(wrong)
    script[0] = script[0].replace(str(ours), "wrong.v")
    (tmp_path / "prove.ys").write_text("\n".join(script) + "\n")
    with pytest.raises(ToolFailed):
        prove()
