"""Convolutional networks of LUTs: images as streams, tables shared by all places."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from hlsgen.nn.head import Votes
from hlsgen.nn.layer import BitLayer
from hlsgen.nn.liveness import one_at_least, trimmed
from hlsgen.nn.lut import LutLayer
from hlsgen.nn.lut_network import LutNetwork, dense
from hlsgen.nn.maps import Convolution, Maps
from hlsgen.nn.network import Architecture, Network
from hlsgen.nn.trees import wire_in_order
from hlsgen.nn.window import AnyOf, Window


@dataclass(frozen=True)
class ConvolutionArchitecture(Maps, Architecture):
    """All that fixes a `ConvolutionNetwork`: an `Architecture` of its dense layers, and before.

    Args:
        convolutions: in order; the first one slides over `image`.

    Raises:
        ConfigError: convolutions that do not fit their maps, or features that are no such image.
    """

    convolutions: tuple[Convolution, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_maps()


class ConvolutionNetwork(LutNetwork):
    """Quantiser, thermometer, convolutions, flattened map, LUT layers, count, argmax.

    After Petersen et al., "Convolutional Differentiable Logic Gate Networks", NeurIPS 2024: a
    filter is a tree whose leaves choose their pins among the taps of its window and whose inner
    levels are wired in order; maps are pooled by OR. Here the nodes are LUTs, trained through
    their multilinear extension. A level is a `LutLayer` for which all places are samples.
    """

    architecture: ConvolutionArchitecture

    @staticmethod
    def middle(architecture: Architecture) -> Mapping[str, BitLayer]:
        """Windows, levels of trees and pools, then the flattened map and dense layers."""
        if not isinstance(architecture, ConvolutionArchitecture):
            raise TypeError(f"needs a ConvolutionArchitecture, not {architecture!r}")
        layers: OrderedDict[str, BitLayer] = OrderedDict()
        for i, convolution in enumerate(architecture.convolutions):
            found = _convolution(architecture, convolution, architecture.maps[i])
            layers |= OrderedDict((f"conv{i}_{name}", layer) for name, layer in found.items())
        height, width, lanes = architecture.maps[-1]
        flat = Window((height, width), (height, width), 1, lanes)
        layers["flatten"] = flat
        return layers | dense(architecture, len(flat.taps))

    def fit_encoding(self, samples: NDArray[np.float64]) -> None:
        """Learn quantiser and thresholds; under a window there are no constant lanes to avoid."""
        Network.fit_encoding(self, samples)

    def circuit(self) -> nn.Sequential:
        """The layers without what nobody reads: windows have the taps that were chosen."""
        quantiser, encoder, *middle, head, argmax = self
        layers = [layer for layer in middle if isinstance(layer, BitLayer)]
        live = torch.ones_like(self.luts[-1].support[:, 0])
        if isinstance(head, Votes):
            live = one_at_least(head.reads())
            with torch.random.fork_rng(devices=[]):
                head = head.part(live)
        parts = trimmed(layers, live)
        names = [name for name, _ in self.named_children()]
        found = zip(names, [quantiser, encoder, *parts, head, argmax], strict=True)
        return nn.Sequential(OrderedDict(found)).train(self.training)


def _convolution(
    a: Architecture, convolution: Convolution, image: tuple[int, int, int]
) -> OrderedDict[str, BitLayer]:
    """The layers of one convolution of an image of height, width and lanes."""
    *size, lanes = image
    height, width = size
    side, stride, filters = convolution.kernel, convolution.stride, convolution.filters
    window = Window((height, width), (side, side), stride, lanes)
    layers: OrderedDict[str, BitLayer] = OrderedDict(window=window)
    before, choices = len(window.taps), convolution.candidates
    for level in range(convolution.depth):
        n = filters * a.fan_in ** (convolution.depth - 1 - level)
        layer = LutLayer(before, n, a.fan_in, 0 if level else choices, a.blur, a.start)
        if level:
            wire_in_order(layer)
        layers[f"lut{level}"], before = layer, n
    if convolution.pool > 1:
        layers["squares"] = Window(window.shape, (2, 2), 2, filters)
        layers["pool"] = AnyOf(filters)
    return layers
