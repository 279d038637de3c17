"""The trainable layer of lookup tables."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from hlsgen.errors import GraphError
from hlsgen.graph import ops
from hlsgen.nn.layer import Layer
from hlsgen.nn.wiring import LearnedWiring, RandomWiring


class LutLayer(Layer):
    """`n` LUTs of `fan_in` one-bit inputs each, with real-valued tables T in [-1, 1].

    The forward pass is hard: the output is 1 where T[a] > 0 for the address a, whose bit p is
    pin p. The backward pass is the extended finite difference of Bacellar et al.,
    "Differentiable Weightless Neural Networks", ICML 2024 (DWN). For the output gradient g:

        grad T[a] = g                                (only the addressed entry)
        grad pin j = g * sum over all addresses b of
                     s_j(b) * T[b] * alpha * beta ** H_j(a, b)

    with s_j(b) = +1 where bit j of b is 1 and -1 where it is 0, H_j the Hamming distance without
    bit j, beta = 1/3 and alpha = 0.5 * 0.75 ** (fan_in - 1), so that the weights sum to one.

    Args:
        lanes: bits of the input.
        n: number of LUTs.
        fan_in: inputs of each LUT, 2..6.
        candidates: lanes among which each pin learns to choose; 0 wires the pins at random.
    """

    node: ClassVar[str] = "lut{}"

    def __init__(self, lanes: int, n: int, fan_in: int = 6, candidates: int = 0) -> None:
        super().__init__()
        self.wiring: RandomWiring | LearnedWiring = (
            LearnedWiring(lanes, n, fan_in, candidates)
            if candidates
            else RandomWiring(lanes, n, fan_in)
        )
        self.table = nn.Parameter(2 * torch.rand(n, 2**fan_in) - 1)

    def forward(self, x: Tensor) -> Tensor:
        """Bits float32 [batch, n] of bits float32 [batch, lanes]."""
        pins = self.wiring(x)
        bits: Tensor = _Lookup.apply(pins, self.table)  # type: ignore[no-untyped-call]
        return bits.T

    @torch.no_grad()
    def clamp_(self) -> None:
        """Bring the tables back into [-1, 1]; due after each optimiser step."""
        self.table.clamp_(-1.0, 1.0)

    def to_op(self) -> ops.Lut:
        """The layer with the signs of the tables as truth tables."""
        table = self.table.detach().cpu().numpy()
        if np.isnan(table).any():
            lut, entry = np.argwhere(np.isnan(table))[0]
            raise GraphError(f"LUT {lut} has NaN at table entry {entry}; train it again")
        n, entries = table.shape
        words = np.zeros((n, 64), dtype=bool)
        words[:, :entries] = table > 0
        packed = np.packbits(words, axis=1, bitorder="little").view("<u8")[:, 0]
        fan_in = np.full(n, entries.bit_length() - 1, dtype=np.uint8)
        return ops.Lut.of(self.wiring.chosen().cpu().numpy(), fan_in, packed)


class _Lookup(torch.autograd.Function):
    """Bits [n, batch] that tables [n, 2**K] hold at the addresses made of pins [n, K, batch]."""

    @staticmethod
    def forward(ctx: Any, pins: Tensor, table: Tensor) -> Tensor:
        address = pins[:, 0].clone()
        for pin in range(1, pins.shape[1]):
            address.add_(pins[:, pin], alpha=2**pin)
        index = address.long()
        ctx.save_for_backward(index, table)
        return (table.gather(1, index) > 0).float()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None]:
        index, table = ctx.saved_tensors
        grad = grads[0].contiguous()
        grad_pins = grad_table = None
        if ctx.needs_input_grad[0]:
            n, batch = index.shape
            fan_in = table.shape[1].bit_length() - 1
            slopes = (table @ _kernel(fan_in, table.device)).view(n, fan_in, -1)
            grad_pins = slopes.gather(2, index[:, None].expand(n, fan_in, batch))
            grad_pins *= grad[:, None]
        if ctx.needs_input_grad[1]:
            grad_table = torch.zeros_like(table).scatter_add_(1, index, grad)
        return grad_pins, grad_table


@cache
def _kernel(fan_in: int, device: torch.device) -> Tensor:
    """Weight of table entry b in the slope of pin j at address a: float32 [2**K, K * 2**K].

    The slope depends on LUT, pin and address only, not on the sample; one small product with
    this constant per step replaces a sum over 2**K entries for every sample.
    """
    bits = torch.arange(2**fan_in)[:, None] >> torch.arange(fan_in) & 1
    differs = bits[:, None] ^ bits[None, :]
    distance = differs.sum(-1, keepdim=True) - differs
    weight = 0.5 * 0.75 ** (fan_in - 1) * (1 / 3) ** distance
    signed = (2 * bits[:, None] - 1) * weight
    return signed.transpose(1, 2).reshape(2**fan_in, -1).float().to(device)
