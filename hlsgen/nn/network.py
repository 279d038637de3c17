"""The whole network: quantiser, thermometer, LUT layers, popcount, argmax."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from hlsgen.errors import ConfigError
from hlsgen.nn.head import Argmax, Popcount
from hlsgen.nn.lut import LutLayer
from hlsgen.nn.quantiser import Quantiser
from hlsgen.nn.thermometer import Thermometer


@dataclass(frozen=True)
class Architecture:
    """All that fixes the shapes in a `LutNetwork`; stored with its weights.

    Args:
        features: input words.
        classes: classes, at least 2.
        bits: width of an input word.
        thresholds: thresholds of each word.
        layers: LUTs of each layer; the last is a multiple of `classes`.
        fan_in: inputs of each LUT.
        candidates: lanes among which a pin of the first layer chooses; 0 for random wiring.
        temperature: logits are counts divided by it.

    Raises:
        ConfigError: the last width is not a multiple of `classes`.
    """

    features: int
    classes: int
    bits: int
    thresholds: int
    layers: tuple[int, ...]
    fan_in: int
    candidates: int
    temperature: float

    def __post_init__(self) -> None:
        last = self.layers[-1]
        if last % self.classes:
            below = last - last % self.classes
            nearest = [str(width) for width in (below, below + self.classes) if width]
            raise ConfigError(
                f"model.layers: the last width is {last}, must be a multiple of the"
                f" {self.classes} classes; nearest: {' or '.join(nearest)}"
            )


class LutNetwork(nn.Sequential):
    """A feed-forward LUT network; its children are the layers, in order.

    Only the first LUT layer learns its wiring, as DWN recommends: behind it the lanes change
    their meaning while the tables learn.
    """

    def __init__(self, architecture: Architecture) -> None:
        a = architecture
        lanes = a.features * a.thresholds
        layers: OrderedDict[str, nn.Module] = OrderedDict(
            x=Quantiser(a.features, a.bits), thermometer=Thermometer(a.features, a.thresholds)
        )
        for i, width in enumerate(a.layers):
            layers[f"lut{i}"] = LutLayer(lanes, width, a.fan_in, 0 if i else a.candidates)
            lanes = width
        layers |= OrderedDict(popcount=Popcount(lanes, a.classes), argmax=Argmax())
        super().__init__(layers)
        self.architecture = architecture

    @property
    def quantiser(self) -> Quantiser:
        """The first layer."""
        layer = self[0]
        assert isinstance(layer, Quantiser)
        return layer

    def fit_encoding(self, samples: NDArray[np.float64]) -> None:
        """Learn quantiser and thresholds from training samples, float64 [batch, features]."""
        thermometer = self[1]
        assert isinstance(thermometer, Thermometer)
        self.quantiser.fit(samples)
        thermometer.fit(self.quantiser.quantise(samples))

    def forward(self, words: Tensor) -> Tensor:
        """Logits float32 [batch, classes] of words int [batch, features]."""
        *layers, _ = self
        x = words
        for layer in layers:
            x = layer(x)
        return x / self.architecture.temperature

    def after_step(self) -> None:
        """Bring the parameters back into their range; the loop calls it after each step."""
        for layer in self:
            if isinstance(layer, LutLayer):
                layer.clamp_()
