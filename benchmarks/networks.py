"""Random networks with the shape of trained ones."""

from __future__ import annotations

import numpy as np

from hlsgen.graph import Graph, Node, Op, check
from hlsgen.graph.fabric import FABRICS
from hlsgen.graph.ops import Argmax, Input, Lut, Pixels, Sum, Thermometer, Tiled, Window
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


def cnv(seed: int = 0) -> Graph:
    """FINN's CNV on 32 x 32 pixels of three bytes, with random signs and thresholds."""
    rng = np.random.default_rng(seed)
    image, lanes, top = (32, 32), 3, 255
    nodes = [Node("x", Pixels(8, np.zeros(lanes), np.ones(lanes), image[0] * image[1]))]

    def add(name: str, op: Op) -> None:
        nodes.append(Node(name, op, (nodes[-1].name,)))

    for i, filters in enumerate((64, 64, 128, 128, 256, 256)):
        window = Window.whole(image, (3, 3), (1, 1), lanes)
        add(f"window{i}", window)
        add(f"conv{i}", _signs(rng, filters, len(window.row), top, 1))
        image, lanes, top = window.shape, filters, 1
        if i in (1, 3):
            squares = Window.whole(image, (2, 2), (2, 2), lanes)
            add(f"squares{i}", squares)
            src = np.arange(4 * lanes).reshape(4, lanes).T
            any_of_four = np.full(lanes, 2**16 - 2)
            add(f"pool{i}", Lut.of(src, np.full(lanes, 4), any_of_four))
            image = squares.shape
    for i, rows in enumerate((512, 512, CLASSES)):
        add(f"dense{i}", _signs(rng, rows, lanes, 1, int(rows != CLASSES)))
        lanes = rows
    add("argmax", Argmax())
    return check(Graph("cnv", tuple(nodes), ("argmax",)))


def _signs(rng: np.random.Generator, rows: int, columns: int, top: int, levels: int) -> Tiled:
    """An engine whose sums reach its thresholds about every second time."""
    weight = rng.choice([-1, 1], (rows, columns))
    middle = weight.sum(axis=1) * top // 2
    return Tiled(2, 1, 1, weight, np.repeat(middle[:, None], levels, axis=1))
