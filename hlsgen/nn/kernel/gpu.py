"""The LUT kernel in PyTorch operations, for devices other than the processor."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor


def look_up(rows: Tensor, src: Tensor, table: Tensor) -> tuple[Tensor, Tensor]:
    """See `kernel.look_up`."""
    n, fan_in = src.shape
    pins = rows.index_select(0, src.flatten()).view(n, fan_in, -1)
    address = pins[:, 0].clone()
    for pin in range(1, fan_in):
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
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """See `kernel.differentiate`."""
    index = address.long()
    grad_table = torch.zeros_like(table).scatter_add_(1, index, grad)
    grad_rows = grad_logits = None
    if not to_rows and candidates is None:
        return grad_table, None, None
    n, fan_in = src.shape
    slopes = (table @ _weights(fan_in, blur, table.device)).view(n, fan_in, -1)
    pull = slopes.gather(2, index[:, None].expand(n, fan_in, -1)) * grad[:, None]
    if to_rows:
        grad_rows = torch.zeros(rows.shape, device=grad.device)
        grad_rows.index_add_(0, src.flatten(), pull.flatten(0, 1))
    if candidates is not None:
        grad_logits = _dots(pull.flatten(0, 1), 2.0 * rows - 1, candidates.flatten(0, 1))
        grad_logits = grad_logits.view(candidates.shape)
    return grad_table, grad_rows, grad_logits


@cache
def _weights(fan_in: int, blur: float, device: torch.device) -> Tensor:
    """Weight of table entry b in the slope of pin j at address a: float32 [2**K, K * 2**K]."""
    bits = torch.arange(2**fan_in)[:, None] >> torch.arange(fan_in) & 1
    differs = bits[:, None] ^ bits[None, :]
    distance = (differs.sum(-1, keepdim=True) - differs).double()
    weight = blur**distance * (1 - blur) ** (fan_in - 1 - distance)
    signed = (2 * bits[:, None] - 1) * weight
    return signed.transpose(1, 2).reshape(2**fan_in, -1).float().to(device)


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
