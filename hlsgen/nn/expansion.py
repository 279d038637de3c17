"""Networks of which layers are pruned, become tables and lose connections, phase by phase."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hlsgen.nn.network import Network
from hlsgen.nn.nodes import TABLES, NodeLayer
from hlsgen.nn.residual import plane_weights
from hlsgen.nn.saliency import PAIRED, cheapest, influence, lowest, table_luts

Saliency = Literal["paper", "cost"]
# Shares of `delta` that are removed when a phase begins.
SHRINK = {"shrink1": 1 / 3, "shrink2": 2 / 3, "shrink3": 1.0}
# Training samples of which the visits to table entries are counted.
_SAMPLES = 10_000
# So many at a time: each has a value for every tap at every place.
_BLOCK = 200


class ExpandingNetwork(Network):
    """What LUTNet and Logic Shrinkage do to the `NodeLayer`s of a network, wherever they are.

    The phase `retrain` prunes the pairs of least magnitude, `lut` turns nodes into tables,
    `shrink1` to `shrink3` take connections out of them. The architecture has `delta`, the share of
    the connections that shrinking removes, and `saliency`, by what they are ranked.
    """

    @property
    def node_layers(self) -> list[NodeLayer]:
        """The layers of nodes, in order."""
        return [layer for layer in self.modules() if isinstance(layer, NodeLayer)]

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
        by_cost = self.architecture.saliency == "cost"
        found = self._visits(words[:_SAMPLES]) if by_cost else {}
        for layer in layers:
            _shrink_layer(layer, share, found.get(layer))
        self.train(training)

    def _visits(self, words: Tensor) -> dict[NodeLayer, Tensor]:
        """How often samples address the entries of each layer of tables, over all places."""
        found: dict[NodeLayer, Tensor] = {}

        def count(layer: Any, inputs: tuple[Tensor]) -> None:
            visits = layer.visits(*inputs)
            found[layer] = found[layer] + visits if layer in found else visits

        layers = (layer for layer in self.node_layers if layer.learns_tables)
        handles = [layer.register_forward_pre_hook(count) for layer in layers]
        try:
            for start in range(0, len(words), _BLOCK):
                self(words[start : start + _BLOCK])
        finally:
            for handle in handles:
                handle.remove()
        return found


def _shrink_layer(layer: NodeLayer, share: float, visits: Tensor | None) -> None:
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


def _missing(support: NDArray[np.bool_], share: float) -> int:
    """How many pins are still to go until `share` of all is gone."""
    return max(0, round(share * support.size) - int((~support).sum()))


def _mask(removed: NDArray[np.bool_], like: Tensor) -> Tensor:
    return torch.from_numpy(removed).to(like.device)
