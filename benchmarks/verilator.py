"""Building and running the simulation that `hlsgen verify` uses."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.figure import Figure, Figures, seconds
from benchmarks.networks import pipelined, random_network
from hlsgen.emit import emit
from hlsgen.graph import save
from hlsgen.graph.interp import random_feeds
from hlsgen.graph.ir import Graph
from hlsgen.paths import write_atomic
from hlsgen.tools.verilator import build
from hlsgen.verify import verify

LUTS, SAMPLES, WIDTH = 5000, 1000, 8


def measure() -> Figures:
    """Time of the whole verify of 5,000 LUTs, and of its Verilator build alone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # A small one first: the runtime library is then in the user's cache.
        verify(_build_folder(folder / "small", random_network(100)), WIDTH)
        large = _build_folder(folder / "large", random_network(LUTS))
        whole = seconds(lambda: verify(large, WIDTH))
        return {
            "build_5k": Figure(seconds(lambda: _build(large)), "s", at_most=60),
            "verify_5k": Figure(whole, "s"),
        }


def _build_folder(folder: Path, network: Graph) -> Path:
    """What the stages up to emit leave."""
    graph = pipelined(network)
    save(graph, folder / "graph" / "final")
    words = random_feeds(graph, SAMPLES, np.random.default_rng(0))["x"][:, 0]
    samples = io.BytesIO()
    np.savez(samples, x=words, y=np.zeros(SAMPLES, dtype=np.int64))
    write_atomic(folder / "graph" / "samples.npz", samples.getvalue())
    emit(graph, WIDTH).write(folder)
    return folder


def _build(folder: Path) -> None:
    """Compile anew the bench that verify left there."""
    sources = [f"../rtl/{path.name}" for path in sorted((folder / "rtl").glob("*.v"))]
    build(["public.vlt", "bench.v", *sources], "bench", folder / "sim" / "again", folder / "logs")
