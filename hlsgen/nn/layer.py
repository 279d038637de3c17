"""What every layer of a network offers to the export."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from hlsgen.graph import Op


class Layer(nn.Module):
    """A torch module that is one operator of the graph.

    `node` is the name of its graph node; `{}` in it becomes 0, 1, ... along the network. In eval
    mode `forward` gives integers, as floats or not, [batch, lanes]: what the operator computes.
    Where a sample comes as several beats, values are [batch, beats, lanes].
    `others` are the paths of earlier layers that it reads too, in the Sequential that is exported:
    `forward` gets their values behind those of the layer before.
    """

    node: ClassVar[str]
    others: tuple[str, ...] = ()

    def forward(self, x: Tensor) -> Tensor:
        """Values [batch, lanes] from those of the layer before."""
        raise NotImplementedError

    def to_op(self) -> Op:
        """The operator that computes what `forward` computes in eval mode.

        Raises:
            GraphError: a parameter has no meaning in hardware, such as NaN.
        """
        raise NotImplementedError

    def after_step(self) -> None:
        """Bring the parameters back into their range; called after each step of the optimiser."""


class Trimmable(Layer):
    """A layer that knows which lanes it reads, and can be made with fewer."""

    def reads(self, live: Tensor) -> Tensor:
        """The input lanes that the output lanes in `live` depend on; bool, both."""
        raise NotImplementedError

    def part(self, inputs: Tensor, outputs: Tensor) -> Trimmable:
        """The same layer with fewer lanes, numbered anew in their order.

        Args:
            inputs: bool [input lanes], those that are left: at least all that are read.
            outputs: bool [output lanes], those that are wanted.
        """
        raise NotImplementedError


class BitLayer(Trimmable):
    """A layer from bits to bits that knows what it costs."""

    def expected(self, read: Tensor) -> tuple[Tensor, Tensor]:
        """About how many six-input LUTs it takes, and how far each input lane is read.

        Args:
            read: float32 [output lanes], how far each output lane is read, 0..1.

        Returns:
            float32 [] and float32 [input lanes], 0..1, differentiable.
        """
        raise NotImplementedError


def places(lanes: Tensor, kept: Tensor) -> Tensor:
    """The new numbers of `lanes`, int64 of any shape, where only those in `kept` are left.

    A lane that is not left becomes lane 0.

    Args:
        lanes: int.
        kept: bool [all lanes].
    """
    number = (kept.cumsum(0) - 1) * kept
    return number[lanes.long()]


def rows_of(values: Tensor) -> Tensor:
    """Rows [lanes, beats * batch] of values [batch, beats, lanes] or [batch, lanes].

    No copy where the values came from `values_of`: tensors stay node-major in memory.
    """
    return values.T if values.ndim == 2 else values.permute(2, 1, 0).flatten(1)


def values_of(rows: Tensor, like: Tensor) -> Tensor:
    """Values of `rows` [lanes, beats * batch], with the beats and samples that `like` has."""
    if like.ndim == 2:
        return rows.T
    return rows.view(len(rows), like.shape[1], len(like)).permute(2, 1, 0)
