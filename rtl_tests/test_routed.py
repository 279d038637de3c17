"""A board's netlists simulated from pin to pin, and its bitstream read back."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hlsgen.boards import Board, Shell, load_board
from hlsgen.build import board_plan, run_step
from hlsgen.emit import emit, framing
from hlsgen.errors import ConfigError, ToolFailed
from hlsgen.graph import Graph, random_feeds
from hlsgen.paths import data_dir
from hlsgen.plan import Plan
from hlsgen.tools import TOOLS
from hlsgen.verify.bits import pack, to_words
from hlsgen.verify.routed import BoardRun, check_bitstream, simulate_board
from hlsgen.verify.vectors import beats, bits_of
from rtl_tests.designs import ECP5, random_network, with_latency

pytestmark = [pytest.mark.verilator, pytest.mark.yosys, pytest.mark.nextpnr]

FRAMES, IDLE_CLOCKS = 24, 2000
ROUTED, SYNTHESISED = ("route/net_top.json", "top"), ("synth/net_top.json", "net_top")
CONFIG = Path("route", "net_top.config")
# As fast as the shell allows for a margin: fewer clocks to simulate.
CLOCKS_PER_BIT = 8


def fast_plan(graph: Graph, clock_mhz: float) -> Plan:
    """The board with a fast line that is silent soon."""
    shell = Shell(kind="uart", baud=round(clock_mhz * 1e6 / CLOCKS_PER_BIT))
    board: Board = load_board("ulx3s").model_copy(update={"shell": shell})
    feeds = random_feeds(graph, 5, np.random.default_rng(1))
    samples = feeds[graph.feeds()[0].name]
    plan = board_plan(graph, board, emit(graph, 8, ECP5), clock_mhz, 1, samples)
    name = "rtl/net_uart.v"
    text = str(plan.files[name])
    slow = f"IDLE_CLOCKS = {round(clock_mhz * 1e5)}"
    assert slow in text
    return Plan(
        {**plan.files, name: text.replace(slow, f"IDLE_CLOCKS = {IDLE_CLOCKS}")}, plan.steps
    )


@pytest.fixture(scope="module")
def graph() -> Graph:
    """Frames of four bytes, answers of one."""
    return with_latency(random_network(61, features=7, classes=5), 3)


@pytest.fixture(scope="module")
def traffic(graph: Graph) -> tuple[list[list[int]], list[list[int]]]:
    values = bits_of(graph, random_feeds(graph, FRAMES, np.random.default_rng(2)))
    send, expect = (to_words(pack(bits)) for bits in beats(graph, values, 8))
    size = framing(graph, 8).in_beats
    return [send[i : i + size] for i in range(0, len(send), size)], [[byte] for byte in expect]


@pytest.fixture(scope="module")
def built(folder: Path, graph: Graph) -> Path:
    plan = fast_plan(graph, 50.0)
    plan.write(folder)
    for step in plan.steps:
        run_step(step, folder)
    return folder


Run = Callable[[Path, tuple[str, str]], BoardRun]


@pytest.fixture(scope="module")
def run(traffic: tuple[list[list[int]], list[list[int]]]) -> Run:
    def simulated(folder: Path, netlist: tuple[str, str]) -> BoardRun:
        silence = IDLE_CLOCKS + 100
        return simulate_board(
            folder, *netlist, *traffic, CLOCKS_PER_BIT, "board", silence_clocks=silence
        )

    return simulated


INPUTS = tuple("abcdefghijklmnopqrs")


def cell_models(rng: np.random.Generator) -> list[str]:
    """One instance for each variant of the cells that Yosys has models of, all on shared inputs."""

    def pins(text: str) -> str:
        return ", ".join(f".{pin}({INPUTS[i]})" for i, pin in enumerate(text.split()))

    four, carry = "A B C D", "A0 B0 C0 D0 A1 B1 C1 D1 CIN"
    ram = ".DI({a, b, c, d}), .WAD({e, f, g, h}), .RAD({i, j, k, l}), .WRE(m), .WCK(clk)"
    cells = [("LUT4", f"#(.INIT({x}))", pins(four), ("Z",)) for x in (1, 0xCAFE)]
    cells += [
        ("PFUMX", "", pins("ALUT BLUT C0"), ("Z",)),
        ("L6MUX21", "", pins("D0 D1 SD"), ("Z",)),
    ]
    for inject in ("YES", "NO"):
        inits = ", ".join(f".INIT{i}({rng.integers(1 << 16)})" for i in range(2))
        injects = f'.INJECT1_0("{inject}"), .INJECT1_1("NO")'
        cells.append(("CCU2C", f"#({inits}, {injects})", pins(carry), ("S0", "S1", "COUT")))
    for i, enable in enumerate(("1", "0", "CE", "INV")):
        words = {"CEMUX": enable, "LSRMUX": ("LSR", "INV")[i % 2]}
        for mode in ("LSR_OVER_CE", "ASYNC"):
            words |= {"SRMODE": mode, "REGSET": ("SET", "RESET")[i // 2]}
            text = ", ".join(f'.{name}("{word}")' for name, word in words.items())
            cells.append(("TRELLIS_FF", f"#({text})", pins("CE LSR DI") + ", .CLK(clk)", ("Q",)))
    cells.append(
        ("TRELLIS_DPR16X4", '#(.WREMUX("INV"), .INITVAL(64\'h0123456789abcdef))', ram, ("DO",))
    )
    width = {"DO": 4}
    lines, total = [], 0
    for number, (kind, parameters, inputs, outputs) in enumerate(cells):
        joined = []
        for output in outputs:
            joined.append(f".{output}(y[{total} +: {width.get(output, 1)}])")
            total += width.get(output, 1)
        lines.append(f"{kind} {parameters} u{number} ({inputs}, {', '.join(joined)});")
    head = f"module top (input wire clk, {', '.join(INPUTS)}, output wire [{total - 1}:0] y);"
    return [head, *lines, "endmodule"]


def test_cell_models(tmp_path: Path) -> None:
    """Our models do what Yosys' do, from the start values on, for every inputs of five clocks."""
    (tmp_path / "top.v").write_text("\n".join(cell_models(np.random.default_rng(5))))
    shutil.copy(data_dir("templates") / "verify" / "cells_ecp5.v", tmp_path / "ours.v")
    elaborate = "hierarchy -top top; proc; memory; flatten; async2sync; opt_clean"
    script = [
        f"read_verilog -DHLSGEN_POWER_UP ours.v top.v; {elaborate}; rename top gold",
        "design -stash gold",
        "read_verilog -DNO_INCLUDES +/ecp5/cells_sim.v",
        f"read_verilog top.v; {elaborate}; rename top gate",
        "design -stash gate",
        "design -copy-from gold -as gold gold; design -copy-from gate -as gate gate",
        "miter -equiv -flatten -make_outputs gold gate miter; hierarchy -top miter",
        "sat -verify -tempinduct-baseonly -maxsteps 5 -prove trigger 0 -set-def-inputs miter",
    ]
    (tmp_path / "prove.ys").write_text("\n".join(script) + "\n")
    TOOLS["yosys"].run(
        ["-s", "prove.ys"], cwd=tmp_path, makes=[], log_file=tmp_path / "yosys.log", timeout_s=120
    )


