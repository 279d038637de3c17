"""Sparse quantised neurons that become truth tables (LogicNets)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hlsgen.errors import ConfigError, GraphError
from hlsgen.nn.decompose import decompose
from hlsgen.nn.network import Architecture
from hlsgen.nn.stack import Stack
from hlsgen.nn.wiring import deal

# A neuron of this many input bits takes 85 LUTs for each bit that it gives; each further bit would
# double them, and the memory of its table.
MOST_BITS = 12

# Of batch normalisation: the share of a batch in the running statistics, and the least variance.
_MOMENTUM, _EPSILON = 0.1, 1e-5


class NeuronLayer(nn.Module):
    """`n` neurons, each of a few inputs chosen at random, all values quantised.

    A code c of b bits stands for the level 2 c / (2**b - 1) - 1 in [-1, 1]; one bit is a sign. A
    neuron computes y = BN(sum_i w_i level_i) and gives the code of the level nearest to y (a hard
    tanh); gradients go straight through the rounding and stop where y is outside [-1, 1].
    Umuroglu et al., "LogicNets: Co-Designed Neural Networks and Circuits for Extreme-Throughput
    Applications", FPL 2020.

    In eval mode it looks every code up in the neuron's truth table.

    Args:
        lanes: codes of the input.
        n: number of neurons.
        fan_in: codes that each of them reads.
        bits: width of the codes read.
        bits_out: width of the codes given.
    """

    src: Tensor  # int32 [n, fan_in]
    mean: Tensor  # float32 [n], running statistics of the weighted sums
    variance: Tensor  # float32 [n]

    def __init__(self, lanes: int, n: int, fan_in: int, bits: int, bits_out: int) -> None:
        super().__init__()
        self.fan_in, self.bits, self.bits_out = fan_in, bits, bits_out
        self.register_buffer("src", deal(n, fan_in, lanes).int())
        self.weight = nn.Parameter(torch.randn(n, fan_in))
        self.gain = nn.Parameter(torch.ones(n))
        self.bias = nn.Parameter(torch.zeros(n))
        self.register_buffer("mean", torch.zeros(n))
        self.register_buffer("variance", torch.ones(n))

    def redeal(self, pools: Sequence[Tensor]) -> None:
        """Draw the inputs anew, for each neuron from its pool of lanes, int64 [1 or more]."""
        for src, pool in zip(self.src, pools, strict=True):
            src.copy_(pool[deal(1, self.fan_in, len(pool))[0]])

    def forward(self, x: Tensor) -> Tensor:
        """Codes float32 [batch, n] of codes [batch, lanes]."""
        rows = x.T.contiguous().index_select(0, self.src.flatten())
        rows = rows.view(*self.src.shape, len(x))
        if self.training:
            return self.codes(rows.float(), training=True).T
        shifts = torch.arange(self.fan_in, device=x.device) * self.bits
        address = (rows.long() << shifts[:, None]).sum(1)
        return self.tables().gather(1, address).T

    @torch.no_grad()
    def tables(self) -> Tensor:
        """The codes that the neurons give at every address, float32 [n, 2**(fan_in * bits)].

        Input i has the bits i * bits and up of an address, least significant first.
        """
        address = torch.arange(2 ** (self.fan_in * self.bits), device=self.src.device)
        shifts = torch.arange(self.fan_in, device=self.src.device)[:, None] * self.bits
        return self.codes((address >> shifts & 2**self.bits - 1).float()[None])

    def codes(self, pins: Tensor, *, training: bool = False) -> Tensor:
        """Codes float32 [n, samples] of inputs float32 [n or 1, fan_in, samples], codes as well.

        There is one order of additions, so that a sample's code, if not `training`, is the same
        whatever samples stand beside it.
        """
        levels = pins * (2 / (2**self.bits - 1)) - 1
        total = self.weight[:, :1] * levels[:, 0]
        for pin in range(1, levels.shape[1]):
            total = total + self.weight[:, pin, None] * levels[:, pin]
        mean, variance = self._statistics(total) if training else (self.mean, self.variance)
        scale = self.gain * torch.rsqrt(variance + _EPSILON)
        normal = (total - mean[:, None]) * scale[:, None] + self.bias[:, None]
        exact = (normal + 1).clamp(0, 2) * ((2**self.bits_out - 1) / 2)
        rounded: Tensor = exact + (exact.round() - exact).detach()
        return rounded

    def _statistics(self, total: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance float32 [n] along the samples of float32 [n, samples]; remembered."""
        # One sample has no variance, and a process may have no share of the last batch.
        if total.shape[1] < 2:
            return self.mean, self.variance
        variance, mean = torch.var_mean(total, dim=1, correction=0)
        with torch.no_grad():
            self.mean.lerp_(mean, _MOMENTUM)
            self.variance.lerp_(variance, _MOMENTUM)
        return mean, variance

    def truth(self) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """What `decompose` takes: one table for each bit of each neuron, lowest bits first.

        Raises:
            GraphError: a parameter is NaN.
        """
        tables = self.tables().cpu().numpy()
        if np.isnan(tables).any():
            neuron = int(np.argwhere(np.isnan(tables))[0, 0])
            raise GraphError(f"neuron {neuron} has a parameter NaN; train it again")
        codes = tables.astype(np.uint8)[:, None] >> np.arange(self.bits_out)[:, None] & 1
        lanes = self.src.cpu().numpy()[:, :, None] * self.bits + np.arange(self.bits)
        src = lanes.reshape(len(lanes), -1).astype(np.int64)
        return codes.reshape(-1, tables.shape[1]) == 1, src.repeat(self.bits_out, axis=0)


@dataclass(frozen=True)
class NeuronArchitecture(Architecture):
    """All that fixes a `NeuronNetwork`; the arguments before are those of `Architecture`.

    Args:
        code_bits: width of the codes between the layers.

    Raises:
        ConfigError: a neuron would read more than 12 bits.
    """

    code_bits: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.fan_in * self.code_bits > MOST_BITS:
            raise ConfigError(
                f"model.fan_in is {self.fan_in} and model.logicnets.bits is {self.code_bits}: a"
                f" neuron would read {self.fan_in * self.code_bits} bits, at most {MOST_BITS} are"
                " allowed; lower one of them"
            )


class NeuronNetwork(Stack):
    """Layers of sparse quantised neurons; those of the last give one bit each.

    Neurons of the first layer read `fan_in * code_bits` bits of the thermometer, so that all
    tables have addresses of one width.
    """

    architecture: NeuronArchitecture

    def __init__(self, architecture: NeuronArchitecture) -> None:
        a = architecture
        layers, lanes = [], a.features * a.thresholds
        for i, n in enumerate(a.layers):
            bits_out = a.code_bits if i + 1 < len(a.layers) else 1
            fan_in, bits = (a.fan_in, a.code_bits) if i else (a.fan_in * a.code_bits, 1)
            layers.append(NeuronLayer(lanes, n, fan_in, bits, bits_out))
            lanes = n
        super().__init__(a, layers)

    def circuit(self) -> nn.Sequential:
        """The neurons as tables, those of more than six inputs decomposed.

        Raises:
            GraphError: a parameter is NaN.
        """
        named: OrderedDict[str, nn.Module] = OrderedDict()
        for name, layer in self.named_children():
            if isinstance(layer, NeuronLayer):
                parts = decompose(*layer.truth())
                named |= OrderedDict((f"{name}_{i}", part) for i, part in enumerate(parts))
            else:
                named[name] = layer
        return nn.Sequential(named)
