"""A layer of a binarised network whose weights become tables."""

from __future__ import annotations

import torch
from torch import Tensor

from hlsgen.nn.binary import Norm, cuts, framed, pooled, reached, steps
from hlsgen.nn.layer import Layer
from hlsgen.nn.lut import LutLayer
from hlsgen.nn.maps import Convolution
from hlsgen.nn.nodes import NodeLayer, PlaneSum
from hlsgen.nn.residual import Steps
from hlsgen.nn.sliding import Sliding

# Activations of one bit: one threshold, and words up to 1.
_LEVELS = 1


class TableLayer(Sliding):
    """Counts of nodes (`NodeLayer`), batch norm, signs: a layer of LUTNet among binarised ones.

    Like `nn.binary_network.BinaryLayer` it takes and gives numbers -1 and 1, and in eval mode batch
    norm and sign are thresholds on the counts. Its nodes are built side by side, as LUTs; no
    weights lie in memory.

    Args:
        lanes: of the input, of each pixel where it is a map.
        filters: rows.
        nodes: pairs of an input and a filter that pruning leaves.
        fan_in: pins of a table.
        image: height and width of the map that it slides over; None where it is dense.
        convolution: kernel, stride, pool and padding, if it slides.
    """

    def __init__(
        self,
        lanes: int,
        filters: int,
        nodes: int,
        fan_in: int,
        image: tuple[int, int] | None = None,
        convolution: Convolution | None = None,
    ) -> None:
        super().__init__(image, convolution)
        self.window = self.window_over(lanes)
        positions = len(self.window.taps) if self.window else lanes
        self.nodes = NodeLayer(positions, 1, nodes, fan_in, PlaneSum(filters, 1, nodes))
        self.norm = Norm(filters)

    def forward(self, x: Tensor) -> Tensor:
        """Numbers [batch, filters] of [batch, lanes], or of maps [batch, lanes, height, width]."""
        counts = self._counts((framed(x, self.padding, _LEVELS).float() + 1) / 2)
        if self.training:
            y = self.norm(counts)
            return steps(pooled(y) if self.pools else y, _LEVELS)
        negated, threshold = self._folded()
        sign = torch.where(negated, -1, 1).view(-1, *[1] * (counts.ndim - 2))
        found = 2 * reached(sign * counts, threshold, 1) - _LEVELS
        return pooled(found) if self.pools else found

    def _counts(self, bits: Tensor) -> Tensor:
        """Counts [batch, filters], or maps of them, of bits or maps of them."""
        if self.window is None:
            dense: Tensor = self.nodes(bits)
            return dense
        counts = self.nodes(self.window(bits.flatten(2).permute(0, 2, 1)))
        maps: Tensor = counts.view(len(bits), -1, counts.shape[-1]).permute(0, 2, 1)
        return maps.reshape(len(bits), -1, *self.window.shape)

    def _folded(self) -> tuple[Tensor, Tensor]:
        """Which counts to negate, bool [filters], and then thresholds int64 [filters, 1]."""
        negated, threshold = (torch.from_numpy(found) for found in self.norm.folded(cuts(_LEVELS)))
        device = self.nodes.weight.device
        return negated.to(device), threshold.to(device)

    @torch.no_grad()
    def layers(self) -> dict[str, Layer]:
        """What it is in hardware, by name.

        Where a count would be negated its tables give the opposite: of n nodes that counts n - s
        instead of s, which reaches t + n where -s reaches t.

        Raises:
            GraphError: the nodes are no tables yet, or a parameter is NaN.
        """
        lut, count = self.nodes.circuit()
        negated, threshold = self._folded()
        size = torch.bincount(count.filter, minlength=count.filters)
        shifted = threshold + (negated * size)[:, None]
        inner: dict[str, Layer] = {"tables": _opposite(lut, negated[count.filter]), "count": count}
        inner["steps"] = Steps(shifted)
        return self.around(self.window, count.filters, _LEVELS, inner)


def _opposite(lut: LutLayer, negated: Tensor) -> LutLayer:
    """The tables, those in `negated`, bool [tables], with all entries inverted."""
    every = torch.ones_like(negated)
    made = lut.part(torch.ones(lut.lanes, dtype=torch.bool, device=negated.device), every)
    # Of an entry 0, which is a 0, the opposite is no -0.
    inverted = torch.where(made.table > 0, -1.0, 1.0)
    made.table.data = torch.where(negated[:, None], inverted, made.table.data)
    return made
