"""What layers of a binarised network share: they are dense, or slide over a map."""

from __future__ import annotations

from torch import nn

from hlsgen.nn.binary import pool_layers
from hlsgen.nn.branches import Pad
from hlsgen.nn.layer import Layer
from hlsgen.nn.maps import Convolution
from hlsgen.nn.window import Window


class Sliding(nn.Module):
    """A layer that is dense, or a convolution with its frame and its pool.

    Args:
        image: height and width of the map that it slides over; None where it is dense.
        convolution: kernel, stride, pool and padding, if it slides.
    """

    def __init__(self, image: tuple[int, int] | None, convolution: Convolution | None) -> None:
        super().__init__()
        self.image, self.convolution = image, convolution
        self.stride = convolution.stride if convolution else 1
        self.padding = convolution.padding if convolution else 0
        self.pools = convolution is not None and convolution.pool > 1

    def layers(self) -> dict[str, Layer]:
        """What it is in hardware, by name."""
        raise NotImplementedError

    def window_over(self, lanes: int) -> Window | None:
        """Its window over a map of so many lanes, in its frame; None where it is dense."""
        if self.convolution is None or self.image is None:
            return None
        side = (self.convolution.kernel, self.convolution.kernel)
        return Window(self.convolution.framed(self.image), side, self.stride, lanes)

    def around(
        self, window: Window | None, rows: int, levels: int, inner: dict[str, Layer]
    ) -> dict[str, Layer]:
        """Layers around `inner`, which gives `rows` lanes of 0..levels for each place.

        Before it frame and window, behind it the pool, where it has them.
        """
        if window is None or self.image is None:
            return inner
        found: dict[str, Layer] = {"pad": Pad(self.image, self.padding)} if self.padding else {}
        found |= {"window": window, **inner}
        return found | (pool_layers(window.shape, rows, levels) if self.pools else {})
