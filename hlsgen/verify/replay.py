"""A counterexample of a proof, run again: in the interpreter and in the simulator."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hlsgen.emit.render import render
from hlsgen.graph.ir import Graph
from hlsgen.netlist import yosys_share
from hlsgen.paths import write_atomic
from hlsgen.proof.equivalence import Counterexample, replay
from hlsgen.tools import TOOLS
from hlsgen.tools.verilator import build, simulate
from hlsgen.verify.bits import from_bits, pack, to_bits, to_words

# The simulation models of the families' cells that come with Yosys: not those of the proof.
_MODELS = {
    **{"xcup": "xilinx", "xc7": "xilinx"},
    **{family: family for family in ("ecp5", "ice40", "gowin", "nexus")},
}


def replay_verilog(
    folder: Path, graph: Graph, example: Counterexample, sources: Sequence[str]
) -> str:
    """What interpreter and simulated Verilog make of a frame: one line."""
    return _replay(folder, graph, example, [f"../{name}" for name in sources])


def replay_netlist(
    folder: Path, graph: Graph, example: Counterexample, netlist: Path, family: str
) -> str:
    """What interpreter and simulated netlist make of a frame: one line."""
    models = yosys_share() / _MODELS[family] / "cells_sim.v"
    core = f"{graph.name}_core"
    script = render(
        "proof/replay.ys.j2",
        models=models,
        netlist=netlist.resolve(),
        core=core,
    )
    write_atomic(folder / "prove" / "replay.ys", script)
    TOOLS["yosys"].run(
        ["-s", "prove/replay.ys"],
        cwd=folder,
        makes=["prove/replay.v"],
        log_file=folder / "logs" / "replay.log",
    )
    return _replay(folder, graph, example, ["replay.v"])


def _replay(folder: Path, graph: Graph, example: Counterexample, files: list[str]) -> str:
    feeds = {name: np.array([[values]]) for name, values in example.inputs.items()}
    wanted = replay(graph, example)
    place, core = folder / "prove", f"{graph.name}_core"
    bits = [to_bits(feeds[node.name], graph.wires[node.name]) for node in graph.feeds()]
    (frame,) = to_words(pack(np.concatenate(bits, axis=1)))
    order = {"frame": f"{frame:x}", "latency": graph.latency[graph.outputs[0]]}
    write_atomic(place / "replay.json", json.dumps(order) + "\n")
    ports = ("clk", "rst", "valid_in", "x", "valid_out", "y")
    public = "".join(f'public_flat_rw -module "{core}" -var "{port}"\n' for port in ports)
    write_atomic(place / "replay.vlt", f"`verilator_config\n{public}")
    program = build(["replay.vlt", *files], core, place / "obj", folder / "logs", lint=False)
    simulate(
        program,
        core,
        "hlsgen.verify.replay_bench",
        tests=["replay"],
        results=place / "results.xml",
        log_file=folder / "logs" / "replay_simulation.log",
        env={"HLSGEN_REPLAY": str((place / "replay.json").resolve())},
        timeout_s=120,
    )
    seen = int(json.loads((place / "answer.json").read_text(encoding="utf-8"))["y"], 16)
    parts, differ = [], False
    for name in graph.outputs:
        wire = graph.wires[name]
        row = np.array([[seen >> i & 1 for i in range(wire.width_bits)]], dtype=np.uint8)
        got = from_bits(row, wire)[0].tolist()
        right = wanted[name][0, 0].tolist()
        seen >>= wire.width_bits
        differ |= got != right
        parts.append(f"{name} is {got}, the interpreter says {right}")
    state = "reproduced in simulation" if differ else "not reproduced in simulation"
    return f"{state}: {'; '.join(parts)}"
