"""Binarised networks, convolutional or not: every layer a matrix of signs, and thresholds."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn

from hlsgen.errors import ConfigError
from hlsgen.nn.binary import (
    BinaryWeights,
    Norm,
    Sums,
    Tiled,
    cuts,
    framed,
    pooled,
    reached,
    steps,
)
from hlsgen.nn.branches import Addition, Merge
from hlsgen.nn.expansion import ExpandingNetwork, Saliency
from hlsgen.nn.head import Argmax
from hlsgen.nn.layer import Layer
from hlsgen.nn.maps import Convolution, Maps
from hlsgen.nn.quantiser import Quantiser
from hlsgen.nn.sliding import Sliding
from hlsgen.nn.table_layer import TableLayer
from hlsgen.nn.window import Window


@dataclass(frozen=True)
class BinaryArchitecture(Maps):
    """All that fixes a `BinaryNetwork`; stored with its weights.

    Args:
        features: input words.
        classes: classes.
        bits: width of an input word.
        layers: rows of each hidden dense layer.
        temperature: logits are sums divided by it.
        levels: thresholds of a row: 1 for activations of one bit, 3 for two.
        image: height and width of a sample in pixels; only with convolutions.
        convolutions: before the dense layers, in order.
        thresholds: of a word; words enter as they are.
        tables: numbers of the layers, convolutions first, whose weights become tables.
        theta: for each of them the share of pairs that pruning removes.
        fan_ins: for each of them the pins of a node, K.
        delta: share of their connections that shrinking removes.
        saliency: by what connections are ranked; see `ExpandingNetwork.shrink`.

    Raises:
        ConfigError: convolutions that do not fit, or a layer that cannot be one of tables.
    """

    features: int
    classes: int
    bits: int
    layers: tuple[int, ...]
    temperature: float
    levels: int = 1
    image: tuple[int, int] | None = None
    convolutions: tuple[Convolution, ...] = ()
    thresholds: int = 1
    tables: tuple[int, ...] = ()
    theta: tuple[float, ...] = ()
    fan_ins: tuple[int, ...] = ()
    delta: float = 0.0
    saliency: Saliency = "cost"

    def __post_init__(self) -> None:
        if self.convolutions:
            self.check_maps()
        self._check_tables()

    def _check_tables(self) -> None:
        """Raise a ConfigError where a layer cannot be one of tables."""
        for number in self.tables:
            self._check_table(number)
        for key, values in (("theta", self.theta), ("fan_in", self.fan_ins)):
            if len(values) != len(self.tables):
                raise ConfigError(
                    f"model.lutnet.{key} has {len(values)} values: needs one, or"
                    f" {len(self.tables)}, one for each of model.binary.tables"
                )
        for number, pins in zip(self.tables, self.fan_ins, strict=True):
            positions = self.sizes[number][0]
            if positions < pins:
                raise ConfigError(
                    f"model.binary.tables: a row of layer {number} has {positions} inputs, and a"
                    f" node has {pins} pins; use a fan_in of at most {positions}"
                )

    def _check_table(self, number: int) -> None:
        last, where = len(self.sizes) - 1, f"model.binary.tables has {number}"
        if number > last or self.tables.count(number) > 1:
            raise ConfigError(
                f"{where}: layers are 0 to {last}, convolutions first, each at most once; the class"
                " sums cannot be tables"
            )
        tops = [*self.tops, *[self.levels] * len(self.layers)]
        if tops[number] != 1 or self.levels != 1:
            raise ConfigError(
                f"{where}: it reads words of 0 to {tops[number]} and gives words of 0 to"
                f" {self.levels}; tables want bits: model.binary.bits = 1, no sum of a residual"
                " branch in front, and not the first layer unless inputs.bits is 1"
            )

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Inputs of a row and rows of each layer but the classes, convolutions first."""
        found = [
            (c.kernel**2 * lanes, c.filters)
            for c, (*_, lanes) in zip(self.convolutions, self.maps, strict=False)
        ]
        first = prod(self.maps[-1]) if self.convolutions else self.features
        return found + list(pairwise((first, *self.layers)))

    def nodes(self, number: int) -> tuple[int, int]:
        """Nodes that pruning leaves in a layer of tables, at least one, and their pins."""
        place = self.tables.index(number)
        pairs = prod(self.sizes[number])
        return max(1, pairs - round(self.theta[place] * pairs)), self.fan_ins[place]

    @property
    def top(self) -> int:
        """The largest input word."""
        return (1 << self.bits) - 1

    @property
    def tops(self) -> list[int]:
        """The largest word of what each convolution reads, and at last of what is flattened.

        Words add: those of 0..s and of 0..t become one of 0..s + t, which stands for the sum.
        """
        found = [self.top]
        for convolution in self.convolutions:
            k = convolution.residual
            found.append(self.levels + (found[-k] if k else 0))
        return found


