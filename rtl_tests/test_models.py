"""Random networks through opt, emit and verify."""

from __future__ import annotations

from pathlib import Path

import pytest

from hlsgen.emit import framing
from hlsgen.graph import Graph
from hlsgen.verify import Verdict
from rtl_tests.designs import random_network, simulated, with_latency, write_build

pytestmark = pytest.mark.verilator

SAMPLES = 100


def probed_bits(graph: Graph) -> int:
    """Bits of all nodes and of the answer."""
    names = [node.name for node in graph.nodes] + list(graph.outputs)
    return sum(graph.wires[name].width_bits for name in names)


@pytest.mark.parametrize(
    ("cycles", "width", "shape"),
    [
        (1, 8, {"layers": (12,), "classes": 2}),
        (2, 32, {"layers": (30, 24)}),
        (3, 512, {"layers": (20, 20, 20), "features": 3, "bits": 1, "code": 5}),
        (4, 8, {"layers": (40, 30, 30), "classes": 10, "bits": 9}),
        (5, 32, {"layers": (60, 40, 30, 20), "fan_in": (6, 6)}),
        (6, 512, {"layers": (24,) * 5, "features": 40, "bits": 16, "code": 60, "classes": 1}),
    ],
)
def test_random_network(tmp_path: Path, cycles: int, width: int, shape: dict) -> None:
    graph = with_latency(random_network(cycles, **shape), cycles)
    verdict = simulated(write_build(tmp_path, graph, width, SAMPLES), width)
    assert verdict.ok
    assert verdict.graph == graph.digest
    assert Verdict.load(tmp_path / "verify" / "verdict.json") == verdict
    checked = {rung.name: rung.checked for rung in verdict.rungs if rung.status == "passed"}
    assert set(checked) == {"operators", "layers", "shell"}
    outputs = sum(graph.wires[node.name].width_bits for node in graph.nodes if node.inputs)
    # At least every sample; the stimuli of the widest operator come on top.
    assert checked["operators"] >= outputs * 64
    # valid_out is compared in every clock, also when no sample is inside.
    assert checked["layers"] >= probed_bits(graph) * SAMPLES + SAMPLES
    assert checked["layers"] < (probed_bits(graph) + 3) * (SAMPLES + cycles + 1)
    assert checked["shell"] == SAMPLES * framing(graph, width).out_beats
