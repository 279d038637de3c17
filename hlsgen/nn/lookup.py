"""Lookup tables as a differentiable function: the kernel as autograd sees it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hlsgen.nn import kernel
from hlsgen.nn.wiring import LearnedWiring, RandomWiring

# The blur of the extended finite difference (DWN) and of the multilinear slope; see the kernel.
EXTENDED, MULTILINEAR = 0.25, 0.0


def look_up(x: Tensor, table: Tensor, wiring: RandomWiring | LearnedWiring, blur: float) -> Tensor:
    """Bits float32 [batch, n] that tables give.

    Forward is hard, 1 where the addressed entry is above 0; backward is `kernel.differentiate`.

    Args:
        x: bits [batch, lanes] of any dtype, 0 or 1.
        table: float32 [n, 2**K].
        wiring: which lanes the pins read.
        blur: of the slopes.
    """
    learned = isinstance(wiring, LearnedWiring)
    logits = wiring.logits if learned else None
    candidates = wiring.candidates if learned else None
    args = x, table, logits, candidates, wiring.chosen(), blur
    bits: Tensor = _Lookup.apply(*args)  # type: ignore[no-untyped-call]
    return bits.T


class _Lookup(torch.autograd.Function):
    """Bits float32 [n, batch]; see `look_up`."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        table: Tensor,
        logits: Tensor | None,
        candidates: Tensor | None,
        src: Tensor,
        blur: float,
    ) -> Tensor:
        rows = x.T.to(torch.uint8).contiguous()
        bits, address = kernel.look_up(rows, src, table.detach())
        choices = candidates if ctx.needs_input_grad[2] else None
        ctx.save_for_backward(rows, address, src, table, choices)
        ctx.blur = blur
        return bits.float()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        rows, address, src, table, candidates = ctx.saved_tensors
        to_table, to_rows, to_logits = kernel.differentiate(
            *(grads[0].contiguous(), address, src, table.detach(), ctx.blur, rows, candidates),
            to_rows=ctx.needs_input_grad[0],
        )
        grad_x = to_rows.T if to_rows is not None else None
        return grad_x, to_table if ctx.needs_input_grad[1] else None, to_logits, None, None, None
