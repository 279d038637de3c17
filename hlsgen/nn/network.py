"""Whole networks: what the training loop knows of one, and the sizes that most have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hlsgen.errors import ConfigError
from hlsgen.nn.lookup import EXTENDED
from hlsgen.nn.lut import LutLayer, Start
from hlsgen.nn.quantiser import Quantiser
from hlsgen.nn.thermometer import Thermometer


class Network(nn.Sequential):
    """A network that hlsgen trains: its children are layers in order, the first a `Quantiser`.

    `architecture`, a dataclass of plain values, fixes all shapes: `type(network)(architecture)`
    makes an untrained network into which the weights can be loaded.
    """

    architecture: Any

    @property
    def quantiser(self) -> Quantiser:
        """The first layer."""
        layer = self[0]
        assert isinstance(layer, Quantiser)
        return layer

    def fit_encoding(self, samples: NDArray[np.float64]) -> None:
        """Learn quantiser and thresholds from training samples, float64 [batch, features]."""
        self.quantiser.fit(samples)
        for layer in self:
            if isinstance(layer, Thermometer):
                layer.fit(self.quantiser(self.quantiser.quantise(samples)))

    def forward(self, words: Tensor) -> Tensor:
        """Logits float32 [batch, classes] of words int [batch, features].

        In eval mode the largest, the first of equals, is the class that the circuit gives.
        """
        raise NotImplementedError

    def begin(self, phase: str, words: Tensor) -> None:
        """Get ready for a phase of the training, before its first epoch.

        What changes here is kept in parameters and buffers, so that a checkpoint has it.

        Args:
            phase: its name; see the method's `phases`.
            words: int [samples, features], all training samples.
        """

    def advance(self, done: float) -> None:
        """Hear before each step which share of the phase is done, 0..1."""

    def penalty(self) -> Tensor | None:
        """A term that is added to the loss of every batch, or None."""
        return None

    def after_step(self) -> None:
        """Bring the parameters back into their range; the loop calls it after each step."""

    def expected_luts(self) -> Tensor | None:
        """About how many six-input LUTs the circuit takes, differentiable; None if not known."""
        return None

    def drop_unused(self) -> None:
        """Make final what the price of LUTs has pushed to nothing; called after each epoch."""

    def circuit(self) -> nn.Sequential:
        """The layers that become operators of the graph, in eval mode equal to this network."""
        return self

    def learned_k(self) -> dict[str, list[int]]:
        """For each LUT layer the number of tables that read 0, 1, ... 6 inputs by their support.

        The keys are the names of the graph's nodes.
        """
        layers = [layer for layer in self.circuit().modules() if isinstance(layer, LutLayer)]
        return {
            layer.node.format(i): torch.bincount(layer.support.sum(1), minlength=7).tolist()
            for i, layer in enumerate(layers)
        }


@dataclass(frozen=True)
class Architecture:
    """All that fixes the shapes in a `Stack`; stored with its weights.

    Args:
        features: input words.
        classes: classes, at least 2.
        bits: width of an input word.
        thresholds: thresholds of each word.
        layers: LUTs of each layer; the last is a multiple of `classes`.
        fan_in: inputs of each LUT.
        candidates: for each layer the lanes among which a pin chooses; 0 for random wiring.
        temperature: logits are counts divided by it.
        blur: of the slopes of the backward pass; see `LutLayer`.
        start: how the tables begin; see `LutLayer`.
        votes: the largest weight of a vote; 0 for a popcount of equal groups; see `Votes`.
        image: height and width of a sample in pixels, if it is an image.
        window: in an image, the side of the square that each LUT of the first layer reads from,
            in pixels; 0 for anywhere.
        spectral: weight of the spectral regulariser, from 0; see `LutNetwork.penalty`.
        soft: shares of the training, 0..1, in which LUT layers give the multilinear extension of
            their tables, and in which they then turn into bits by and by.

    Raises:
        ConfigError: groups of a popcount, and the last width is not a multiple of `classes`.
    """

    features: int
    classes: int
    bits: int
    thresholds: int
    layers: tuple[int, ...]
    fan_in: int
    candidates: tuple[int, ...]
    temperature: float
    blur: float = EXTENDED
    start: Start = "uniform"
    votes: int = 0
    image: tuple[int, int] | None = None
    window: int = 0
    spectral: float = 0.0
    soft: tuple[float, float] = (0.0, 0.0)

    @property
    def beats(self) -> int:
        """In how many beats of equally many words a sample enters."""
        return 1

    def __post_init__(self) -> None:
        last = self.layers[-1]
        if last % self.classes and not self.votes:
            below = last - last % self.classes
            nearest = [str(width) for width in (below, below + self.classes) if width]
            raise ConfigError(
                f"model.layers: the last width is {last}, must be a multiple of the"
                f" {self.classes} classes; nearest: {' or '.join(nearest)}"
            )
