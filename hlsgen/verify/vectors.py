"""What the bench drives and what it must see, computed by the interpreter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hlsgen.emit import framing, valids_of
from hlsgen.graph.interp import run
from hlsgen.graph.ir import Graph, Node, Rows, Values, Wire
from hlsgen.graph.schedule import arrivals
from hlsgen.verify.bits import Bits, Field, Packed, from_bits, layout, pack, to_bits, unpack

# Share of clocks in which no frame enters the core.
_BUBBLES = 0.25
# Rows made at a time, and int64 words that a run over all nodes may hold: bounds of the memory.
_ROWS = 128
_WORDS = 8_000_000

Clocks = NDArray[np.int64]
_Block = tuple[Sequence[np.ndarray], Sequence[np.ndarray], Sequence[np.ndarray]]


@dataclass(frozen=True)
class Check:
    """Rows of packed bits to drive and to expect; where `mask` is 0 anything may appear.

    A row is driven, the outputs settle and are compared, then the clock rises.
    """

    drive: Packed
    expect: Packed
    mask: Packed
    inputs: tuple[Field, ...]
    fields: tuple[Field, ...]


def nodes_check(graph: Graph, data: Mapping[str, Packed], rng: np.random.Generator) -> Check:
    """Every node on its own: its operator's stimuli, then its inputs on real samples.

    Args:
        graph: what the hardware must compute.
        data: the output bits of every node on the samples.
        rng: for the random stimuli.

    Returns:
        The check: its inputs are called `<node>:<input>`, its fields are the nodes' outputs.
    """
    nodes = [node for node in graph.nodes if node.inputs and not node.op.streams]
    stimuli = {node.name: _stimuli(graph, node, data, rng) for node in nodes}
    longest = max(len(values[0]) for values in stimuli.values())

    def block(rows: Clocks) -> _Block:
        drive: list[Bits] = []
        expect, mask = [], []
        for node in nodes:
            inputs, count = stimuli[node.name], len(stimuli[node.name][0])
            wires, wire = graph.inputs_of(node), graph.wires[node.name]
            drive += [to_bits(x[rows % count], w) for x, w in zip(inputs, wires, strict=True)]
            shown = rows - node.op.latency
            seen = np.maximum(shown, 0) % count
            answer = node.op.eval(*(values[seen].astype(np.int64) for values in inputs))
            expect.append(to_bits(answer, wire))
            mask.append(np.broadcast_to((shown >= 0)[:, None], expect[-1].shape))
        return drive, expect, mask

    inputs = [
        (f"{node.name}:{i}", wire) for node in nodes for i, wire in enumerate(graph.inputs_of(node))
    ]
    outputs = [(node.name, graph.wires[node.name]) for node in nodes]
    rows = longest + max(node.op.latency for node in nodes)
    return Check(*_packed(rows, block), layout(inputs), layout(outputs))


def core_check(graph: Graph, data: Mapping[str, Packed], rng: np.random.Generator) -> Check:
    """Samples through the core with random bubbles, every node's probe compared.

    The drive is valid_in (bit 0) and a beat; expected are all nodes, where the graph streams the
    valid of each unit, the answer and valid_out: each in exactly the clocks that `arrivals` tells.
    """
    feeds = [(node.name, graph.wires[node.name]) for node in graph.feeds()]
    entering = _with_bubbles(len(data[feeds[0][0]]), rng)
    clocks = arrivals(graph, entering.reshape(-1, feeds[0][1].beats))
    # At the end the pipeline drains.
    length = 2 + max(int(found[-1, -1]) for found in clocks.values())
    shown = {name: _shown(found, length) for name, found in clocks.items()}
    driven = _shown(entering, length)
    answers = [(f"output {name}", name) for name in graph.outputs]
    probes = [(node.name, node.name) for node in graph.nodes]
    valids = [(f"valid {unit}", name) for unit, name in valids_of(graph).items()]

    def block(rows: Clocks) -> _Block:
        beat = np.maximum(driven[rows], 0)
        drive: list[np.ndarray] = [(driven[rows] >= 0)[:, None]]
        drive += [unpack(data[name][beat], wire.width_bits) for name, wire in feeds]
        expect: list[np.ndarray] = []
        mask: list[np.ndarray] = []
        for label, name in [*probes, *valids, *answers, ("valid_out", graph.outputs[0])]:
            inside = shown[name][rows]
            if label.startswith("valid"):
                expect.append((inside >= 0)[:, None])
                mask.append(np.ones_like(expect[-1]))
                continue
            width = graph.wires[name].width_bits
            expect.append(unpack(data[name][np.maximum(inside, 0)], width))
            mask.append(np.broadcast_to((inside >= 0)[:, None], expect[-1].shape))
        return drive, expect, mask

    valid = Wire(1, 0, 1)
    fields = [(label, graph.wires[name]) for label, name in probes]
    fields += [(label, valid) for label, _ in valids]
    fields += [(label, graph.wires[name]) for label, name in answers]
    return Check(
        *_packed(length, block),
        layout([("valid_in", valid), *feeds]),
        layout([*fields, ("valid_out", valid)]),
    )


def beats(graph: Graph, data: Mapping[str, Packed], width: int) -> tuple[Bits, Bits]:
    """Input beats and expected answer beats [frames * beats, width] of the shell."""
    frame = framing(graph, width)
    entering, leaving = (
        _join([unpack(data[name], graph.wires[name].width_bits) for name in names])
        for names in ([node.name for node in graph.feeds()], graph.outputs)
    )
    slots = np.zeros((len(entering), frame.slot), dtype=np.uint8)
    slots[:, : frame.in_bits] = entering
    whole = slots.reshape(-1, frame.frame_beats * frame.slot)
    return _cut(whole, frame.in_beats, width), _cut(leaving, frame.out_beats, width)


def bits_of(graph: Graph, feeds: Mapping[str, Values]) -> dict[str, Packed]:
    """The output bits of every node on the samples: a row for each beat of each sample."""
    words = sum(wire.lanes * wire.beats for wire in graph.wires.values())
    step = max(_ROWS if words * _ROWS <= _WORDS else 1, _WORDS // words)
    parts: dict[str, list[Packed]] = {node.name: [] for node in graph.nodes}
    for start in range(0, len(next(iter(feeds.values()))), step):
        piece = {name: value[start : start + step] for name, value in feeds.items()}
        values = run(graph, piece, want=parts)
        for name, part in parts.items():
            wire = graph.wires[name]
            part.append(pack(to_bits(values.pop(name).reshape(-1, 1, wire.lanes), wire)))
    return {name: np.concatenate(part) for name, part in parts.items()}


def _stimuli(
    graph: Graph, node: Node, data: Mapping[str, Packed], rng: np.random.Generator
) -> tuple[Rows, ...]:
    """Rows for each input of the node: its operator's, then the samples'."""
    inputs = []
    wires = graph.inputs_of(node)
    for made, name, wire in zip(node.op.stimuli(rng, *wires), node.inputs, wires, strict=True):
        real = from_bits(unpack(data[name], wire.width_bits), wire)[:, None, :]
        inputs.append(np.concatenate([made, real.astype(made.dtype)]))
    return tuple(inputs)


def _packed(rows: int, block: Callable[[Clocks], _Block]) -> tuple[Packed, Packed, Packed]:
    """What to drive, expect and compare in `rows` clocks, made a few at a time."""
    blocks = []
    for start in range(0, rows, _ROWS):
        made = block(np.arange(start, min(start + _ROWS, rows)))
        blocks.append([pack(_join(bits)) for bits in made])
    drive, expect, mask = (np.concatenate(part) for part in zip(*blocks, strict=True))
    return drive, expect, mask


def _cut(bits: Bits, count: int, width: int) -> Bits:
    padded = np.zeros((len(bits), count * width), dtype=np.uint8)
    padded[:, : bits.shape[1]] = bits
    return padded.reshape(-1, width)


def _with_bubbles(beats: int, rng: np.random.Generator) -> Clocks:
    """The clocks in which so many beats enter, int64 [beats]."""
    return np.asarray(np.cumsum(rng.geometric(1 - _BUBBLES, beats)) - 1)


def _shown(clocks: Clocks, length: int) -> NDArray[np.int64]:
    """For each of so many clocks the beat that is there, counted over all frames, or -1."""
    shown = np.full(length, -1)
    shown[clocks.ravel()] = np.arange(clocks.size)
    return shown


def _join(parts: Sequence[np.ndarray]) -> Bits:
    return np.concatenate(parts, axis=1, dtype=np.uint8, casting="unsafe")
