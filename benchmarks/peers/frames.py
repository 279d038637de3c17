"""Whether the netlist of a core that streams answers as the graph: whole frames, clock by clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.clocked import Clocked
from hlsgen.graph.blast import columns
from hlsgen.graph.ir import Graph, Values
from hlsgen.graph.schedule import arrivals
from hlsgen.netlist import Flat

# Clocks of reset before the first beat.
_RESET = 4


def wrong_frames(
    module: Flat, graph: Graph, words: Values, answers: Mapping[str, Values], frames: int = 2
) -> int:
    """Samples whose answer, or its clock, differs from the graph's.

    Samples run side by side, each as a run of `Clocked`; `frames` of them follow each other in a
    run without a gap, so that what one frame leaves behind meets the next.

    Args:
        module: a netlist with the ports clk, rst, valid_in, x, valid_out and y.
        graph: what it must compute.
        words: int64 [n, beats, lanes], samples.
        answers: the graph's outputs for them, int64 [n, beats, lanes] each.
        frames: in each run.
    """
    runs = -(-len(words) // frames)
    # Frame f of run r is sample f * runs + r; the last ones may be the first samples again.
    order = (np.arange(runs * frames) % len(words)).reshape(frames, runs)
    entered = words[order]
    clocks = np.arange(frames * words.shape[1]).reshape(frames, -1)
    leaving = arrivals(graph, clocks)[graph.outputs[0]]
    beats = _leaving(graph, answers, list(order))
    expected = dict(zip(leaving.ravel().tolist(), beats, strict=True))
    core = Clocked(module, runs)
    for _ in range(_RESET):
        core.step({("rst", 0): core.ones})
    wrong, left = [0] * frames, 0
    for clock in range(int(leaving[-1, -1]) + 2):
        ports = core.step(_entering(core, graph, entered, clock))
        frame = min(left // leaving.shape[1], frames - 1)
        wrong[frame] |= _difference(core, ports, expected.get(clock))
        left += clock in expected
    seen = "".join(f"{bits:0{runs}b}"[::-1] for bits in wrong)
    return seen[: len(words)].count("1")


def _entering(
    core: Clocked, graph: Graph, frames: Values, clock: int
) -> dict[tuple[str, int], int]:
    """The ports in a clock: a beat of each run, as long as there are any."""
    beats = frames.shape[2]
    if clock >= len(frames) * beats:
        return {}
    (feed,) = graph.feeds()
    beat = frames[clock // beats, :, [clock % beats]][0]
    bits = [bits for lane in columns(beat, graph.wires[feed.name]) for bits in lane]
    return {("valid_in", 0): core.ones} | {("x", i): value for i, value in enumerate(bits)}


def _leaving(
    graph: Graph, answers: Mapping[str, Values], order: Sequence[NDArray[np.int64]]
) -> Iterator[list[int]]:
    """The bits of each beat that leaves, in order; bit i is of run i, `order` its samples."""
    for samples in order:
        for beat in range(graph.wires[graph.outputs[0]].beats):
            yield [
                bits
                for name in graph.outputs
                for lane in columns(answers[name][samples, beat], graph.wires[name])
                for bits in lane
            ]


def _difference(core: Clocked, ports: Mapping[str, list[int]], wanted: list[int] | None) -> int:
    """The runs that answer something else, or in another clock."""
    (valid,) = ports["valid_out"]
    if wanted is None:
        return valid
    differ = valid ^ core.ones
    for seen, bits in zip(ports["y"], wanted, strict=True):
        differ |= seen ^ bits
    return differ
