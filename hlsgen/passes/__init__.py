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
from hlsgen.passes.pipeline import fmax_mhz, pipeline, slowest
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
    and on `samples` (feeds as for `run`). A clock that the estimate does not reach is warned of.

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
            changed = len({node.name for node in set(before.nodes) ^ set(after.nodes)})
            log.info("%s (nodes changed: %d): %s -> %s", name, changed, _size(before), _size(after))
        return after

    for _ in range(_ROUNDS):
        before = graph
        for change in REDUCE:
            graph = apply(change, graph)
        if graph.digest == before.digest:
            break
    else:
        raise GraphError(f"graph {graph.name!r}: passes still change it after {_ROUNDS} rounds")
    final = apply(pipeline(fabric, clock_mhz), apply(split_head, graph))
    _warn_if_too_slow(final, fabric, clock_mhz)
    return final


def _warn_if_too_slow(graph: Graph, fabric: Fabric, clock_mhz: float) -> None:
    """Registers stand between nodes only: one slow node bounds the clock."""
    reached_mhz = fmax_mhz(graph, fabric)
    if reached_mhz < clock_mhz:
        name, delay_ns = slowest(graph, fabric)
        log.warning(
            "the clock of %g MHz may not be reached: the estimate is %.1f MHz; the slowest node,"
            " %s, takes an estimated %.2f ns of a period of %.2f ns, and no register can cut it",
            *(clock_mhz, reached_mhz, name, delay_ns, 1000.0 / clock_mhz),
        )


def _outputs(graph: Graph, feeds: Mapping[str, Values]) -> list[Values]:
    values = run(graph, feeds)
    return [values[name] for name in graph.outputs]


def _size(graph: Graph) -> str:
    layers = [node.op for node in graph.nodes if isinstance(node.op, Lut)]
    luts, pins = sum(len(layer.k) for layer in layers), sum(int(layer.k.sum()) for layer in layers)
    lanes = sum(wire.lanes for wire in graph.wires.values())
    cycles = graph.latency[graph.outputs[0]]
    return f"{luts:,} LUTs of {pins:,} inputs, {lanes:,} lanes, {cycles} cycles"
