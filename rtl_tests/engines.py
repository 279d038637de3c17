"""Networks with engines."""

from __future__ import annotations

import numpy as np
import torch

from hlsgen.frontend.torch import export
from hlsgen.graph import Graph, Node, Op, check
from hlsgen.graph.ops import Argmax, Lut, Merge, Pad, Pixels, Serialize, Sum, Tiled, Window
from hlsgen.nn import BinaryNetwork
from hlsgen.nn.binary import Norm
from hlsgen.passes import opt
from hlsgen.passes.fold import fold, sized
from rtl_tests.designs import ECP5


def exported(network: BinaryNetwork, words: torch.Tensor, clocks: int) -> Graph:
    """A network with the statistics of `words` and any slopes, folded for so many clocks."""
    norms = [layer for layer in network.modules() if isinstance(layer, Norm)]
    for norm in norms:
        norm.momentum = 1.0
    network.train()(words)
    for norm in norms:
        torch.nn.init.normal_(norm.weight)
    graph = opt(export(network.eval(), "net"), ECP5, 60.0)
    return fold(graph, ECP5, interval=clocks)


class Builder:
    """Layers one behind the other on an image."""

    def __init__(self, seed: int, image: tuple[int, int], bits: int, channels: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.image, self.lanes, self.hi = image, channels, (1 << bits) - 1
        source = Pixels(bits, np.zeros(channels), np.ones(channels), image[0] * image[1])
        self.nodes = [Node("x", source)]

    def _add(self, name: str, op: object) -> None:
        assert isinstance(op, Op)
        self.nodes.append(Node(f"{name}{len(self.nodes)}", op, (self.nodes[-1].name,)))

    def window(self, kernel: tuple[int, int], stride: tuple[int, int] = (1, 1)) -> None:
        op = Window.whole(self.image, kernel, stride, self.lanes)
        self._add("window", op)
        self.image, self.lanes = op.shape, len(op.row)

    def tiled(self, pe: int, simd: int, down: int = 1, steps: int = 1, places: int = 2) -> None:
        """`down` times `pe` rows; thresholds lie where sums are."""
        weight = self.rng.choice([-1, 1], (pe * down, self.lanes))
        middle = weight.sum(axis=1) * self.hi // 2
        around = self.rng.integers(-3, 4, (len(weight), steps)) * self.hi
        threshold = np.sort(middle[:, None] + around, axis=1)
        self._add("tiled", Tiled(places, pe, simd, weight, threshold))
        self.lanes, self.hi = len(weight), steps

    def pool(self) -> None:
        """The largest of 2 x 2 bits."""
        lanes = self.lanes
        self.window((2, 2), (2, 2))
        src = np.arange(4 * lanes).reshape(4, lanes).T
        self._add("pool", Lut.of(src, np.full(lanes, 4), np.full(lanes, 2**16 - 2)))
        self.lanes = lanes

    def pad(self, sides: int) -> None:
        """A frame as wide on all sides; what fills it is a new lowest value."""
        self._add("pad", Pad(2, *self.image, *[sides] * 4, 0))
        self.image = self.image[0] + 2 * sides, self.image[1] + 2 * sides

    def merge(self, other: str, lanes: int) -> None:
        """The sum with what node `other` gives, lane by lane."""
        name = f"merge{len(self.nodes)}"
        self.nodes.append(Node(name, Merge(2, 2), (self.nodes[-1].name, other)))
        src = np.arange(2 * lanes).reshape(2, lanes).T.ravel()
        self._add("sum", Sum.of(src, np.full(lanes, 2), np.zeros(lanes)))
        self.lanes, self.hi = lanes, 2 * self.hi

    def serialize(self, parts: int) -> None:
        """Each pixel as so many narrower ones beside each other."""
        self._add("serialize", Serialize(2, parts))
        self.image, self.lanes = (self.image[0], self.image[1] * parts), self.lanes // parts

    def graph(self) -> Graph:
        self.window(self.image)
        self.tiled(1, 1, down=3, steps=0)
        self._add("answer", Argmax())
        whole = check(Graph("net", tuple(self.nodes), (self.nodes[-1].name,)))
        return opt(whole, ECP5, 60.0)


def convolutional() -> Graph:
    """Integer pixels, a pool, two-bit counts, tiles of several shapes."""
    made = Builder(1, (8, 8), bits=3, channels=2)
    made.window((3, 3))
    made.tiled(4, 6, down=2)
    made.pool()
    made.window((2, 2))
    made.tiled(2, 8, down=3, steps=3, places=3)
    return made.graph()


def crowded() -> Graph:
    """A slow engine behind a faster one: its FIFO is full most of the time, beats wait to enter."""
    made = Builder(1, (8, 8), bits=3, channels=2)
    made.window((3, 3))
    made.tiled(8, 6)
    made.pool()
    made.window((2, 2))
    made.tiled(2, 2, down=3, steps=3, places=3)
    return made.graph()


def at_once() -> Graph:
    """Engines that take a beat a clock, one behind the other, and on the pixels themselves."""
    made = Builder(2, (3, 4), bits=1, channels=5)
    made.tiled(3, 5)
    made.tiled(4, 3, places=5)
    return made.graph()


def slow_and_wide() -> Graph:
    """Sums of more products than one clock adds; a slow layer behind a fast one."""
    made = Builder(3, (4, 4), bits=2, channels=5)
    made.window((2, 2))
    made.tiled(6, 20, steps=2, places=4)
    made.window((3, 3))
    made.tiled(1, 27, down=5, steps=1)
    return made.graph()


def random_engines(seed: int) -> Graph:
    """Up to three engines of random tiles, with and without windows and pools."""
    rng = np.random.default_rng(seed)
    side = int(rng.integers(5, 8))
    made = Builder(seed, (side, side), int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    for _ in range(int(rng.integers(1, 4))):
        if min(made.image) > 2 and rng.random() < 0.7:
            made.window((2, 2))
        divisors = [n for n in range(1, made.lanes + 1) if made.lanes % n == 0]
        simd, pe = int(rng.choice(divisors)), int(rng.integers(1, 5))
        made.tiled(pe, simd, int(rng.integers(1, 4)), 1, int(rng.integers(2, 6)))
        if min(made.image) > 1 and not made.image[0] % 2 and rng.random() < 0.5:
            made.pool()
    return made.graph()


def residual() -> Graph:
    """A block with a branch around it: a frame of zeros, a convolution, and the sum of both.

    The branch holds what comes while the window fills: its FIFO is the deepest.
    """
    made = Builder(7, (5, 6), bits=2, channels=2)
    made.tiled(3, 2, steps=2)
    around, lanes = made.nodes[-1].name, made.lanes
    made.pad(1)
    made.window((3, 3))
    made.tiled(3, 9, steps=3)
    made.merge(around, lanes)
    made.serialize(3)
    made.window((1, 2), (1, 2))
    return sized(made.graph())
