"""Whole networks: what the training loop knows of one, and the plain one of LUT layers."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hlsgen.errors import ConfigError
from hlsgen.nn import cost
from hlsgen.nn.head import Argmax, Popcount, Votes
from hlsgen.nn.lookup import EXTENDED
from hlsgen.nn.lut import LutLayer, Start
from hlsgen.nn.pools import varying, windows
from hlsgen.nn.quantiser import Quantiser
from hlsgen.nn.thermometer import Thermometer
from hlsgen.nn.wiring import LearnedWiring

# Training samples that tell which lanes of the encoder vary.
_LOOKED_AT = 10_000


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
                layer.fit(self.quantiser.quantise(samples))

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

    def __post_init__(self) -> None:
        last = self.layers[-1]
        if last % self.classes and not self.votes:
            below = last - last % self.classes
            nearest = [str(width) for width in (below, below + self.classes) if width]
            raise ConfigError(
                f"model.layers: the last width is {last}, must be a multiple of the"
                f" {self.classes} classes; nearest: {' or '.join(nearest)}"
            )


class LutNetwork(Network):
    """Quantiser, thermometer, LUT layers, popcount, argmax."""

    architecture: Architecture

    def __init__(self, architecture: Architecture) -> None:
        a = architecture
        lanes = a.features * a.thresholds
        layers: OrderedDict[str, nn.Module] = OrderedDict(
            x=Quantiser(a.features, a.bits), thermometer=Thermometer(a.features, a.thresholds)
        )
        for i, (width, candidates) in enumerate(zip(a.layers, a.candidates, strict=True)):
            layers[f"lut{i}"] = LutLayer(lanes, width, a.fan_in, candidates, a.blur, a.start)
            lanes = width
        head = Votes(lanes, a.classes, a.votes) if a.votes else Popcount(lanes, a.classes)
        layers |= OrderedDict(popcount=head, argmax=Argmax())
        super().__init__(layers)
        self.architecture = architecture

    def forward(self, words: Tensor) -> Tensor:
        """Logits float32 [batch, classes] of words int [batch, features]."""
        *layers, _ = self
        x = words
        for layer in layers:
            x = layer(x)
        return x / self.architecture.temperature

    def fit_encoding(self, samples: NDArray[np.float64]) -> None:
        """Learn quantiser and thresholds, and let pins choose among lanes that tell something."""
        super().fit_encoding(samples)
        a, first, encoder = self.architecture, self.luts[0], self[1]
        if not isinstance(first.wiring, LearnedWiring):
            return
        lanes = varying(encoder(self.quantiser.quantise(samples[:_LOOKED_AT])))
        pools = [lanes] * a.layers[0]
        if a.window and a.image:
            pools = windows(lanes, a.image, a.thresholds, a.window, a.layers[0], a.fan_in)
        first.wiring.redeal(pools)

    def advance(self, done: float) -> None:
        """Progressive binarisation: how hard the layers are."""
        hold, ramp = self.architecture.soft
        beyond = max(0.0, done - hold)
        for layer in self.luts:
            layer.hardness = min(1.0, beyond / ramp) if ramp else float(done >= hold)

    def penalty(self) -> Tensor | None:
        """The spectral regulariser of DWN: the mean L2 norm of the tables' Walsh coefficients.

        The coefficients are H T / 2**K with the Hadamard matrix H; by Parseval's identity their
        norm is that of T over 2**(K / 2).
        """
        weight = self.architecture.spectral
        if not weight:
            return None
        norms = [layer.table.norm(dim=1) / layer.table.shape[1] ** 0.5 for layer in self.luts]
        return weight * torch.cat(norms).mean()

    @property
    def luts(self) -> list[LutLayer]:
        """The LUT layers, in order."""
        return [layer for layer in self if isinstance(layer, LutLayer)]

    def after_step(self) -> None:
        """Clamp tables and votes."""
        for layer in self:
            if isinstance(layer, LutLayer | Votes):
                layer.after_step()

    def expected_luts(self) -> Tensor:
        """Tables by their fan-in, comparators that are read, bits that are counted, the argmax.

        A LUT counts as far as it is read: by votes, or by pins of the layer behind.
        """
        a, (encoder, head) = self.architecture, (self[1], self[-2])
        assert isinstance(encoder, Thermometer)
        total = torch.tensor(cost.CLASS_LUTS * a.classes)
        read = torch.ones(a.layers[-1])
        if isinstance(head, Votes):
            bits = cost.vote_bits(head.weight)
            read = (bits / bits.detach().clamp(min=1)).amax(dim=1)
            total = total + cost.COUNT_LUTS * bits.sum()
        for layer in reversed(self.luts):
            used = cost.pins_used(layer.table, layer.support)
            if isinstance(head, Popcount) and layer is self.luts[-1]:
                constant = cost.fan_in_shares(used)[:, 0]
                total = total + cost.COUNT_LUTS * (1 - constant).sum()
            total = total + (read * cost.table_luts(used)).sum()
            read = cost.lanes_used(read[:, None] * used, layer.wiring.chosen(), layer.lanes)
        return total + encoder.luts_per_lane * read.sum()

    @torch.no_grad()
    def drop_unused(self) -> None:
        """Take pins of next to no influence out of the tables for good."""
        for layer in self.luts:
            layer.shrink((cost.influence(layer.table) < cost.NOTHING) & layer.support)
