"""Register placement: the fewest registers that keep every path within a delay.

C. Leiserson and J. Saxe, "Retiming synchronous circuitry", Algorithmica 6 (1991), section 8: where
each node stands is a linear program of differences, whose matrix is totally unimodular, so that
its corners are whole numbers. A graph without loops is the simple case: the stage of a node is the
number of registers on each path from the inputs to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hlsgen.errors import GraphError
from hlsgen.graph.fabric import Fabric
from hlsgen.graph.ir import Graph

# Stages further from a whole number than this are none.
_ROUNDING = 1e-6

# One difference: the second unknown is larger than the first, by at least the third.
Difference = tuple[int, int, int]


@dataclass(frozen=True)
class Placement:
    """The stage of each node, from 0; the outputs leave `depth` cycles after the inputs."""

    stage: dict[str, int]
    depth: int
    registers: int


def place(graph: Graph, fabric: Fabric, limit_ns: float) -> Placement:
    """The placement of the fewest registers on a graph without any.

    The logic between two registers takes at most `limit_ns`, unless one node alone takes longer;
    that one has its stage for itself. All outputs are registered, in the same cycle. Of the
    placements with as few registers those of the lowest latency count, of those the one with the
    shortest of longest paths: it leaves the router the most time.
    """
    problem = _Problem(graph, fabric)
    best = problem.solve(limit_ns)
    # Fewer registers never come of a smaller limit, so the smallest with as few can be bisected.
    limits = np.unique(problem.paths_ns[problem.paths_ns < limit_ns])
    low, high = 0, len(limits)
    while low < high:
        middle = (low + high) // 2
        found = problem.solve(float(limits[middle]))
        if (found.registers, found.depth) == (best.registers, best.depth):
            best, high = found, middle
        else:
            low = middle + 1
    return best


class _Problem:
    """The linear program of one graph.

    The unknowns are for each node its stage, then for each node the stage up to which its value is
    kept, where its last reader stands, then the depth. The registers behind a node are shared by
    its readers: as many as there are stages between the two, each as wide as its wire.
    """

    def __init__(self, graph: Graph, fabric: Fabric) -> None:
        self._names = [node.name for node in graph.nodes]
        at = {name: i for i, name in enumerate(self._names)}
        self._inputs = [sorted({at[name] for name in node.inputs}) for node in graph.nodes]
        self._outputs = sorted({at[name] for name in graph.outputs})
        self._width = np.array([graph.wires[name].width_bits for name in self._names])
        delay = [node.op.delay_ns(fabric, *graph.inputs_of(node)) for node in graph.nodes]
        self.paths_ns = _paths(delay, self._inputs)

    def solve(self, limit_ns: float) -> Placement:
        """The fewest registers for which no path takes longer; of those the earliest stages.

        Of the placements with the fewest registers one has every node, and the outputs too, in the
        earliest stage that any has them in: a second, much smaller cost finds it.
        """
        # So that scipy is loaded where graphs are pipelined, not wherever passes are.
        from scipy.optimize import linprog
        from scipy.sparse import coo_array

        n = len(self._names)
        rows = np.array([*self._differences(), *self._cuts(limit_ns)], dtype=np.int64)
        count = np.arange(len(rows))
        entries = np.repeat([1.0, -1.0], len(rows))
        places = (np.tile(count, 2), np.concatenate([rows[:, 0], rows[:, 1]]))
        # No unknown is above n + 1: a stage in which no node stands would only cost.
        registers = (2 * n + 1) * (n + 1) * self._width
        cost = np.concatenate([-registers, registers, [0]]) + 1
        feeds = {i for i, inputs in enumerate(self._inputs) if not inputs}
        found = linprog(
            cost,
            A_ub=coo_array((entries, places), shape=(len(rows), 2 * n + 1)).tocsr(),
            b_ub=-rows[:, 2],
            bounds=[(0, 0 if i in feeds else None) for i in range(2 * n + 1)],
            method="highs-ds",
        )
        if found.status:
            raise GraphError(f"the stages of registers were not found: {found.message}")
        whole = np.rint(found.x).astype(np.int64)
        kept = whole[rows[:, 1]] - whole[rows[:, 0]] >= rows[:, 2]
        if np.abs(found.x - whole).max() > _ROUNDING or not kept.all():
            raise GraphError("the stages of registers are no whole numbers, or break a rule")
        stage = dict(zip(self._names, whole[:n].tolist(), strict=True))
        total = int(self._width @ (whole[n : 2 * n] - whole[:n]))
        return Placement(stage, int(whole[2 * n]), total)

    def _differences(self) -> Iterator[Difference]:
        """What holds for every placement."""
        n = len(self._names)
        depth = 2 * n
        for node, inputs in enumerate(self._inputs):
            yield node, n + node, 0
            for name in inputs:
                yield name, node, 0
                yield node, n + name, 0
        for node in self._outputs:
            yield node, depth, 1
            yield depth, n + node, 0

    def _cuts(self, limit_ns: float) -> Iterator[Difference]:
        """Pairs with a register at least between them; those that follow from others left out."""
        long = self.paths_ns > limit_ns
        # A node that takes no time is no end of a path; one alone can be cut by no register.
        timed = np.diag(self.paths_ns) > 0
        long &= timed[:, None] & timed & ~np.eye(len(long), dtype=bool)
        needed = long.copy()
        for node, inputs in enumerate(self._inputs):
            for name in inputs:
                needed[:, node] &= ~long[:, name]
                needed[name] &= ~long[node]
        for first, last in np.argwhere(needed).tolist():
            yield first, last, 1


def _paths(delay: Sequence[float], inputs: Sequence[Sequence[int]]) -> NDArray[np.float64]:
    """[first, last]: the longest path from one node's inputs to another's output; -inf for none."""
    paths = np.full((len(delay), len(delay)), -np.inf)
    for node, own in enumerate(delay):
        for name in inputs[node]:
            np.maximum(paths[:, node], paths[:, name] + own, out=paths[:, node])
        paths[node, node] = own
    return paths
