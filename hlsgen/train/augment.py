"""Training samples that are changed a little, anew in every epoch."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad


@dataclass(frozen=True)
class Moves:
    """How far training images are moved at most, each by its own random amounts.

    Args:
        image: height and width in pixels.
        shift: pixels along both axes, below both.
        rotate: degrees either way.
        zoom: share by which an image grows or shrinks, 0..1 (below 1).
        flip: whether every other one, at random, is mirrored left to right.
    """

    image: tuple[int, int]
    shift: int = 0
    rotate: float = 0.0
    zoom: float = 0.0
    flip: bool = False

    def __call__(self, words: Tensor) -> Tensor:
        """Moved images; what comes in from outside is word 0. Draws from torch's global generator.

        A pixel takes the word of the pixel nearest to where it comes from: words stay words.

        Args:
            words: int [batch, height * width * channels].
        """
        batch, device = len(words), words.device
        frame = self._frame()
        height, width = self.image
        framed = pad(words.view(batch, height, width, -1), (0, 0, *(frame,) * 4))
        rows, columns = (part.to(device) for part in self._sources(batch))
        sample = torch.arange(batch, device=device)[:, None, None]
        found = framed[sample, rows + frame, columns + frame]
        return found.reshape(batch, -1)

    def _frame(self) -> int:
        """Pixels around the image that a source can lie in."""
        if not (self.rotate or self.zoom):
            return self.shift
        return self.shift + max(self.image)

    def _sources(self, batch: int) -> tuple[Tensor, Tensor]:
        """The row and the column that each pixel comes from, int64 [batch, height, width]."""
        height, width = self.image
        moves = torch.randint(-self.shift, self.shift + 1, (2, batch, 1, 1))
        row, column = torch.arange(height)[None, :, None], torch.arange(width)[None, None, :]
        if self.rotate or self.zoom:
            turn, grow = (2 * torch.rand(2, batch, 1, 1) - 1).unbind()
            angle, scale = turn * math.radians(self.rotate), 1 + grow * self.zoom
            sine, cosine = angle.sin() / scale, angle.cos() / scale
            y, x = row - (height - 1) / 2, column - (width - 1) / 2
            row = (cosine * y - sine * x + (height - 1) / 2).round().long()
            column = (sine * y + cosine * x + (width - 1) / 2).round().long()
            reach = max(self.image) - 1
            row, column = row.clamp(-reach, height + reach), column.clamp(-reach, width + reach)
        if self.flip:
            mirrored = torch.rand(batch, 1, 1) < 0.5
            column = torch.where(mirrored, width - 1 - column, column)
        return torch.broadcast_tensors(row + moves[0], column + moves[1])  # type: ignore[no-untyped-call,no-any-return]
