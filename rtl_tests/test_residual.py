"""A residual network from its PyTorch form to Verilog: every beat in its exact clock."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hlsgen.graph import Graph
from hlsgen.graph.ops import Merge, Pad
from hlsgen.nn import BinaryArchitecture, BinaryNetwork
from hlsgen.nn.maps import Convolution
from rtl_tests.designs import simulated, write_build
from rtl_tests.engines import exported

pytestmark = pytest.mark.verilator


def same(filters: int, pool: int = 1, residual: int = 0) -> Convolution:
    return Convolution(filters, 3, 1, pool, 1, 0, padding=1, residual=residual)


def two_blocks(levels: int) -> Graph:
    """Branches around two convolutions and around one, with a pool between, folded."""
    torch.manual_seed(levels)
    image, convolutions = (4, 6), (same(2), same(3), same(2, residual=2), same(3, 2), same(3, 1, 1))
    a = BinaryArchitecture(24, 3, 2, (4,), 1.0, levels, image, convolutions)
    network = BinaryNetwork(a)
    return exported(network, torch.randint(0, 4, (50, 24)), 200)


@pytest.mark.parametrize("levels", [1, 3])
def test_networks_with_branches(levels: int, tmp_path: Path) -> None:
    graph = two_blocks(levels)
    kinds = [type(node.op) for node in graph.nodes]
    assert kinds.count(Pad) == 5 and kinds.count(Merge) == 2
    verdict = simulated(write_build(tmp_path, graph, 8, samples=12), 8)
    assert {rung.name for rung in verdict.rungs} == {"operators", "layers", "shell"}
    assert all(rung.status == "passed" for rung in verdict.rungs)
