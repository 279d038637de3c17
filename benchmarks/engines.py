"""A network of engines: folding, emission, simulation of whole frames."""

from __future__ import annotations

import io
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.figure import Figure, Figures, seconds
from benchmarks.networks import cnv
from hlsgen.emit import emit
from hlsgen.graph import Graph, load, random_feeds, save
from hlsgen.graph.fabric import FABRICS
from hlsgen.graph.schedule import pace
from hlsgen.passes import opt
from hlsgen.passes.fold import fold, interval_of
from hlsgen.paths import write_atomic
from hlsgen.verify.simulation import simulate_rtl

XCUP, CLOCK_MHZ, FRAMES_PER_S, WIDTH = FABRICS["xcup"], 300.0, 10_000, 512
FEW, MORE = 4, 8


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
    return {
        "fold": Figure(folding, "s", at_most=10),
        "clocks_a_frame": Figure(pace(graph).interval, "clocks", at_most=interval),
        "emit": Figure(emission, "s", at_most=60),
        "simulation_build": Figure(first - few, "s"),
        "simulation_frame": Figure((more - few) / (MORE - FEW), "s", at_most=60),
    }


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
