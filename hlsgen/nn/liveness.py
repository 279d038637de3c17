"""What a network leaves out of its circuit: lanes that nothing reads."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from hlsgen.nn.layer import BitLayer, Layer


class Trimmable(Layer):
    """A layer that knows which lanes it reads, and can be made with fewer; see `BitLayer`."""

    def reads(self, live: Tensor) -> Tensor:
        """The input lanes that the output lanes in `live` depend on; bool, both."""
        raise NotImplementedError

    def part(self, inputs: Tensor, outputs: Tensor) -> Layer:
        """The same layer with the lanes in `inputs` and `outputs` alone, numbered anew."""
        raise NotImplementedError


def trimmed(layers: Sequence[BitLayer | Trimmable], live: Tensor) -> list[Layer]:
    """The layers with the lanes that matter to `live` output lanes of the last one.

    The input of the first one keeps all its lanes. Draws nothing.

    Args:
        layers: in a row.
        live: bool [output lanes], at least one set.
    """
    wires = [live]
    for layer in reversed(layers):
        wires.append(one_at_least(layer.reads(wires[-1])))
    wires[-1] = torch.ones_like(wires[-1])
    wires.reverse()
    with torch.random.fork_rng(devices=[]):
        return [
            layer.part(inputs, outputs)
            for layer, inputs, outputs in zip(layers, wires[:-1], wires[1:], strict=True)
        ]


def one_at_least(live: Tensor) -> Tensor:
    """`live`, or the first lane alone where none is: a layer has a lane."""
    if not live.any():
        live = live.clone()
        live[0] = True
    return live
