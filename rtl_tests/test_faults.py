"""Strength of the check: every fault put into verified Verilog must be found and placed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from hlsgen.boards import load_board
from hlsgen.errors import CheckFailed
from hlsgen.graph import Graph, load
from hlsgen.graph.ops import Lut, Register
from hlsgen.verify import Verdict
from rtl_tests.designs import random_network, simulated, with_latency, write_build

pytestmark = pytest.mark.verilator

WIDTH = 8
TABLE = re.compile(r"hlsgen_lut(\d) #\((\d+)'h([0-9a-f]+)\) u(\d+) \(n\d+, (.*)\);")


@pytest.fixture(scope="module")
def good(folder: Path) -> Path:
    """A folder that verifies: 3 stages, frames of 4 bytes, answers of one."""
    graph = with_latency(random_network(11, features=7, classes=5, layers=(40, 30)), 3)
    write_build(folder, graph, WIDTH)
    (folder / "board.json").write_text(load_board("ulx3s").model_dump_json())
    assert simulated(folder, WIDTH).ok
    return folder


@pytest.fixture
def broken(good: Path, tmp_path: Path) -> Path:
    """A copy of the good folder, for the test to break."""
    for part in ("graph", "rtl"):
        shutil.copytree(good / part, tmp_path / part)
    shutil.copy(good / "board.json", tmp_path)
    return tmp_path


def edit(folder: Path, module: str, change: Callable[[str], str]) -> None:
    """Change the text of one module; a change that changes nothing is a mistake of the test."""
    path = folder / "rtl" / f"{module}.v"
    before = path.read_text()
    after = change(before)
    assert after != before, f"nothing to break in {path.name}"
    path.write_text(after)


def failure(folder: Path) -> str:
    """Why `folder` does not verify; the verdict on disk must say so too."""
    with pytest.raises(CheckFailed) as caught:
        simulated(folder, WIDTH)
    assert not Verdict.load(folder / "verify" / "verdict.json").ok
    return str(caught.value)


def luts_of(graph: Graph) -> list[tuple[str, int]]:
    """Layer and index of each LUT that is one, not a wire or a constant."""
    layers = [node for node in graph.nodes if isinstance(node.op, Lut)]
    return [(node.name, int(i)) for node in layers for i in np.flatnonzero(~node.op.wired)]


def flip(text: str, lut: int, entry: int) -> str:
    """One table bit of one LUT inverted."""

    def change(match: re.Match[str]) -> str:
        if int(match[4]) != lut:
            return match[0]
        value = int(match[3], 16) ^ 1 << entry
        return match[0].replace(f"'h{match[3]}", f"'h{value:0{len(match[3])}x}")

    return TABLE.sub(change, text)


@pytest.mark.parametrize("seed", range(4))
def test_flipped_table_bits(broken: Path, seed: int) -> None:
    """Ten single-bit faults in ten LUTs: each LUT is checked alone, so each must be named."""
    graph, rng = load(broken / "graph" / "final"), np.random.default_rng(seed)
    luts = luts_of(graph)
    expected = []
    for layer, lut in (luts[i] for i in rng.permutation(len(luts))[:10]):
        op = graph.by_name[layer].op
        entry = int(rng.integers(2 ** int(op.k[lut])))
        edit(broken, f"net_{layer}", lambda text, lut=lut, entry=entry: flip(text, lut, entry))
        wanted = int(op.table[lut]) >> entry & 1
        place = f"layer {layer}, LUT {lut}, table entry {entry}"
        expected.append(f"{place}: expected {wanted}, got {1 - wanted}")
    message = failure(broken)
    assert [line for line in expected if line not in message] == []


def test_flipped_table_bit_on_the_command_line(good: Path, broken: Path) -> None:
    layer, lut = luts_of(load(broken / "graph" / "final"))[-1]
    edit(broken, f"net_{layer}", lambda text: flip(text, lut, 1))
    command = [sys.executable, "-m", "hlsgen", "verify"]
    result = subprocess.run([*command, broken], capture_output=True, text=True, check=False)
    assert result.returncode == 1, result.stderr
    assert f"layer {layer}, LUT {lut}, table entry 1: expected" in result.stderr
    assert "Traceback" not in result.stderr
    result = subprocess.run([*command, good], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "passed" in result.stdout
    assert "failed" not in result.stdout


def test_swapped_wires(broken: Path) -> None:
    """Two wires exchanged at three LUTs whose tables tell them apart."""
    graph = load(broken / "graph" / "final")
    victims = [place for place in luts_of(graph) if tells_pins_apart(graph, *place)][::7][:3]
    assert len(victims) == 3
    for layer, lut in victims:
        pins = re.compile(rf"(u{lut} \(n{lut}), (x\[\d+\]), (x\[\d+\])")
        edit(broken, f"net_{layer}", lambda text, pins=pins: pins.sub(r"\1, \3, \2", text))
    message = failure(broken)
    for layer, lut in victims:
        assert f"layer {layer}, LUT {lut}, table entry" in message


def tells_pins_apart(graph: Graph, layer: str, lut: int) -> bool:
    """Whether a LUT's output changes when its first two pins, on two lanes, are exchanged."""
    op = graph.by_name[layer].op
    entries = [int(op.table[lut]) >> entry & 1 for entry in range(2 ** int(op.k[lut]))]
    differ = any(entries[j + 1] != entries[j + 2] for j in range(0, len(entries) - 3, 4))
    return bool(op.src[lut, 0] != op.src[lut, 1] and differ)


