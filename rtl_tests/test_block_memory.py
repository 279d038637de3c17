"""Block memories of ECP5: what they do, and that faults in them are found after routing."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hlsgen.build import run_step
from hlsgen.emit import framing
from hlsgen.errors import ConfigError
from hlsgen.graph import Graph, random_feeds
from hlsgen.graph.schedule import pace
from hlsgen.netlist import read_design
from hlsgen.paths import data_dir, write_atomic
from hlsgen.proof.routed import prove_routed
from hlsgen.tools import TOOLS
from hlsgen.tools.tool import run_command
from hlsgen.tools.verilator_native import build_native
from hlsgen.verify.bits import pack, to_words
from hlsgen.verify.bitstream_memory import memory_differences
from hlsgen.verify.routed import BoardRun, check_bitstream, simulate_board
from hlsgen.verify.structural import verilog
from hlsgen.verify.vectors import beats, bits_of
from rtl_tests.engines import Builder
from rtl_tests.memories import MAIN, MEMORIES, bench, contents, memories
from rtl_tests.test_routed import CLOCKS_PER_BIT, change, fast_plan

pytestmark = [pytest.mark.verilator, pytest.mark.yosys, pytest.mark.nextpnr]

CLOCKS = 20_000
SYNTHESISED, ROUTED = ("memories.json", "memories"), ("routed.json", "top")


def run(tool: str, args: list[str], folder: Path, made: str) -> None:
    TOOLS[tool].run(args, cwd=folder, makes=[made], log_file=folder / f"{tool}.log", timeout_s=300)


def write_memories(path: Path, head: str = "") -> None:
    write_atomic(path, head + memories())
    for name, text in contents().items():
        write_atomic(path.parent / name, text)


@pytest.fixture(scope="module")
def mapped(folder: Path) -> Path:
    """All kinds of memories, synthesised and routed."""
    write_memories(folder / "memories.v")
    script = "read_verilog memories.v\nsynth_ecp5 -top memories -json memories.json\n"
    write_atomic(folder / "synth.ys", script)
    run("yosys", ["-s", "synth.ys"], folder, "memories.json")
    device = ["--85k", "--package", "CABGA756", "--lpf-allow-unconstrained", "--seed", "1"]
    files = ["--json", "memories.json", "--write", "routed.json", "--textcfg", "memories.config"]
    run("nextpnr-ecp5", [*device, *files], folder, "routed.json")
    return folder


def differing(folder: Path, netlist: tuple[str, str], *, collide: bool = False) -> set[int]:
    """The memories that answer something else in a netlist than in Verilog."""
    here = folder / f"{netlist[1]}_sim"
    file, top = netlist
    flat = read_design(folder / file).flatten(top)
    write_atomic(here / "board.v", verilog(flat, file))
    write_atomic(here / "bench.v", f"{bench()}\n")
    lint = "WIDTHEXPAND WIDTHTRUNC BLKSEQ MULTIDRIVEN UNDRIVEN"
    off = "".join(f"// verilator lint_off {name}\n" for name in lint.split())
    write_memories(here / "gold.v", off)
    write_atomic(here / "main.cpp", MAIN)
    models = ("cells_ecp5.v", "cells_ecp5_block.v")
    for model in models:
        write_atomic(here / model, (data_dir("templates") / "verify" / model).read_bytes())
    sources = [*models, "board.v", "gold.v", "bench.v"]
    program = build_native(
        sources, "bench", here / "main.cpp", here / "obj", here, defines=["HLSGEN_POWER_UP"]
    )
    run_command(
        "simulation",
        [str(program.resolve()), str(int(collide)), str(CLOCKS)],
        cwd=here,
        makes=["wrong.txt"],
        log_file=here / "run.log",
        env={},
        timeout_s=60,
        errors="^%Error",
    )
    owner = [number for number, memory in enumerate(MEMORIES) for _ in range(memory.bits)]
    wrong = (here / "wrong.txt").read_text()
    return {owner[i] for i, bit in enumerate(wrong) if bit == "1"}


@pytest.mark.parametrize("netlist", [SYNTHESISED, ROUTED])
def test_memories_do_what_verilog_says(mapped: Path, netlist: tuple[str, str]) -> None:
    assert differing(mapped, netlist) == set()


def test_reading_what_is_written_is_seen(mapped: Path) -> None:
    """Wherever a memory says that it will not be done, and nowhere else."""
    kinds = {"line", "halves", "widens", "narrows"}
    undefined = {i for i, memory in enumerate(MEMORIES) if memory.kind in kinds}
    assert differing(mapped, SYNTHESISED, collide=True) == undefined


def test_routed_memories_are_proved(mapped: Path) -> None:
    before, after = (read_design(mapped / file).flatten(top) for file, top in (SYNTHESISED, ROUTED))
    proof = prove_routed(before, after)
    assert (proof.status, proof.reason) == ("proved", "")
    assert proof.outputs > 60 * len(MEMORIES)


def test_settings_of_memories_are_decoded(mapped: Path) -> None:
    """All kinds, in all places that a group of tiles has for a memory."""
    config = (mapped / "memories.config").read_text()
    run("ecppack", ["memories.config", "memories.bit", "--compress"], mapped, "memories.bit")
    run("ecpunpack", ["memories.bit", "decoded.config"], mapped, "decoded.config")
    count, found = memory_differences(config, (mapped / "decoded.config").read_text())
    assert found == []
    assert count > 2048 * len(MEMORIES)
    assert {f"EBR{i}.WID" for i in range(4)} <= set(config.split())


ASKED = """.bram_init 3
1ff 000
.tile_group A:MIB_EBR6 B:MIB_EBR7 C:MIB_EBR8
word: EBR3.WID 110000000
enum: EBR3.MODE DP16KD
enum: EBR3.CEBMUX INV
"""
DECODED = """.tile B:MIB_EBR7
word: EBR3.WID 110011111
enum: EBR3.CEBMUX INV
.bram_init 3
1ff 000
"""
OTHER_WID = "EBR3.WID: the router asked for 110000000, the bitstream has"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (DECODED, []),
        (
            DECODED.replace("1ff", "0ff"),
            ["word 0: the router asked for 1ff, the bitstream has 0ff"],
        ),
        (DECODED.replace("1ff 000", "1ff"), ["word 1: the router asked for 000, .* has nothing"]),
        (DECODED + ".bram_init 4\n001\n", ["memory 4, word 0: .* asked for nothing, .* has 001"]),
        (DECODED.replace("1100", "0100"), [f"{OTHER_WID} 010000000"]),
        (DECODED.replace("word: EBR3.WID 110011111\n", ""), [f"{OTHER_WID} 000000000"]),
        (DECODED + ".tile C:MIB_EBR8\nword: EBR3.WID 111110000\n", [f"{OTHER_WID} 110010000"]),
        (DECODED.replace("CEB", "CEA"), ["EBR3.CEBMUX: the router asked for INV, .* has CEB"]),
        (DECODED + ".tile Z:MIB_EBR1\nword: EBR0.WID 1\n", ["Z:MIB_EBR1, EBR0: .* a memory"]),
    ],
)
def test_differences_of_configurations(text: str, found: list[str]) -> None:
    count, differences = memory_differences(ASKED, text)
    assert count == 2 + 3
    assert len(differences) == len(found)
    for difference, pattern in zip(differences, found, strict=True):
        assert re.search(pattern, difference)


# --- a board: the weights of an engine in one memory, the lines of a window in another -----------

FRAMES = 12
AFTER = Path("route", "net_top.json")
CONFIG = Path("route", "net_top.config")
Cells = dict[str, Any]


@pytest.fixture(scope="module")
def graph() -> Graph:
    made = Builder(7, (3, 40), bits=1, channels=2)
    made.window((3, 3))
    made.tiled(2, 9, down=2)
    made.window((1, 38))
    made.tiled(4, 4, down=4)
    return made.graph()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, graph: Graph) -> Path:
    folder = tmp_path_factory.mktemp("board")
    plan = fast_plan(graph, 50.0)
    plan.write(folder)
    for step in plan.steps:
        run_step(step, folder)
    return folder


def simulated(folder: Path, graph: Graph) -> BoardRun:
    values = bits_of(graph, random_feeds(graph, FRAMES, np.random.default_rng(2)))
    send, expect = (to_words(pack(bits)) for bits in beats(graph, values, 8))
    size = framing(graph, 8).in_beats
    frames = [send[i : i + size] for i in range(0, len(send), size)]
    answers = [[byte] for byte in expect]
    return simulate_board(
        folder,
        str(AFTER),
        "top",
        frames,
        answers,
        CLOCKS_PER_BIT,
        "board",
        latency=pace(graph).latency,
    )


def proved(before: Path, after: Path) -> tuple[str, str]:
    old = read_design(before / "synth" / "net_top.json").flatten("net_top")
    proof = prove_routed(old, read_design(after / AFTER).flatten("top"))
    return proof.status, proof.reason


def memory(cells: Cells, *, written: bool) -> Cells:
    """The lines of the window, which are written, or the weights."""
    found = (cell for cell in cells.values() if cell["type"] == "DP16KD")
    return next(cell for cell in found if bool(cell["connections"].get("WEA")) == written)


def test_the_whole_board(built: Path, graph: Graph) -> None:
    assert proved(built, built) == ("proved", "")
    result = simulated(built, graph)
    assert (result.checked, result.failed, result.reason) == (FRAMES, 0, "")
    checked = check_bitstream(built, "net")
    assert (checked.failed, checked.reason) == (0, "")
    assert checked.checked > 2 * 2048


def flip(count: int) -> Callable[[Cells], None]:
    """The lowest weights of the first 16 words."""

    def how(cells: Cells) -> None:
        values = memory(cells, written=False)["parameters"]
        flipped = int(values["INITVAL_00"], 2) ^ sum(1 << 20 * i for i in range(count))
        values["INITVAL_00"] = f"{flipped:0320b}"

    return how


def swap(cells: Cells) -> None:
    pins = memory(cells, written=False)["connections"]
    pins["ADA6"], pins["ADA7"] = pins["ADA7"], pins["ADA6"]


def never_write(cells: Cells) -> None:
    lines = memory(cells, written=True)
    lines["connections"]["WEA"] = []
    lines["parameters"]["WEAMUX"] = "INV"


def always_write(cells: Cells) -> None:
    lines = memory(cells, written=True)
    lines["connections"]["WEA"] = []
    lines["parameters"]["WEAMUX"] = "WEA"


def narrower(cells: Cells) -> None:
    memory(cells, written=True)["parameters"]["DATA_WIDTH_B"] = f"{2:032b}"


@pytest.mark.parametrize(
    ("how", "where", "seen"),
    [
        (flip(1), "weights.* contents", False),
        (flip(16), "weights.* contents", True),
        (swap, "weights.* pin ADA6, .* pin ADA7", True),
        (never_write, "store.* pin WEA", True),
        (always_write, "store.* pin WEA", False),
        (narrower, "store.* configuration", False),
    ],
    ids=["one bit", "16 bits", "swapped address", "never written", "always written", "width"],
)
def test_faults_are_found(
    built: Path,
    graph: Graph,
    tmp_path: Path,
    how: Callable[[Cells], None],
    where: str,
    seen: bool,
) -> None:
    """All of them by the proof, and by the answers if they reach them."""
    broken = change(built, tmp_path, how)
    status, reason = proved(built, broken)
    assert status == "refuted"
    assert re.search(where, reason), reason
    if seen:
        assert simulated(broken, graph).reason.startswith("frame ")


def setting(name: str, value: str) -> Callable[[Cells], None]:
    return lambda cells: memory(cells, written=True)["parameters"].update({name: value})


def other_clock(cells: Cells) -> None:
    pins = memory(cells, written=True)["connections"]
    pins["CLKB"] = pins["WEA"]


def undefined_address(cells: Cells) -> None:
    memory(cells, written=True)["connections"]["ADA6"] = ["x"]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (setting("REGMODE_A", "OUTREG"), "no model of parameter REGMODE_A = 'OUTREG'"),
        (setting("WRITEMODE_B", "OTHER"), "no model of parameter WRITEMODE_B"),
        (setting("DATA_WIDTH_B", f"{36:032b}"), "port B of 36 bits beside a narrower port A"),
        (setting("RSTAMUX", "RSTA"), "no model of asynchronous reset RSTA"),
        (setting("CSB1MUX", "CSB1"), "no model of chip select CSB1"),
        (setting("CEAMUX", "1"), "no model of CEAMUX = '1'"),
        (setting("NEW", "1"), "no model of parameter NEW"),
        (setting("INITVAL_07", "0x"), "parameter INITVAL_07"),
        (other_clock, "no model of two clocks"),
        (undefined_address, "pin ADA6 reads the undefined constant 'x'"),
    ],
)
def test_what_has_no_model(
    built: Path, graph: Graph, tmp_path: Path, how: Callable[[Cells], None], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        simulated(change(built, tmp_path, how), graph)


def repacked(built: Path, folder: Path, change: Callable[[str], str]) -> BoardRun:
    """The check of a bitstream made of another configuration than the router's."""
    text = (built / CONFIG).read_text()
    wrong = change(text)
    assert wrong != text
    write_atomic(folder / "wrong.config", wrong)
    run("ecppack", ["wrong.config", "net.bit", "--compress"], folder, "net.bit")
    (folder / CONFIG).parent.mkdir()
    shutil.copy(built / CONFIG, folder / CONFIG)
    return check_bitstream(folder, "net")


