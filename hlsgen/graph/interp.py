"""Run a graph on samples. What `Op.eval` computes is what a graph means."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache

import numpy as np
from threadpoolctl import ThreadpoolController

from hlsgen.errors import GraphError
from hlsgen.graph.ir import Graph, Values, Wire

# Samples evaluated at a time: activations of a wide layer then stay in the processor's cache. Of
# images, whose layers hold many beats each, so many words.
BLOCK = 512
_WORDS = 2_500_000


def run(
    graph: Graph,
    feeds: Mapping[str, Values],
    want: Collection[str] | None = None,
    *,
    block: int | None = None,
) -> dict[str, Values]:
    """Values of the nodes `want` (default: the outputs) for every sample.

    Args:
        graph: a checked graph.
        feeds: for each input node int64 [batch, beats, lanes], or all beats of a frame as one:
            [batch, beats * lanes] or [batch, 1, beats * lanes].
        want: names of the nodes whose values are returned.
        block: samples evaluated at a time; by default what `block_of` says.

    Raises:
        GraphError: a feed is missing, or has the wrong shape or a value out of range.
    """
    wanted = tuple(graph.outputs if want is None else want)
    block = block or block_of(graph)
    samples = {
        node.name: _feed(node.name, graph.wires[node.name], feeds.get(node.name))
        for node in graph.feeds()
    }
    if len({len(value) for value in samples.values()}) != 1:
        raise GraphError(f"graph {graph.name!r}: feeds must hold equally many samples")
    batch = len(next(iter(samples.values())))
    parts: dict[str, list[Values]] = {name: [] for name in wanted}
    with _threads().limit(limits=1, user_api="blas"):
        for start in range(0, max(batch, 1), block):
            piece = {name: value[start : start + block] for name, value in samples.items()}
            values = _run_block(graph, piece, wanted)
            for name in wanted:
                parts[name].append(values[name])
    return {name: np.concatenate(part) for name, part in parts.items()}


def block_of(graph: Graph) -> int:
    """How many samples are best evaluated at a time."""
    if max(wire.beats for wire in graph.wires.values()) == 1:
        return BLOCK
    words = sum(wire.lanes * wire.beats for wire in graph.wires.values())
    return max(1, min(BLOCK, _WORDS // words))


@cache
def _threads() -> ThreadpoolController:
    """What tells numpy's products how many threads to use.

    More than one wait for each other actively: beside other work they take ten times as long.
    """
    return ThreadpoolController()


def _run_block(graph: Graph, feeds: dict[str, Values], want: tuple[str, ...]) -> dict[str, Values]:
    """One block of samples; a value is dropped after its last use unless it is wanted."""
    last_use = {name: node.name for node in graph.nodes for name in node.inputs}
    values: dict[str, Values] = {}
    for node in graph.nodes:
        if node.inputs:
            values[node.name] = node.op.eval(*(values[name] for name in node.inputs))
        else:
            values[node.name] = node.op.eval(feeds[node.name])
        for name in set(node.inputs):
            if last_use[name] == node.name and name not in want:
                del values[name]
    return values


def _feed(name: str, wire: Wire, value: Values | None) -> Values:
    if value is None:
        raise GraphError(f"no samples for input {name!r}")
    value = np.asarray(value)
    shape = (wire.beats, wire.lanes)
    if value.ndim in (2, 3) and value.shape[1:] in (
        (wire.beats * wire.lanes,),
        (1, wire.beats * wire.lanes),
    ):
        value = value.reshape(-1, *shape)
    if value.ndim != 3 or value.shape[1:] != shape or value.dtype.kind not in "iub":
        raise GraphError(
            f"input {name!r} is {value.dtype} {list(value.shape)},"
            f" must be integers [batch, {shape[0]}, {shape[1]}]"
        )
    value = value.astype(np.int64, copy=False)
    if value.size and (value.min() < wire.lo or value.max() > wire.hi):
        raise GraphError(
            f"input {name!r} has values from {value.min()} to {value.max()},"
            f" allowed are {wire.lo} to {wire.hi}"
        )
    return value


def random_feeds(graph: Graph, batch: int, rng: np.random.Generator) -> dict[str, Values]:
    """Uniform random samples for every input of `graph`."""
    return {
        node.name: rng.integers(wire.lo, wire.hi + 1, (batch, wire.beats, wire.lanes), np.int64)
        for node in graph.feeds()
        for wire in (graph.wires[node.name],)
    }
