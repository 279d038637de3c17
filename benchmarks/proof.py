"""Proofs of whole cores by SAT: of the digits example, and of large random networks."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.figure import Figure, Figures, seconds
from benchmarks.flow import ROOT
from benchmarks.networks import random_network
from benchmarks.verilator import build_folder
from hlsgen.graph import load
from hlsgen.proof.circuits import Circuit, mapped, proofs, verilog
from hlsgen.proof.families import FAMILIES
from hlsgen.samples import load_samples
from hlsgen.verify.sources import sources

# LUTs of the large core that is proved as Verilog and on one family.
MIDDLE, LARGE, FAMILY = 2_000, 10_000, "xcup"


def measure() -> Figures:
    """Seconds of the proofs alone (synthesis is told apart): each layer, and the core."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = ["hlsgen", "emit", "examples/digits", "-o", str(folder)]
        subprocess.run([sys.executable, "-m", *command], cwd=ROOT, check=True, capture_output=True)
        figures = _figures(folder / "digits-ulx3s", "digits", tuple(FAMILIES), 30)
        for luts, limit in ((MIDDLE, 300), (LARGE, 1800)):
            large = build_folder(folder / f"random{luts}", random_network(luts))
            figures |= _figures(large, f"random_{luts}", (FAMILY,), limit)
        return figures


def _figures(folder: Path, name: str, families: tuple[str, ...], at_most: float) -> Figures:
    graph, samples = load(folder / "graph/final"), load_samples(folder / "graph/samples.npz")
    files = sources(folder, graph)
    circuits: list[Circuit] = [verilog(folder, graph, files)]
    synthesis = seconds(
        lambda: circuits.extend(mapped(folder, graph, files, FAMILIES[name]) for name in families)
    )

    def prove() -> None:
        for circuit in circuits:
            for proof in proofs(graph, circuit, samples):
                if proof.status != "proved":
                    raise RuntimeError(f"{circuit.name}, {proof.name}: {proof.reason}")

    return {
        f"{name}_proof": Figure(seconds(prove), "s", at_most=at_most),
        f"{name}_synthesis": Figure(synthesis, "s"),
    }
