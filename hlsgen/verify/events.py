"""What a core with engines must show, beat by beat in exact clocks.

Such a core takes many clocks for a frame, and most of its wires wait in most of them: only the
clocks in which something is there are compared, and in all of them every `valid`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hlsgen.emit import signals_of, valids_of
from hlsgen.graph.ir import Graph, Wire
from hlsgen.graph.ops import Tiled
from hlsgen.graph.schedule import Clocks, arrivals, starts
from hlsgen.verify.bits import Packed, pack, unpack


@dataclass(frozen=True)
class Watched:
    """A signal of the core, and what it must be in some clocks.

    Args:
        label: for messages: the node, or what of it.
        signal: a path of Verilog below the core.
        wire: what it carries.
        clocks: int64 [rows], ascending, in which it is compared.
        expect: uint8 [rows, bytes].
    """

    label: str
    signal: str
    wire: Wire
    clocks: Clocks
    expect: Packed


@dataclass(frozen=True)
class Events:
    """The beats that enter, and all that follows.

    Args:
        beats: uint8 [beats, bytes], what is offered.
        offered, entering: int64 [beats], the clocks in which each beat is first offered and taken.
        valids: names of signals of one bit, `ready` first.
        expect, mask: uint8 [clocks, bytes] of the valids.
        watched: everything else.
    """

    beats: Packed
    offered: Clocks
    entering: Clocks
    valids: tuple[str, ...]
    expect: Packed
    mask: Packed
    watched: tuple[Watched, ...]

    @property
    def compared(self) -> int:
        """Bits."""
        rest = sum(len(each.clocks) * each.wire.width_bits for each in self.watched)
        return int(np.bitwise_count(self.mask).sum()) + rest

    def vectors(self) -> dict[str, Any]:
        """The arrays that the bench reads."""
        arrays: dict[str, Any] = {
            "events_beats": self.beats,
            "events_offered": self.offered,
            "events_entering": self.entering,
            "events_expect": self.expect,
            "events_mask": self.mask,
            "events_watched": len(self.watched),
        }
        for i, each in enumerate(self.watched):
            arrays[f"events_clocks_{i}"] = each.clocks
            arrays[f"events_expect_{i}"] = each.expect
        return arrays

    def wrong(self, folder: Path) -> Iterator[tuple[str, int, int, str]]:
        """Each lane that differs in what the bench kept: label, lane, clock, what was there.

        Of the valids the lane is 0.
        """
        path = folder / "sim" / "got_core.npz"
        if not path.is_file():
            return
        with np.load(path) as got:
            seen = unpack((got["valids"] ^ self.expect) & self.mask, len(self.valids))
            for i, name in enumerate(self.valids):
                for clock in np.flatnonzero(seen[:, i])[:1].tolist():
                    yield name, 0, clock, "it is the other way round"
            for i, each in enumerate(self.watched):
                yield from _wrong_lanes(each, got[f"watched_{i}"])


def _wrong_lanes(each: Watched, got: Packed) -> Iterator[tuple[str, int, int, str]]:
    if np.array_equal(got, each.expect):
        return
    seen, wanted = (
        unpack(rows, each.wire.width_bits).reshape(len(rows), each.wire.lanes, -1)
        for rows in (got, each.expect)
    )
    wrong = (seen != wanted).any(axis=2)
    for lane in np.flatnonzero(wrong.any(axis=0)).tolist():
        row = int(np.argmax(wrong[:, lane]))
        shown = (_number(bits[row, lane], each.wire) for bits in (wanted, seen))
        yield each.label, lane, int(each.clocks[row]), "expected {}, got {}".format(*shown)


def _number(bits: NDArray[np.uint8], wire: Wire) -> int:
    value = sum(int(bit) << i for i, bit in enumerate(bits))
    return value - (int(bits[-1]) << len(bits) if wire.signed else 0)


def events(graph: Graph, data: Mapping[str, Packed], offers: Clocks) -> Events:
    """What the core of `graph` shows while beats are offered from the clocks `offers` on.

    Args:
        graph: with operators that wait.
        data: the output bits of every node, a row for each beat of each sample.
        offers: int64 [frames, beats], ascending.
    """
    clocks = arrivals(graph, offers)
    entering = starts(graph, offers)[""].ravel()
    offered = np.maximum(offers.ravel(), np.concatenate([[0], entering[:-1] + 1]))
    valids = {unit: clocks[name].ravel() for unit, name in valids_of(graph).items()}
    valids["out"] = clocks[graph.outputs[0]].ravel()
    length = 2 + max(int(found[-1, -1]) for found in clocks.values())
    expect, mask = np.zeros((2, length, len(valids) + 1), dtype=np.uint8)
    for i, found in enumerate(valids.values()):
        expect[found, i + 1] = 1
    mask[:, 1:] = 1
    # Whether it is ready shows while a beat is offered.
    expect[entering, 0] = 1
    for first, last in zip(offered.tolist(), entering.tolist(), strict=True):
        mask[first : last + 1, 0] = 1
    feeds = [(node.name, graph.wires[node.name]) for node in graph.feeds()]
    beats = [unpack(data[name], wire.width_bits) for name, wire in feeds]
    signals = signals_of(graph)
    watched = [
        Watched(name, signals[name], graph.wires[name], found.ravel(), data[name])
        for name, found in clocks.items()
        if graph.by_name[name].inputs
    ]
    return Events(
        pack(np.concatenate(beats, axis=1)),
        offered,
        entering,
        ("ready", *(f"v_{unit}" for unit in valids_of(graph)), "valid_out"),
        pack(expect),
        pack(mask),
        (*watched, *_answers(graph, data, clocks), *_constants(graph, starts(graph, offers))),
    )


def _answers(
    graph: Graph, data: Mapping[str, Packed], clocks: Mapping[str, Clocks]
) -> Iterator[Watched]:
    lsb = 0
    for name in graph.outputs:
        wire = graph.wires[name]
        signal = f"y[{lsb + wire.width_bits - 1}:{lsb}]"
        yield Watched(f"output {name}", signal, wire, clocks[name].ravel(), data[name])
        lsb += wire.width_bits


def _constants(graph: Graph, started: Mapping[str, Clocks]) -> Iterator[Watched]:
    """Every word of the engines' memories, in the clocks in which the first beat needs it."""
    for node in graph.nodes:
        op = node.op
        if not isinstance(op, Tiled):
            continue
        (x,), begin = graph.inputs_of(node), int(started[node.name].flat[0])
        (words, bits), (rows, level_bits) = op.memories(x)
        tiles = begin + 1 + np.arange(words)
        yield Watched(
            f"weights of {node.name}", f"i_{node.name}.weight", Wire(bits, 0, 1), tiles,
            _packed(op.weight_words(), bits),
        )  # fmt: skip
        # They come with the sum of the last columns.
        last = begin + op.depth + 1 + (1 + np.arange(rows)) * op.tiles[1]
        yield Watched(
            f"thresholds of {node.name}", f"i_{node.name}.level", Wire(level_bits, 0, 1), last,
            _packed(op.level_words(x), level_bits),
        )  # fmt: skip


def _packed(words: Iterator[int], bits: int) -> Packed:
    size = -(-bits // 8)
    raw = b"".join(word.to_bytes(size, "little") for word in words)
    return np.frombuffer(raw, dtype=np.uint8).reshape(-1, size)


def steady(frames: int, beats: int, rng: np.random.Generator, bubbles: float) -> Clocks:
    """Clocks from which beats are offered: the first half of the frames with gaps, then none."""
    gaps = rng.geometric(1 - bubbles, (frames, beats))
    gaps[frames // 2 :] = 1
    return np.asarray(np.cumsum(gaps).reshape(frames, beats) - 1)
