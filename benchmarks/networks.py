"""Random networks with the shape of trained ones."""

from __future__ import annotations

import numpy as np

from hlsgen.graph import Graph, Node, check
from hlsgen.graph.fabric import FABRICS
from hlsgen.graph.ops import Argmax, Input, Lut, Sum, Thermometer
from hlsgen.passes import pipeline, split_head

FEATURES, BITS, THRESHOLDS, CLASSES = 128, 8, 8, 10
CLOCK_MHZ = 50.0
FABRIC = FABRICS["ecp5"]


def random_network(
    luts: int, layers: int = 2, *, fan_in: int = 6, repeats: float = 0.0, seed: int = 0
) -> Graph:
    """Words, thermometer, `layers` equal layers of LUTs, popcount, argmax.

    Args:
        luts: LUTs of all layers together, a multiple of `layers`.
        layers: LUT layers.
        fan_in: inputs of each LUT.
        repeats: share of the LUTs that are copies of others, and share of those that ignore an
            input: work for the optimisation.
        seed: of wiring and tables.
    """
    rng = np.random.default_rng(seed)
    lanes, width = FEATURES * THRESHOLDS, luts // layers
    feature = np.repeat(np.arange(FEATURES, dtype=np.int32), THRESHOLDS)
    threshold = rng.integers(1, 2**BITS, (FEATURES, THRESHOLDS))
    nodes = [
        Node("x", Input(BITS, np.zeros(FEATURES), np.ones(FEATURES))),
        Node("thermometer", Thermometer(feature, np.sort(threshold).ravel()), ("x",)),
    ]
    for i in range(layers):
        nodes.append(Node(f"lut{i}", _layer(rng, lanes, width, fan_in, repeats), (nodes[-1].name,)))
        lanes = width
    groups = np.linspace(0, width, CLASSES + 1, dtype=np.int32)
    total = Sum(np.arange(width, dtype=np.int32), groups, np.zeros(CLASSES, np.int64))
    nodes += [Node("popcount", total, (nodes[-1].name,)), Node("argmax", Argmax(), ("popcount",))]
    return check(Graph("net", tuple(nodes), ("argmax",)))


def _layer(rng: np.random.Generator, lanes: int, width: int, fan_in: int, repeats: float) -> Lut:
    src = rng.permuted(np.tile(np.arange(lanes), -(-fan_in * width // lanes)))[: fan_in * width]
    table = rng.integers(0, 2**64, width, dtype=np.uint64, endpoint=False)
    ignoring = rng.random(width) < repeats
    # The upper half of the table repeats the lower one: the last input is ignored.
    half = np.uint64(1 << (fan_in - 1))
    low = table[ignoring] & np.uint64(2 ** int(half) - 1)
    table[ignoring] = low | low << half
    pick = np.where(rng.random(width) < repeats, rng.integers(0, width, width), np.arange(width))
    return Lut.of(src.reshape(width, fan_in)[pick], np.full(width, fan_in), table[pick])


def pipelined(graph: Graph) -> Graph:
    """`graph` as the stage opt leaves it to emit."""
    return pipeline(FABRIC, CLOCK_MHZ)(split_head(FABRIC, CLOCK_MHZ)(graph))
