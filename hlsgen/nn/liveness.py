"""What a network leaves out of its circuit: lanes that nothing reads."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from hlsgen.nn.layer import Trimmable


def trimmed(layers: Sequence[Trimmable], live: Tensor) -> list[Trimmable]:
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
