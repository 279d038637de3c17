"""What the LUT kernel computes, in plain PyTorch, as the docstrings in `kernel` say it.

It defines the two implementations, which the tests compare with it, and is not used to train:
all weights of all table entries are written out.
"""

from __future__ import annotations

import torch
from torch import Tensor


def look_up(rows: Tensor, src: Tensor, table: Tensor) -> tuple[Tensor, Tensor]:
    """See `kernel.look_up`."""
    pins = rows[src.long()]
    address = sum(pins[:, pin] << pin for pin in range(src.shape[1]))
    assert isinstance(address, Tensor)
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
    index, fan_in = address.long(), src.shape[1]
    grad_table = torch.zeros_like(table).scatter_add_(1, index, grad)
    slopes = []
    for pin in range(fan_in):
        distance = torch.zeros(2**fan_in, 2**fan_in)
        for other in range(fan_in):
            bit = torch.arange(2**fan_in) >> other & 1
            distance += (bit[:, None] != bit) * (other != pin)
        weights = blur**distance * (1 - blur) ** (fan_in - 1 - distance)
        # Every pair of entries that differ in the pin is counted twice, hence the half.
        slopes.append((_differences(table, pin) @ weights / 2).gather(1, index))
    pull = grad[:, None] * torch.stack(slopes, dim=1)
    return grad_table, *_behind_pins(pull, src, rows.float(), candidates, to_rows)


def interpolate(rows: Tensor, src: Tensor, table: Tensor) -> Tensor:
    """See `kernel.interpolate`."""
    return torch.einsum("na,nab->nb", table, _weights(rows[src.long()]))


def differentiate_soft(
    grad: Tensor,
    src: Tensor,
    table: Tensor,
    rows: Tensor,
    candidates: Tensor | None,
    *,
    to_rows: bool,
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """See `kernel.differentiate_soft`."""
    weights = _weights(rows[src.long()])
    grad_table = torch.einsum("nb,nab->na", grad, weights)
    # A difference does not depend on its own pin, so that all entries weigh as in the table.
    slopes = [
        torch.einsum("na,nab->nb", _differences(table, pin), weights) for pin in range(src.shape[1])
    ]
    pull = grad[:, None] * torch.stack(slopes, dim=1)
    return grad_table, *_behind_pins(pull, src, rows, candidates, to_rows)


def project(table: Tensor, support: Tensor) -> None:
    """See `kernel.project`."""
    entries = torch.arange(table.shape[1])
    for pin in range(support.shape[1]):
        mean = (table + table[:, entries ^ 1 << pin]) / 2
        table.copy_(torch.where(support[:, pin, None], table, mean))


def _differences(table: Tensor, pin: int) -> Tensor:
    """D_j T of all entries: float32 [n, 2**K]."""
    entries = torch.arange(table.shape[1])
    return table[:, entries | 1 << pin] - table[:, entries & ~(1 << pin)]


def _weights(pins: Tensor) -> Tensor:
    """What the entries weigh at soft pins [n, K, batch]: float32 [n, 2**K, batch]."""
    fan_in = pins.shape[1]
    bits = (torch.arange(2**fan_in)[:, None] >> torch.arange(fan_in) & 1)[None, :, :, None]
    return torch.where(bits == 1, pins[:, None], 1 - pins[:, None]).prod(dim=2)


def _behind_pins(
    pull: Tensor, src: Tensor, rows: Tensor, candidates: Tensor | None, to_rows: bool
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of rows and of logits, from those of the pins, [n, K, batch]."""
    grad_rows = grad_logits = None
    if to_rows:
        grad_rows = torch.zeros_like(rows).index_add_(0, src.flatten(), pull.flatten(0, 1))
    if candidates is not None:
        signs = 2 * rows - 1
        dots = [
            (signs[candidates[:, pin].long()] @ pull[:, pin, :, None])[:, :, 0]
            for pin in range(src.shape[1])
        ]
        grad_logits = torch.stack(dots, dim=1)
    return grad_rows, grad_logits
