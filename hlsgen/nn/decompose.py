"""Tables of more than six inputs as layers of tables of at most six (Shannon's expansion)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hlsgen.graph import ops
from hlsgen.nn import kernel
from hlsgen.nn.layer import Layer
from hlsgen.nn.lut import lut_op

# Inputs of a leaf, and inputs of a multiplexer that choose among its others: 4 + 2 are six.
_LEAF, _SELECT = 6, 2
_ADDRESSES = np.arange(64)
# Output 1 where the input that pins 4 and 5 name is 1; of two inputs, pin 2 names it.
_MUX4 = _ADDRESSES >> (_ADDRESSES >> 4) & 1 == 1
_MUX2 = _ADDRESSES >> (_ADDRESSES >> 2 & 1) & 1 == 1
_WIRE = _ADDRESSES & 1 == 1


class FixedLuts(Layer):
    """LUTs that nothing trains.

    Args:
        src: int [n, 6], the lane that each pin reads; anything on pins that are not used.
        used: int [n], how many pins each LUT reads, the first ones.
        table: bool [n, 64], which do not depend on the other pins.
    """

    node: ClassVar[str] = "table{}"

    def __init__(
        self, src: NDArray[np.integer], used: NDArray[np.integer], table: NDArray[np.bool_]
    ) -> None:
        super().__init__()
        self.support = np.arange(_LEAF) < used[:, None]
        self.src = np.where(self.support, src, 0).astype(np.int32)
        self.table = table

    def forward(self, x: Tensor) -> Tensor:
        """Bits float32 [batch, n] of bits [batch, lanes]."""
        rows = x.T.to(torch.uint8).contiguous()
        src, table = torch.from_numpy(self.src), torch.from_numpy(self.table.astype(np.float32))
        bits, _ = kernel.look_up(rows, src, table)
        return bits.T.float()

    def to_op(self) -> ops.Lut:
        """The layer."""
        return lut_op(self.src, self.table, self.support)


def decompose(tables: NDArray[np.bool_], src: NDArray[np.integer]) -> list[FixedLuts]:
    """Layers that together compute `tables`; lane i of the last is table i.

    A table of A > 6 inputs is cut into leaves over the low six, one for each value of the high
    inputs; 4:1 multiplexers, each one LUT, choose among them, two of the high inputs a layer (one
    in the last layer, where their number is odd). The high inputs are carried along by tables of
    one input, which are wires in the circuit. 12 inputs: 64 leaves and 16 + 4 + 1 multiplexers.

    Args:
        tables: bool [n, 2**A], bit i of an address is input i.
        src: int [n, A], the lane that each input reads.
    """
    n, inputs = src.shape
    low = min(inputs, _LEAF)
    leaves = np.tile(tables.reshape(-1, 2**low), 2 ** (_LEAF - low))
    count = len(leaves) // n
    pins = np.zeros((len(leaves), _LEAF), dtype=np.int64)
    pins[:, :low] = np.repeat(src[:, :low], count, axis=0)
    carried, carry = np.unique(src[:, low:], return_inverse=True)
    carry = carry.reshape(n, inputs - low)
    wires = FixedLuts(*_wires(carried))
    layers = [_beside(FixedLuts(pins, np.full(len(pins), low), leaves), wires)]
    while carry.shape[1]:
        chosen, carry = carry[:, :_SELECT], carry[:, _SELECT:]
        layers.append(_multiplexers(chosen, n * count, count))
        count >>= chosen.shape[1]
        if carry.shape[1]:
            passed = np.arange(len(carried)) + len(layers[-2].src) - len(carried)
            layers[-1] = _beside(layers[-1], FixedLuts(*_wires(passed)))
    return layers


def _multiplexers(select: NDArray[np.integer], data: int, count: int) -> FixedLuts:
    """One multiplexer for each 4 or 2 of `data` lanes, `count` for each of n tables.

    Args:
        select: int [n, 2 or 1], the number of the carried lane behind the data that chooses.
        data: lanes that are chosen among.
        count: of them for each table.
    """
    ways = 2 ** select.shape[1]
    muxes = data // ways
    pins = np.zeros((muxes, _LEAF), dtype=np.int64)
    pins[:, :ways] = np.arange(data).reshape(muxes, ways)
    pins[:, ways : ways + select.shape[1]] = data + np.repeat(select, count // ways, axis=0)
    table = _MUX4 if ways > 2 else _MUX2
    return FixedLuts(pins, np.full(muxes, ways + select.shape[1]), np.tile(table, (muxes, 1)))


def _wires(
    lanes: NDArray[np.integer],
) -> tuple[NDArray[np.integer], NDArray[np.integer], NDArray[np.bool_]]:
    """Arguments of LUTs that pass `lanes` [n] on."""
    src = np.repeat(lanes[:, None], _LEAF, axis=1)
    return src, np.ones(len(lanes), dtype=np.int64), np.tile(_WIRE, (len(lanes), 1))


def _beside(first: FixedLuts, second: FixedLuts) -> FixedLuts:
    """The LUTs of both as one layer."""
    return FixedLuts(
        np.concatenate([first.src, second.src]),
        np.concatenate([first.support, second.support]).sum(axis=1),
        np.concatenate([first.table, second.table]),
    )
