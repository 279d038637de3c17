"""LUTNet's networks, of which Logic Shrinkage makes smaller ones."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hlsgen.errors import ConfigError
from hlsgen.nn.head import Argmax
from hlsgen.nn.layer import Layer, Trimmable
from hlsgen.nn.liveness import trimmed
from hlsgen.nn.lut import LutLayer
from hlsgen.nn.maps import Convolution, Maps
from hlsgen.nn.network import Network
from hlsgen.nn.nodes import TABLES, ClassSum, NodeLayer, PlaneSum
from hlsgen.nn.quantiser import Quantiser
from hlsgen.nn.residual import LEVELS, ResidualSign, plane_weights
from hlsgen.nn.saliency import PAIRED, cheapest, influence, lowest, table_luts
from hlsgen.nn.thermometer import Thermometer
from hlsgen.nn.window import Window

Saliency = Literal["paper", "cost"]
# Shares of `delta` that are removed when a phase begins.
SHRINK = {"shrink1": 1 / 3, "shrink2": 2 / 3, "shrink3": 1.0}
# Training samples of which the visits to table entries are counted.
_SAMPLES = 10_000
# So many at a time: each has a value for every tap at every place.
_BLOCK = 200


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
        saliency: by what they are ranked; see `LutNetNetwork.shrink`.
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


class LutNetNetwork(Network):
    """Quantiser, thermometer, layers of nodes with residual signs between them, class sums.

    Convolutions come first: a window, nodes, and a residual sign that may pool. The last map is
    flattened. The lanes of a residual sign are plane after plane, and so are the taps of a window,
    which go through the lanes first.

    The phases of training change its form: `retrain` prunes the pairs of least magnitude, `lut`
    turns nodes into tables, `shrink1` to `shrink3` take connections out of them.
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

    @property
    def node_layers(self) -> list[NodeLayer]:
        """The layers of nodes, in order."""
        return [layer for layer in self if isinstance(layer, NodeLayer)]

    def forward(self, words: Tensor) -> Tensor:
        """Logits float32 [batch, classes] of words int [batch, features]."""
        x = words
        for layer in self:
            x = layer(x)
        return x / self.architecture.temperature

    def begin(self, phase: str, words: Tensor) -> None:
        """Prune, expand or shrink, as the phase's name says."""
        if phase == "retrain":
            for layer in self.node_layers:
                layer.prune()
        elif phase == "lut":
            for layer in self.node_layers:
                if layer.learns_tables:
                    layer.expand()
        elif phase in SHRINK:
            self.shrink(SHRINK[phase] * self.architecture.delta, words)

    def after_step(self) -> None:
        """Clamp the tables and keep them within their support."""
        for layer in self.node_layers:
            if layer.stage == TABLES:
                layer.lut.after_step()

    @torch.no_grad()
    def shrink(self, share: float, words: Tensor) -> None:
        """Remove connections until `share` of those that a layer of tables had are gone.

        With saliency `paper` those of least influence go, in all planes together (Wang et al., FPGA
        2022), and pairs of entries become their mean. With `cost` each table is ranked by itself:
        pairs are weighed by how often training samples address them and by the plane's weight, and
        what counts is the influence lost for each LUT6 saved (`saliency.cheapest`); pairs become
        the mean of what the samples address. Both remove the same share.

        Args:
            share: 0..1, of all fan_in * nodes connections; those that went before count.
            words: int [samples, features], training samples.
        """
        training = self.training
        self.eval()
        layers = [layer for layer in self.node_layers if layer.learns_tables]
        found = self._visits(words[:_SAMPLES]) if self.architecture.saliency == "cost" else {}
        for layer in layers:
            self._shrink_layer(layer, share, found.get(layer))
        self.train(training)

    def _visits(self, words: Tensor) -> dict[NodeLayer, Tensor]:
        """How often samples address the entries of each layer of tables, over all places."""
        found: dict[NodeLayer, Tensor] = {}
        for start in range(0, len(words), _BLOCK):
            x = words[start : start + _BLOCK]
            for layer in self:
                if isinstance(layer, NodeLayer) and layer.learns_tables:
                    visits = layer.visits(x)
                    found[layer] = found[layer] + visits if layer in found else visits
                x = layer(x)
        return found

    def _shrink_layer(self, layer: NodeLayer, share: float, visits: Tensor | None) -> None:
        support, tables = layer.support.cpu().numpy(), layer.tables.cpu().numpy()
        if visits is None:
            removed = lowest(influence(tables), support[0], _missing(support[0], share))
            layer.shrink(_mask(removed, layer.support).expand_as(layer.support))
            return
        level = np.array(plane_weights(layer.planes))[:, None, None]
        weight = visits.cpu().numpy() * level / int(visits[0, 0].sum())
        planes = range(layer.planes)
        score = np.concatenate([influence(tables[[i]], weight[[i]]) for i in planes])
        pins = np.concatenate([support[i] for i in planes])
        luts = table_luts(layer.lut.fan_in)
        # Of six pins one must go from all tables of a position before they fit together.
        places = [layer.position + i * len(layer.mask) for i in planes]
        group = torch.cat(places).cpu().numpy() if pins.shape[1] > PAIRED else None
        removed = cheapest(score, pins, _missing(pins, share), luts, group)
        layer.shrink(_mask(removed, layer.support).view_as(layer.support), visits)

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


def _missing(support: NDArray[np.bool_], share: float) -> int:
    """How many pins are still to go until `share` of all is gone."""
    return max(0, round(share * support.size) - int((~support).sum()))


def _mask(removed: NDArray[np.bool_], like: Tensor) -> Tensor:
    return torch.from_numpy(removed).to(like.device)
