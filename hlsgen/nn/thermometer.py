"""Thermometer code with thresholds at the quantiles of the training data."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hlsgen.graph import ops
from hlsgen.graph.fabric import FABRICS
from hlsgen.graph.ir import Wire
from hlsgen.nn.layer import Layer, rows_of, values_of


class Thermometer(Layer):
    """Lane f * count + i is 1 where word f >= threshold i of feature f.

    The encoding of Bacellar et al., "Differentiable Weightless Neural Networks", ICML 2024
    (distributive thermometer). Several beats, the pixels of an image, share the thresholds.

    Args:
        features: number of words.
        count: thresholds of each word.
    """

    node: ClassVar[str] = "thermometer"
    feature: Tensor  # int64 [features * count]
    threshold: Tensor  # int32 [features * count]

    def __init__(self, features: int, count: int) -> None:
        super().__init__()
        self.count = count
        lanes = torch.arange(features).repeat_interleave(count)
        self.register_buffer("feature", lanes)
        self.register_buffer("threshold", torch.zeros(len(lanes), dtype=torch.int32))

    def fit(self, words: Tensor) -> None:
        """Learn the thresholds from training words of at most 16 bits, int [..., features]."""
        # Short words are sorted faster: an image has many.
        columns = words.flatten(0, -2).cpu().numpy().astype(np.uint16).T
        found = np.concatenate([quantile_thresholds(column, self.count) for column in columns])
        self.threshold.copy_(torch.from_numpy(found))

    @cached_property
    def luts_per_lane(self) -> float:
        """Six-input LUTs that a comparator takes, on average; those of one-bit words are wires."""
        op = self.to_op()
        words = Wire(int(self.feature.max()) + 1, 0, max(1, int(self.threshold.max())))
        return op.area(FABRICS["xcup"], words).lut / len(np.unique(op.twins()))

    def forward(self, x: Tensor) -> Tensor:
        """Bits uint8 [batch, features * count] of words int [batch, features].

        Of several beats: [batch, beats, features * count] of [batch, beats, features].
        """
        rows = rows_of(x).contiguous()
        return values_of((rows[self.feature] >= self.threshold[:, None]).to(torch.uint8), x)

    def to_op(self) -> ops.Thermometer:
        """The comparisons."""
        return ops.Thermometer(self.feature.cpu().numpy(), self.threshold.cpu().numpy())


def quantile_thresholds(words: NDArray[np.integer], count: int) -> NDArray[np.int64]:
    """Ascending thresholds int64 [count] that split `words` [batch] into equally full bins.

    Threshold i is the least word that leaves at least i / (count + 1) of the samples below it.
    A frequent word would attract several thresholds; its weight is therefore cut to one bin,
    which gives distinct thresholds as long as there are enough distinct words (the others repeat).
    """
    values, counts = np.unique(words, return_counts=True)
    if len(values) <= count + 1:
        # The lowest word needs no threshold: all words reach it.
        useful = values[1:] if len(values) > 1 else values
        return np.pad(useful, (0, count - len(useful[:count])), mode="edge").astype(np.int64)
    weight = np.minimum(counts, _bin_size(counts, count + 1))
    below = np.cumsum(weight) - weight
    full_bins = np.arange(1, count + 1) * (weight.sum() / (count + 1))
    # The slack makes up for rounding in the sums.
    chosen = np.searchsorted(below, full_bins * (1 - 1e-9))
    return np.asarray(values[chosen], dtype=np.int64)


def _bin_size(counts: NDArray[np.integer], bins: int) -> float:
    """The size s with sum(min(counts, s)) == bins * s, for more counts than bins."""
    falling = np.sort(counts)[::-1]
    # With the `cut` largest counts cut to s, the others fill the remaining bins.
    cut = np.arange(bins)
    size = (counts.sum() - np.cumsum(falling) + falling)[:bins] / (bins - cut)
    return float(size[np.argmax(falling[:bins] <= size)])
