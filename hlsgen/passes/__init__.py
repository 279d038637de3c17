"""Optimisation: functions from graph to graph that keep what the graph computes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import numpy as np

from hlsgen.errors import GraphError
from hlsgen.graph.fabric import Fabric
from hlsgen.graph.interp import random_feeds, run
from hlsgen.graph.ir import Graph, Values, check
from hlsgen.graph.ops import Lut
from hlsgen.passes.dead import dead
from hlsgen.passes.dedup import dedup
from hlsgen.passes.head import split_head
from hlsgen.passes.pipeline import fmax_mhz, pipeline
from hlsgen.passes.simplify import simplify

log = logging.getLogger(__name__)

Pass = Callable[[Graph], Graph]

REDUCE: tuple[Pass, ...] = (simplify, dedup, dead)
_ROUNDS = 16
_RANDOM_SAMPLES = 256

__all__ = [
    "REDUCE",
    "Pass",
    "dead",
    "dedup",
    "fmax_mhz",
    "opt",
    "pipeline",
    "simplify",
    "split_head",
]


def opt(
    graph: Graph,
    fabric: Fabric,
    clock_mhz: float,
    samples: Mapping[str, Values] | None = None,
) -> Graph:
    """The smallest graph these passes reach, pipelined for `clock_mhz` on `fabric`.

    After every pass the graph is checked, and run against the graph before it on random inputs
    and on `samples` (feeds as for `run`).

    Raises:
        GraphError: a pass broke a rule or changed a value, or the passes do not settle.
    """
    feeds = [random_feeds(graph, _RANDOM_SAMPLES, np.random.default_rng(0))]
    if samples is not None:
        feeds.append(dict(samples))
    expected = [_outputs(graph, feed) for feed in feeds]

    def apply(change: Pass, before: Graph) -> Graph:
        after = check(change(before))
        name = getattr(change, "__name__", "pass")
        for feed, values in zip(feeds, expected, strict=True):
            for got, wanted in zip(_outputs(after, feed), values, strict=True):
                if (got != wanted).any():
                    bad = int((got != wanted).any(axis=(1, 2)).sum())
                    raise GraphError(
                        f"graph {graph.name!r}: pass {name} changed {bad} of {len(got)} outputs;"
                        " this is a bug in hlsgen, please report it"
                    )
        if after.digest != before.digest:
            log.info("%s: %s -> %s", name, _size(before), _size(after))
        return after

    for _ in range(_ROUNDS):
        before = graph
        for change in REDUCE:
            graph = apply(change, graph)
        if graph.digest == before.digest:
            break
    else:
        raise GraphError(f"graph {graph.name!r}: passes still change it after {_ROUNDS} rounds")
    return apply(pipeline(fabric, clock_mhz), apply(split_head, graph))


def _outputs(graph: Graph, feeds: Mapping[str, Values]) -> list[Values]:
    values = run(graph, feeds)
    return [values[name] for name in graph.outputs]


def _size(graph: Graph) -> str:
    luts = sum(len(node.op.k) for node in graph.nodes if isinstance(node.op, Lut))
    return f"{luts} LUTs in {len(graph.nodes)} nodes, {graph.latency[graph.outputs[0]]} cycles"
