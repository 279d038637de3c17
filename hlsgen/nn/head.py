"""The head: bits counted for each class, and the class that has most."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

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


class Votes(Layer):
    """Each lane votes for the classes that it was found to speak for, with a small weight.

    Class c counts bias[c] + the sum over the lanes i of round(weight[i, c]) * x[i], with weights
    from 0 to `most` and gradients straight through the rounding. A popcount is the special case of
    one vote of weight 1 a lane, as it is at first (lanes in equal groups). A vote costs the bits of
    its weight in the compressor tree, and nothing else: lanes are shared by classes.

    Args:
        lanes: bits of the input.
        classes: number of classes.
        most: the largest weight, 1..3.
    """

    node: ClassVar[str] = "popcount"

    def __init__(self, lanes: int, classes: int, most: int) -> None:
        super().__init__()
        self.most = most
        group = torch.arange(lanes) * classes // lanes
        own = torch.nn.functional.one_hot(group, classes)
        self.weight = nn.Parameter(own + 0.1 * torch.randn(lanes, classes))
        self.bias = nn.Parameter(torch.zeros(classes))

    def votes(self) -> Tensor:
        """The weights float32 [lanes, classes], whole numbers."""
        return _rounded(self.weight.clamp(0, self.most))

    def offsets(self) -> Tensor:
        """What each class counts at first, float32 [classes], whole numbers.

        Without the bias, a class would count half its votes on lanes that say nothing.
        """
        return _rounded(self.bias - self.votes().sum(0) / 2)

    def forward(self, x: Tensor) -> Tensor:
        """Counts float32 [batch, classes] of bits [batch, lanes]."""
        return x.float() @ self.votes() + self.offsets()

    @torch.no_grad()
    def after_step(self) -> None:
        """Keep the weights where a few steps can change their rounding."""
        self.weight.clamp_(-0.4, self.most + 0.4)

    def reads(self) -> Tensor:
        """The lanes that vote at all, bool [lanes]."""
        return (self.votes() > 0).any(1)

    def part(self, inputs: Tensor) -> Votes:
        """The votes of the lanes in `inputs`, bool [lanes], alone."""
        head = Votes(int(inputs.sum()), self.weight.shape[1], self.most)
        head.weight.data, head.bias.data = self.weight.data[inputs], self.bias.data
        return head.to(self.weight.device).train(self.training)

    def to_op(self) -> ops.Sum:
        """The sums; a lane is added as often as its weight says."""
        with torch.no_grad():
            votes = self.votes().T.cpu().numpy().astype(np.int64)
            bias = self.offsets().cpu().numpy().astype(np.int64)
        lanes = np.tile(np.arange(votes.shape[1]), len(votes))
        return ops.Sum.of(np.repeat(lanes, votes.ravel()), votes.sum(axis=1), bias)


def _rounded(x: Tensor) -> Tensor:
    """Whole numbers with the gradient of `x`."""
    return x + (x.round() - x).detach()


class Argmax(Layer):
    """The index of the first largest count."""

    node: ClassVar[str] = "argmax"

    def forward(self, x: Tensor) -> Tensor:
        """Class int64 [batch, 1] of counts [batch, classes]."""
        return torch.argmax(x, dim=-1, keepdim=True)

    def to_op(self) -> ops.Argmax:
        """The class decision."""
        return ops.Argmax()
