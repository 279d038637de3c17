"""Residual binarisation with two levels: counts become two bits each, by three thresholds."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hlsgen.errors import GraphError
from hlsgen.graph import ops
from hlsgen.nn import kernel
from hlsgen.nn.layer import Layer, Trimmable, places, rows_of, values_of
from hlsgen.nn.lut import lut_op
from hlsgen.nn.window import POOLED, Window

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

    Of maps all places are normalised together. Pooling is the maximum of x over 2 x 2 pixels: as
    max(x) > c where any x > c, the circuit pools the bits of the three thresholds.

    Args:
        filters: counts.
        pooled: height and width of the maps that are pooled; None where they are not.
    """

    def __init__(self, filters: int, pooled: tuple[int, int] | None = None) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(filters)
        self.pooled = pooled

    def forward(self, counts: Tensor) -> Tensor:
        """Bits float32 [batch, 2 * filters], plane after plane, of counts [batch, filters].

        Of maps [batch, pixels, 2 * filters] of [batch, pixels, filters].
        """
        if not self.training:
            for layer in self.layers():
                counts = layer.to(counts.device)(counts)
            return counts
        if counts.ndim == 2:
            return self._bits(self.norm(counts))
        # In the order that the memory has: filters, pixels, samples.
        x = self.norm(rows_of(counts)[None])
        if self.pooled:
            maps = x[0].view(-1, *self.pooled, len(counts))
            pooled: Tensor = _Largest.apply(maps)  # type: ignore[no-untyped-call]
            x = pooled.flatten(1)[None]
        rows = self._bits(x)[0]
        return rows.view(len(rows), -1, len(counts)).permute(2, 1, 0)

    def _bits(self, x: Tensor) -> Tensor:
        bits: Tensor = _ResidualBits.apply(x)  # type: ignore[no-untyped-call]
        return bits

    def layers(self) -> tuple[Layer, ...]:
        """What it is in hardware, with the thresholds of the running statistics.

        `Steps` and `Code`; where it pools a `Window` and a `Pool` stand between them.
        """
        threshold, flip = (torch.from_numpy(value) for value in self.thresholds())
        steps, code = Steps(threshold), Code(flip)
        if self.pooled is None:
            return steps, code
        lanes = len(steps.filter)
        squares = Window(self.pooled, (2, 2), 2, lanes)
        # Where a bit means its opposite, any of these is not all of them (de Morgan).
        return steps, squares, Pool(flip.repeat_interleave(len(CUTS))), code

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


class Steps(Trimmable):
    """Lane 3 * f + i is 1 where count f >= threshold[f, i].

    Args:
        threshold: int64 [filters, 3].
    """

    node: ClassVar[str] = "steps{}"
    filter: Tensor  # int64 [lanes]
    threshold: Tensor  # int64 [lanes]

    def __init__(self, threshold: Tensor) -> None:
        super().__init__()
        filters, count = threshold.shape
        self.filters = filters
        self.register_buffer("filter", torch.arange(filters).repeat_interleave(count))
        self.register_buffer("threshold", threshold.flatten())

    def forward(self, x: Tensor) -> Tensor:
        """Bits float32 [batch, lanes] of counts [batch, filters]; several beats alike."""
        return values_of((rows_of(x)[self.filter] >= self.threshold[:, None]).float(), x)

    def reads(self, live: Tensor) -> Tensor:
        """The counts of live lanes."""
        found = torch.zeros(self.filters, dtype=torch.bool, device=live.device)
        found[self.filter[live]] = True
        return found

    def part(self, inputs: Tensor, outputs: Tensor) -> Steps:
        """The lanes in `outputs`."""
        layer = copy.deepcopy(self)
        layer.filters = int(inputs.sum())
        layer.filter = places(self.filter[outputs], inputs)
        layer.threshold = self.threshold[outputs]
        return layer

    def to_op(self) -> ops.Thermometer:
        """The comparisons."""
        return ops.Thermometer(
            self.filter.cpu().numpy().astype(np.int32), self.threshold.cpu().numpy()
        )


