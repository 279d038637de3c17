"""LUTNet's networks, of which Logic Shrinkage makes smaller ones."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from hlsgen.errors import ConfigError
from hlsgen.nn.expansion import ExpandingNetwork, Saliency
from hlsgen.nn.head import Argmax
from hlsgen.nn.layer import Layer, Trimmable
from hlsgen.nn.liveness import trimmed
from hlsgen.nn.lut import LutLayer
from hlsgen.nn.maps import Convolution, Maps
from hlsgen.nn.nodes import ClassSum, NodeLayer, PlaneSum
from hlsgen.nn.quantiser import Quantiser
from hlsgen.nn.residual import LEVELS, ResidualSign
from hlsgen.nn.thermometer import Thermometer
from hlsgen.nn.window import Window


@dataclass(frozen=True)
class NodeArchitecture(Maps):
    """All that fixes a `LutNetNetwork`; stored with its weights.

    Args:
        features: input words.
        classes: classes.
        bits: width of an input word.
        thresholds: thresholds of each word.
        layers: filters of each hidden dense layer.
        fan_in: pins of a node, K.
        theta: for each convolution, each layer and the classes, the share of pairs that pruning
            removes.
        temperature: logits are counts divided by it.
        delta: share of the connections, K for each node, that shrinking removes.
        saliency: by what they are ranked; see `ExpandingNetwork.shrink`.
        fan_ins: K of each of them, where they differ.
        image: height and width of a sample in pixels; only with convolutions.
        convolutions: before the dense layers, in order.

    Raises:
        ConfigError: not as many `theta` or `fan_ins` as layers, a layer with fewer positions than
            pins, or convolutions that do not fit.
    """

    features: int
    classes: int
    bits: int
    thresholds: int
    layers: tuple[int, ...]
    fan_in: int
    theta: tuple[float, ...]
    temperature: float
    delta: float = 0.0
    saliency: Saliency = "cost"
    fan_ins: tuple[int, ...] = ()
    image: tuple[int, int] | None = None
    convolutions: tuple[Convolution, ...] = ()

    def __post_init__(self) -> None:
        if self.convolutions:
            self.check_maps()
        self._check_count("theta", len(self.theta))
        if self.fan_ins:
            self._check_count("fan_in", len(self.fan_ins))
        for i, (pins, (positions, _)) in enumerate(zip(self.pins, self.sizes, strict=True)):
            if positions < pins:
                key = f"lutnet.fan_in[{i}]" if self.fan_ins else "fan_in"
                raise ConfigError(
                    f"model.{key} is {pins}: a layer has only {positions} positions for the pins"
                    f" of a node; use at most {positions}, or wider model.layers"
                )

    def _check_count(self, key: str, found: int) -> None:
        """Raise a ConfigError unless there is one value for each layer."""
        wanted = len(self.convolutions) + len(self.layers) + 1
        if found == wanted:
            return
        before = "model.convolutions, each of " if self.convolutions else ""
        raise ConfigError(
            f"model.lutnet.{key} has {found} values: needs one, or {wanted}, one for each of"
            f" {before}model.layers and one for the classes"
        )

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Positions and filters of each layer, convolutions first, the classes last."""
        found = [
            (c.kernel**2 * lanes, c.filters)
            for c, (*_, lanes) in zip(self.convolutions, self.maps, strict=False)
        ]
        return found + list(pairwise((math.prod(self.maps[-1]), *self.layers, self.classes)))

    @property
    def pins(self) -> tuple[int, ...]:
        """Of a node, K, in each layer."""
        return self.fan_ins or (self.fan_in,) * len(self.sizes)

    @property
    def nodes(self) -> tuple[int, ...]:
        """Nodes that pruning leaves in each layer, at least one."""
        pairs = [positions * filters for positions, filters in self.sizes]
        return tuple(
            max(1, n - round(theta * n)) for n, theta in zip(pairs, self.theta, strict=True)
        )


