"""What the bench drives and what it must see, computed by the interpreter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hlsgen.emit import framing
from hlsgen.graph.interp import run
from hlsgen.graph.ir import Graph, Node, Values, Wire
from hlsgen.verify.bits import Bits, Field, layout, to_bits

# Share of clocks in which no frame enters the core.
_BUBBLES = 0.25


@dataclass(frozen=True)
class Check:
    """Rows of bits to drive and to expect; where `mask` is 0 anything may appear.

    A row is driven, the outputs settle and are compared, then the clock rises.
    """

    drive: Bits
    expect: Bits
    mask: Bits
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class NodeVectors:
    """The stimuli of one node, and the row each row of the check shows."""

    node: Node
    inputs: tuple[Values, ...]
    shown: np.ndarray


def nodes_check(
    graph: Graph, data: Mapping[str, Values], rng: np.random.Generator
) -> tuple[Check, tuple[Field, ...], dict[str, NodeVectors]]:
    """Every node on its own: its operator's stimuli, then its inputs on real samples.

    Args:
        graph: what the hardware must compute.
        data: the value of every node on the samples.
        rng: for the random stimuli.

    Returns:
        The check (its fields are the nodes' outputs), the fields of the inputs, and the stimuli.
    """
    nodes = [node for node in graph.nodes if node.inputs]
    stimuli = {
        node.name: tuple(
            np.concatenate([made, data[name]])
            for made, name in zip(
                node.op.stimuli(rng, *graph.inputs_of(node)), node.inputs, strict=True
            )
        )
        for node in nodes
    }
    rows = max(len(values[0]) for values in stimuli.values()) + max(
        node.op.latency for node in nodes
    )
    drive, expect, mask, vectors = [], [], [], {}
    for node in nodes:
        wires = graph.inputs_of(node)
        order = np.arange(rows) % len(stimuli[node.name][0])
        inputs = tuple(values[order] for values in stimuli[node.name])
        drive += [to_bits(value, wire) for value, wire in zip(inputs, wires, strict=True)]
        shown = np.arange(rows) - node.op.latency
        expect.append(to_bits(node.op.eval(*inputs)[np.maximum(shown, 0)], graph.wires[node.name]))
        mask.append(np.broadcast_to((shown >= 0)[:, None], expect[-1].shape))
        vectors[node.name] = NodeVectors(node, inputs, np.maximum(shown, 0))
    inputs_layout = layout(
        [
            (f"{node.name}:{i}", wire)
            for node in nodes
            for i, wire in enumerate(graph.inputs_of(node))
        ]
    )
    outputs = layout([(node.name, graph.wires[node.name]) for node in nodes])
    check = Check(_join(drive), _join(expect), _join(mask), outputs)
    return check, inputs_layout, vectors


def core_check(graph: Graph, data: Mapping[str, Values], rng: np.random.Generator) -> Check:
    """Samples through the core with random bubbles, every node's probe compared.

    The drive is valid_in (bit 0) and the frame; expected are all nodes, the answer and valid_out.
    """
    samples = len(next(iter(data.values())))
    depth = graph.latency[graph.outputs[0]]
    # The sample that enters in each clock, -1 for none; at the end the pipeline drains.
    entering = np.concatenate([_with_bubbles(samples, rng), np.full(depth + 1, -1)])
    feeds = _join([to_bits(data[node.name], graph.wires[node.name]) for node in graph.feeds()])
    drive = _join([(entering >= 0)[:, None], feeds[np.maximum(entering, 0)]])
    expect, mask = [], []
    answers = [(f"output {name}", name) for name in graph.outputs]
    probes = [(node.name, node.name) for node in graph.nodes] + answers
    for _, name in probes:
        inside = _delayed(entering, graph.latency[name])
        expect.append(to_bits(data[name], graph.wires[name])[np.maximum(inside, 0)])
        mask.append(np.broadcast_to((inside >= 0)[:, None], expect[-1].shape))
    expect.append((_delayed(entering, depth) >= 0)[:, None].astype(np.uint8))
    mask.append(np.ones_like(expect[-1]))
    fields = [(label, graph.wires[name]) for label, name in probes]
    return Check(drive, _join(expect), _join(mask), layout([*fields, ("valid_out", Wire(1, 0, 1))]))


def beats(graph: Graph, data: Mapping[str, Values], width: int) -> tuple[Bits, Bits]:
    """Input beats and expected answer beats [frames * beats, width] of the samples."""
    frame = framing(graph, width)
    entering = _join([to_bits(data[node.name], graph.wires[node.name]) for node in graph.feeds()])
    leaving = _join([to_bits(data[name], graph.wires[name]) for name in graph.outputs])
    return _cut(entering, frame.in_beats, width), _cut(leaving, frame.out_beats, width)


def values_of(graph: Graph, feeds: Mapping[str, Values]) -> dict[str, Values]:
    """The value of every node on the samples."""
    return run(graph, feeds, want=[node.name for node in graph.nodes])


def _cut(bits: Bits, count: int, width: int) -> Bits:
    padded = np.zeros((len(bits), count * width), dtype=np.uint8)
    padded[:, : bits.shape[1]] = bits
    return padded.reshape(-1, width)


def _with_bubbles(samples: int, rng: np.random.Generator) -> np.ndarray:
    gaps = rng.geometric(1 - _BUBBLES, samples)
    entering = np.full(int(gaps.sum()), -1)
    entering[np.cumsum(gaps) - 1] = np.arange(samples)
    return entering


def _delayed(entering: np.ndarray, cycles: int) -> np.ndarray:
    return np.concatenate([np.full(cycles, -1), entering])[: len(entering)]


def _join(parts: list[np.ndarray]) -> Bits:
    return np.concatenate([part.astype(np.uint8) for part in parts], axis=1)
