"""LUTNet's dense networks, of which Logic Shrinkage makes smaller ones."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hlsgen.errors import ConfigError, GraphError
from hlsgen.nn.head import Argmax
from hlsgen.nn.network import Network
from hlsgen.nn.nodes import TABLES, ClassSum, NodeLayer, PlaneSum
from hlsgen.nn.quantiser import Quantiser
from hlsgen.nn.residual import LEVELS, ResidualSign, plane_weights
from hlsgen.nn.saliency import PAIRED, cheapest, influence, lowest, table_luts
from hlsgen.nn.thermometer import Thermometer

Saliency = Literal["paper", "cost"]
# Shares of `delta` that are removed when a phase begins.
SHRINK = {"shrink1": 1 / 3, "shrink2": 2 / 3, "shrink3": 1.0}
# Training samples of which the visits to table entries are counted.
_SAMPLES = 10_000


@dataclass(frozen=True)
class NodeArchitecture:
    """All that fixes a `LutNetNetwork`; stored with its weights.

    Args:
        features: input words.
        classes: classes.
        bits: width of an input word.
        thresholds: thresholds of each word.
        layers: filters of each hidden layer.
        fan_in: pins of a node, K.
        theta: for each layer, the last one too, the share of pairs that pruning removes.
        temperature: logits are counts divided by it.
        delta: share of the connections, K for each node, that shrinking removes.
        saliency: by what they are ranked; see `LutNetNetwork.shrink`.

    Raises:
        ConfigError: not as many `theta` as layers, or a layer with fewer positions than pins.
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

    def __post_init__(self) -> None:
        if len(self.theta) != len(self.layers) + 1:
            raise ConfigError(
                f"model.lutnet.theta has {len(self.theta)} values: needs one, or"
                f" {len(self.layers) + 1}, one for each of model.layers and one for the classes"
            )
        narrow = min(self.widths[:-1])
        if narrow < self.fan_in:
            raise ConfigError(
                f"model.fan_in is {self.fan_in}: a layer has only {narrow} positions for the pins"
                f" of a node; use at most {narrow}, or wider model.layers"
            )

    @property
    def widths(self) -> tuple[int, ...]:
        """Positions of each layer, then the classes."""
        return (self.features * self.thresholds, *self.layers, self.classes)

    @property
    def nodes(self) -> tuple[int, ...]:
        """Nodes that pruning leaves in each layer, at least one."""
        pairs = [positions * filters for positions, filters in pairwise(self.widths)]
        return tuple(
            max(1, n - round(theta * n)) for n, theta in zip(pairs, self.theta, strict=True)
        )


class LutNetNetwork(Network):
    """Quantiser, thermometer, layers of nodes with residual signs between them, class sums.

    The phases of training change its form: `retrain` prunes the pairs of least magnitude, `lut`
    turns nodes into tables, `shrink1` to `shrink3` take connections out of them.
    """

    architecture: NodeArchitecture

    def __init__(self, architecture: NodeArchitecture) -> None:
        a = architecture
        layers: OrderedDict[str, nn.Module] = OrderedDict(
            x=Quantiser(a.features, a.bits), thermometer=Thermometer(a.features, a.thresholds)
        )
        last = len(a.layers)
        for i, ((positions, filters), nodes) in enumerate(
            zip(pairwise(a.widths), a.nodes, strict=True)
        ):
            planes = LEVELS if i else 1
            total = (
                PlaneSum(filters, planes, nodes)
                if i < last
                else ClassSum(filters, planes, nodes, a.temperature)
            )
            layers[f"nodes{i}"] = NodeLayer(positions, planes, nodes, a.fan_in, total)
            if i < last:
                layers[f"sign{i}"] = ResidualSign(filters)
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
        """Remove connections until `share` of those that the layer had are gone, in each layer.

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
        x = words[:_SAMPLES]
        for layer in self:
            behind = layer(x)
            if isinstance(layer, NodeLayer):
                self._shrink_layer(layer, share, x)
            x = behind
        self.train(training)

    def _shrink_layer(self, layer: NodeLayer, share: float, x: Tensor) -> None:
        support, tables = layer.support.cpu().numpy(), layer.tables.cpu().numpy()
        if self.architecture.saliency == "paper":
            removed = lowest(influence(tables), support[0], _missing(support[0], share))
            layer.shrink(_mask(removed, x).expand_as(layer.support))
            return
        visits = layer.visits(x)
        level = np.array(plane_weights(layer.planes))[:, None, None]
        weight = visits.cpu().numpy() * level / len(x)
        planes = range(layer.planes)
        score = np.concatenate([influence(tables[[i]], weight[[i]]) for i in planes])
        pins = np.concatenate([support[i] for i in planes])
        luts = table_luts(self.architecture.fan_in)
        # Of six pins one must go from all tables of a position before they fit together.
        places = [layer.position + i * len(layer.mask) for i in planes]
        group = torch.cat(places).cpu().numpy() if pins.shape[1] > PAIRED else None
        removed = cheapest(score, pins, _missing(pins, share), luts, group)
        layer.shrink(_mask(removed, x).view_as(layer.support), visits)

    def circuit(self) -> nn.Sequential:
        """Tables, sums and thresholds; in eval mode equal to this network.

        Raises:
            GraphError: the nodes are no tables yet.
        """
        parts: OrderedDict[str, nn.Module] = OrderedDict()
        for name, layer in self.named_children():
            if isinstance(layer, NodeLayer):
                if layer.stage != TABLES:
                    raise GraphError("the training ended before its phase lut; train to the end")
                parts |= {f"{name}_lut": layer.lut, f"{name}_sum": layer.sum}
            elif isinstance(layer, ResidualSign):
                steps, code = layer.layers()
                parts |= {f"{name}_steps": steps, f"{name}_code": code}
            else:
                parts[name] = layer
        parts["argmax"] = Argmax()
        return nn.Sequential(parts).train(self.training)


def _missing(support: NDArray[np.bool_], share: float) -> int:
    """How many pins are still to go until `share` of all is gone."""
    return max(0, round(share * support.size) - int((~support).sum()))


def _mask(removed: NDArray[np.bool_], like: Tensor) -> Tensor:
    return torch.from_numpy(removed).to(like.device)
