"""Whole networks: the estimated LUTs are those that Yosys counts, on every family."""

from __future__ import annotations

import pytest

from benchmarks.area_model import TOLERANCE, count
from benchmarks.networks import CLOCK_MHZ, random_network
from hlsgen.graph.fabric import FABRICS
from hlsgen.passes import opt, parts, size

pytestmark = pytest.mark.yosys


@pytest.mark.parametrize(("luts", "layers", "fan_in"), [(50, 1, 6), (120, 3, 2), (300, 2, 4)])
@pytest.mark.parametrize("family", FABRICS)
def test_the_estimate_is_the_count(family: str, luts: int, layers: int, fan_in: int) -> None:
    fabric = FABRICS[family]
    graph = random_network(luts, layers, fan_in=fan_in, repeats=0.1, seed=luts)
    final = opt(graph, fabric, CLOCK_MHZ)
    estimate, counted = size(final, fabric).area.lut, count(final, fabric)
    assert abs(estimate - counted) <= TOLERANCE * counted
    assert sum(area.lut for area in parts(final, fabric).values()) == estimate