class BinaryLayer(Sliding):
    """Sums with weights -1 and 1, batch norm, the largest of 2 x 2 where it pools, steps.

    It takes and gives the numbers that words stand for: see `hlsgen.nn.binary`. In eval mode batch
    norm and steps are thresholds on the sums, and a pool takes the largest step: as steps grow with
    the normalised value, that is the step of the largest.

    Args:
        lanes: of the input, of each pixel where it is a map.
        filters: rows.
        top: the largest value of the input.
        levels: thresholds of a row.
        image: height and width of the map that it slides over; None where it is dense.
        convolution: kernel, stride, pool and padding, if it slides.
    """

    def __init__(
        self,
        lanes: int,
        filters: int,
        top: int,
        levels: int,
        image: tuple[int, int] | None = None,
        convolution: Convolution | None = None,
    ) -> None:
        super().__init__(image, convolution)
        self.levels = levels
        window = (convolution.kernel,) * 2 if convolution else ()
        self.weights = BinaryWeights((filters, lanes, *window), top, self.stride)
        self.norm = Norm(filters)

    def forward(self, x: Tensor) -> Tensor:
        """Numbers [batch, filters] of [batch, lanes], or of maps [batch, lanes, height, width]."""
        x = framed(x, self.padding, self.weights.top)
        if self.training:
            y = self.norm(self.weights.sums(x))
            return steps(pooled(y) if self.pools else y, self.levels)
        weight, threshold = self._folded()
        sums = self.weights.sums_of(weight, x)
        found = 2 * reached(sums, threshold, 1) - self.levels
        return pooled(found) if self.pools else found

    def _folded(self) -> tuple[Tensor, Tensor]:
        """Weights of which rows with gamma < 0 are negated, and thresholds on their sums."""
        weight = self.weights.signs.detach()
        negated, threshold = self.norm.folded(cuts(self.levels))
        sign = 1 - 2 * torch.from_numpy(negated).to(weight)
        weight = weight * sign.view(-1, *[1] * (weight.ndim - 1))
        return weight, torch.from_numpy(threshold).to(weight.device)

    def layers(self) -> dict[str, Layer]:
        """What it is in hardware, by name.

        The sum of w * (2 * x - top) is 2 * sum(w * x) - top * sum(w), so that it is at least t
        where sum(w * x) >= (t + top * sum(w)) / 2, rounded up.
        """
        weight, threshold = self._folded()
        matrix = weight.flatten(1).to(torch.int8)
        shift = self.weights.top * matrix.sum(1, dtype=torch.int64)
        tiled = Tiled(matrix, -((-threshold - shift[:, None]) // 2), self.weights.top)
        window = self.window_over(weight.shape[1])
        return self.around(window, len(matrix), self.levels, {"sums": tiled})


class BinaryHead(nn.Module):
    """The class sums: sum(w * x) of each class and a whole number that is learned.

    Args:
        lanes: of the input.
        classes: rows.
        top: the largest value of the input.
    """

    def __init__(self, lanes: int, classes: int, top: int) -> None:
        super().__init__()
        self.weights = BinaryWeights((classes, lanes), top)
        self.bias = nn.Parameter(torch.zeros(classes))

    def forward(self, x: Tensor) -> Tensor:
        """Sums [batch, classes] of the numbers [batch, lanes] that words stand for."""
        rest = self.weights.top * self.weights.signs.sum(1) / 2
        exact = self.bias - rest
        # With s the sum of w * (2 * x - top), (s + top * sum(w)) / 2 is sum(w * x).
        return self.weights.sums(x) / 2 + (exact + (exact.round() - exact).detach() + rest)

    def layers(self) -> dict[str, Layer]:
        """The sums, and what is added to them."""
        matrix = self.weights.signs.detach().to(torch.int8)
        none = torch.zeros(len(matrix), 0, dtype=torch.int64, device=matrix.device)
        rest = self.weights.top * matrix.sum(1, dtype=torch.int64) / 2
        added = (self.bias.detach() - rest).round().to(torch.int64)
        return {"sums": Tiled(matrix, none, self.weights.top), "bias": Sums(1, added)}


class BinaryNetwork(ExpandingNetwork):
    """Quantiser, convolutions, flattened map, dense layers, class sums: BinaryNet, FINN's CNV.

    Courbariaux et al., arXiv:1602.02830; Umuroglu et al., "FINN", FPGA 2017. Weights are -1 and 1,
    activations steps of the batch norm's output, and words of the input enter as they are. Some
    layers may become tables, as LUTNet unrolls one layer of CNV and leaves the others as they are.
    """

    architecture: BinaryArchitecture

    def __init__(self, architecture: BinaryArchitecture) -> None:
        a = architecture
        layers: OrderedDict[str, nn.Module] = OrderedDict(x=Quantiser(a.features, a.bits, a.beats))
        for i, convolution in enumerate(a.convolutions):
            height, width, lanes = a.maps[i]
            layers[f"conv{i}"] = _layer(a, i, lanes, a.tops[i], (height, width), convolution)
        top = a.tops[-1]
        lanes = prod(a.maps[-1]) if a.convolutions else a.features
        for i, rows in enumerate(a.layers):
            layers[f"dense{i}"] = _layer(a, len(a.convolutions) + i, lanes, top)
            lanes, top = rows, a.levels
        layers["classes"] = BinaryHead(lanes, a.classes, top)
        super().__init__(layers)
        self.architecture = architecture

    def forward(self, words: Tensor) -> Tensor:
        """Logits float32 [batch, classes] of words int [batch, features]."""
        a = self.architecture
        x = 2 * words.float() - a.top
        _, *layers = self
        if a.convolutions and a.image:
            # In memory channels stay last, which is what convolutions are fastest with.
            x = self._convolved(x.view(len(x), *a.image, -1).permute(0, 3, 1, 2)).flatten(1)
        for layer in layers[len(a.convolutions) :]:
            x = layer(x)
        return x.float() / a.temperature

    def _convolved(self, x: Tensor) -> Tensor:
        """The last map; numbers [batch, lanes, height, width] of an image."""
        convolutions = self.architecture.convolutions
        kept = max(1, *(convolution.residual for convolution in convolutions))
        maps = [x]
        _, *layers = self
        for layer, convolution in zip(layers, convolutions, strict=False):
            made = layer(maps[-1])
            if convolution.residual:
                made = made + maps[-convolution.residual]
            maps = [*maps, made][-kept:]
        return maps[-1]

    def after_step(self) -> None:
        """Clip the latent weights, and the tables."""
        super().after_step()
        for layer in self.modules():
            if isinstance(layer, BinaryWeights):
                layer.after_step()

    def circuit(self) -> nn.Sequential:
        """Frames, windows, tiled layers, pools, sums; in eval mode equal to this network."""
        parts: OrderedDict[str, nn.Module] = OrderedDict(x=self.quantiser)
        a = self.architecture
        maps = ["x"]  # the layers that make them
        for name, layer in self.named_children():
            if isinstance(layer, Sliding | BinaryHead):
                if a.convolutions and name == "dense0":
                    height, width, lanes = a.maps[-1]
                    parts["flatten"] = Window((height, width), (height, width), 1, lanes)
                parts |= {f"{name}_{part}": found for part, found in layer.layers().items()}
            if isinstance(layer, Sliding) and layer.convolution:
                if back := layer.convolution.residual:
                    parts[f"{name}_merge"] = Merge(maps[-back])
                    parts[f"{name}_add"] = Addition(layer.convolution.filters)
                maps.append(next(reversed(parts)))
        parts["argmax"] = Argmax()
        return nn.Sequential(parts).train(self.training)


def _layer(
    a: BinaryArchitecture,
    number: int,
    lanes: int,
    top: int,
    image: tuple[int, int] | None = None,
    convolution: Convolution | None = None,
) -> BinaryLayer | TableLayer:
    rows = a.sizes[number][1]
    if number in a.tables:
        return TableLayer(lanes, rows, *a.nodes(number), image, convolution)
    return BinaryLayer(lanes, rows, top, a.levels, image, convolution)