class FixedTables(Trimmable):
    """Tables that are known, of few inputs each.

    Args:
        lanes: bits of the input.
        src: int64 [n, K], the lane that each pin reads.
        table: bool [n, 2**K], equal along pins outside the support.
        support: bool [n, K].
    """

    src: Tensor
    table: Tensor
    support: Tensor

    def __init__(self, lanes: int, src: Tensor, table: Tensor, support: Tensor) -> None:
        super().__init__()
        self.lanes = lanes
        for name, value in (("src", src), ("table", table), ("support", support)):
            self.register_buffer(name, value)

    def forward(self, x: Tensor) -> Tensor:
        """Bits float32 [batch, n] of bits [batch, lanes]; several beats alike."""
        rows, sign = rows_of(x).to(torch.uint8).contiguous(), 2.0 * self.table - 1
        bits, _ = kernel.look_up(rows, self.src.int(), sign)
        return values_of(bits.float(), x)

    def reads(self, live: Tensor) -> Tensor:
        """The lanes at the pins in the support of live tables."""
        found = torch.zeros(self.lanes, dtype=torch.bool, device=live.device)
        found[self.src[self.support & live[:, None]]] = True
        return found

    def part(self, inputs: Tensor, outputs: Tensor) -> FixedTables:
        """The tables in `outputs`."""
        layer = copy.deepcopy(self)
        layer.lanes = int(inputs.sum())
        layer.src = places(self.src[outputs], inputs)
        layer.table, layer.support = self.table[outputs], self.support[outputs]
        return layer

    def to_op(self) -> ops.Lut:
        """The tables."""
        return lut_op(self.src.cpu().numpy(), self.table.cpu().numpy(), self.support.cpu().numpy())


class Code(FixedTables):
    """Two planes of bits from three thresholds t each: s0 = t1, s1 = t2 where s0, t0 elsewhere.

    Args:
        flip: bool [filters], whether the thresholds mean their opposites.
    """

    node: ClassVar[str] = "code{}"

    def __init__(self, flip: Tensor) -> None:
        filters, pins = len(flip), len(CUTS)
        entry = torch.arange(2**pins).expand(filters, -1)
        # The opposite of all thresholds is at the opposite address.
        t0, t1, t2 = ((entry >> pin & 1).bool() ^ flip[:, None] for pin in range(pins))
        support = torch.ones(2 * filters, pins, dtype=torch.bool)
        support[:filters] = torch.tensor([False, True, False])
        super().__init__(
            pins * filters,
            torch.arange(pins * filters).view(filters, pins).repeat(LEVELS, 1),
            torch.cat([t1, torch.where(t1, t2, t0)]),
            support,
        )


class Pool(FixedTables):
    """Of four lanes in a row, behind a window, whether any is 1, or whether all are.

    Args:
        every: bool [n], where all must be; output i looks at the lanes from 4 * i on.
    """

    node: ClassVar[str] = "pool{}"

    def __init__(self, every: Tensor) -> None:
        n = len(every)
        entry = torch.arange(2**POOLED)
        table = torch.where(every[:, None], entry == 2**POOLED - 1, entry > 0)
        src = torch.arange(POOLED * n).view(n, POOLED)
        super().__init__(POOLED * n, src, table, torch.ones_like(src, dtype=torch.bool))


class _Largest(torch.autograd.Function):
    """The largest of each 2 x 2 pixels of maps [filters, height, width, batch].

    The gradient goes to the largest ones in equal shares.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        corners = _corners(x)
        above, below = (torch.maximum(*corners[i : i + 2]) for i in (0, 2))
        found = torch.maximum(above, below)
        ctx.save_for_backward(*(corner == found for corner in corners))
        return found

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        largest = ctx.saved_tensors
        count = torch.stack([each.to(torch.uint8) for each in largest]).sum(0, dtype=torch.uint8)
        share: Tensor = grads[0] / count
        filters, height, width, batch = share.shape
        to_x = share.new_empty(filters, 2 * height, 2 * width, batch)
        for corner, each in zip(_corners(to_x), largest, strict=True):
            torch.mul(share, each, out=corner)
        return to_x


def _corners(x: Tensor) -> list[Tensor]:
    return [x[:, row::2, column::2] for row in (0, 1) for column in (0, 1)]


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
