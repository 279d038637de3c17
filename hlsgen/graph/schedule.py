"""When each beat is where: the exact clocks of a graph whose operators stream.

Where nothing waits, the clock of every beat follows from that in which it enters. An operator that
waits begins with a beat when it has one, is done with the one before, and finds a place for what
it makes: the latest of these clocks, so all follow one from the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hlsgen.errors import GraphError
from hlsgen.graph.ir import Graph
from hlsgen.graph.ops import Tiled
from hlsgen.graph.segments import exits, waits, ways

Clocks = NDArray[np.int64]  # [..., beats]

# Frames that follow each other without a gap find their pace once all FIFOs are as full as they
# get; so many for each are let through, and then these are looked at.
_WARM, _FRAMES = 3, 4


@dataclass(frozen=True)
class Pace:
    """Clocks of frames that enter as fast as they are taken.

    Args:
        latency: from the clock in which the first beat of the first one enters to that in which
            its last answer beat leaves the core.
        interval: from one frame to the next.
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
                " can never enter: a FIFO behind has too few places"
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
        busy: clocks that a beat takes there; its place in the FIFO is free behind the last one.
        count: beats of all frames.
        offered: the clock from which on each beat is there; of the inputs only.
        source: the segment whose beats come to the FIFO, by `delay` after they enter there.
        read: which of the beats of `source` each beat is.
        exits: the segment behind each FIFO, its places, and for each beat its number there or -1.
        clocks: in which beats enter, as far as they are known.
    """

    name: str
    busy: int
    count: int
    offered: list[int] = field(default_factory=list)
    source: _Line | None = None
    read: list[int] = field(default_factory=list)
    delay: int = 0
    exits: list[tuple[_Line, int, list[int]]] = field(default_factory=list)
    clocks: list[int] = field(default_factory=list)

    @property
    def done(self) -> bool:
        return len(self.clocks) == self.count


def _lines(graph: Graph, entering: Clocks) -> dict[str, _Line]:
    """The segments, none of whose beats has entered."""
    beats = entering.shape[-1]
    frames = entering.size // beats
    lines = {"": _Line("", 1, entering.size, entering.ravel().tolist())}
    per_frame = {"": beats}
    for node in graph.nodes:
        if isinstance(node.op, Tiled):
            per_frame[node.name] = graph.wires[node.name].beats
            lines[node.name] = _Line(node.name, node.op.fold, frames * per_frame[node.name])
    for name, found in exits(graph).items():
        for each in found:
            reader = lines[each.reader]
            read = np.arange(frames)[:, None] * per_frame[name] + each.way.beats
            reader.source, reader.read = lines[name], read.ravel().tolist()
            reader.delay = each.way.delay
            number = np.full(lines[name].count, -1)
            number[read.ravel()] = np.arange(read.size)
            lines[name].exits.append((reader, each.places, number.tolist()))
    return lines


def _go_on(line: _Line) -> bool:
    """Find clocks of more beats, as far as what they wait for is known; whether one was found."""
    before = len(line.clocks)
    while not line.done:
        clock = _next(line)
        if clock is None:
            break
        line.clocks.append(clock)
    return len(line.clocks) > before


def _next(line: _Line) -> int | None:
    """The clock in which the next beat enters, or None if that is not known yet."""
    n = len(line.clocks)
    if line.source is None:
        clock = line.offered[n]
    elif line.read[n] < len(line.source.clocks):
        # The FIFO shows a beat in the clock after the one in which it comes.
        clock = line.source.clocks[line.read[n]] + line.delay + 1
    else:
        return None
    if n:
        clock = max(clock, line.clocks[-1] + line.busy)
    for reader, places, number in line.exits:
        leaves = number[n] - places
        if leaves < 0:
            continue
        if leaves >= len(reader.clocks):
            return None
        clock = max(clock, reader.clocks[leaves] + reader.busy)
    return clock


def pace(graph: Graph) -> Pace:
    """Latency and interval of frames that follow each other without a gap."""
    beats = max(graph.wires[node.name].beats for node in graph.feeds())
    heads = sum(node.op.waits for node in graph.nodes)
    warm = _WARM * heads
    offered = np.arange((warm + _FRAMES if heads else 2) * beats, dtype=np.int64)
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
