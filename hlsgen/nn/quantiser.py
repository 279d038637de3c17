"""From real features to the integer words that enter the circuit."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hlsgen.graph.ops import Input, Pixels
from hlsgen.nn.layer import Layer


class Quantiser(Layer):
    """Feature f with value v becomes the word clip(round((v - offset) / scale), 0, 2**bits - 1).

    A sample of several beats is an image, a pixel a beat; all pixels share the offset and scale of
    their channel. Feature p * channels + c is channel c of pixel p, in raster order.

    Args:
        features: number of features.
        bits: width of a word, 1..16.
        beats: in which a sample enters; they divide `features`.
    """

    node: ClassVar[str] = "x"
    offset: Tensor  # float64 [features of a beat], in their units
    scale: Tensor  # float64 [features of a beat], > 0, units per step

    def __init__(self, features: int, bits: int, beats: int = 1) -> None:
        super().__init__()
        self.bits, self.beats = bits, beats
        self.register_buffer("offset", torch.zeros(features // beats, dtype=torch.float64))
        self.register_buffer("scale", torch.ones(features // beats, dtype=torch.float64))

    def fit(self, samples: NDArray[np.float64]) -> None:
        """Spread the words over the range of training `samples`, float64 [batch, features].

        A feature that holds only integers of at most 2**bits values keeps them (scale 1), less
        its minimum; a constant feature has scale 1.
        """
        samples = samples.reshape(-1, len(self.offset))
        low, span = samples.min(axis=0), np.ptp(samples, axis=0)
        scale = span / (2**self.bits - 1)
        fits = (span < 2**self.bits) & (samples == np.rint(samples)).all(axis=0)
        scale[fits | (scale == 0)] = 1.0
        self.offset.copy_(torch.from_numpy(low))
        self.scale.copy_(torch.from_numpy(scale))

    def quantise(self, samples: NDArray[np.float64]) -> Tensor:
        """Words int32 [batch, features] of real samples float64 [batch, features]."""
        words = self.to_op().quantise(samples).reshape(len(samples), -1)
        return torch.from_numpy(words.astype(np.int32))

    def forward(self, x: Tensor) -> Tensor:
        """The words themselves, as they enter: the host makes them, before the circuit.

        Args:
            x: words [batch, features].

        Returns:
            [batch, features] for one beat, else [batch, beats, features of a beat].
        """
        return x if self.beats == 1 else x.reshape(len(x), self.beats, -1)

    def to_op(self) -> Input:
        """The input node."""
        offset, scale = self.offset.cpu().numpy(), self.scale.cpu().numpy()
        if self.beats == 1:
            return Input(self.bits, offset, scale)
        return Pixels(self.bits, offset, scale, self.beats)