def one_weight(text: str) -> str:
    start = re.search(r"^\.bram_init \d+\n", text, re.MULTILINE)
    assert start
    at = start.end()
    return f"{text[:at]}{int(text[at : at + 3], 16) ^ 1:03x}{text[at + 3 :]}"


def exchanged(text: str) -> str:
    """Each memory has the contents of the other one."""
    one, two = re.findall(r"WID ([01]+)", text)
    there = text.replace(f"WID {one}", "WID here").replace(f"WID {two}", f"WID {one}")
    return there.replace("WID here", f"WID {two}")


@pytest.mark.parametrize(
    ("how", "count", "message"),
    [
        (one_weight, 1, r"memory 3, word 0: the router asked for (\S+), the bitstream has (\S+)$"),
        (exchanged, 2, r"EBR\d\.WID: the router asked for [01]{9}, the bitstream has [01]{9}"),
        (lambda text: text.replace("WEAMUX WEA", "WEAMUX INV"), 1, r"EBR\d\.WEAMUX: .* WEA, "),
        (lambda text: text.replace("DATA_WIDTH_B 4", "DATA_WIDTH_B 2"), 1, "the router's config"),
    ],
    ids=["weight", "exchanged", "enable", "width"],
)
def test_changed_memories_in_a_bitstream_are_found(
    built: Path, tmp_path: Path, how: Callable[[str], str], count: int, message: str
) -> None:
    result = repacked(built, tmp_path, how)
    assert result.failed == count
    assert re.search(message, result.reason), result.reason
