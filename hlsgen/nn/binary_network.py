"""Binarised networks, convolutional or not: every layer a matrix of signs, and thresholds."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn

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
from hlsgen.nn.branches import Addition, Merge, Pad
from hlsgen.nn.head import Argmax
from hlsgen.nn.layer import Layer
from hlsgen.nn.maps import Convolution, Maps
from hlsgen.nn.network import Network
from hlsgen.nn.quantiser import Quantiser
from hlsgen.nn.residual import Steps
from hlsgen.nn.window import AnyOf, Window


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

    Raises:
        ConfigError: convolutions that do not fit.
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

    def __post_init__(self) -> None:
        if self.convolutions:
            self.check_maps()

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


class BinaryLayer(nn.Module):
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
        super().__init__()
        self.levels, self.image, self.convolution = levels, image, convolution
        self.stride = convolution.stride if convolution else 1
        self.pools = convolution is not None and convolution.pool > 1
        self.padding = convolution.padding if convolution else 0
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
        if self.convolution is None or self.image is None:
            return {"sums": tiled}
        side = self.convolution.kernel
        image = self.convolution.framed(self.image)
        window = Window(image, (side, side), self.stride, weight.shape[1])
        found: dict[str, Layer] = {"pad": Pad(self.image, self.padding)} if self.padding else {}
        found |= {"window": window, "sums": tiled}
        return found | (_pool(window.shape, len(matrix), self.levels) if self.pools else {})


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


class BinaryNetwork(Network):
    """Quantiser, convolutions, flattened map, dense layers, class sums: BinaryNet, FINN's CNV.

    Courbariaux et al., arXiv:1602.02830; Umuroglu et al., "FINN", FPGA 2017. Weights are -1 and 1,
    activations steps of the batch norm's output, and words of the input enter as they are.
    """

    architecture: BinaryArchitecture

    def __init__(self, architecture: BinaryArchitecture) -> None:
        a = architecture
        layers: OrderedDict[str, nn.Module] = OrderedDict(x=Quantiser(a.features, a.bits, a.beats))
        for i, convolution in enumerate(a.convolutions):
            height, width, lanes = a.maps[i]
            layers[f"conv{i}"] = BinaryLayer(
                lanes, convolution.filters, a.tops[i], a.levels, (height, width), convolution
            )
        top = a.tops[-1]
        lanes = prod(a.maps[-1]) if a.convolutions else a.features
        for i, rows in enumerate(a.layers):
            layers[f"dense{i}"] = BinaryLayer(lanes, rows, top, a.levels)
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
        """Clip the latent weights."""
        for layer in self.modules():
            if isinstance(layer, BinaryWeights):
                layer.after_step()

    def circuit(self) -> nn.Sequential:
        """Frames, windows, tiled layers, pools, sums; in eval mode equal to this network."""
        parts: OrderedDict[str, nn.Module] = OrderedDict(x=self.quantiser)
        a = self.architecture
        maps = ["x"]  # the layers that make them
        for name, layer in self.named_children():
            if isinstance(layer, BinaryLayer | BinaryHead):
                if a.convolutions and name == "dense0":
                    height, width, lanes = a.maps[-1]
                    parts["flatten"] = Window((height, width), (height, width), 1, lanes)
                parts |= {f"{name}_{part}": found for part, found in layer.layers().items()}
            if isinstance(layer, BinaryLayer) and layer.convolution:
                if back := layer.convolution.residual:
                    parts[f"{name}_merge"] = Merge(maps[-back])
                    parts[f"{name}_add"] = Addition(layer.convolution.filters)
                maps.append(next(reversed(parts)))
        parts["argmax"] = Argmax()
        return nn.Sequential(parts).train(self.training)


def _pool(image: tuple[int, int], lanes: int, levels: int) -> dict[str, Layer]:
    """The largest of each 2 x 2 pixels: of bits any; of counts the bits of their levels, pooled."""
    bits = lanes * levels
    squares = Window(image, (2, 2), 2, bits)
    if levels == 1:
        return {"squares": squares, "pool": AnyOf(bits)}
    return {
        "steps": Steps(torch.arange(1, levels + 1).expand(lanes, -1)),
        "squares": squares,
        "pool": AnyOf(bits),
        "count": Sums(levels, torch.zeros(lanes, dtype=torch.int64)),
    }
