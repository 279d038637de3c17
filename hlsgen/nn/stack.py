"""The frame that networks share: encoding, the layers of a method, the count, argmax."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from hlsgen.nn.head import Argmax, Popcount, Votes
from hlsgen.nn.layer import Layer
from hlsgen.nn.network import Architecture, Network
from hlsgen.nn.pools import varying, windows
from hlsgen.nn.quantiser import Quantiser
from hlsgen.nn.thermometer import Thermometer

# Training samples that show which lanes vary.
_LOOKED_AT = 10_000


@runtime_checkable
class First(Protocol):
    """A layer that can be told which lanes are worth reading."""

    fan_in: int

    def redeal(self, pools: Sequence[Tensor]) -> None:
        """Draw anew what is wired at random, for each unit from its pool, int64 [1 or more]."""


class Stack(Network):
    """Quantiser, thermometer, `middle`, popcount or votes, argmax.

    Args:
        architecture: sizes of the first and the last layers.
        middle: modules in order, with names or without; the first takes the bits uint8 of the
            thermometer, [batch, features * thresholds] or, of several beats, as many together; the
            last gives `architecture.layers[-1]` values in 0..1 as float32, in eval mode bits.
    """

    architecture: Architecture

    def __init__(
        self, architecture: Architecture, middle: Iterable[nn.Module] | Mapping[str, nn.Module]
    ) -> None:
        a = architecture
        layers: OrderedDict[str, nn.Module] = OrderedDict(
            x=Quantiser(a.features, a.bits, a.beats),
            thermometer=Thermometer(a.features // a.beats, a.thresholds),
        )
        if not isinstance(middle, Mapping):
            middle = OrderedDict((f"lut{i}", layer) for i, layer in enumerate(middle))
        layers |= middle
        lanes = a.layers[-1]
        head = Votes(lanes, a.classes, a.votes) if a.votes else Popcount(lanes, a.classes)
        super().__init__(layers | OrderedDict(popcount=head, argmax=Argmax()))
        self.architecture = a

    def fit_encoding(self, samples: NDArray[np.float64]) -> None:
        """Learn quantiser and thresholds; the first layer reads lanes that tell something."""
        super().fit_encoding(samples)
        a, encoder, first = self.architecture, self[1], self[2]
        assert isinstance(first, First)
        lanes = varying(encoder(self.quantiser.quantise(samples[:_LOOKED_AT])))
        pools = [lanes] * a.layers[0]
        if a.window and a.image:
            each = a.features * a.thresholds // (a.image[0] * a.image[1])
            pools = windows(lanes, a.image, each, a.window, a.layers[0], first.fan_in)
        first.redeal(pools)

    def forward(self, words: Tensor) -> Tensor:
        """Logits float32 [batch, classes] of words int [batch, features]."""
        *layers, _ = self
        x = words
        for layer in layers:
            x = layer(x)
        return x / self.architecture.temperature

    def after_step(self) -> None:
        """Bring the parameters of the layers back into their range."""
        for layer in self:
            if isinstance(layer, Layer):
                layer.after_step()
