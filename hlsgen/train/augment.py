"""Training samples that are changed a little, anew in every epoch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad


def shifted(words: Tensor, image: tuple[int, int], most: int) -> Tensor:
    """Images moved by -most to most pixels along both axes, each by its own random amounts.

    What comes in from outside is word 0. Draws from torch's global generator.

    Args:
        words: int [batch, height * width].
        image: height and width.
        most: pixels, below both.
    """
    height, width = image
    batch = len(words)
    moves = torch.randint(0, 2 * most + 1, (2, batch, 1)).to(words.device)
    rows = moves[0] + torch.arange(height, device=words.device)
    columns = moves[1] + torch.arange(width, device=words.device)
    framed = pad(words.view(batch, height, width), (most,) * 4)
    sample = torch.arange(batch, device=words.device)
    found = framed[sample[:, None, None], rows[:, :, None], columns[:, None, :]]
    return found.reshape(batch, -1)
