"""From real features to the integer words that enter the circuit."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hlsgen.graph.ops import Input
from hlsgen.nn.layer import Layer


class Quantiser(Layer):
    """Feature f with value v becomes the word clip(round((v - offset) / scale), 0, 2**bits - 1).

    Args:
        features: number of features.
        bits: width of a word, 1..16.
    """

    node: ClassVar[str] = "x"
    offset: Tensor  # float64 [features], in the unit of the feature
    scale: Tensor  # float64 [features], > 0, feature units per step

    def __init__(self, features: int, bits: int) -> None:
        super().__init__()
        self.bits = bits
        self.register_buffer("offset", torch.zeros(features, dtype=torch.float64))
        self.register_buffer("scale", torch.ones(features, dtype=torch.float64))

    def fit(self, samples: NDArray[np.float64]) -> None:
        """Spread the words over the range of training `samples`, float64 [batch, features].

        A feature that holds only integers of at most 2**bits values keeps them (scale 1), less
        its minimum; a constant feature has scale 1.
        """
        low, span = samples.min(axis=0), np.ptp(samples, axis=0)
        scale = span / (2**self.bits - 1)
        fits = (span < 2**self.bits) & (samples == np.rint(samples)).all(axis=0)
        scale[fits | (scale == 0)] = 1.0
        self.offset.copy_(torch.from_numpy(low))
        self.scale.copy_(torch.from_numpy(scale))

    def quantise(self, samples: NDArray[np.float64]) -> Tensor:
        """Words int32 [batch, features] of real samples float64 [batch, features]."""
        return torch.from_numpy(self.to_op().quantise(samples)[:, 0].astype(np.int32))

    def forward(self, x: Tensor) -> Tensor:
        """The words themselves: the host makes them, before the circuit."""
        return x

    def to_op(self) -> Input:
        """The input node."""
        return Input(self.bits, self.offset.cpu().numpy(), self.scale.cpu().numpy())
