"""Logic gates that are learned by relaxation: difflogic and its Walsh form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from hlsgen.errors import ConfigError, GraphError
from hlsgen.graph import ops
from hlsgen.nn.layer import Layer
from hlsgen.nn.lookup import MULTILINEAR, interpolate, look_up
from hlsgen.nn.lut import Start, lut_op
from hlsgen.nn.network import Architecture
from hlsgen.nn.stack import Stack
from hlsgen.nn.wiring import LearnedWiring, RandomWiring

Parametrisation = Literal["softmax", "walsh"]

# With the residual start a gate passes its pin 0 on with this probability.
_PASS = 0.9


class GateLayer(Layer):
    """`n` gates of `fan_in` inputs each; a gate's weights say what its truth table is.

    In training a gate computes the multilinear extension of a table T of probabilities, in eval
    mode the table of bits that is nearest to it:

    - `softmax`: the weights w give each of the 16 gates of two inputs a probability; T is the
      mean of their tables, sum_g softmax(w / temperature)_g * G_g, and becomes the likeliest gate
      (Petersen et al., "Deep Differentiable Logic Gate Networks", NeurIPS 2022).
    - `walsh`: the weights w are the Walsh coefficients of T's logits; entry a is
      sigmoid(1 / temperature * sum_s w_s * prod_{i in s} (2 a_i - 1)) and becomes 1 where the sum
      is above 0 (Gerlach et al., "WARP-LUTs", arXiv 2510.15655, 2025).

    Args:
        lanes: bits of the input.
        n: number of gates.
        fan_in: inputs of each gate; 2 for `softmax`, 1..6 for `walsh`.
        parametrisation: what the weights mean.
        temperature: of softmax or sigmoid, > 0.
        start: weights at first: normally distributed (`uniform`), or `residual`: the gate passes
            its pin 0 on with a probability of 0.9.
        candidates: lanes among which each pin learns to choose; 0 wires the pins at random.
    """

    node: ClassVar[str] = "gate{}"
    basis: Tensor  # float32 [weights, 2**fan_in], the tables that the weights weigh

    def __init__(
        self,
        lanes: int,
        n: int,
        fan_in: int,
        parametrisation: Parametrisation,
        temperature: float,
        start: Start,
        candidates: int = 0,
    ) -> None:
        super().__init__()
        self.fan_in, self.walsh = fan_in, parametrisation == "walsh"
        self.temperature = temperature
        self.wiring: RandomWiring | LearnedWiring = (
            LearnedWiring(lanes, n, fan_in, candidates)
            if candidates
            else RandomWiring(lanes, n, fan_in)
        )
        basis = walsh_functions(fan_in) if self.walsh else gate_tables()
        self.register_buffer("basis", basis, persistent=False)
        self.weight = nn.Parameter(self._weights(n, start))

    def _weights(self, n: int, start: Start) -> Tensor:
        count = len(self.basis)
        weight = torch.randn(n, count)
        if start == "residual":
            # Walsh function 1 is pin 0 itself; gate 10 has the table 1010, entry 0 last.
            first, odds = (1, _PASS) if self.walsh else (10, _PASS * (count - 1))
            weight *= 0.1 if self.walsh else 0.0
            weight[:, first] += math.log(odds / (1 - _PASS))
        return weight * self.temperature

    def redeal(self, pools: Sequence[Tensor]) -> None:
        """Draw the candidates of learned wiring anew, for each gate from its pool of lanes."""
        if isinstance(self.wiring, LearnedWiring):
            self.wiring.redeal(pools)

    def forward(self, x: Tensor) -> Tensor:
        """Values float32 [batch, n] of values [batch, lanes] in 0..1; bits of bits in eval mode."""
        if self.training:
            # In reduced precision the tables are the result of such products.
            return interpolate(x.float(), self.probabilities().float(), self.wiring)
        return look_up(x, self.bits().float(), self.wiring, MULTILINEAR)

    def probabilities(self) -> Tensor:
        """The relaxed tables, float32 [n, 2**fan_in] in 0..1."""
        if self.walsh:
            return torch.sigmoid(self.weight @ self.basis / self.temperature)
        return torch.softmax(self.weight / self.temperature, dim=1) @ self.basis

    @torch.no_grad()
    def bits(self) -> Tensor:
        """The tables in eval mode, bool [n, 2**fan_in]."""
        if self.walsh:
            return self.weight @ self.basis > 0
        return self.basis[self.weight.argmax(dim=1)] > 0

    def to_op(self) -> ops.Lut:
        """The layer of the tables in eval mode."""
        unknown = self.weight.isnan().any(dim=1)
        if unknown.any():
            raise GraphError(f"gate {int(unknown.nonzero()[0])} has a weight NaN; train it again")
        src = self.wiring.chosen().cpu().numpy()
        return lut_op(src, self.bits().cpu().numpy(), np.ones(src.shape, dtype=bool))


def gate_tables() -> Tensor:
    """Entry [g, a] is bit a of g: the 16 gates of two inputs, float32 [16, 4]."""
    return (torch.arange(16)[:, None] >> torch.arange(4) & 1).float()


def walsh_functions(fan_in: int) -> Tensor:
    """Entry [s, a] is the product of 2 a_i - 1 over the pins i in s, float32 [2**K, 2**K].

    Pin i is in s where bit i of s is 1; the empty product is 1.
    """
    functions = torch.ones(1, 1)
    one_pin = torch.tensor([[1.0, 1.0], [-1.0, 1.0]])
    for _ in range(fan_in):
        functions = torch.kron(one_pin, functions)
    return functions


@dataclass(frozen=True)
class GateArchitecture(Architecture):
    """All that fixes a `GateNetwork`; the arguments before are those of `Architecture`.

    Args:
        parametrisation: what the weights of a gate mean; see `GateLayer`.
        gate_temperature: see `GateLayer`.

    Raises:
        ConfigError: a fan-in that the parametrisation does not have.
    """

    parametrisation: Parametrisation = "softmax"
    gate_temperature: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.parametrisation == "softmax" and self.fan_in != 2:
            raise ConfigError(
                f"model.fan_in is {self.fan_in}: the softmax of difflogic chooses among the gates"
                " of 2 inputs; set fan_in = 2, or model.difflogic.parametrisation = "
                '"walsh", which has 2 to 6'
            )


class GateNetwork(Stack):
    """Layers of gates.

    Training sees the relaxed gates; what is validated and exported are the hard ones.
    """

    architecture: GateArchitecture

    def __init__(self, architecture: GateArchitecture) -> None:
        a = architecture
        lanes = (a.features * a.thresholds, *a.layers)
        super().__init__(
            a,
            [
                GateLayer(
                    *(before, n, a.fan_in, a.parametrisation, a.gate_temperature, a.start, choices)
                )
                for before, n, choices in zip(lanes, a.layers, a.candidates, strict=False)
            ],
        )
