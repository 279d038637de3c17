"""Which lane each pin of each LUT reads: drawn at random, or chosen by learning."""

from __future__ import annotations

from collections.abc import Sequence

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

    src: Tensor  # int32 [n, fan_in]

    def __init__(self, lanes: int, n: int, fan_in: int) -> None:
        super().__init__()
        self.register_buffer("src", deal(n, fan_in, lanes).int())

    def chosen(self) -> Tensor:
        """The lane of each pin, int32 [n, fan_in]."""
        return self.src


class LearnedWiring(nn.Module):
    """Each pin reads the best of a few random candidates (learnable mapping of DWN).

    Args:
        lanes: lanes of the input.
        n: LUTs.
        fan_in: pins of each LUT.
        candidates: lanes among which each pin chooses, at most `lanes`.
    """

    candidates: Tensor  # int32 [n, fan_in, candidates]

    def __init__(self, lanes: int, n: int, fan_in: int, candidates: int) -> None:
        super().__init__()
        dealt = deal(n * fan_in, candidates, lanes).view(n, fan_in, candidates)
        self.register_buffer("candidates", dealt.int())
        self.logits = nn.Parameter(0.01 * torch.randn(n, fan_in, candidates))

    def redeal(self, pools: Sequence[Tensor]) -> None:
        """Draw the candidates anew; where a pool is too small, its lanes repeat.

        Args:
            pools: for each LUT the lanes to draw from, int64 [1 or more].
        """
        _, fan_in, count = self.candidates.shape
        for of_lut, pool in zip(self.candidates, pools, strict=True):
            of_lut.copy_(pool[deal(fan_in, count, len(pool))])

    def chosen(self) -> Tensor:
        """The lane of each pin, int32 [n, fan_in]: the candidate with the largest logit."""
        best = self.logits.argmax(dim=-1, keepdim=True)
        return self.candidates.gather(-1, best).squeeze(-1)
