"""Rung 2 for what holds state: the control blocks of the shells, by model checking."""

from __future__ import annotations

from pathlib import Path

from hlsgen.boards import Board
from hlsgen.graph.ir import Graph
from hlsgen.graph.parts import streams
from hlsgen.graph.segments import waits
from hlsgen.proof.control import ControlProof, prove_control
from hlsgen.tools import TOOLS
from hlsgen.verify.verdict import Rung, Timer, what


def control(folder: Path, graph: Graph, board: Board) -> Rung:
    """The streams' and the UART's blocks, and the AXI-Stream shell around a stand-in core."""
    timer = Timer()
    uart = board.shell.kind == "uart"
    found = prove_control(folder, graph, board.shell.width_bits, uart=uart)
    refuted = [proof for proof in found if proof.status == "refuted"]
    unknown = [proof for proof in found if proof.status == "unknown"]
    bounded = [proof for proof in found if proof.status == "bounded"]
    return Rung(
        2,
        "control blocks",
        "failed" if refuted else "unknown" if unknown else "passed",
        what("control blocks"),
        checked=sum(proof.properties for proof in found),
        failed=len(refuted),
        tool=f"yosys-abc {TOOLS['yosys-abc'].find().version}, pdr and bmc3",
        reason="; ".join(
            [f"{proof.name}: {proof.reason}" for proof in refuted + unknown]
            + [f"{proof.name}: for {proof.depth} clocks only" for proof in bounded]
            + ["stage and AXI-Stream shell as a whole: simulated only"] * streams(graph)
            + ["sums and memories of engines: simulated only"] * waits(graph)
        ),
        time_s=timer.time_s,
        details=tuple(_detail(proof) for proof in found),
    )


def _detail(proof: ControlProof) -> str:
    how = f"bounded: {proof.depth} clocks" if proof.status == "bounded" else proof.status
    return f"{proof.name}: {how}, {proof.properties} properties"
