"""The LUT kernel: forward and backward of a whole layer of lookup tables, for every method.

Hard, where bits address a table (`look_up`, `differentiate`), and soft, where numbers in 0..1 mix
its entries (`interpolate`, `differentiate_soft`).

Two implementations with the same results: `cpu` (numba) and `gpu` (PyTorch operations, compiled).
`definition` says in plain PyTorch what they compute; the tests hold both against it.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from hlsgen.nn.kernel import cpu, gpu


def look_up(rows: Tensor, src: Tensor, table: Tensor) -> tuple[Tensor, Tensor]:
    """What all LUTs give, and the table entries that they read.

    Args:
        rows: uint8 [lanes, batch], 0 or 1.
        src: int32 [n, K], the lane that each pin reads, K in 1..6.
        table: float32 [n, 2**K].

    Returns:
        Bits uint8 [n, batch], 1 where the entry is above 0, and the entries' numbers uint8
        [n, batch], whose bit p is pin p.
    """
    if rows.device.type != "cpu":
        return gpu.look_up(rows, src, table)
    out = torch.empty((len(src), rows.shape[1]), dtype=torch.uint8)
    address = torch.empty_like(out)
    cpu.look_up(rows.numpy(), src.numpy(), table.numpy(), out.numpy(), address.numpy())
    return out, address


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
    """Gradients of tables, of the input rows, and of the wiring's logits.

    With D_j T[a] = T[a with bit j set] - T[a with bit j cleared], the slope of pin j at address a
    is the mean of D_j T over all entries, each weighing blur ** h * (1 - blur) ** (K - 1 - h) at
    the Hamming distance h from a without bit j. `blur` 0 is the slope of the multilinear extension
    of the table, exact at its corners; 1/4 the extended finite difference of Bacellar et al., ICML
    2024 (their beta = 1/3 and alpha = 0.5 * 0.75 ** (K - 1), up to a factor of 1/2).

    Args:
        grad: float32 [n, batch], of the bits.
        address: uint8 [n, batch], from `look_up`.
        src: int32 [n, K].
        table: float32 [n, 2**K].
        blur: at least 0, below 1/2.
        rows: uint8 [lanes, batch], the input.
        candidates: int32 [n, K, count], the lanes that the pins choose from, or None.
        to_rows: whether the gradient of the rows is wanted.

    Returns:
        float32 [n, 2**K], the sum of `grad` over the samples that read the entry; float32
        [lanes, batch], the sum of grad * slope over the pins that read the lane; float32
        [n, K, count], the sum over the samples of grad * slope * (2 * bit of the candidate - 1).
    """
    if rows.device.type != "cpu":
        return gpu.differentiate(grad, address, src, table, blur, rows, candidates, to_rows=to_rows)
    grad_table, grad_rows, choices, grad_logits = _outputs(src, table, rows, candidates, to_rows)
    cpu.differentiate(
        *(grad.numpy(), address.numpy(), src.numpy(), table.numpy(), np.float32(blur)),
        *(grad_table.numpy(), grad_rows.numpy()),
        *(rows.numpy(), choices.numpy(), grad_logits.numpy()),
    )
    found = grad_logits if candidates is not None else None
    return grad_table, grad_rows if to_rows else None, found


def interpolate(rows: Tensor, src: Tensor, table: Tensor) -> Tensor:
    """Multilinear extensions of all tables at soft pins.

    It is the mean of the table's entries, entry a weighing the product over the pins p of x_p
    where bit p of a is set and of 1 - x_p where it is not; at the corners it is the entry.

    Args:
        rows: float32 [lanes, batch], 0..1.
        src: int32 [n, K], the lane that each pin reads, K in 1..6.
        table: float32 [n, 2**K].

    Returns:
        float32 [n, batch].
    """
    if rows.device.type != "cpu":
        return gpu.interpolate(rows, src, table)
    out = torch.empty(len(src), rows.shape[1])
    cpu.interpolate(rows.numpy(), src.numpy(), table.numpy(), out.numpy())
    return out


def differentiate_soft(
    grad: Tensor,
    src: Tensor,
    table: Tensor,
    rows: Tensor,
    candidates: Tensor | None,
    *,
    to_rows: bool,
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Gradients of `interpolate`: exact for tables and rows, a surrogate for the wiring's logits.

    The slope of pin j is the partial derivative by x_j: the extension of D_j T at the soft pins.

    Args:
        grad: float32 [n, batch], of the values.
        src: int32 [n, K].
        table: float32 [n, 2**K].
        rows: float32 [lanes, batch], the input.
        candidates: int32 [n, K, count], the lanes that the pins choose from, or None.
        to_rows: whether the gradient of the rows is wanted.

    Returns:
        float32 [n, 2**K], the sum over the samples of grad * weight of the entry; float32
        [lanes, batch], the sum of grad * slope over the pins that read the lane; float32
        [n, K, count], the sum over the samples of grad * slope * (2 * x of the candidate - 1).
    """
    if rows.device.type != "cpu":
        return gpu.differentiate_soft(grad, src, table, rows, candidates, to_rows=to_rows)
    grad_table, grad_rows, choices, grad_logits = _outputs(src, table, rows, candidates, to_rows)
    cpu.differentiate_soft(
        *(grad.numpy(), src.numpy(), table.numpy(), grad_table.numpy(), grad_rows.numpy()),
        *(rows.numpy(), choices.numpy(), grad_logits.numpy()),
    )
    found = grad_logits if candidates is not None else None
    return grad_table, grad_rows if to_rows else None, found


def _outputs(
    src: Tensor, table: Tensor, rows: Tensor, candidates: Tensor | None, to_rows: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Where gradients of tables, rows and logits go; what is not wanted has no entries."""
    if candidates is None:
        candidates = torch.empty((0, src.shape[1], 1), dtype=torch.int32)
    grad_rows = torch.zeros(rows.shape if to_rows else (0, rows.shape[1]))
    # Of logits every entry is set, of the others what is read is added to.
    return torch.zeros_like(table), grad_rows, candidates, torch.empty(candidates.shape)


def project(table: Tensor, support: Tensor) -> None:
    """Make both halves of a table along each pin outside its support their mean, in place.

    Args:
        table: float32 [n, 2**K].
        support: bool [n, K].
    """
    if table.device.type != "cpu":
        gpu.project(table, support)
    else:
        cpu.project(table.numpy(), support.numpy())
