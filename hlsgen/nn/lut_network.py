"""The plain network of LUT layers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

import torch
from torch import Tensor

from hlsgen.nn import cost
from hlsgen.nn.head import Popcount, Votes
from hlsgen.nn.layer import BitLayer
from hlsgen.nn.lut import LutLayer
from hlsgen.nn.network import Architecture
from hlsgen.nn.stack import Stack
from hlsgen.nn.thermometer import Thermometer


class LutNetwork(Stack):
    """Quantiser, thermometer, LUT layers, popcount or votes, argmax."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture, self.middle(architecture))

    @staticmethod
    def middle(architecture: Architecture) -> Mapping[str, BitLayer]:
        """The layers between the encoder and the head, by name, in order."""
        a = architecture
        return dense(a, a.features * a.thresholds)

    def advance(self, done: float) -> None:
        """Progressive binarisation: how hard the layers are."""
        hold, ramp = self.architecture.soft
        beyond = max(0.0, done - hold)
        for layer in self.luts:
            layer.hardness = min(1.0, beyond / ramp) if ramp else float(done >= hold)

    def penalty(self) -> Tensor | None:
        """The spectral regulariser of DWN: the mean L2 norm of the tables' Walsh coefficients.

        The coefficients are H T / 2**K with the Hadamard matrix H; by Parseval's identity their
        norm is that of T over 2**(K / 2).
        """
        weight = self.architecture.spectral
        if not weight:
            return None
        norms = [layer.table.norm(dim=1) / layer.table.shape[1] ** 0.5 for layer in self.luts]
        return weight * torch.cat(norms).mean()

    @property
    def luts(self) -> list[LutLayer]:
        """The LUT layers, in order."""
        return [layer for layer in self if isinstance(layer, LutLayer)]

    def expected_luts(self) -> Tensor:
        """Tables by their fan-in, comparators that are read, bits that are counted, the argmax.

        A LUT counts as far as it is read: by votes, or by pins of the layer behind.
        """
        a, (encoder, head) = self.architecture, (self[1], self[-2])
        assert isinstance(encoder, Thermometer)
        total = torch.tensor(cost.CLASS_LUTS * a.classes)
        read = torch.ones(a.layers[-1])
        if isinstance(head, Votes):
            bits = cost.vote_bits(head.weight)
            read = (bits / bits.detach().clamp(min=1)).amax(dim=1)
            total = total + cost.COUNT_LUTS * bits.sum()
        if isinstance(head, Popcount):
            last = self.luts[-1]
            used = cost.pins_used(last.table, last.support)
            total = total + cost.COUNT_LUTS * (1 - cost.fan_in_shares(used)[:, 0]).sum()
        for layer in reversed(self):
            if isinstance(layer, BitLayer):
                luts, read = layer.expected(read)
                total = total + luts
        return total + encoder.luts_per_lane * read.sum()

    @torch.no_grad()
    def drop_unused(self) -> None:
        """Take pins of next to no influence out of the tables for good."""
        for layer in self.luts:
            layer.shrink((cost.influence(layer.table) < cost.NOTHING) & layer.support)


def dense(architecture: Architecture, lanes: int) -> OrderedDict[str, BitLayer]:
    """The LUT layers of an architecture, by name, in order; the first reads `lanes` lanes."""
    a = architecture
    before = (lanes, *a.layers)
    return OrderedDict(
        (f"lut{i}", LutLayer(below, n, a.fan_in, choices, a.blur, a.start))
        for i, (below, n, choices) in enumerate(zip(before, a.layers, a.candidates, strict=False))
    )