@pytest.mark.parametrize("netlist", [ROUTED, SYNTHESISED])
def test_netlist_answers(built: Path, run: Run, netlist: tuple[str, str]) -> None:
    result = run(built, netlist)
    assert (result.checked, result.failed, result.reason) == (FRAMES, 0, "")
    assert result.clocks > FRAMES * 4 * 10 * CLOCKS_PER_BIT


def test_without_a_clock_generator(tmp_path: Path, graph: Graph, run: Run) -> None:
    """The board's own clock: only the start values of the registers make a reset."""
    plan = fast_plan(graph, 25.0)
    plan.write(tmp_path)
    assert plan.steps[0].tool == "yosys"
    run_step(plan.steps[0], tmp_path)
    assert run(tmp_path, SYNTHESISED).reason == ""


def change(built: Path, folder: Path, how: Callable[[dict[str, Any]], None]) -> Path:
    """A build folder with a changed copy of the routed netlist."""
    design = json.loads((built / ROUTED[0]).read_text())
    how(design["modules"]["top"]["cells"])
    path = folder / ROUTED[0]
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(design))
    return folder


def answer_lut(cells: dict[str, Any]) -> dict[str, Any]:
    """The table before the first data input of the answers' store."""
    drivers = {
        net: cell
        for cell in cells.values()
        for pin, nets in cell["connections"].items()
        if cell["port_directions"][pin] == "output"
        for net in nets
    }
    (store,) = (cell for cell in cells.values() if cell["type"] == "TRELLIS_RAMW")
    cell = drivers[store["connections"]["C1"][0]]
    while cell["type"] == "TRELLIS_FF":
        pins = cell["connections"]
        (net,) = pins.get("DI") or pins["M"]
        cell = drivers[net]
    assert cell["type"] == "TRELLIS_COMB"
    return cell


def flip(number: int) -> Callable[[dict[str, Any]], None]:
    """Flip one of the entries that can be reached: open pins of a table are high."""

    def how(cells: dict[str, Any]) -> None:
        lut = answer_lut(cells)
        high = sum(1 << i for i, pin in enumerate("ABCD") if not lut["connections"][pin])
        entry = [entry for entry in range(16) if entry & high == high][number]
        lut["parameters"]["INITVAL"] = f"{int(lut['parameters']['INITVAL'], 2) ^ 1 << entry:016b}"

    return how


