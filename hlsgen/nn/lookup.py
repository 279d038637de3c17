"""Lookup tables as a differentiable function: the kernel as autograd sees it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hlsgen.nn import kernel
from hlsgen.nn.layer import rows_of, values_of
from hlsgen.nn.wiring import LearnedWiring, RandomWiring

# The blur of the extended finite difference (DWN) and of the multilinear slope; see the kernel.
EXTENDED, MULTILINEAR = 0.25, 0.0


def look_up(x: Tensor, table: Tensor, wiring: RandomWiring | LearnedWiring, blur: float) -> Tensor:
    """Bits float32 [batch, n] that tables give, or [batch, beats, n].

    Forward is hard, 1 where the addressed entry is above 0; backward is `kernel.differentiate`.

    Args:
        x: bits [batch, lanes] or [batch, beats, lanes] of any dtype, 0 or 1.
        table: float32 [n, 2**K].
        wiring: which lanes the pins read.
        blur: of the slopes, at least 0, below 1/2.
    """
    rows = rows_of(x)
    bits: Tensor = _Lookup.apply(rows, table, *_wires(wiring), blur)  # type: ignore[no-untyped-call]
    return values_of(bits, x)


def interpolate(x: Tensor, table: Tensor, wiring: RandomWiring | LearnedWiring) -> Tensor:
    """Values float32 [batch, n] of the tables' multilinear extensions, or [batch, beats, n].

    Gradients of `x` and `table` are exact; that of the wiring is `kernel.differentiate_soft`'s.

    Args:
        x: float32 [batch, lanes] or [batch, beats, lanes], 0..1.
        table: float32 [n, 2**K].
        wiring: which lanes the pins read.
    """
    rows = rows_of(x)
    values: Tensor = _Interpolation.apply(rows, table, *_wires(wiring))  # type: ignore[no-untyped-call]
    return values_of(values, x)


def _wires(wiring: RandomWiring | LearnedWiring) -> tuple[Tensor | None, Tensor | None, Tensor]:
    """Logits and candidates where they are learned, and the lanes that the pins read."""
    if isinstance(wiring, LearnedWiring):
        return wiring.logits, wiring.candidates, wiring.chosen()
    return None, None, wiring.chosen()


class _Lookup(torch.autograd.Function):
    """Bits float32 [n, batch] of rows [lanes, batch]; see `look_up`."""

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
        rows = x.to(torch.uint8).contiguous()
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
        return to_rows, to_table if ctx.needs_input_grad[1] else None, to_logits, None, None, None


class _Interpolation(torch.autograd.Function):
    """Values float32 [n, batch] of rows [lanes, batch]; see `interpolate`."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        table: Tensor,
        logits: Tensor | None,
        candidates: Tensor | None,
        src: Tensor,
    ) -> Tensor:
        rows = x.detach().float().contiguous()
        choices = candidates if ctx.needs_input_grad[2] else None
        ctx.save_for_backward(rows, src, table, choices)
        return kernel.interpolate(rows, src, table.detach())

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        rows, src, table, candidates = ctx.saved_tensors
        to_table, to_rows, to_logits = kernel.differentiate_soft(
            *(grads[0].contiguous(), src, table.detach(), rows, candidates),
            to_rows=ctx.needs_input_grad[0],
        )
        return to_rows, to_table if ctx.needs_input_grad[1] else None, to_logits, None, None
