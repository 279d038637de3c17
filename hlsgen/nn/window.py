"""Windows that slide over an image, and the pooling of bits behind one."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from hlsgen.graph import ops
from hlsgen.nn import cost
from hlsgen.nn.layer import BitLayer, places, rows_of, values_of

# Pixels of a pool, 2 x 2.
POOLED = 4


class Window(BitLayer):
    """For each place of a kernel in an image the lanes under it: an im2col, of chosen taps.

    Output beat (r, c), in raster order, has in lane i lane lane[i] of the pixel
    (r * stride + row[i], c * stride + column[i]); there is no padding. A kernel as large as the
    image flattens it: there is one output beat.

    Args:
        image: height and width, in pixels: the input has a beat for each, in raster order.
        kernel: height and width.
        stride: pixels from one place to the next, both ways.
        lanes: of a pixel.
        taps: int64 [n, 3], lane, row and column of each output lane; all by default, in the order
            of lanes, rows, columns.
    """

    node: ClassVar[str] = "window{}"
    taps: Tensor
    index: Tensor  # int64 [n * output beats], lane * beats + beat of each value of a sample

    def __init__(
        self,
        image: tuple[int, int],
        kernel: tuple[int, int],
        stride: int,
        lanes: int,
        taps: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.image, self.kernel, self.stride, self.lanes = image, kernel, stride, lanes
        if taps is None:
            taps = torch.cartesian_prod(*(torch.arange(n) for n in (lanes, *kernel)))
        self.register_buffer("taps", taps, persistent=False)
        self.register_buffer("index", self._index(), persistent=False)
        # The whole image in order, as when it is flattened, needs no copy.
        values = lanes * image[0] * image[1]
        self.whole = torch.equal(self.index, torch.arange(values, device=self.index.device))

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the output."""
        down, across = (
            (size - kernel) // self.stride + 1
            for size, kernel in zip(self.image, self.kernel, strict=True)
        )
        return down, across

    def _index(self) -> Tensor:
        height, width = self.image
        lane, row, column = self.taps.T[:, :, None, None]
        down, across = (torch.arange(n, device=row.device) * self.stride for n in self.shape)
        beat = (row + down[:, None]) * width + column + across
        index: Tensor = lane * (height * width) + beat
        return index.flatten()

    def forward(self, x: Tensor) -> Tensor:
        """Values [batch, output beats, n] of [batch, beats, lanes]; [batch, n] for one beat."""
        x = x[:, None] if x.ndim == 2 else x
        rows = x.permute(2, 1, 0).flatten(0, 1)
        if not self.whole:
            rows = rows.index_select(0, self.index)
        found = rows.view(len(self.taps), -1, len(x)).permute(2, 1, 0)
        return found[:, 0] if found.shape[1] == 1 else found

    def expected(self, read: Tensor) -> tuple[Tensor, Tensor]:
        """The memory that keeps whole rows, of the lanes that are read there."""
        height, width = self.kernel[0], self.image[1]
        lane, row, _ = self.taps.T
        luts = torch.zeros((), device=read.device)
        if width <= ops.window.SHALLOW:
            for above in range(height - 1):
                older = row <= above
                luts = luts + cost.lanes_used(read[older, None], lane[older], self.lanes).sum()
        return luts, cost.lanes_used(read[:, None], lane, self.lanes)

    def reads(self, live: Tensor) -> Tensor:
        """The lanes of live taps."""
        found = torch.zeros(self.lanes, dtype=torch.bool, device=live.device)
        found[self.taps[live, 0]] = True
        return found

    def part(self, inputs: Tensor, outputs: Tensor) -> Window:
        """The taps in `outputs`."""
        taps = self.taps[outputs]
        taps[:, 0] = places(taps[:, 0], inputs)
        return Window(self.image, self.kernel, self.stride, int(inputs.sum()), taps)

    def to_op(self) -> ops.Window:
        """The window."""
        lane, row, column = self.taps.int().cpu().numpy().T
        stride = self.stride, self.stride
        return ops.Window(*self.image, *self.kernel, *stride, row, column, lane)


class AnyOf(BitLayer):
    """Whether any of four lanes in a row is 1: max pooling, behind a window.

    The gradient goes to the lanes that are the largest, in equal shares.

    Args:
        n: number of outputs; output i looks at the lanes from 4 * i on.
    """

    node: ClassVar[str] = "pool{}"

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n

    def forward(self, x: Tensor) -> Tensor:
        """Bits [batch, n] of bits [batch, 4 * n], or shares of bits; several beats alike."""
        rows = rows_of(x)
        return values_of(rows.view(self.n, POOLED, -1).amax(1), x)

    def expected(self, read: Tensor) -> tuple[Tensor, Tensor]:
        """A table of four inputs each."""
        return cost.TABLE_LUTS[POOLED] * read.sum(), read.repeat_interleave(POOLED)

    def reads(self, live: Tensor) -> Tensor:
        """Four lanes each."""
        return live.repeat_interleave(POOLED)

    def part(self, inputs: Tensor, outputs: Tensor) -> AnyOf:
        """The outputs in `outputs`; nothing but their lanes may be left."""
        return AnyOf(int(outputs.sum()))

    def to_op(self) -> ops.Lut:
        """Tables that are 0 at address 0 only."""
        src = torch.arange(POOLED * self.n).view(self.n, POOLED).numpy()
        size, table = torch.full((self.n,), POOLED), torch.full((self.n,), 2**2**POOLED - 2)
        return ops.Lut.of(src, size.numpy(), table.numpy())
