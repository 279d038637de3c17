"""From which lanes of the encoder the pins of the first layer may choose."""

from __future__ import annotations

import torch
from torch import Tensor

from hlsgen.errors import ConfigError

# A lane that is 1 in a smaller share of the samples, or 0, tells too little to be chosen.
_RARE = 0.005
# A window with fewer lanes than this for each pin is moved, so often at most.
_LANES_PER_PIN, _MOVES = 2, 100


def varying(bits: Tensor) -> Tensor:
    """The lanes that differ between samples, int64 [lanes that vary].

    Args:
        bits: uint8 [samples, lanes].

    Raises:
        ConfigError: none does.
    """
    share = bits.float().mean(0)
    lanes = torch.nonzero((share > _RARE) & (share < 1 - _RARE)).flatten()
    if len(lanes) == 0:
        lanes = torch.nonzero((share > 0) & (share < 1)).flatten()
    if len(lanes) == 0:
        raise ConfigError(
            "inputs: all features are constant after quantisation to inputs.bits; use more bits,"
            " or features that tell the classes apart"
        )
    return lanes


def windows(
    lanes: Tensor, image: tuple[int, int], each: int, size: int, n: int, fan_in: int
) -> list[Tensor]:
    """For each LUT the lanes in its square, which lies at random in the image.

    Args:
        lanes: int64 [...], those to choose from; lane l belongs to pixel l // each.
        image: height and width in pixels.
        each: lanes of a pixel.
        size: side of the square in pixels, at most that of the image.
        n: LUTs.
        fan_in: pins of each LUT.
    """
    row, column = lanes // each // image[1], lanes // each % image[1]
    found = []
    for _ in range(n):
        for _ in range(_MOVES):
            top = torch.randint(0, image[0] - size + 1, ())
            left = torch.randint(0, image[1] - size + 1, ())
            inside = (row >= top) & (row < top + size) & (column >= left) & (column < left + size)
            if inside.sum() >= _LANES_PER_PIN * fan_in:
                break
        found.append(lanes[inside] if inside.any() else lanes)
    return found
