"""Maps in a frame, and the sum of two maps that came different ways: residual branches."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from hlsgen.graph import ops
from hlsgen.graph.ops.waiting import FEWEST
from hlsgen.nn.layer import Layer, rows_of, values_of


class Pad(Layer):
    """A map in a frame of word 0, the lowest.

    Args:
        image: height and width of the map, in pixels; it has a beat for each, in raster order.
        sides: pixels of the frame on each side.
    """

    node: ClassVar[str] = "pad{}"

    def __init__(self, image: tuple[int, int], sides: int) -> None:
        super().__init__()
        self.image, self.sides = image, sides

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width with the frame, in pixels."""
        return self.image[0] + 2 * self.sides, self.image[1] + 2 * self.sides

    def forward(self, x: Tensor) -> Tensor:
        """Values [batch, beats and those of the frame, lanes] of [batch, beats, lanes]."""
        x = x[:, None] if x.ndim == 2 else x
        maps = x.permute(2, 1, 0).reshape(x.shape[2], *self.image, len(x))
        framed = functional.pad(maps, (0, 0, *[self.sides] * 4))
        return framed.flatten(1, 2).permute(2, 1, 0)

    def to_op(self) -> ops.Pad:
        """The frame."""
        height, width = self.image
        n = self.sides
        return ops.Pad(FEWEST, height, width, n, n, n, n, 0)


class Merge(Layer):
    """Two maps side by side: the lanes of the layer before, then those of an earlier one.

    Args:
        other: path of the earlier layer in the circuit.
    """

    node: ClassVar[str] = "merge{}"

    def __init__(self, other: str) -> None:
        super().__init__()
        self.others = (other,)

    def forward(self, x: Tensor, *others: Tensor) -> Tensor:
        """Values [batch, lanes of all] of [batch, lanes] each; several beats alike."""
        return values_of(torch.cat([rows_of(value) for value in (x, *others)]), x)

    def to_op(self) -> ops.Merge:
        """FIFOs of the fewest places; a later pass makes them as deep as they need to be."""
        return ops.Merge(FEWEST, FEWEST)


class Addition(Layer):
    """Lane i is the sum of lanes i and n + i: two maps side by side, added.

    Args:
        n: lanes of each map.
    """

    node: ClassVar[str] = "add{}"

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n

    def forward(self, x: Tensor) -> Tensor:
        """Sums [batch, n] of values [batch, 2 * n]; several beats alike."""
        rows = rows_of(x)
        return values_of(rows[: self.n] + rows[self.n :], x)

    def to_op(self) -> ops.Sum:
        """The sums."""
        src = np.arange(2 * self.n).reshape(2, self.n).T.ravel()
        return ops.Sum.of(src, np.full(self.n, 2), np.zeros(self.n, dtype=np.int64))