def test_flipped_bit_of_a_lut_is_found(built: Path, run: Run, tmp_path: Path) -> None:
    """The frames might miss one entry, but not two."""
    reasons = (run(change(built, tmp_path, flip(number)), ROUTED).reason for number in range(2))
    found = next(reason for reason in reasons if reason)
    assert re.match(r"frame \d+: expected 0\d, got 0\d$", found)


def test_board_that_never_answers(built: Path, run: Run, tmp_path: Path) -> None:
    """The line is tied to the pin that is always high."""

    def how(cells: dict[str, Any]) -> None:
        high = cells["wifi_gpio0$tr_io"]["connections"]["I"]
        cells["uart_txd$tr_io"]["connections"]["I"] = high

    result = run(change(built, tmp_path, how), ROUTED)
    assert result.failed == result.checked == FRAMES
    assert "got nothing (no answer for " in result.reason


def no_lut(cells: dict[str, Any]) -> None:
    lut = answer_lut(cells)
    del cells[next(name for name, cell in cells.items() if cell is lut)]


def undefined(cells: dict[str, Any]) -> None:
    cells["uart_txd$tr_io"]["connections"]["I"] = ["x"]


def open_pad(cells: dict[str, Any]) -> None:
    cells["uart_txd$tr_io"]["connections"]["I"] = []


def two_drivers(cells: dict[str, Any]) -> None:
    cells["copy"] = answer_lut(cells)


def foreign(cells: dict[str, Any]) -> None:
    answer_lut(cells)["type"] = "MULT18X18D"


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (no_lut, "which nothing drives; build the board again"),
        (undefined, "reads the undefined constant 'x'"),
        (open_pad, "input I is open"),
        (two_drivers, "drive the same net"),
        (foreign, "no model of cell type MULT18X18D"),
    ],
)
def test_broken_netlist(
    built: Path, run: Run, tmp_path: Path, how: Callable[[dict[str, Any]], None], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        run(change(built, tmp_path, how), ROUTED)


def test_no_netlist(built: Path, run: Run, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no module 'other' here"):
        run(built, (ROUTED[0], "other"))
    with pytest.raises(ConfigError, match="net_core' must have input uart_rxd of 1 bit"):
        run(built, (SYNTHESISED[0], "net_core"))
    with pytest.raises(ConfigError, match="no netlist here"):
        run(tmp_path, ROUTED)
    text = (built / ROUTED[0]).read_text()
    (tmp_path / "half.json").write_text(text[: len(text) // 2])
    with pytest.raises(ConfigError, match="a damaged one"):
        run(tmp_path, ("half.json", "top"))


def test_bitstream_is_what_was_routed(built: Path) -> None:
    result = check_bitstream(built, "net")
    assert (result.failed, result.reason) == (0, "")
    assert result.checked > 500


def test_changed_bitstream_is_found(built: Path, tmp_path: Path) -> None:
    """One entry of one LUT, and one arc that is not there, in a file that decodes well."""
    (tmp_path / "route").mkdir()
    config = (built / CONFIG).read_text()
    lines = config.splitlines()
    first = next(i for i, line in enumerate(lines) if "K0.INIT" in line and "0" in line[-16:])
    tile = max(i for i in range(first) if lines[i].startswith(".tile "))
    arc = next(i for i in range(tile, first) if lines[i].startswith("arc:"))
    assert "_SLICE" not in lines[arc]
    _, what, word = lines[first].split()
    _, sink, source = lines[arc].split()
    wrong = f"{word[:-1]}{1 - int(word[-1])}"
    lines[first], lines[arc] = f"word: {what} {wrong}", ""
    (tmp_path / CONFIG).write_text("\n".join(lines) + "\n")
    TOOLS["ecppack"].run(
        [str(CONFIG), "net.bit", "--compress"],
        cwd=tmp_path,
        makes=["net.bit"],
        log_file=tmp_path / "pack.log",
    )
    (tmp_path / CONFIG).write_text(config)
    result = check_bitstream(tmp_path, "net")
    assert result.failed == 2
    asked = (
        f"tile {lines[tile].split()[1]}, {{}}: the router asked for {{}}, the bitstream has {{}}"
    )
    assert result.reason.split("; ") == [
        asked.format(f"arc {sink}", source, "the default"),
        asked.format(f"word {what}", word, wrong),
    ]


def test_damaged_bitstream(built: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no configuration here"):
        check_bitstream(tmp_path, "net")
    (tmp_path / "route").mkdir()
    shutil.copy(built / CONFIG, tmp_path / CONFIG)
    with pytest.raises(ConfigError, match="no bitstream here"):
        check_bitstream(tmp_path, "net")
    data = (built / "net.bit").read_bytes()
    (tmp_path / "net.bit").write_bytes(data[: len(data) // 2])
    with pytest.raises(ToolFailed, match="ecpunpack failed"):
        check_bitstream(tmp_path, "net")
