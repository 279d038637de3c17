"""The head: bits counted for each class, and the class that has most."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from hlsgen.graph import ops
from hlsgen.nn.layer import Layer


class Popcount(Layer):
    """Ones in `classes` consecutive groups of equally many lanes.

    Args:
        lanes: bits of the input, a multiple of `classes`.
        classes: number of groups.
    """

    node: ClassVar[str] = "popcount"

    def __init__(self, lanes: int, classes: int) -> None:
        super().__init__()
        self.size, self.classes = lanes // classes, classes

    def forward(self, x: Tensor) -> Tensor:
        """Counts float32 [batch, classes] of bits float32 [batch, lanes]."""
        return x.reshape(len(x), self.classes, self.size).sum(-1)

    def to_op(self) -> ops.Sum:
        """The sums of the groups."""
        sizes = np.full(self.classes, self.size)
        return ops.Sum.of(np.arange(sizes.sum()), sizes, np.zeros(self.classes, dtype=np.int64))


class Argmax(Layer):
    """The index of the first largest count."""

    node: ClassVar[str] = "argmax"

    def forward(self, x: Tensor) -> Tensor:
        """Class int64 [batch, 1] of counts [batch, classes]."""
        return torch.argmax(x, dim=-1, keepdim=True)

    def to_op(self) -> ops.Argmax:
        """The class decision."""
        return ops.Argmax()
