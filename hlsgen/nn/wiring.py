"""Which lane each pin of each LUT reads: drawn at random, or chosen by learning.

Pins are float32 [n, K, batch], batch last: a lane's samples are then contiguous, and picking
lanes copies rows.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def deal(rows: int, width: int, lanes: int) -> Tensor:
    """Lanes int64 [rows, width]: each lane about equally often, as cards from shuffled decks.

    No row holds a lane twice unless width > lanes. Draws from torch's global generator.
    """
    dealt, count = [], 0
    rest = torch.empty(0, dtype=torch.int64)
    while count < rows:
        deck = torch.randperm(lanes)
        # Lanes that the unfinished row holds go to the deck's end.
        repeated = torch.isin(deck, rest)
        cards = torch.cat([rest, deck[~repeated], deck[repeated]])
        whole = len(cards) // width * width
        dealt.append(cards[:whole].view(-1, width))
        count += len(dealt[-1])
        rest = cards[whole:]
    return torch.cat(dealt)[:rows]


class RandomWiring(nn.Module):
    """Fixed random connections.

    Args:
        lanes: lanes of the input.
        n: LUTs.
        fan_in: pins of each LUT.
    """

    src: Tensor  # int64 [n, fan_in]

    def __init__(self, lanes: int, n: int, fan_in: int) -> None:
        super().__init__()
        self.register_buffer("src", deal(n, fan_in, lanes))

    def chosen(self) -> Tensor:
        """The lane of each pin, int64 [n, fan_in]."""
        return self.src

    def forward(self, x: Tensor) -> Tensor:
        """Pins [n, fan_in, batch] of bits float32 [batch, lanes]."""
        return x.T.index_select(0, self.src.flatten()).view(*self.src.shape, -1)


class LearnedWiring(nn.Module):
    """Each pin reads the best of a few random candidates (learnable mapping of DWN).

    Args:
        lanes: lanes of the input.
        n: LUTs.
        fan_in: pins of each LUT.
        candidates: lanes among which each pin chooses; at most `lanes` are used.
    """

    candidates: Tensor  # int64 [n, fan_in, candidates]

    def __init__(self, lanes: int, n: int, fan_in: int, candidates: int) -> None:
        super().__init__()
        count = min(candidates, lanes)
        self.register_buffer("candidates", deal(n * fan_in, count, lanes).view(n, fan_in, count))
        self.logits = nn.Parameter(0.01 * torch.randn(n, fan_in, count))

    def chosen(self) -> Tensor:
        """The lane of each pin, int64 [n, fan_in]: the candidate with the largest logit."""
        best = self.logits.argmax(dim=-1, keepdim=True)
        return self.candidates.gather(-1, best).squeeze(-1)

    def forward(self, x: Tensor) -> Tensor:
        """Pins [n, fan_in, batch] of bits float32 [batch, lanes]."""
        args = x.T, self.logits, self.candidates, self.chosen()
        pins: Tensor = _Choose.apply(*args)  # type: ignore[no-untyped-call]
        return pins


class _Choose(torch.autograd.Function):
    """Rows of x [lanes, batch] by `chosen`; a candidate c gets the sum of g * (2 x_c - 1)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, logits: Tensor, candidates: Tensor, chosen: Tensor) -> Tensor:
        ctx.save_for_backward(x, candidates, chosen)
        return x.index_select(0, chosen.flatten()).view(*chosen.shape, -1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        x, candidates, chosen = ctx.saved_tensors
        rows = grads[0].flatten(0, 1)
        grad_x = grad_logits = None
        if ctx.needs_input_grad[0]:
            grad_x = torch.zeros_like(x).index_add_(0, chosen.flatten(), rows)
        if ctx.needs_input_grad[1]:
            grad_logits = _dots(rows, 2 * x - 1, candidates.flatten(0, 1)).view(candidates.shape)
        return grad_x, grad_logits, None, None


def _dots(rows: Tensor, lanes: Tensor, picks: Tensor) -> Tensor:
    """Entry [r, c] is rows[r] · lanes[picks[r, c]]; rows [n, batch], picks int64 [n, count].

    It is what embedding_bag computes as the gradient of its weights. A product with all lanes
    takes five times longer at 784 lanes, and gathering [n, count, batch] more still.
    """
    n, count = picks.shape
    start = torch.arange(0, n * count, count, device=picks.device)
    row = torch.arange(n, device=picks.device).repeat_interleave(count)
    dots: Tensor = torch.ops.aten._embedding_bag_per_sample_weights_backward(
        rows.contiguous(), lanes.contiguous(), picks.flatten(), start, row, 0
    )
    return dots.view(n, count)
