"""Building and running the simulation of rung 1, as `hlsgen verify` does."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.figure import Figure, Figures, seconds
from benchmarks.networks import FABRIC, pipelined, random_network
from hlsgen.emit import emit
from hlsgen.graph import load, save
from hlsgen.graph.interp import random_feeds
from hlsgen.graph.ir import Graph
from hlsgen.paths import write_atomic
from hlsgen.samples import load_samples
from hlsgen.tools.verilator import build
from hlsgen.verify.simulation import simulation

LUTS, SAMPLES, WIDTH = 5000, 1000, 8
MANY = 10_000


def measure() -> Figures:
    """Rung 1 of 5,000 LUTs, its Verilator build alone and from the cache; many samples."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # A small one first: the runtime library is then in the user's cache.
        _simulate(build_folder(folder / "small", random_network(100)))
        large = build_folder(folder / "large", random_network(LUTS))
        many = build_folder(folder / "many", random_network(2000), MANY)
        return {
            "verify_5k": Figure(seconds(lambda: _simulate(large)), "s"),
            "build_5k": Figure(seconds(lambda: _build(large, "again")), "s", at_most=60),
            "build_5k_cached": Figure(seconds(lambda: _build(large, "again")), "s", at_most=5),
            "verify_2k_10k_samples": Figure(seconds(lambda: _simulate(many)), "s", at_most=180),
        }


def _simulate(folder: Path) -> None:
    graph, samples = load(folder / "graph/final"), load_samples(folder / "graph/samples.npz")
    for rung in simulation(folder, graph, samples, WIDTH, 1, core_samples=len(samples)):
        if rung.status != "passed":
            raise RuntimeError(f"{rung.name}: {rung.reason}")


def build_folder(folder: Path, network: Graph, samples: int = SAMPLES) -> Path:
    """What the stages up to emit leave, with random samples."""
    graph = pipelined(network)
    save(graph, folder / "graph" / "final")
    words = random_feeds(graph, samples, np.random.default_rng(0))["x"][:, 0]
    buffer = io.BytesIO()
    np.savez(buffer, x=words, y=np.zeros(samples, dtype=np.int64))
    write_atomic(folder / "graph" / "samples.npz", buffer.getvalue())
    emit(graph, WIDTH, FABRIC).write(folder)
    return folder


def _build(folder: Path, name: str) -> None:
    """Compile the bench that a simulation left there, below another name."""
    sources = [f"../rtl/{path.name}" for path in sorted((folder / "rtl").glob("*.v"))]
    build(["public.vlt", "bench.v", *sources], "bench", folder / "sim" / name, folder / "logs")
