"""A layer of LUTNet: weights that are pruned, and whose survivors become lookup tables."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hlsgen.errors import GraphError
from hlsgen.graph import ops
from hlsgen.nn import kernel
from hlsgen.nn.layer import Layer, rows_of, values_of
from hlsgen.nn.lookup import MULTILINEAR
from hlsgen.nn.lut import LutLayer
from hlsgen.nn.residual import plane_weights
from hlsgen.nn.wiring import RandomWiring

# What a layer computes with: all weights, those left by pruning, tables.
WHOLE, PRUNED, TABLES = 0, 1, 2
# Visits of an entry that no sample addresses: such a pair becomes its plain mean.
_UNSEEN = 1e-3


class NodeLayer(nn.Module):
    """Counts of `filters` filters over `positions` inputs of one or two bits (Wang et al., LUTNet).

    At first count[f] is the sum over positions p and planes l of weight[l] * (1 + w[p, f] *
    (2 * x[l, p] - 1)) / 2, with weights w clipped to [-1, 1], so that their size tells which ones
    matter. After `prune` only `nodes` pairs (p, f) remain, the nodes, each with the sign of its
    weight: the count is one of bits. After `expand` each node has a table for each plane, of
    `fan_in` pins that read the same plane: pin 0 position p, pin j position maps[j - 1, p], the
    same for all filters.

    Behind a window positions are its taps, and all places of the map are samples. A layer with a
    fan-in of 1 is an ordinary binary one: it stays as pruning leaves it, and its tables are wires
    and inverters.

    Args:
        positions: lanes of each plane of the input.
        planes: of the input, 1 or 2.
        nodes: pairs that pruning leaves.
        fan_in: pins of a table, at most `positions`.
        total: the sum of the filters.
    """

    maps: Tensor  # int64 [fan_in - 1, positions]
    mask: Tensor  # float32 [positions, filters], 1 where there is a node
    position: Tensor  # int64 [nodes]
    stage: Tensor  # int64 [], WHOLE, PRUNED or TABLES

    def __init__(
        self, positions: int, planes: int, nodes: int, fan_in: int, total: PlaneSum
    ) -> None:
        super().__init__()
        self.planes = planes
        self.sum = total
        filters = total.filters
        self.weight = nn.Parameter(0.1 * torch.randn(positions, filters))
        self.register_buffer("maps", draw_maps(positions, fan_in - 1))
        self.register_buffer("mask", torch.ones(positions, filters))
        self.register_buffer("position", torch.zeros(nodes, dtype=torch.int64))
        self.register_buffer("stage", torch.tensor(WHOLE))
        self.lut = LutLayer(planes * positions, planes * nodes, fan_in, blur=MULTILINEAR)

    @property
    def tables(self) -> Tensor:
        """Entries float32 [planes, nodes, 2**fan_in]."""
        table = self.lut.table.detach()
        return table.view(self.planes, -1, table.shape[1])

    @property
    def support(self) -> Tensor:
        """Pins that each table reads, bool [planes, nodes, fan_in]."""
        return self.lut.support.view(self.planes, len(self.position), -1)

    @property
    def learns_tables(self) -> bool:
        """Whether its nodes become more than wires and inverters."""
        return self.lut.fan_in > 1

    @property
    def settled(self) -> bool:
        """Whether it has the form that it keeps to the end."""
        return int(self.stage) == (TABLES if self.learns_tables else PRUNED)

    def forward(self, x: Tensor) -> Tensor:
        """Counts float32 [batch, filters] of bits [batch, planes * positions].

        Of several beats: [batch, beats, filters] of [batch, beats, planes * positions].
        """
        if self.stage == TABLES:
            counts: Tensor = self.sum(self.lut(x))
            return counts
        level = torch.tensor(plane_weights(self.planes), device=x.device)[:, None]
        weights = self._weights() * self.mask
        if x.ndim == 3:
            # Many samples: one product with the bits as they are, and a constant for each filter.
            rows, size = rows_of(x).float(), level.sum()
            products = (level[..., None] * weights).flatten(0, 1).T @ rows
            rest = 0.5 * size * (self.mask - weights).sum(0)
            return self.sum.shifted(values_of(products + rest[:, None], x))
        value = (level * (2 * x.float() - 1).view(len(x), self.planes, -1)).sum(1)
        products = value @ weights
        return self.sum.shifted(0.5 * (products + level.sum() * self.mask.sum(0)))

    def _weights(self) -> Tensor:
        if self.stage == WHOLE:
            return self.weight.clamp(-1, 1)
        binary: Tensor = _Sign.apply(self.weight)  # type: ignore[no-untyped-call]
        return binary

    @torch.no_grad()
    def prune(self) -> None:
        """Keep the largest latent weights, by magnitude; of equals the first."""
        order = torch.argsort(self.weight.abs().flatten(), descending=True, stable=True)
        mask = torch.zeros_like(self.mask).flatten()
        mask[order[: len(self.position)]] = 1
        self.mask.copy_(mask.view_as(self.mask))
        # By filter, so that the lanes of a sum are neighbours.
        filters, positions = self.mask.T.nonzero(as_tuple=True)
        self.sum.filter.copy_(filters)
        self.position.copy_(positions)
        pins = torch.cat([positions[None], self.maps[:, positions]]).T
        step = self.maps.shape[1]
        wiring = self.lut.wiring
        assert isinstance(wiring, RandomWiring)
        wiring.src.copy_(torch.cat([pins + step * plane for plane in range(self.planes)]))
        self.stage.fill_(PRUNED)

    @torch.no_grad()
    def expand(self) -> None:
        """Logic expansion: tables that compute what the pruned layer does, and a bit more.

        Entry d begins as sigma_0(d) * w[p, f], sigma_j(d) = +1 where bit j of d is set, -1
        elsewhere. Where pin j reads a position q whose weight was pruned and which no earlier pin
        of the filter has recovered, sigma_j(d) * w[q, f] is added.
        """
        filters, positions = self.sum.filter, self.position
        entry = torch.arange(self.lut.table.shape[1], device=positions.device)
        table = _sigma(entry, 0) * self.weight[positions, filters][:, None]
        lost = self.mask == 0
        for pin, places in enumerate(self.maps, start=1):
            found = lost[places[positions], filters]
            extra = self.weight[places[positions], filters] * found
            table += _sigma(entry, pin) * extra[:, None]
            lost[places[positions], filters] = False
        self.lut.table.copy_(table.repeat(self.planes, 1))
        self.lut.after_step()
        self.stage.fill_(TABLES)

    @torch.no_grad()
    def circuit(self) -> tuple[LutLayer, PlaneSum]:
        """What it is in hardware.

        Raises:
            GraphError: it is not settled.
        """
        if not self.settled:
            raise GraphError("the training ended before its phase lut; train to the end")
        if not self.learns_tables:
            binary = self._weights()[self.position, self.sum.filter]
            pin = _sigma(torch.arange(2, device=binary.device), 0)
            self.lut.table.copy_((binary[:, None] * pin).repeat(self.planes, 1))
        return self.lut, self.sum

    @torch.no_grad()
    def shrink(self, removed: Tensor, visits: Tensor | None = None) -> None:
        """Take pins out of the support for good.

        Args:
            removed: bool [planes, nodes, fan_in].
            visits: [planes, nodes, 2**fan_in]; where given, the entries of a pair become their mean
                weighed by the visits, which changes least of what samples see.
        """
        if visits is not None:
            self._merge(removed, visits.float() + _UNSEEN)
        self.lut.shrink(removed.flatten(0, 1))

    def _merge(self, removed: Tensor, weight: Tensor) -> None:
        table = self.tables
        for pin in range(removed.shape[2]):
            # Axis 3 holds the two entries of a pair.
            halves = (*table.shape[:2], -1, 2, 2**pin)
            pairs, weights = table.view(halves), weight.view(halves)
            whole = weights.sum(3, keepdim=True)
            mean = (pairs * weights).sum(3, keepdim=True) / whole
            gone = removed[..., pin, None, None, None]
            pairs.copy_(torch.where(gone, mean, pairs))
            weights.copy_(torch.where(gone, whole, weights))

    @torch.no_grad()
    def visits(self, x: Tensor) -> Tensor:
        """How many samples address each entry: int64 [planes, nodes, 2**fan_in].

        Args:
            x: bits [samples, planes * positions], or of several beats, which count alike.
        """
        rows = rows_of(x).to(torch.uint8).contiguous()
        table = self.lut.table
        _, address = kernel.look_up(rows, self.lut.wiring.chosen(), table.detach())
        counts = [torch.bincount(entries, minlength=table.shape[1]) for entries in address]
        return torch.stack(counts).view(self.planes, -1, table.shape[1])


class PlaneSum(Layer):
    """Count f: bits of the filter's nodes, each plane with its weight.

    Args:
        filters: counts.
        planes: of bits, 1 or 2.
        nodes: bits of each plane.
    """

    node: ClassVar[str] = "sum{}"
    filter: Tensor  # int64 [nodes], ascending

    def __init__(self, filters: int, planes: int, nodes: int) -> None:
        super().__init__()
        self.filters, self.planes = filters, planes
        self.register_buffer("filter", torch.zeros(nodes, dtype=torch.int64))

    def forward(self, x: Tensor) -> Tensor:
        """Counts float32 [batch, filters] of bits [batch, planes * nodes], plane after plane.

        Of several beats: [batch, beats, filters] of [batch, beats, planes * nodes].
        """
        rows = rows_of(x)
        counts = torch.zeros(self.filters, rows.shape[1], device=x.device)
        weights = plane_weights(self.planes)
        for weight, plane in zip(weights, rows.chunk(self.planes), strict=True):
            counts = counts.index_add(0, self.filter, plane, alpha=weight)
        return self.shifted(values_of(counts, x))

    def shifted(self, counts: Tensor) -> Tensor:
        """Counts [batch, filters] with what is added to each."""
        return counts

    def bias(self) -> NDArray[np.int64]:
        """What the circuit adds to each count."""
        return np.zeros(self.filters, dtype=np.int64)

    def to_op(self) -> ops.Sum:
        """The sums; a lane of weight two is added twice."""
        filters, nodes = self.filter.cpu().numpy(), len(self.filter)
        weights = np.array(plane_weights(self.planes))
        lanes = np.arange(self.planes * nodes).repeat(np.repeat(weights, nodes))
        owner = filters[lanes % nodes]
        order = np.argsort(owner, kind="stable")
        sizes = np.bincount(owner, minlength=self.filters)
        return ops.Sum.of(lanes[order], sizes, self.bias())


class ClassSum(PlaneSum):
    """The sums of the classes, each with a trained bias; in the circuit a whole number.

    Args:
        classes: counts.
        planes: of bits, 1 or 2.
        nodes: bits of each plane.
        unit: counts that one unit of the bias stands for: the temperature of the logits.
    """

    node: ClassVar[str] = "classes"

    def __init__(self, classes: int, planes: int, nodes: int, unit: float) -> None:
        super().__init__(classes, planes, nodes)
        self.unit = unit
        self.shift = nn.Parameter(torch.zeros(classes))

    def shifted(self, counts: Tensor) -> Tensor:
        """Counts with their biases, which are rounded in eval mode."""
        shift = self.unit * self.shift
        return counts + (shift if self.training else shift.round())

    def bias(self) -> NDArray[np.int64]:
        """The rounded biases; half goes to the even number."""
        return (self.unit * self.shift.detach()).round().cpu().numpy().astype(np.int64)


def draw_maps(positions: int, count: int) -> Tensor:
    """Random permutations int64 [count, positions] that give no position twice, nor itself.

    Map j sends each position some steps on along a random circle through all of them; `count` is
    less than `positions`. Draws from torch's global generator.
    """
    circle = torch.randperm(positions)
    steps = 1 + torch.randperm(max(positions - 1, 0))[:count]
    maps = torch.empty(count, positions, dtype=torch.int64)
    for to, step in zip(maps, steps.tolist(), strict=True):
        to[circle] = circle.roll(-step)
    return maps


def _sigma(entry: Tensor, pin: int) -> Tensor:
    """+1 where pin `pin` is set in the entry's number, else -1: float32 [entries]."""
    return 2.0 * (entry >> pin & 1) - 1


class _Sign(torch.autograd.Function):
    """+1 where a value is above 0, else -1; the gradient passes where |w| <= 1."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor) -> Tensor:
        ctx.save_for_backward(weight)
        return torch.where(weight > 0, 1.0, -1.0)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (weight,) = ctx.saved_tensors
        to_weight: Tensor = grads[0] * (weight.abs() <= 1)
        return to_weight
