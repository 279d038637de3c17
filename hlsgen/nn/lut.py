"""The trainable layer of lookup tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hlsgen.errors import GraphError
from hlsgen.graph import ops
from hlsgen.nn import cost, kernel
from hlsgen.nn.layer import BitLayer, places
from hlsgen.nn.lookup import EXTENDED, interpolate, look_up
from hlsgen.nn.wiring import LearnedWiring, RandomWiring

Start = Literal["uniform", "residual", "bimodal"]


class LutLayer(BitLayer):
    """`n` LUTs of `fan_in` one-bit inputs each, with real-valued tables T in [-1, 1].

    The forward pass is hard: the output is 1 where T[a] > 0 for the address a, whose bit p is
    pin p. The backward pass is that of `lookup.look_up`.

    A pin that left the `support` of its LUT is not read any more: the table is kept equal in both
    halves, by the mean of each pair of entries (Wang et al., "Logic Shrinkage", FPGA 2022).

    Args:
        lanes: bits of the input.
        n: number of LUTs.
        fan_in: inputs of each LUT, 1..6.
        candidates: lanes among which each pin learns to choose; 0 wires the pins at random.
        blur: of the slopes of the backward pass, below 1/2.
        start: tables at first: `uniform` in [-1, 1]; `bimodal`: near +-1/2, at random; `residual`:
            near +-1/2, as pin 0 has it.
    """

    node: ClassVar[str] = "lut{}"
    support: Tensor  # bool [n, fan_in], which pins each LUT reads

    def __init__(
        self,
        lanes: int,
        n: int,
        fan_in: int = 6,
        candidates: int = 0,
        blur: float = EXTENDED,
        start: Start = "uniform",
    ) -> None:
        super().__init__()
        self.lanes, self.fan_in, self.blur = lanes, fan_in, blur
        # How much of the output in training is hard, 0..1; the rest is the multilinear extension.
        self.hardness = 1.0
        self.wiring: RandomWiring | LearnedWiring = (
            LearnedWiring(lanes, n, fan_in, candidates)
            if candidates
            else RandomWiring(lanes, n, fan_in)
        )
        self.table = nn.Parameter(_tables(n, fan_in, start))
        self.register_buffer("support", torch.ones(n, fan_in, dtype=torch.bool))

    def forward(self, x: Tensor) -> Tensor:
        """Bits float32 [batch, n] of bits [batch, lanes]; shares of bits while not yet hard.

        Several beats share the tables: [batch, beats, n] of [batch, beats, lanes].
        """
        if not self.training or self.hardness >= 1:
            return look_up(x, self.table, self.wiring, self.blur)
        x = x.float()
        soft = (interpolate(x, self.table, self.wiring) + 1) / 2
        bits = x + ((x > 0.5).float() - x).detach()
        hard = look_up(bits, self.table, self.wiring, self.blur)
        return soft + self.hardness * (hard - soft)

    def redeal(self, pools: Sequence[Tensor]) -> None:
        """Draw the candidates of learned wiring anew, for each LUT from its pool of lanes."""
        if isinstance(self.wiring, LearnedWiring):
            self.wiring.redeal(pools)

    @torch.no_grad()
    def after_step(self) -> None:
        """Bring the tables back into [-1, 1] and into their support."""
        self.table.clamp_(-1.0, 1.0)
        kernel.project(self.table.data, self.support)

    def shrink(self, removed: Tensor) -> None:
        """Take pins out of the support for good.

        Args:
            removed: bool [n, fan_in].
        """
        self.support &= ~removed
        self.after_step()

    def expected(self, read: Tensor) -> tuple[Tensor, Tensor]:
        """Tables by the number of pins that matter; see `BitLayer.expected`."""
        used = cost.pins_used(self.table, self.support)
        below = cost.lanes_used(read[:, None] * used, self.wiring.chosen(), self.lanes)
        return (read * cost.table_luts(used)).sum(), below

    def reads(self, live: Tensor) -> Tensor:
        """The lanes at the pins in the support of live LUTs."""
        found = torch.zeros(self.lanes, dtype=torch.bool, device=live.device)
        found[self.wiring.chosen()[self.support & live[:, None]].long()] = True
        return found

    def part(self, inputs: Tensor, outputs: Tensor) -> LutLayer:
        """The LUTs in `outputs`, with their wires as they are chosen now."""
        layer = LutLayer(int(inputs.sum()), int(outputs.sum()), self.fan_in, blur=self.blur)
        layer.wiring.chosen().copy_(places(self.wiring.chosen()[outputs], inputs))
        layer.table.data, layer.support = self.table.data[outputs], self.support[outputs]
        return layer.to(self.table.device).train(self.training)

    def to_op(self) -> ops.Lut:
        """The layer with the signs of the tables as truth tables, over the pins of the support."""
        table, support = self.table.detach().cpu().numpy(), self.support.cpu().numpy()
        if np.isnan(table).any():
            lut, entry = np.argwhere(np.isnan(table))[0]
            raise GraphError(f"LUT {lut} has NaN at table entry {entry}; train it again")
        return lut_op(self.wiring.chosen().cpu().numpy(), table > 0, support)


def lut_op(
    src: NDArray[np.integer], table: NDArray[np.bool_], support: NDArray[np.bool_]
) -> ops.Lut:
    """LUTs over the pins in `support`; the tables do not depend on the others.

    Args:
        src: int [n, K], lanes.
        table: bool [n, 2**K].
        support: bool [n, K].
    """
    n, entries = table.shape
    # The pins of the support first, in their order.
    order = np.argsort(~support, axis=1, kind="stable")
    address = np.zeros((n, entries), dtype=np.int64)
    for pin in range(src.shape[1]):
        address |= (np.arange(entries) >> pin & 1) << order[:, pin, None]
    words = np.zeros((n, 64), dtype=bool)
    words[:, :entries] = np.take_along_axis(table, address, axis=1)
    packed = np.packbits(words, axis=1, bitorder="little").view("<u8")[:, 0]
    return ops.Lut.of(np.take_along_axis(src, order, axis=1), support.sum(axis=1), packed)


def _tables(n: int, fan_in: int, start: Start) -> Tensor:
    if start == "uniform":
        return 2 * torch.rand(n, 2**fan_in) - 1
    if start == "residual":
        ones = (torch.arange(2**fan_in) & 1).expand(n, -1)
    else:
        ones = torch.randint(0, 2, (n, 2**fan_in))
    return (ones - 0.5 + 0.25 * torch.randn(n, 2**fan_in)).clamp(-1.0, 1.0)
