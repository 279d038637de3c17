"""The Verilog that only Vivado's flow has: board tops, and what joins a DMA and a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hlsgen.boards import Board, load_board
from hlsgen.build import vivado
from hlsgen.emit import emit, framing
from hlsgen.graph import Graph, random_feeds
from hlsgen.plan import Plan
from hlsgen.tools import TOOLS
from hlsgen.tools.verilator import build, simulate
from hlsgen.verify.bits import pack, to_words
from hlsgen.verify.vectors import beats, bits_of
from rtl_tests.designs import random_network, with_latency
from rtl_tests.test_synth import cells
from rtl_tests.tiny_project import write_tiny_project

BATCHES = (1, 3, 1, 1, 7, 2, 9)
TESTS = (
    "without_pause",
    "with_pauses",
    "starved",
    "a_batch_that_ends_within_a_frame",
    "reset_within_a_batch",
)
STREAM = ("data", "last", "valid", "ready")
# The block design's part around the network, in Verilog.
HARNESS = """
module harness (
    input wire ap_clk, input wire ap_rst_n,
    input wire [31:0] from_host_tdata, input wire from_host_tlast,
    input wire from_host_tvalid, output wire from_host_tready,
    output wire [31:0] to_host_tdata, output wire to_host_tlast,
    output wire to_host_tvalid, input wire to_host_tready
);
wire [31:0] in_data, out_data;
wire [3:0] in_keep, out_keep;
wire in_last, in_valid, in_ready, out_last, out_valid, out_ready;
hlsgen_batch #(.WIDTH(32), .BEATS(BEATS_OF_A_FRAME)) batch (
    .ap_clk(ap_clk), .ap_rst_n(ap_rst_n),
    .from_host_tdata(from_host_tdata), .from_host_tkeep(4'hf), .from_host_tlast(from_host_tlast),
    .from_host_tvalid(from_host_tvalid), .from_host_tready(from_host_tready),
    .to_net_tdata(in_data), .to_net_tkeep(in_keep), .to_net_tlast(in_last),
    .to_net_tvalid(in_valid), .to_net_tready(in_ready),
    .from_net_tdata(out_data), .from_net_tkeep(out_keep), .from_net_tlast(out_last),
    .from_net_tvalid(out_valid), .from_net_tready(out_ready),
    .to_host_tdata(to_host_tdata), .to_host_tkeep(), .to_host_tlast(to_host_tlast),
    .to_host_tvalid(to_host_tvalid), .to_host_tready(to_host_tready)
);
net_kernel net (
    .ap_clk(ap_clk), .ap_rst_n(ap_rst_n),
    .in_frames_tdata(in_data), .in_frames_tkeep(in_keep), .in_frames_tlast(in_last),
    .in_frames_tvalid(in_valid), .in_frames_tready(in_ready),
    .out_answers_tdata(out_data), .out_answers_tkeep(out_keep), .out_answers_tlast(out_last),
    .out_answers_tvalid(out_valid), .out_answers_tready(out_ready)
);
endmodule
"""


def narrow() -> Board:
    """A Zynq board whose DMA has streams of 32 bits, so that frames have several beats."""
    board = load_board("pynq_z2")
    return board.model_copy(update={"shell": board.shell.model_copy(update={"width_bits": 32})})


def planned(graph: Graph, board: Board, clock_mhz: float = 100.0) -> Plan:
    sources = emit(graph, board.shell.width_bits, board.logic)
    return sources | vivado.plan(graph, board, sources, clock_mhz)


def traffic(graph: Graph, folder: Path) -> Path:
    """Random frames and their answers, in beats of 32 bits."""
    values = bits_of(graph, random_feeds(graph, sum(BATCHES), np.random.default_rng(2)))
    frame = framing(graph, 32)
    send, expect = (to_words(pack(bits)) for bits in beats(graph, values, 32))
    path = folder / "traffic.json"
    path.write_text(
        json.dumps(
            {
                "frames": np.reshape(send, (-1, frame.in_beats)).tolist(),
                "answers": np.reshape(expect, (-1, frame.out_beats)).tolist(),
                "batches": BATCHES,
            }
        )
    )
    return path


def run_bench(graph: Graph, folder: Path, damage: tuple[str, str] = ("", "")) -> list[str]:
    """Failures of the bench, with the batch module as it is or damaged."""
    plan = planned(graph, narrow())
    plan.write(folder)
    batch = folder / "vivado/hlsgen_batch.v"
    assert damage[0] in batch.read_text()
    batch.write_text(batch.read_text().replace(*damage) if damage[0] else batch.read_text())
    beats_of_a_frame = framing(graph, 32).in_beats
    harness = HARNESS.replace("BEATS_OF_A_FRAME", str(beats_of_a_frame))
    (folder / "harness.v").write_text(harness)
    ports = [f"{side}_t{name}" for side in ("from_host", "to_host") for name in STREAM]
    public = [
        f'public_flat_rw -module "harness" -var "{port}"\n'
        for port in ("ap_clk", "ap_rst_n", *ports)
    ]
    (folder / "public.vlt").write_text("".join(["`verilator_config\n", *public]))
    # The libraries as they are for all others: behavioural.
    own = ("vivado/hlsgen_batch.v", f"vivado/{graph.name}_kernel.v", "harness.v")
    sources = ["public.vlt", *sorted(name for name in plan.files if name.startswith("rtl/")), *own]
    program = build(sources, "harness", folder / "obj", folder / "logs", lint=False)
    return simulate(
        program, "harness", "rtl_tests.tb.batch", tests=TESTS, results=folder / "results.xml",
        log_file=folder / "simulation.log",
        env={"HLSGEN_TRAFFIC": str(traffic(graph, folder))}, timeout_s=120,
    )  # fmt: skip


def several_beats() -> Graph:
    graph = with_latency(random_network(5, features=15, classes=4), 3)
    assert framing(graph, 32).in_beats > 1
    return graph


@pytest.mark.verilator
def test_batches_reach_the_network_and_end_with_tlast(tmp_path: Path) -> None:
    assert run_bench(several_beats(), tmp_path) == []


@pytest.mark.verilator
def test_frames_of_one_beat(tmp_path: Path) -> None:
    graph = with_latency(random_network(6, features=4, classes=3), 2)
    assert framing(graph, 32).in_beats == 1
    failed = run_bench(graph, tmp_path)
    # A frame of one beat cannot be cut.
    assert [name for name in failed if "within_a_frame" not in name] == []


@pytest.mark.verilator
@pytest.mark.parametrize(
    "damage",
    [
        ("from_net_tlast & ended & last_answer", "from_net_tlast"),
        ("from_net_tlast & ended & last_answer", "from_net_tlast & ended"),
        ("to_net_tready & ~ended", "to_net_tready"),
        ("(last_beat | from_host_tlast) ?", "from_host_tlast ?"),
        ("under_way + 32'd1;", "under_way;"),
    ],
    ids=["every answer", "not the last", "not stalled", "frames not counted off", "not counted"],
)
def test_the_bench_finds_faults(tmp_path: Path, damage: tuple[str, str]) -> None:
    assert run_bench(several_beats(), tmp_path, damage)


# --- board tops in Yosys --------------------------------------------------------------------------


@pytest.mark.yosys
@pytest.mark.parametrize(
    ("name", "generator", "buffer"),
    [("u280_bare", "MMCME4_BASE", "IBUFDS"), ("seven", "MMCME2_BASE", "IBUF")],
)
def test_board_tops_elaborate_with_the_vendors_cells(
    tmp_path: Path, name: str, generator: str, buffer: str
) -> None:
    board = load_board("u280_bare")
    if name == "seven":
        pins = {"clk": "E3", "uart_rxd": "A9", "uart_txd": "D10", "led0": "H5"}
        board = board.model_copy(
            update={
                "fabric": "xc7", "part": "xc7a100tcsg324-1", "pins": pins, "constants": {},
                "vivado": type(board.vivado)(),
            }
        )  # fmt: skip
    graph = with_latency(random_network(7, features=4, classes=3), 2)
    plan = planned(graph, board, 125.0)
    plan.write(tmp_path)
    sources = [file for file in plan.steps[-1].reads if file.endswith(".v")]
    counts = cells(
        tmp_path,
        *(f"read_verilog {file}" for file in sources),
        f"synth_xilinx -family {board.fabric} -flatten -top {graph.name}_top",
        "check -assert",
    )
    assert counts[generator] == 1
    assert counts[buffer] >= 1
    assert counts["BUFG"] == 1
    # Primitives, not what synthesis makes of behavioural text.
    assert counts["LUT6_2"] > 0
    assert not [cell for cell in counts if cell.startswith("hlsgen_")]


# --- from data to a bitstream, with a mock for Vivado ------------------------------------------


@pytest.mark.verilator
@pytest.mark.yosys
def test_bitstream_command(tmp_path: Path) -> None:
    write_tiny_project(tmp_path, clock_mhz=100)
    mock = Path(__file__).parents[1] / "tests" / "mock_tools" / "vivado"
    result = subprocess.run(
        [sys.executable, "-m", "hlsgen", "bitstream", ".", "--board", "zcu104", "-o", "build"],
        cwd=tmp_path, env={**os.environ, TOOLS["vivado"].variable: str(mock)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    folder = tmp_path / "build" / "tiny-zcu104"
    assert (folder / "tiny.bit").read_text().startswith("made by write_bitstream, recorded")
    report = json.loads((folder / "report" / "report.json").read_text())
    assert report["verified"]["value"] is True
    assert report["fmax_mhz"]["tool"] == "Vivado 2021.2"
    statuses = {rung["name"]: rung["status"] for rung in report["rungs"]}
    assert statuses["netlist"] == "passed"
    assert statuses["bitstream"] == "not run"
