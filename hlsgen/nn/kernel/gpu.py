"""The LUT kernel in PyTorch operations, for devices other than the processor."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

_Function = TypeVar("_Function", bound=Callable[..., Any])
_Gradients = tuple[Tensor, Tensor | None, Tensor | None]


@cache
def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    # At the first call and not at import: the compiler takes seconds to load.
    return torch.compile(function)


def _fused(function: _Function) -> _Function:
    """`function`, compiled by torch.compile where its first argument lies on a CUDA device."""

    @wraps(function)
    def call(first: Tensor, *rest: Any) -> Any:
        return (_compiled(function) if first.is_cuda else function)(first, *rest)

    return cast("_Function", call)


@_fused
def look_up(rows: Tensor, src: Tensor, table: Tensor) -> tuple[Tensor, Tensor]:
    """See `kernel.look_up`."""
    pins = _pins(rows, src)
    address = pins[:, 0].clone()
    for pin in range(1, src.shape[1]):
        address |= pins[:, pin] << pin
    return (table.gather(1, address.long()) > 0).to(torch.uint8), address


def differentiate(
    grad: Tensor,
    address: Tensor,
    src: Tensor,
    table: Tensor,
    blur: float,
    rows: Tensor,
    candidates: Tensor | None,
    *,
    to_rows: bool,
) -> _Gradients:
    """See `kernel.differentiate`."""
    weights = _weights(src.shape[1], blur, table.device)
    return _differentiate(grad, address, src, table, weights, rows, candidates, to_rows)


@_fused
def _differentiate(
    grad: Tensor,
    address: Tensor,
    src: Tensor,
    table: Tensor,
    weights: Tensor,
    rows: Tensor,
    candidates: Tensor | None,
    to_rows: bool,
) -> _Gradients:
    index, (n, fan_in) = address.long(), src.shape
    grad_table = torch.zeros_like(table).scatter_add_(1, index, grad)
    if not to_rows and candidates is None:
        return grad_table, None, None
    slopes = (table @ weights).view(n, fan_in, -1)
    pull = slopes.gather(2, index[:, None].expand(n, fan_in, -1)) * grad[:, None]
    return grad_table, *_behind_pins(pull, src, rows.float(), candidates, to_rows)


@cache
def _weights(fan_in: int, blur: float, device: torch.device) -> Tensor:
    """Weight of table entry b in the slope of pin j at address a: float32 [2**K, K * 2**K]."""
    bits = torch.arange(2**fan_in)[:, None] >> torch.arange(fan_in) & 1
    differs = bits[:, None] ^ bits[None, :]
    distance = (differs.sum(-1, keepdim=True) - differs).double()
    weight = blur**distance * (1 - blur) ** (fan_in - 1 - distance)
    signed = (2 * bits[:, None] - 1) * weight
    return signed.transpose(1, 2).reshape(2**fan_in, -1).float().to(device)


@_fused
def interpolate(rows: Tensor, src: Tensor, table: Tensor) -> Tensor:
    """See `kernel.interpolate`."""
    return _folds(_pins(rows, src), table)[-1][:, 0]


def differentiate_soft(
    grad: Tensor,
    src: Tensor,
    table: Tensor,
    rows: Tensor,
    candidates: Tensor | None,
    *,
    to_rows: bool,
) -> _Gradients:
    """See `kernel.differentiate_soft`."""
    return _differentiate_soft(grad, src, table, rows, candidates, to_rows)


@_fused
def _differentiate_soft(
    grad: Tensor,
    src: Tensor,
    table: Tensor,
    rows: Tensor,
    candidates: Tensor | None,
    to_rows: bool,
) -> _Gradients:
    pins = _pins(rows, src)
    above, pull = grad[:, None], torch.empty_like(pins)
    for pin, values in enumerate(reversed(_folds(pins, table)[:-1])):
        low, high = values.chunk(2, dim=1)
        pull[:, pin] = (above * (high - low)).sum(1)
        x = pins[:, pin, None]
        above = torch.cat((above * (1 - x), above * x), dim=1)
    return above.sum(-1), *_behind_pins(pull, src, rows, candidates, to_rows)


def _pins(rows: Tensor, src: Tensor) -> Tensor:
    """What the pins read, [n, K, batch]."""
    return rows.index_select(0, src.flatten()).view(*src.shape, -1)


def _folds(pins: Tensor, table: Tensor) -> list[Tensor]:
    """The tables, with the last pin fixed, with the last two, ..., with all: [n, 2**k, batch]."""
    values = [table[:, :, None]]
    for pin in reversed(range(pins.shape[1])):
        low, high = values[-1].chunk(2, dim=1)
        values.append(low + (high - low) * pins[:, pin, None])
    return values


def _behind_pins(
    pull: Tensor, src: Tensor, rows: Tensor, candidates: Tensor | None, to_rows: bool
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of rows and of logits, from those of the pins, [n, K, batch]."""
    grad_rows = grad_logits = None
    flat = pull.flatten(0, 1)
    if to_rows:
        grad_rows = torch.zeros_like(rows).index_add_(0, src.flatten(), flat)
    if candidates is not None:
        grad_logits = _dots(flat, 2 * rows - 1, candidates.flatten(0, 1)).view(candidates.shape)
    return grad_rows, grad_logits


def _dots(rows: Tensor, lanes: Tensor, picks: Tensor) -> Tensor:
    """Entry [r, c] is rows[r] · lanes[picks[r, c]]; rows [n, batch], picks int [n, count].

    It is what embedding_bag computes as the gradient of its weights. A product with all lanes
    takes longer for few candidates, and gathering [n, count, batch] more memory.
    """
    n, count = picks.shape
    start = torch.arange(0, n * count, count, device=picks.device)
    row = torch.arange(n, device=picks.device).repeat_interleave(count)
    dots: Tensor = torch.ops.aten._embedding_bag_per_sample_weights_backward(
        rows.contiguous(), lanes.contiguous(), picks.flatten().long(), start, row, 0
    )
    return dots.view(n, count)


def project(table: Tensor, support: Tensor) -> None:
    """See `kernel.project`."""
    n, fan_in = support.shape
    for pin in range(fan_in):
        halves = table.view(n, -1, 2, 2**pin)
        mean = halves.mean(dim=2, keepdim=True)
        halves.copy_(torch.where(support[:, pin, None, None, None], halves, mean))
