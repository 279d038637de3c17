"""Tables beside engines, from their PyTorch form to Verilog: every beat in its exact clock."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hlsgen.graph import Graph
from hlsgen.graph.ops import Lut, Tiled
from hlsgen.nn import BinaryArchitecture, BinaryNetwork
from hlsgen.nn.maps import Convolution
from rtl_tests.designs import simulated, write_build
from rtl_tests.engines import exported

pytestmark = pytest.mark.verilator


def mixed(padding: int) -> Graph:
    """Engine, convolution and dense layer of tables, class sums in an engine; folded."""
    torch.manual_seed(padding)
    first = Convolution(3, 3, 1, 1, 1, 0, padding=1)
    second = Convolution(4, 3, 1, 2, 1, 0, padding=padding)
    a = BinaryArchitecture(
        24, 3, 2, (5,), 1.0, 1, (4, 6), (first, second),
        tables=(1, 2), theta=(0.6, 0.4), fan_ins=(4, 2),
    )  # fmt: skip
    network, words = BinaryNetwork(a), torch.randint(0, 4, (50, 24))
    for phase in ("retrain", "lut"):
        network.begin(phase, words)
    return exported(network, words, 200)


@pytest.mark.parametrize("padding", [0, 1])
def test_tables_between_engines(padding: int, tmp_path: Path) -> None:
    graph = mixed(padding)
    kinds = [type(node.op) for node in graph.nodes]
    assert kinds.count(Tiled) == 2 and kinds.count(Lut) >= 3
    verdict = simulated(write_build(tmp_path, graph, 8, samples=12), 8)
    assert {rung.name for rung in verdict.rungs} == {"operators", "layers", "shell"}
    assert all(rung.status == "passed" for rung in verdict.rungs)