@dataclass(frozen=True)
class Fault:
    """A pattern to replace in one module, and what the message must then name."""

    module: str
    old: str
    new: str
    named: str

    def put_into(self, folder: Path, register: str = "") -> None:
        """Break the first place that matches; REG stands for the name of a register."""
        old = self.old.replace("REG", register)
        module = self.module.replace("REG", register)
        edit(folder, module, lambda text: re.sub(old, self.new, text, count=1))


NODE_FAULTS = {
    "threshold one too low": Fault("net_code", r"16'h(f*)8(0+)\)", r"16'h\1c\2)", "code, lane"),
    "one bit not counted": Fault("net_sums_0", r"\(n0, x\[\d+\]", "(n0, 1'b0", "sums_0, lane 0"),
    "one bit of a chain not counted": Fault(
        "net_sums_0", r"x\[\d+\](?=\n\}\)\);)", "1'b0", "sums_0, lane 4"
    ),
    "digits exchanged": Fault(
        "net_sums", r"(x\[\d+\]),\n    (x\[\d+\])\n", r"\2,\n    \1\n", "sums, lane 0"
    ),
    # a > b of two bits becomes a >= b.
    "draw won by the later class": Fault(
        "net_answer_0", "16'h7310", "16'hf731", "answer_0, lane 0"
    ),
    "bit of the loser": Fault("net_answer", "8'hca", "8'hac", "answer, lane 0"),
}


def test_faults_inside_nodes(broken: Path) -> None:
    """Nodes are checked one by one, so six faults in one design must all be named."""
    for fault in NODE_FAULTS.values():
        fault.put_into(broken)
    message = failure(broken)
    for name, fault in NODE_FAULTS.items():
        assert f"layer {fault.named}" in message, name


FAULTS = {
    "register dropped": Fault(
        "net_REG",
        r"output reg (.*\n\);\n)always @\(posedge clk\) y <= x;",
        r"output wire\1assign y = x;",
        "operators: layer REG, lane",
    ),
    "register added": Fault(
        "net_REG",
        r"(input  wire (\[.*\]) x,(.|\n)*)always @\(posedge clk\) y <= x;",
        r"\1reg \2 z;\nalways @(posedge clk) begin z <= x; y <= z; end",
        "operators: layer REG, lane",
    ),
    "register bypassed in the core": Fault(
        "net_core",
        r"net_REG i_REG \(\.clk\(clk\), \.x\((\w+)\), \.y\((\w+)\)\);",
        r"assign \2 = \1;",
        "layers: layer REG, lane",
    ),
    "valid one clock early": Fault(
        "net_core", r"valid_out = valid\[2\]", "valid_out = valid[1]", "layer valid_out, lane 0"
    ),
    "answer inverted in the core": Fault(
        "net_core", r"y = \{", "y = ~{", "layers: layer output answer"
    ),
    "credit always free": Fault(
        "net_stage",
        r"\.free\(frame_ready\)\n\);",
        ".free()\n);\nassign frame_ready = 1'b1;",
        "shell: ",
    ),
    "credit never given back": Fault(
        "net_stage", r"\.give\(answer_valid & answer_ready\)", ".give(1'b0)", "shell: stuck"
    ),
    "fifo too small": Fault("net_stage", r"\.DEPTH\(\d+\)", ".DEPTH(2)", "shell: "),
    "fifo read at the wrong end": Fault(
        "hlsgen_stream", r"store\[first\]", "store[next]", "shell: answer beat"
    ),
    "never a last beat": Fault(
        "net_axis",
        r"\.last\(m_axis_tlast\)\n\);",
        ".last()\n);\nassign m_axis_tlast = 1'b0;",
        "shell: answer beat 0 is",
    ),
    "first beat most significant": Fault(
        "hlsgen_stream",
        r"frame <= shifted.*;",
        "frame <= {frame[WIDTH*(BEATS-1)-1:0], data};",
        "shell: answer beat",
    ),
    "next frame overwrites one that waits": Fault(
        "hlsgen_stream", r"assign ready = .*;", "assign ready = 1'b1;", "shell: "
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_structural_fault(broken: Path, name: str) -> None:
    graph, fault = load(broken / "graph" / "final"), FAULTS[name]
    register = next(node.name for node in graph.nodes if isinstance(node.op, Register))
    fault.put_into(broken, register)
    assert fault.named.replace("REG", register) in failure(broken)