class LutNetNetwork(ExpandingNetwork):
    """Quantiser, thermometer, layers of nodes with residual signs between them, class sums.

    Convolutions come first: a window, nodes, and a residual sign that may pool. The last map is
    flattened. The lanes of a residual sign are plane after plane, and so are the taps of a window,
    which go through the lanes first.
    """

    architecture: NodeArchitecture

    def __init__(self, architecture: NodeArchitecture) -> None:
        a = architecture
        layers: OrderedDict[str, nn.Module] = OrderedDict(
            x=Quantiser(a.features, a.bits, a.beats),
            thermometer=Thermometer(a.features // a.beats, a.thresholds),
        )
        first, last = len(a.convolutions), len(a.sizes) - 1
        for i in range(first):
            window = layers[f"conv{i}_window"] = _window(a, i)
            pooled = window.shape if a.convolutions[i].pool > 1 else None
            layers[f"conv{i}_nodes"] = _nodes(a, i)
            layers[f"conv{i}_sign"] = ResidualSign(a.sizes[i][1], pooled)
        if first:
            height, width, lanes = a.maps[-1]
            layers["flatten"] = Window((height, width), (height, width), 1, LEVELS * lanes)
        for i in range(first, last + 1):
            layers[f"nodes{i - first}"] = _nodes(a, i)
            if i < last:
                layers[f"sign{i - first}"] = ResidualSign(a.sizes[i][1])
        super().__init__(layers)
        self.architecture = architecture

    def forward(self, words: Tensor) -> Tensor:
        """Logits float32 [batch, classes] of words int [batch, features]."""
        x = words
        for layer in self:
            x = layer(x)
        return x / self.architecture.temperature

    def circuit(self) -> nn.Sequential:
        """Tables, sums and thresholds; in eval mode equal to this network.

        With convolutions what nobody reads is left out, as no pass of the graph looks across a
        window: windows have the taps that tables read, and signs the bits that windows read.

        Raises:
            GraphError: the nodes are no tables yet.
        """
        parts: OrderedDict[str, Layer] = OrderedDict()
        for name, layer in self.named_children():
            if isinstance(layer, NodeLayer):
                parts |= zip((f"{name}_lut", f"{name}_sum"), layer.circuit(), strict=True)
            elif isinstance(layer, ResidualSign):
                parts |= {f"{name}_{type(part).__name__.lower()}": part for part in layer.layers()}
            elif isinstance(layer, Layer):
                parts[name] = layer
        if self.architecture.convolutions:
            parts |= _trimmed(parts)
        parts["argmax"] = Argmax()
        return nn.Sequential(OrderedDict[str, nn.Module](parts)).train(self.training)


def _nodes(a: NodeArchitecture, layer: int) -> NodeLayer:
    """A layer of nodes with its sum; the last one sums the classes."""
    (positions, filters), nodes, planes = a.sizes[layer], a.nodes[layer], LEVELS if layer else 1
    total = (
        PlaneSum(filters, planes, nodes)
        if layer < len(a.sizes) - 1
        else ClassSum(filters, planes, nodes, a.temperature)
    )
    return NodeLayer(positions, planes, nodes, a.pins[layer], total)


def _window(a: NodeArchitecture, number: int) -> Window:
    """The window of a convolution; all maps but the first have a lane for each plane."""
    (height, width, lanes), found = a.maps[number], a.convolutions[number]
    lanes *= LEVELS if number else 1
    return Window((height, width), (found.kernel, found.kernel), found.stride, lanes)


def _trimmed(parts: Mapping[str, Layer]) -> dict[str, Layer]:
    """All that stands between two sums, without the lanes that no table reads."""
    found: dict[str, Layer] = {}
    row: dict[str, Trimmable] = {}
    for name, layer in parts.items():
        if isinstance(layer, LutLayer):
            every = torch.ones_like(layer.support[:, 0])
            found |= zip((*row, name), trimmed([*row.values(), layer], every), strict=True)
            row = {}
        elif isinstance(layer, Trimmable):
            row[name] = layer
    return found
