"""What a network will take in six-input LUTs, as a function that training can go down.

Counted are the whole circuits of UltraScale+: tables, the comparators of the encoder, the bits of
the counts and the class decision. `passes.estimate` counts the same exactly, once trained.
"""

from __future__ import annotations

import torch
from torch import Tensor

# LUTs of a table by its number of inputs: nothing for a wire; half where two share a dual-output
# LUT, which takes five different pins: always two of two pins, or two and three.
TABLE_LUTS = (0.0, 0.0, 0.5, 0.6, 1.0, 1.0, 1.0)
# LUTs for each bit that is counted, in the compressor tree, and for each class in the argmax
# (`python -m benchmarks.area`, head_10x200: 0.74 together).
COUNT_LUTS, CLASS_LUTS = 0.70, 6.0

# A pin of this influence counts by 63 %; one of less than the other is taken out.
SOME, NOTHING = 0.1, 0.02


def influence(table: Tensor) -> Tensor:
    """Mean of |D_j T| / 2 over the table, 0..1: how much pin j decides, float32 [n, K].

    The L1 Boolean derivative of Wang et al., "Logic Shrinkage", FPGA 2022, per pair of entries.

    Args:
        table: float32 [n, 2**K], in [-1, 1].
    """
    fan_in = table.shape[1].bit_length() - 1
    found = []
    for pin in range(fan_in):
        low, high = table.view(len(table), -1, 2, 2**pin).unbind(2)
        found.append((high - low).abs().mean(dim=(1, 2)) / 2)
    return torch.stack(found, dim=1)


def pins_used(table: Tensor, support: Tensor) -> Tensor:
    """Share to which each pin counts, 1 - exp(-influence / SOME), float32 [n, K].

    Trained tables have influences of 0.3 and more, which count nearly whole and yet have a slope.

    Args:
        table: float32 [n, 2**K].
        support: bool [n, K].
    """
    return (1 - torch.exp(-influence(table) / SOME)) * support


def fan_in_shares(used: Tensor) -> Tensor:
    """How likely a table has 0..K inputs, if pins count independently: float32 [n, K + 1].

    Args:
        used: float32 [n, K], 0..1.
    """
    shares = torch.ones(len(used), 1, device=used.device)
    for pin in range(used.shape[1]):
        one = used[:, pin, None]
        zero = torch.zeros_like(one)
        shares = torch.cat([shares * (1 - one), zero], 1) + torch.cat([zero, shares * one], 1)
    return shares


def table_luts(used: Tensor) -> Tensor:
    """Expected LUTs of each table, float32 [n], from `pins_used`."""
    prices = torch.tensor(TABLE_LUTS[: used.shape[1] + 1], device=used.device)
    return fan_in_shares(used) @ prices


def lanes_used(used: Tensor, src: Tensor, lanes: int) -> Tensor:
    """How likely each lane is read by some pin, float32 [lanes].

    Args:
        used: float32 [n, K], how much each pin counts.
        src: int [n, K], the lane that it reads.
        lanes: how many there are.
    """
    unused = torch.log1p(-used.clamp(max=1 - 1e-6)).flatten()
    total = torch.zeros(lanes, device=used.device).index_add(0, src.flatten().long(), unused)
    return 1 - total.exp()


def vote_bits(weight: Tensor) -> Tensor:
    """Bits that weights of votes, rounded, add to the counts: float32, as `weight`.

    Weights 0 to 3 add 0, 1, 1, 2 bits. The slope is 1 wherever the weight is above 0, that of the
    L1 norm: the true one would be 0 nearly everywhere.
    """
    whole = weight.detach().clamp(min=0).round()
    bits = (whole > 0).float() + (whole == 3).float()
    slope = weight.clamp(min=0)
    return bits + slope - slope.detach()
