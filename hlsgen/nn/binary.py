"""Layers whose weights are -1 and 1, and the steps that their sums become (Courbariaux et al.).

Throughout, the word x of 0..top stands for the odd number 2 * x - top: a bit for -1 or 1, two bits
for -3, -1, 1, 3. The same holds for pixels, so that every layer is alike.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed, nn
from torch.distributed.nn import functional as everywhere
from torch.nn.functional import batch_norm, conv2d, linear, max_pool2d, pad

from hlsgen.errors import GraphError
from hlsgen.graph import ops
from hlsgen.nn.layer import Layer, rows_of, values_of
from hlsgen.nn.residual import Steps
from hlsgen.nn.window import AnyOf, Window

# A threshold that no sum reaches or misses.
_FAR = 2**40
# Below so many integers float32 is exact.
_EXACT = 2**24


class Tiled(Layer):
    """Sums of weight[m] * x; lane m is how many of threshold[m] its sum reaches, or the sum.

    Args:
        weight: int8 [rows, lanes], each -1 or 1.
        threshold: int64 [rows, levels], ascending in each row; without levels the sums go out.
        top: the largest value of the input; the least is 0.
    """

    node: ClassVar[str] = "tiled{}"
    weight: Tensor
    threshold: Tensor

    def __init__(self, weight: Tensor, threshold: Tensor, top: int) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("threshold", threshold)
        self.exact = exact(top, weight.shape[1])

    def forward(self, x: Tensor) -> Tensor:
        """Values [batch, rows] of values [batch, lanes]; several beats alike."""
        sums = self.weight.to(self.exact) @ rows_of(x).to(self.exact)
        if self.threshold.shape[1]:
            sums = reached(sums, self.threshold, 0)
        return values_of(sums, x)

    def to_op(self) -> ops.Tiled:
        """One row and one column at a time; a later pass chooses how many."""
        weight, threshold = self.weight.cpu().numpy(), self.threshold.cpu().numpy()
        return ops.Tiled(2, 1, 1, weight, threshold)


class Sums(Layer):
    """Lane g is bias[g] + the sum of `size` consecutive lanes.

    Args:
        size: lanes of a group.
        bias: int64 [groups].
    """

    node: ClassVar[str] = "sum{}"
    bias: Tensor

    def __init__(self, size: int, bias: Tensor) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor) -> Tensor:
        """Sums float64 [batch, groups] of values [batch, groups * size]; several beats alike."""
        groups = rows_of(x).double().view(len(self.bias), self.size, -1)
        return values_of(groups.sum(1) + self.bias[:, None], x)

    def to_op(self) -> ops.Sum:
        """The sums."""
        bias = self.bias.cpu().numpy()
        sizes = np.full(len(bias), self.size)
        return ops.Sum.of(np.arange(sizes.sum()), sizes, bias)


class BinaryWeights(nn.Module):
    """Weights that are the signs of latent ones in [-1, 1]; the sign of 0 is 1.

    The gradient goes to the latent weight as it is (straight through). There is no scale: batch
    norm would take it out again.

    Args:
        shape: of the weights, filters first: [filters, lanes] or [filters, lanes, side, side].
        top: the largest value of the input, whose words stand for 2 * x - top.
        stride: pixels from one place of a filter to the next.
    """

    def __init__(self, shape: tuple[int, ...], top: int, stride: int = 1) -> None:
        super().__init__()
        self.top, self.stride = top, stride
        # Small: a few steps of Adam can change any sign. Larger ones stay what chance made them.
        self.latent = nn.Parameter(0.1 * (2 * torch.rand(shape) - 1))

    @property
    def signs(self) -> Tensor:
        """The weights, float32, each -1 or 1."""
        signs: Tensor = _Signs.apply(self.latent)  # type: ignore[no-untyped-call]
        return signs

    @property
    def columns(self) -> int:
        """Products of a sum."""
        return self.latent[0].numel()

    def sums(self, x: Tensor) -> Tensor:
        """Sums of products, [batch, filters] or maps [batch, filters, height, width].

        In eval mode they are exact.

        Args:
            x: numbers 2 * word - top, [batch, lanes] or maps [batch, lanes, height, width].
        """
        return self.sums_of(self.signs, x)

    def sums_of(self, weight: Tensor, x: Tensor) -> Tensor:
        """The sums with other weights of the same shape."""
        if self.training:
            return self._product(x, weight)
        kind = exact(self.top, self.columns)
        # Fast convolutions of a GPU may be off by a little; integers are not.
        return self._product(x.to(kind), weight.to(kind)).round_()

    def _product(self, x: Tensor, weight: Tensor) -> Tensor:
        return linear(x, weight) if x.ndim == 2 else conv2d(x, weight, stride=self.stride)

    @torch.no_grad()
    def after_step(self) -> None:
        """Keep the latent weights where the sign can change again."""
        self.latent.clamp_(-1.0, 1.0)


class Norm(nn.modules.batchnorm._BatchNorm):
    """Batch norm over samples and places, and over all processes of a run together."""

    def _check_input_dim(self, _: Tensor) -> None:
        """[batch, lanes] or maps [batch, lanes, height, width]."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalised values, of the shape of `x`; only for training."""
        if not (distributed.is_available() and distributed.is_initialized()):
            # The last batch of an epoch may be one sample, which has no variance.
            alone = x.numel() == x.shape[1]
            found: Tensor = self._still(x) if alone else super().forward(x)
            return found
        axes = [axis for axis in range(x.ndim) if axis != 1]
        wide = x.float()
        count = torch.tensor([x.numel() / x.shape[1]], device=x.device)
        found = torch.cat([wide.sum(axes), wide.square().sum(axes), count])
        found = everywhere.all_reduce(found)  # type: ignore[no-untyped-call]
        count = found[-1].detach()
        mean, square = (found[:-1] / count).chunk(2)
        var = square - mean.square()
        self._remember(mean.detach(), var.detach() * count / (count - 1).clamp(min=1))
        scale = self.weight / (var + self.eps).sqrt()
        shape = [-1, *[1] * (x.ndim - 2)]
        return wide * scale.view(shape) + (self.bias - mean * scale).view(shape)

    def _still(self, x: Tensor) -> Tensor:
        """Normalised by the running statistics."""
        return batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
        )

    def _remember(self, mean: Tensor, var: Tensor) -> None:
        """As PyTorch does: running statistics with the unbiased variance."""
        for running, new in ((self.running_mean, mean), (self.running_var, var)):
            if running is not None and self.momentum is not None:
                running.lerp_(new, self.momentum)

    def folded(self, cuts: NDArray[np.float64]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Rows to negate, bool [lanes], and then thresholds int64 [lanes, cuts].

        With y = gamma * (s - mean) / sqrt(var + eps) + beta, y > c is g * s >= floor(g * mean +
        (c - beta) * sqrt(var + eps) / abs(gamma)) + 1 for integers s and g the sign of gamma, in
        float64. With gamma = 0 y is beta, whatever s.

        Raises:
            GraphError: a parameter is NaN.
        """
        assert isinstance(self.running_mean, Tensor) and isinstance(self.running_var, Tensor)
        mean, var, gamma, beta = (
            value.detach().double().cpu().numpy()[:, None]
            for value in (self.running_mean, self.running_var, self.weight, self.bias)
        )
        if np.isnan(mean + var + gamma + beta).any():
            raise GraphError("a batch norm has NaN; train it again")
        size = np.where(gamma == 0, 1.0, np.abs(gamma))
        point = np.sign(gamma) * mean + (cuts - beta) * np.sqrt(var + self.eps) / size
        threshold = np.floor(np.clip(point, -_FAR, _FAR)) + 1
        constant = np.where(beta > cuts, -_FAR, _FAR)
        return gamma[:, 0] < 0, np.where(gamma == 0, constant, threshold).astype(np.int64)


class _Step(torch.autograd.Function):
    """See `steps`."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, levels: int) -> Tensor:
        ctx.levels = levels
        ctx.save_for_backward(y)
        found = torch.empty_like(y)
        first, *rest = cuts(levels).tolist()
        torch.gt(y, first, out=found)
        for cut in rest:
            found += y > cut
        return found.mul_(2).sub_(levels)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (y,) = ctx.saved_tensors
        to_y = torch.ops.aten.hardtanh_backward(grads[0], y, -1.0, 1.0)
        return to_y if ctx.levels == 1 else to_y * ctx.levels, None


class _Signs(torch.autograd.Function):
    """-1 below 0, else 1, with the gradient of the identity."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        # Faster than a choice between two numbers.
        found = torch.empty_like(x)
        torch.ge(x, 0, out=found)
        return found.mul_(2).sub_(1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return grads[0]


def steps(y: Tensor, levels: int) -> Tensor:
    """Numbers -levels, 2 - levels, ... levels: the nearest to levels * y, with y clipped to 1.

    The gradient is that of levels * y where abs(y) < 1, and 0 elsewhere.
    """
    found: Tensor = _Step.apply(y, levels)  # type: ignore[no-untyped-call]
    return found


def cuts(levels: int) -> NDArray[np.float64]:
    """Where a step of `levels` levels changes, float64 [levels]; 0 for one level."""
    return (2.0 * np.arange(1, levels + 1) - levels - 1) / levels


def reached(sums: Tensor, threshold: Tensor, axis: int) -> Tensor:
    """How many thresholds int64 [rows, levels] the sums reach, float32; `axis` has the rows."""
    shape = [1] * sums.ndim
    shape[axis] = -1
    found = torch.zeros_like(sums, dtype=torch.float32)
    for level in threshold.T:
        found += sums >= level.to(sums.dtype).view(shape)
    return found


def exact(top: int, columns: int) -> torch.dtype:
    """The faster kind of float in which sums of `columns` products up to `top` are exact."""
    return torch.float32 if top * columns < _EXACT else torch.float64


def framed(x: Tensor, sides: int, top: int) -> Tensor:
    """Maps [batch, lanes, height, width] in a frame of `sides` pixels of -top, which word 0 is."""
    return pad(x, [sides] * 4, value=-float(top)) if sides else x


def pooled(x: Tensor) -> Tensor:
    """The largest of each 2 x 2 pixels of maps [batch, lanes, height, width]."""
    return max_pool2d(x, 2)


def pool_layers(image: tuple[int, int], lanes: int, levels: int) -> dict[str, Layer]:
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
