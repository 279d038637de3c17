"""What every layer of a network offers to the export."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from hlsgen.graph import Op


class Layer(nn.Module):
    """A torch module that is one operator of the graph.

    `node` is the name of its graph node; `{}` in it becomes 0, 1, ... along the network. In eval
    mode `forward` gives integers, as floats or not, [batch, lanes]: what the operator computes.
    """

    node: ClassVar[str]

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
