"""A network of engines: folding, emission, simulation of whole frames."""

from __future__ import annotations

import io
import json
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks.figure import Figure, Figures, seconds
from benchmarks.networks import cnv
from hlsgen.emit import emit
from hlsgen.emit.verilog import library
from hlsgen.emit.waiting import waiting_module
from hlsgen.graph import Graph, Node, check, load, random_feeds, save
from hlsgen.graph.fabric import FABRICS
from hlsgen.graph.ops import Pixels, Tiled
from hlsgen.graph.schedule import pace
from hlsgen.passes import opt
from hlsgen.passes.fold import fold, interval_of
from hlsgen.paths import write_atomic
from hlsgen.plan import Plan
from hlsgen.report.area import luts
from hlsgen.tools import TOOLS
from hlsgen.verify.simulation import simulate_rtl

XCUP, CLOCK_MHZ, FRAMES_PER_S, WIDTH = FABRICS["xcup"], 300.0, 10_000, 512
FEW, MORE = 4, 8
_SYNTHESIS = """synth_xilinx -family xcup -flatten -noiopad -top net_engine
tee -q -o stat.json stat -json
"""
# Engines whose area is compared: rows, columns, rows and columns at a time, bits, thresholds.
SHAPES = (
    (16, 27, 4, 27, 8, 1), (64, 576, 1, 64, 1, 1), (64, 576, 4, 36, 1, 1), (64, 144, 8, 144, 1, 1),
    (128, 1152, 2, 36, 1, 1), (64, 72, 8, 8, 2, 3), (10, 512, 1, 64, 1, 0), (256, 256, 16, 4, 1, 1),
)  # fmt: skip


def measure() -> Figures:
    """CNV for 10,000 frames a second at 300 MHz; a frame of simulation is one of eight, of four."""
    bare = opt(cnv(), XCUP, CLOCK_MHZ)
    interval = interval_of(CLOCK_MHZ, FRAMES_PER_S)
    folding = seconds(lambda: fold(bare, XCUP, interval))
    graph = fold(bare, XCUP, interval)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save(graph, folder / "graph" / "final")
        emission = seconds(lambda: _emit(folder))
        # The first simulation compiles; the second finds its program in the cache.
        first, few, more = (_simulate(folder, graph, frames) for frames in (FEW, FEW, MORE))
        areas = [_area_ratio(folder / "area", *shape) for shape in SHAPES]
    return {
        "fold": Figure(folding, "s", at_most=10),
        "clocks_a_frame": Figure(pace(graph).interval, "clocks", at_most=interval),
        "emit": Figure(emission, "s", at_most=60),
        "simulation_build": Figure(first - few, "s"),
        "simulation_frame": Figure((more - few) / (MORE - FEW), "s", at_most=60),
        "area_least": Figure(min(areas), ""),
        "area_most": Figure(max(areas), ""),
    }


def _area_ratio(
    folder: Path, rows: int, columns: int, pe: int, simd: int, bits: int, levels: int
) -> float:
    """Estimated LUTs of an engine without its FIFO, over those that Yosys makes of it."""
    rng = np.random.default_rng(0)
    weight = rng.choice([-1, 1], (rows, columns))
    threshold = np.sort(rng.integers(-9, 9, (rows, levels)), axis=1)
    op = Tiled(2, pe, simd, weight, threshold)
    source = Pixels(bits, np.zeros(columns), np.ones(columns), 1)
    nodes = (Node("x", source), Node("engine", op, ("x",)))
    graph = check(Graph("net", nodes, ("engine",)))
    wire = graph.wires["x"]
    text = waiting_module(graph, nodes[1], {"version": "", "digest": ""})
    script = "read_verilog engine.v waiting.v\n" + _SYNTHESIS
    library_text = dict(library())["hlsgen_waiting.v"]
    Plan({"engine.v": text, "waiting.v": library_text, "synth.ys": script}).write(folder)
    TOOLS["yosys"].run(
        ["-s", "synth.ys"], cwd=folder, makes=["stat.json"], log_file=folder / "synth.log"
    )
    modules = json.loads((folder / "stat.json").read_text(encoding="utf-8"))["modules"]
    made = luts(XCUP.name, Counter(modules["\\net_engine"]["num_cells_by_type"]))
    return (op.area(XCUP, wire).lut - op.fifo_luts(XCUP, wire)) / made


def _emit(folder: Path) -> None:
    emit(load(folder / "graph" / "final"), WIDTH, XCUP).write(folder)


def _simulate(folder: Path, graph: Graph, frames: int) -> float:
    """Seconds of so many random frames through core and shell, everything compared."""
    samples = random_feeds(graph, frames, np.random.default_rng(0))["x"]
    buffer = io.BytesIO()
    np.savez(buffer, x=samples.astype(np.uint16))
    write_atomic(folder / "graph" / "samples.npz", buffer.getvalue())
    start = time.perf_counter()
    seen = simulate_rtl(folder, graph, samples, WIDTH, 1, frames=frames)
    if seen.failed:
        raise RuntimeError(str(seen.failed))
    return time.perf_counter() - start
