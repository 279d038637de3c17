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
from hlsgen.graph.ir import Graph, Node
from hlsgen.graph.ops import Waiting
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
        fifos: in front of the operator.
        needs: which beat of the FIFOs each beat needs.
        leaves: with which beat each of the FIFOs' leaves them; its place is free behind it.
        exits: the FIFOs behind, and the number in it of each beat, or -1 for those that end before.
        clocks: in which beats enter, as far as they are known.
    """

    name: str
    busy: int
    count: int
    offered: list[int] = field(default_factory=list)
    fifos: list[_Fifo] = field(default_factory=list)
    needs: list[int] = field(default_factory=list)
    leaves: list[int] = field(default_factory=list)
    exits: list[tuple[_Fifo, list[int]]] = field(default_factory=list)
    clocks: list[int] = field(default_factory=list)

    @property
    def done(self) -> bool:
        return len(self.clocks) == self.count


@dataclass
class _Fifo:
    """A FIFO between two segments.

    Args:
        reader: the segment behind.
        places: beats that it holds.
        source: the segment whose beats come to it, by `delay` after they enter there.
        filled: which of the beats of `source` each beat is.
    """

    reader: _Line
    places: int
    source: _Line
    filled: list[int]
    delay: int


def _lines(graph: Graph, entering: Clocks) -> dict[str, _Line]:
    """The segments, none of whose beats has entered."""
    frames = entering.size // entering.shape[-1]
    lines = {"": _Line("", 1, entering.size, entering.ravel().tolist())}
    for node in graph.nodes:
        if isinstance(node.op, Waiting):
            lines[node.name] = _waiting(graph, node, node.op, frames)
    for name, found in exits(graph).items():
        line = lines[name]
        for each in found:
            filled = _over(frames, each.way.beats, line.count // frames)
            number = np.full(line.count, -1)
            number[filled] = np.arange(len(filled))
            reader = lines[each.reader]
            fifo = _Fifo(reader, each.places, line, filled.tolist(), each.way.delay)
            reader.fifos.append(fifo)
            line.exits.append((fifo, number.tolist()))
    return lines


def _waiting(graph: Graph, node: Node, op: Waiting, frames: int) -> _Line:
    read = graph.inputs_of(node)[0]
    beats = graph.wires[node.name].beats
    needs = _over(frames, op.needs(read), read.beats)
    leaves = _over(frames, np.flatnonzero(op.takes(read)), beats)
    return _Line(node.name, op.fold, frames * beats, needs=needs.tolist(), leaves=leaves.tolist())


def _over(frames: int, beats: NDArray[np.int64], step: int) -> NDArray[np.int64]:
    """Numbers of beats in one frame, `step` more in each further one."""
    return np.asarray((np.arange(frames)[:, None] * step + beats).ravel())


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
    clock = line.clocks[-1] + line.busy if n else 0
    if line.offered:
        clock = max(clock, line.offered[n])
    for fifo in line.fifos:
        beat = fifo.filled[line.needs[n]]
        if beat >= len(fifo.source.clocks):
            return None
        # The FIFO shows a beat in the clock after the one in which it comes.
        clock = max(clock, fifo.source.clocks[beat] + fifo.delay + 1)
    for fifo, number in line.exits:
        before = number[n] - fifo.places
        if before < 0:
            continue
        last = fifo.reader.leaves[before]
        if last >= len(fifo.reader.clocks):
            return None
        clock = max(clock, fifo.reader.clocks[last] + fifo.reader.busy)
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
