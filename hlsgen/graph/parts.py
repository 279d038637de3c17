"""A graph with streaming operators, cut into parts that have none.

A part is what stands between streaming operators: a graph of its own whose inputs all follow one
stream, so a pipeline that takes a beat a clock and needs no state. Everything that works on such
graphs (passes, emission, proofs) works on each part by itself; beats are its samples.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hlsgen.graph.interp import run
from hlsgen.graph.ir import Graph, Node, Values
from hlsgen.graph.ops import Port

# Of the samples of a graph that streams so many are looked at, in blocks, and about so many beats
# of them before each part.
_SAMPLES, _BLOCK, _BEATS = 512, 32, 10_000


@dataclass(frozen=True)
class Part:
    """One part, and where it stands.

    Args:
        graph: the part; its inputs are called as the nodes of the whole graph that they follow.
        source: the streaming node whose beats it takes; empty for those of the inputs.
    """

    graph: Graph
    source: str


def streams(graph: Graph) -> bool:
    """Whether the graph has streaming operators, or takes or gives more than one beat."""
    return any(node.op.streams for node in graph.nodes) or any(
        graph.wires[node.name].beats > 1 for node in graph.feeds()
    )


def split(graph: Graph) -> tuple[Part, ...]:
    """The parts in the order of their streams; a graph that does not stream is its only part.

    Part i is called as the graph, with `_p<i>` behind it. Its outputs are the nodes that streaming
    operators read, or that leave the graph; nodes without such are left out. Between two streaming
    operators there may be no part.
    """
    if not streams(graph):
        return (Part(graph, ""),)
    leaving = set(graph.outputs)
    leaving |= {name for node in graph.nodes if node.op.streams for name in node.inputs}
    members: dict[str, list[Node]] = {}
    for node in graph.nodes:
        if node.inputs and not node.op.streams:
            members.setdefault(graph.stream[node.name], []).append(node)
    found: list[Part] = []
    for source, nodes in members.items():
        inside = {node.name for node in nodes}
        outputs = tuple(node.name for node in nodes if node.name in leaving)
        if not outputs:
            continue
        read = dict.fromkeys(name for node in nodes for name in node.inputs if name not in inside)
        ports = tuple(_port(graph, name) for name in read)
        name = f"{graph.name}_p{len(found)}"
        found.append(Part(Graph(name, (*ports, *nodes), outputs), source))
    return tuple(found)


def _port(graph: Graph, name: str) -> Node:
    wire = graph.wires[name]
    return Node(name, Port(wire.lanes, wire.lo, wire.hi))


def join(graph: Graph, parts: Mapping[str, Graph]) -> Graph:
    """`graph` with what `parts` have in place of its own parts, by their names.

    A part keeps its inputs; its outputs may have other names than before, in the same order.
    """
    if not streams(graph):
        return parts[graph.name]
    renamed: dict[str, str] = {}
    inner: dict[str, tuple[Node, ...]] = {}
    for part in split(graph):
        made = parts[part.graph.name]
        renamed |= dict(zip(part.graph.outputs, made.outputs, strict=True))
        inner[part.source] = tuple(node for node in made.nodes if node.inputs)
    nodes: list[Node] = [node for node in graph.nodes if not node.inputs]
    nodes += inner.pop("", ())
    for node in graph.nodes:
        if node.op.streams:
            inputs = tuple(renamed.get(name, name) for name in node.inputs)
            nodes += [dataclasses.replace(node, inputs=inputs), *inner.pop(node.name, ())]
    outputs = tuple(renamed.get(name, name) for name in graph.outputs)
    return dataclasses.replace(graph, nodes=tuple(nodes), outputs=outputs)


def feeds_of(
    graph: Graph, parts: Sequence[Part], feeds: Mapping[str, Values]
) -> Iterator[dict[str, Values]]:
    """For each part what comes to its inputs when `feeds` run through the whole graph.

    Of a graph that streams, beats become samples: int64 [samples, 1, lanes], every so many of them
    that they are not too many, from all places of a frame.
    """
    if not streams(graph):
        yield dict(feeds)
        return
    wanted = {node.name for part in parts for node in part.graph.feeds()}
    samples = len(next(iter(feeds.values())))
    kept: dict[str, list[Values]] = {name: [] for name in wanted}
    for start in range(0, min(samples, _SAMPLES), _BLOCK):
        piece = {name: value[start : start + _BLOCK] for name, value in feeds.items()}
        for name, value in run(graph, piece, wanted).items():
            beats = value.shape[1]
            # No factor in common: no place of a frame is left out.
            steps = itertools.count(-(-beats * min(samples, _SAMPLES) // _BEATS))
            step = next(step for step in steps if math.gcd(step, beats) == 1)
            flat = value.reshape(-1, 1, value.shape[-1])
            kept[name].append(flat[-start * beats % step :: step])
    for part in parts:
        names = [node.name for node in part.graph.feeds()]
        yield {name: np.concatenate(kept[name]) for name in names}
