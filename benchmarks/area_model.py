"""The area estimate against Yosys: random networks of 50 to 20,000 LUTs, three families."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks.figure import Figure, Figures
from benchmarks.networks import CLOCK_MHZ, random_network
from hlsgen.emit import emit
from hlsgen.graph.fabric import FABRICS, Fabric
from hlsgen.graph.ir import Graph
from hlsgen.passes import opt, size
from hlsgen.proof.families import FAMILIES
from hlsgen.report.area import luts
from hlsgen.tools import TOOLS

NETWORKS, SMALLEST, LARGEST = 50, 50, 20_000
TOLERANCE = 0.03


def measure() -> Figures:
    """Largest deviation of the estimated LUTs from those that Yosys counts, for each family."""
    rng = np.random.default_rng(1)
    worst = Counter[str]()
    # Sizes evenly spread over the orders of magnitude; families take turns, so that each sees all.
    sizes = np.geomspace(SMALLEST, LARGEST, NETWORKS).astype(int)
    for seed, luts_wanted in enumerate(sizes.tolist()):
        layers, fan_in = int(rng.integers(1, 4)), int(rng.integers(2, 7))
        graph = random_network(
            luts_wanted // layers * layers, layers, fan_in=fan_in, repeats=0.1, seed=seed
        )
        for name, fabric in FABRICS.items():
            final = opt(graph, fabric, CLOCK_MHZ)
            estimate = size(final, fabric).area.lut
            counted = count(final, fabric)
            worst[name] = max(worst[name], abs(estimate - counted) / counted)  # type: ignore[assignment]
    return {
        f"deviation_{name}": Figure(100 * share, "%", at_most=100 * TOLERANCE)
        for name, share in worst.items()
    }


def count(graph: Graph, fabric: Fabric) -> int:
    """LUTs of the core of an optimised graph, as Yosys maps it."""
    family, plan = FAMILIES[fabric.name], emit(graph, 8, fabric)
    with tempfile.TemporaryDirectory(prefix="hlsgen-area-") as name:
        folder = Path(name)
        plan.write(folder)
        script = [f"read_verilog {family.macro} {file}" for file in sorted(plan.files)]
        script += [f"{family.synth} -top {graph.name}_core", "tee -q -o stat.json stat -json"]
        (folder / "count.ys").write_text("\n".join(script) + "\n", encoding="utf-8")
        TOOLS["yosys"].run(
            ["-s", "count.ys"], cwd=folder, makes=["stat.json"], log_file=folder / "log"
        )
        stat = json.loads((folder / "stat.json").read_text(encoding="utf-8"))
    return luts(fabric.name, Counter(stat["design"]["num_cells_by_type"]))
