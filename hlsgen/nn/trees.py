"""Networks of trees of LUTs (NeuraLUT-Assemble)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from hlsgen.errors import ConfigError
from hlsgen.nn.lut import LutLayer
from hlsgen.nn.lut_network import LutNetwork
from hlsgen.nn.network import Architecture

# Standard deviation of the linear part of a table at first, and of what is added to each entry.
_LINEAR, _NOISE = 0.5, 0.1


@dataclass(frozen=True)
class TreeArchitecture(Architecture):
    """All that fixes a `TreeNetwork`: an `Architecture` whose `layers` are levels of trees.

    Args:
        depth: levels of a tree; a unit is so many `layers`, the leaves first, each `fan_in` times
            as wide as the next one.

    Raises:
        ConfigError: levels that are no such trees.
    """

    depth: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.layers) % self.depth:
            raise ConfigError(f"trees: {len(self.layers)} levels are no units of {self.depth}")
        for level, (n, above) in enumerate(pairwise(self.layers)):
            if (level + 1) % self.depth and n != above * self.fan_in:
                raise ConfigError(
                    f"trees: level {level} has {n} LUTs, but level {level + 1} reads"
                    f" {above * self.fan_in}"
                )


class TreeNetwork(LutNetwork):
    """Units of trees in a row: leaves choose what they read, all other levels are wired in order.

    LUT i of an inner level reads lanes i * fan_in and up of the level below, so that a root is one
    function of fan_in**depth lanes that costs few LUTs, and between its levels wires are short
    (Andronic and Constantinides, "NeuraLUT-Assemble", 2025). Where they train a small network
    inside each table, the table itself is trained here; what stays of their network's skip
    connection is that tables begin near a linear threshold of their pins.
    """

    architecture: TreeArchitecture

    def __init__(self, architecture: TreeArchitecture) -> None:
        super().__init__(architecture)
        for level, layer in enumerate(self.luts):
            layer.table.data = linear_tables(*layer.support.shape)
            if level % architecture.depth:
                wire_in_order(layer)


def wire_in_order(layer: LutLayer) -> None:
    """LUT i of the layer reads lanes i * fan_in and up; it is one of random wiring."""
    layer.wiring.chosen().copy_(torch.arange(layer.lanes).view(-1, layer.fan_in))


def linear_tables(n: int, fan_in: int) -> Tensor:
    """Random tables float32 [n, 2**fan_in] in [-1, 1]: entry a is about sum_i w_i (2 a_i - 1).

    The weights w are normally distributed; the sum has a standard deviation of 1/2.
    """
    pins = 2.0 * (torch.arange(2**fan_in) >> torch.arange(fan_in)[:, None] & 1) - 1
    linear: Tensor = torch.randn(n, fan_in) @ pins * (_LINEAR * fan_in**-0.5)
    return (linear + _NOISE * torch.randn(n, 2**fan_in)).clamp(-1.0, 1.0)
