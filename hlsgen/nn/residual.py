"""Residual binarisation with two levels: counts become two bits each, by three thresholds."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hlsgen.errors import GraphError
from hlsgen.graph import ops
from hlsgen.nn.layer import Layer

# Planes of bits behind a residual sign, and what a bit of each counts in the next layer's sum.
LEVELS = 2
WEIGHTS = (2, 1)
# Where the second bit changes, in units of the normalised value: mu of ReBNet as it begins.
CUT = 2.0 / 3.0
CUTS = (-CUT, 0.0, CUT)
# A threshold that no count reaches or misses.
_FAR = 2**31


def plane_weights(planes: int) -> tuple[int, ...]:
    """What a bit of each of `planes` (1 or 2) planes counts in a sum."""
    return WEIGHTS if planes == LEVELS else (1,)


class ResidualSign(nn.Module):
    """Batch norm, then the residual sign of ReBNet (Ghasemzadeh et al., FCCM 2018) at two levels.

    With x = gamma * (count - mean) / sqrt(var + eps) + beta the bits are s0 = [x > 0] and
    s1 = [x > mu] where s0, [x > -mu] elsewhere. They stand for (2 * s0 - 1) * mu0 + (2 * s1 - 1) *
    mu1. Only the ratio of the scales reaches the result, as the next layer is normalised too: it is
    fixed to mu0 = 2 * mu1, so that hardware adds a bit of the first plane twice and multiplies
    nothing. A trained mu would be a second name for gamma: `CUT` is a constant.

    In training bits come from x and the gradient is the straight-through estimator, of s0 where
    |x| <= 1, of s1 where the rest |x -+ mu| <= 1. In eval mode they come from `layers`, the
    circuit.

    Args:
        filters: counts.
    """

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(filters)

    def forward(self, counts: Tensor) -> Tensor:
        """Bits float32 [batch, 2 * filters], plane after plane, of counts [batch, filters]."""
        if self.training:
            bits: Tensor = _ResidualBits.apply(self.norm(counts))  # type: ignore[no-untyped-call]
            return bits
        steps, code = self.layers()
        coded: Tensor = code(steps(counts))
        return coded

    def layers(self) -> tuple[Steps, Code]:
        """What it is in hardware, with the thresholds of the running statistics."""
        threshold, flip = self.thresholds()
        return Steps(torch.from_numpy(threshold)), Code(torch.from_numpy(flip))

    def thresholds(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Thresholds int64 [filters, 3] on the counts for `CUTS`, and flips bool [filters].

        x > c is count >= threshold, or its opposite where the flip is set (gamma < 0). Folded in
        float64: with q = mean + (c - beta) * sqrt(var + eps) / gamma, the threshold is
        floor(q) + 1 for gamma > 0 and ceil(q) for gamma < 0. With gamma = 0 x is beta, whatever
        the count.

        Raises:
            GraphError: a parameter is NaN.
        """
        norm = self.norm
        if norm.running_mean is None or norm.running_var is None:
            raise GraphError("the batch norm keeps no running statistics")
        mean, var, gamma, beta = (
            value.detach().double().cpu().numpy()[:, None]
            for value in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
        )
        cuts = np.array(CUTS)
        if np.isnan(mean + var + gamma + beta).any():
            raise GraphError("a batch norm has NaN; train it again")
        slope = np.where(gamma == 0, 1.0, gamma)
        point = np.clip(mean + (cuts - beta) * np.sqrt(var + norm.eps) / slope, -_FAR, _FAR)
        threshold = np.where(gamma > 0, np.floor(point) + 1, np.ceil(point))
        constant = np.where(beta > cuts, -_FAR, _FAR)
        return np.where(gamma == 0, constant, threshold).astype(np.int64), gamma[:, 0] < 0


class Steps(Layer):
    """Lane 3 * f + i is 1 where count f >= threshold[f, i].

    Args:
        threshold: int64 [filters, 3].
    """

    node: ClassVar[str] = "steps{}"
    threshold: Tensor

    def __init__(self, threshold: Tensor) -> None:
        super().__init__()
        self.register_buffer("threshold", threshold)

    def forward(self, x: Tensor) -> Tensor:
        """Bits float32 [batch, 3 * filters] of counts [batch, filters]."""
        return (x[:, :, None] >= self.threshold.to(x.device)).flatten(1).float()

    def to_op(self) -> ops.Thermometer:
        """The comparisons."""
        filters, count = self.threshold.shape
        feature = np.arange(filters, dtype=np.int32).repeat(count)
        return ops.Thermometer(feature, self.threshold.cpu().numpy().ravel())


class Code(Layer):
    """Two planes of bits from three thresholds t each: s0 = t1, s1 = t2 where s0, t0 elsewhere.

    Args:
        flip: bool [filters], whether the thresholds mean their opposites.
    """

    node: ClassVar[str] = "code{}"
    flip: Tensor
    # Tables over (t1) and (t0, t1, t2), and those over the opposites.
    FIRST: ClassVar[tuple[int, int]] = (0b10, 0b01)
    SECOND: ClassVar[tuple[int, int]] = (0b11100010, 0b01000111)

    def __init__(self, flip: Tensor) -> None:
        super().__init__()
        self.register_buffer("flip", flip)

    def forward(self, x: Tensor) -> Tensor:
        """Bits float32 [batch, 2 * filters], plane after plane, of bits [batch, 3 * filters]."""
        above = x.view(len(x), -1, len(CUTS)).bool() ^ self.flip.to(x.device)[:, None]
        second = torch.where(above[..., 1], above[..., 2], above[..., 0])
        return torch.cat([above[..., 1], second], dim=1).float()

    def to_op(self) -> ops.Lut:
        """A wire or inverter, and a table of three inputs, for each filter."""
        flip = self.flip.cpu().numpy()
        filters = len(flip)
        src = np.zeros((LEVELS * filters, len(CUTS)), dtype=np.int32)
        src[:filters, 0] = 3 * np.arange(filters) + 1
        src[filters:] = 3 * np.arange(filters)[:, None] + np.arange(len(CUTS))
        tables = [np.where(flip, flipped, plain) for plain, flipped in (self.FIRST, self.SECOND)]
        return ops.Lut.of(
            src, np.repeat([1, len(CUTS)], filters), np.concatenate(tables).astype(np.uint64)
        )


class _ResidualBits(torch.autograd.Function):
    """Bits float32 [batch, 2 * filters] of normalised values; see `ResidualSign`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        first = x > 0
        rest = torch.where(first, x - CUT, x + CUT)
        ctx.save_for_backward(x.abs() <= 1, rest.abs() <= 1)
        return torch.cat([first, rest > 0], dim=1).float()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        near, near_rest = ctx.saved_tensors
        first, second = grads[0].chunk(LEVELS, dim=1)
        # Half, as a bit is half of a sign.
        to_x: Tensor = 0.5 * (first * near + second * near_rest)
        return to_x
