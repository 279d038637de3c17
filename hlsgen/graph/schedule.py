"""When each beat is where: the exact clocks of a graph whose operators stream.

Where nothing waits, the clock of every beat follows from that in which it enters. An operator that
waits begins with a beat when it has one, is done with the one before, and finds a place for what
it makes: the latest of these clocks, so all follow one from the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hlsgen.errors import GraphError
from hlsgen.graph.ir import Graph
from hlsgen.graph.ops import Waiting
from hlsgen.graph.segments import Exit, exits, waits, ways

Clocks = NDArray[np.int64]  # [..., beats]

# Frames that follow each other without a gap find their pace once all FIFOs are as full as they
# get. As many as the FIFOs hold and these are let through, and then so many are looked at.
_WARM, _FRAMES = 3, 4


@dataclass(frozen=True)
class Pace:
    """Clocks of frames that enter as fast as they are taken.

    Args:
        latency: from the clock in which the first beat of the first one enters to that in which
            its last answer beat leaves the core.
        interval: from one frame to the next, at most: frames may alternate between a few intervals
            where a FIFO is too shallow for the slowest operator.
        inside: frames that are on their way at once, at most.
    """

    latency: int
    interval: int
    inside: int = field(default=1, compare=False)


def arrivals(graph: Graph, entering: Clocks) -> dict[str, Clocks]:
    """The clocks in which the beats of each node's output are there.

    Args:
        graph: a checked graph, pipelined.
        entering: for each beat of the inputs the clock from which on it is offered, ascending;
            any number of frames before that axis. Where nothing waits it enters then.
    """
    started = starts(graph, entering)
    return {
        name: started[way.head][..., way.beats] + way.delay for name, way in ways(graph).items()
    }


def starts(graph: Graph, entering: Clocks) -> dict[str, Clocks]:
    """The clocks in which beats enter each segment: by its head, that of the inputs empty."""
    if not waits(graph):
        return {"": entering}
    lines = _lines(graph, entering)
    while not all(line.done for line in lines.values()):
        moved = [_go_on(line) for line in lines.values()]
        if not any(moved):
            stuck = next(line for line in lines.values() if not line.done)
            raise GraphError(
                f"graph {graph.name!r}: beat {len(stuck.clocks)} of {stuck.name or 'the inputs'}"
                " can never enter: a FIFO has too few places"
            )
    shape = entering.shape[:-1]
    return {
        name: np.array(line.clocks, dtype=np.int64).reshape(*shape, -1)
        for name, line in lines.items()
    }


@dataclass
class _Line:
    """The beats of one segment, in order over all frames.

    Args:
        name: of the operator that it begins with; empty for the inputs.
        busy: clocks that a beat takes there.
        count: beats of all frames.
        offered: the clock from which on each beat is there; of the inputs only.
        after: what each beat waits for. For each FIFO in front the clocks of the segment that fills
            it, and for each one behind those of the segment that reads it; which of these beats (or
            -1 for none), and how many clocks later this one may enter.
        clocks: in which beats enter, as far as they are known.
    """

    name: str
    busy: int
    count: int
    offered: list[int] = field(default_factory=list)
    after: list[tuple[list[int], list[int], int]] = field(default_factory=list)
    clocks: list[int] = field(default_factory=list)

    @property
    def done(self) -> bool:
        return len(self.clocks) == self.count


def _lines(graph: Graph, entering: Clocks) -> dict[str, _Line]:
    """The segments, none of whose beats has entered."""
    frames = entering.size // entering.shape[-1]
    lines = {"": _Line("", 1, entering.size, entering.ravel().tolist())}
    for node in graph.nodes:
        if isinstance(node.op, Waiting):
            beats = graph.wires[node.name].beats
            lines[node.name] = _Line(node.name, node.op.fold, frames * beats)
    for name, found in exits(graph).items():
        for each in found:
            _join(graph, lines[name], each, lines[each.reader], frames)
    return lines


def _join(graph: Graph, line: _Line, each: Exit, reader: _Line, frames: int) -> None:
    """Let the segments on both sides of a FIFO wait for each other."""
    op, wire = graph.by_name[each.reader].op, graph.wires[each.node]
    assert isinstance(op, Waiting)
    filled = _over(frames, each.way.beats, line.count // frames)
    needs = _over(frames, op.needs(wire), wire.beats)
    # The FIFO shows a beat in the clock after the one in which it comes.
    reader.after.append((line.clocks, filled[needs].tolist(), each.way.delay + 1))
    # The beat with which each of the FIFO's leaves it; its place is free behind that one's work.
    leaves = _over(frames, np.flatnonzero(op.takes(wire)), reader.count // frames)
    frees = np.full(line.count, -1)
    frees[filled[each.places :]] = leaves[: len(filled[each.places :])]
    line.after.append((reader.clocks, frees.tolist(), reader.busy))


def _over(frames: int, beats: NDArray[np.int64], step: int) -> NDArray[np.int64]:
    """Numbers of beats in one frame, `step` more in each further one."""
    return np.asarray((np.arange(frames)[:, None] * step + beats).ravel())


def _go_on(line: _Line) -> bool:
    """Find clocks of more beats, as far as what they wait for is known; whether one was found."""
    clocks, after, busy = line.clocks, line.after, line.busy
    before = n = len(clocks)
    last = clocks[-1] if clocks else -busy
    while n < line.count:
        clock = last + busy
        if line.offered and line.offered[n] > clock:
            clock = line.offered[n]
        for known, beats, delay in after:
            beat = beats[n]
            if beat < 0:
                continue
            if beat >= len(known):
                return n > before
            clock = max(clock, known[beat] + delay)
        clocks.append(clock)
        last, n = clock, n + 1
    return n > before


def _held(graph: Graph) -> int:
    """Frames that all FIFOs, and the operators behind them, hold at most."""
    held = (
        (each.places + 1) / len(each.way.beats) for found in exits(graph).values() for each in found
    )
    return math.ceil(sum(held))


def pace(graph: Graph) -> Pace:
    """Latency and interval of frames that follow each other without a gap."""
    beats = max(graph.wires[node.name].beats for node in graph.feeds())
    warm = _held(graph) + _WARM if waits(graph) else 0
    offered = np.arange((warm + _FRAMES if warm else 2) * beats, dtype=np.int64)
    started = starts(graph, offered.reshape(-1, beats))
    way = ways(graph)
    entered = started[""][:, 0]
    left = np.max(
        [
            started[way[name].head][:, way[name].beats[-1]] + way[name].delay
            for name in graph.outputs
        ],
        axis=0,
    )
    latency, interval = int(left[0] - entered[0]), int(np.diff(left[warm:]).max())
    inside = [int((entered <= clock).sum()) - i for i, clock in enumerate(left.tolist())]
    return Pace(latency, interval, max(latency // interval + 1, *inside))
