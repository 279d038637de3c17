"""Optimisation: functions from graph to graph that keep what the graph computes."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from hlsgen.errors import GraphError
from hlsgen.graph.fabric import Fabric
from hlsgen.graph.interp import random_feeds, run
from hlsgen.graph.ir import Area, Graph, Values
from hlsgen.graph.ops import Lut
from hlsgen.graph.parts import feeds_of, join, split
from hlsgen.graph.rules import check
from hlsgen.passes.care import use_care
from hlsgen.passes.cluster import absorb
from hlsgen.passes.complement import complement
from hlsgen.passes.dead import dead
from hlsgen.passes.dedup import dedup
from hlsgen.passes.estimate import PARTS, Size, parts, size
from hlsgen.passes.head import relative, split_head
from hlsgen.passes.pipeline import fmax_mhz, pipeline, slowest
from hlsgen.passes.record import Record, Step
from hlsgen.passes.resynth import Mapper, resynthesise
from hlsgen.passes.simplify import simplify

log = logging.getLogger(__name__)

Pass = Callable[[Graph], Graph]

REDUCE: tuple[Pass, ...] = (simplify, complement, relative, dedup, dead)
_ROUNDS = 16
_RANDOM_SAMPLES = 256

__all__ = [
    "PARTS",
    "REDUCE",
    "Mapper",
    "Pass",
    "Record",
    "Size",
    "Step",
    "absorb",
    "complement",
    "dead",
    "dedup",
    "fmax_mhz",
    "opt",
    "parts",
    "pipeline",
    "relative",
    "resynthesise",
    "simplify",
    "size",
    "split_head",
    "use_care",
]


def opt(
    graph: Graph,
    fabric: Fabric,
    clock_mhz: float,
    samples: Mapping[str, Values] | None = None,
    *,
    mapper: Mapper | None = None,
    record: Record | None = None,
) -> Graph:
    """The smallest graph these passes reach, pipelined for `clock_mhz` on `fabric`.

    Where operators stream, each part between them is done by itself; they stay as they are. After
    every pass the graph is checked, and run against the graph before it on random inputs
    and on `samples` (feeds as for `run`).

    Args:
        graph: the exported graph.
        fabric: the family that the result is made of.
        clock_mhz: the clock that registers are placed for.
        samples: real inputs for the checks.
        mapper: maps networks of tables anew (see `resynthesise`); None leaves that out.
        record: gets every step, and warnings: of a clock that the estimate does not reach, of
            networks that could not be mapped.

    Raises:
        GraphError: a pass broke a rule or changed a value, or the passes do not settle.
    """
    record, parts = record or Record(), split(graph)
    feeds = [None] * len(parts) if samples is None else feeds_of(graph, parts, samples)
    made = {
        part.graph.name: _opt(part.graph, fabric, clock_mhz, feed, mapper, record)
        for part, feed in zip(parts, feeds, strict=True)
    }
    return check(join(graph, made))


def _opt(
    graph: Graph,
    fabric: Fabric,
    clock_mhz: float,
    samples: Mapping[str, Values] | None,
    mapper: Mapper | None,
    record: Record,
) -> Graph:
    """The same for a graph without streaming operators."""
    work = _Work(graph, fabric, clock_mhz, samples, record)
    graph = work.repeat((use_care, absorb(fabric)), graph)
    if mapper is not None:
        graph = work.apply(resynthesise(fabric, mapper, work.warn), graph)
        graph = work.repeat((use_care, absorb(fabric)), graph)
    graph = work.apply(split_head(fabric, clock_mhz), graph)
    final = work.apply(pipeline(fabric, clock_mhz), graph)
    _warn_if_too_slow(final, fabric, clock_mhz, work.warn)
    return final


class _Work:
    """Applies passes, and sees that what the graph computes stays."""

    def __init__(
        self,
        graph: Graph,
        fabric: Fabric,
        clock_mhz: float,
        samples: Mapping[str, Values] | None,
        record: Record,
    ) -> None:
        self._fabric, self._clock_mhz, self._record = fabric, clock_mhz, record
        self._feeds = [random_feeds(graph, _RANDOM_SAMPLES, np.random.default_rng(0))]
        if samples is not None:
            self._feeds.append(dict(samples))
        self._expected = [_outputs(graph, feed) for feed in self._feeds]
        self._known = "", Size(Area(), 0, 0)

    def apply(self, change: Pass, before: Graph) -> Graph:
        """The graph after one pass, checked."""
        start = time.perf_counter()
        after = check(change(before))
        name, spent = getattr(change, "__name__", "pass"), time.perf_counter() - start
        if after.digest == before.digest:
            return after
        for feed, values in zip(self._feeds, self._expected, strict=True):
            for got, wanted in zip(_outputs(after, feed), values, strict=True):
                if (got != wanted).any():
                    bad = int((got != wanted).any(axis=(1, 2)).sum())
                    raise GraphError(
                        f"graph {before.name!r}: pass {name} changed {bad} of {len(got)} outputs;"
                        " this is a bug in hlsgen, please report it"
                    )
        changed = len({node.name for node in set(before.nodes) ^ set(after.nodes)})
        log.info("%s (nodes changed: %d): %s -> %s", name, changed, _size(before), _size(after))
        self._record.steps.append(Step(name, self._size(before), self._size(after), spent))
        return after

    def _size(self, graph: Graph) -> Size:
        """The size of a graph, known where it is what the last pass made."""
        if self._known[0] != graph.digest:
            found = size(graph, self._fabric, self._clock_mhz, quick=True)
            self._known = graph.digest, found
        return self._known[1]

    def repeat(self, changes: Sequence[Pass], graph: Graph) -> Graph:
        """The graph after rounds of `REDUCE`, then of `changes`, until none changes it."""
        for _ in range(_ROUNDS):
            graph = before = self._settled(graph)
            for change in changes:
                graph = self._settled(self.apply(change, graph))
            if graph.digest == before.digest:
                return graph
        raise self._restless(graph)

    def _settled(self, graph: Graph) -> Graph:
        """The graph after rounds of `REDUCE` until none changes it."""
        for _ in range(_ROUNDS):
            before = graph
            for change in REDUCE:
                graph = self.apply(change, graph)
            if graph.digest == before.digest:
                return graph
        raise self._restless(graph)

    def _restless(self, graph: Graph) -> GraphError:
        return GraphError(f"graph {graph.name!r}: passes still change it after {_ROUNDS} rounds")

    def warn(self, text: str) -> None:
        """Log a warning and keep it."""
        log.warning("%s", text)
        self._record.warnings.append(text)


def _warn_if_too_slow(
    graph: Graph, fabric: Fabric, clock_mhz: float, warn: Callable[[str], None]
) -> None:
    """Registers stand between nodes only: one slow node bounds the clock."""
    reached_mhz = fmax_mhz(graph, fabric)
    if reached_mhz < clock_mhz:
        name, delay_ns = slowest(graph, fabric)
        warn(
            f"the clock of {clock_mhz:g} MHz may not be reached: the estimate is"
            f" {reached_mhz:.1f} MHz; the slowest node, {name}, takes an estimated"
            f" {delay_ns:.2f} ns of a period of {1000.0 / clock_mhz:.2f} ns, and no register can"
            f" cut it: ask for {math.floor(10 * reached_mhz) / 10:g} MHz or less"
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
