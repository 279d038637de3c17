"""The test bench that the vendor's tool runs on the C++: frames, and the answers they must get."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from hlsgen.emit.hls_words import WORD
from hlsgen.emit.render import render
from hlsgen.emit.verilog import framing
from hlsgen.graph.interp import random_feeds, run
from hlsgen.graph.ir import Graph, Values, Wire

# Co-simulation takes minutes for a few frames; C simulation on samples is hlsgen's own (rung 4).
_FRAMES = 4


def bench(graph: Graph, width: int, banner: Mapping[str, str]) -> dict[str, str]:
    """The bench and its data, for a kernel with beats of `width` bits: file name, text."""
    frame = framing(graph, width)
    feeds = random_feeds(graph, _FRAMES, np.random.default_rng(0))
    answers = run(graph, feeds)
    lines: list[str] = []
    for i in range(_FRAMES):
        sent = _number([(feeds[node.name][i], graph.wires[node.name]) for node in graph.feeds()],
                       frame.slot)  # fmt: skip
        got = _number([(answers[name][i], graph.wires[name]) for name in graph.outputs], 0)
        lines += _beats(sent, width, frame.in_beats)
        lines += _beats(got, width, frame.out_beats)
    words = -(-width // WORD)
    text = render("hls/tb.cpp.j2", **banner, width=width, words=words, frame=frame, frames=_FRAMES)
    return {f"{graph.name}_tb.cpp": text, f"{graph.name}_frames.dat": "".join(lines)}


def _number(parts: Sequence[tuple[Values, Wire]], slot: int) -> int:
    """The values [beats, lanes] of several wires side by side, a beat each `slot` bits."""
    number = 0
    for beat in range(len(parts[0][0])):
        place = beat * slot
        for values, wire in parts:
            mask = (1 << wire.bits) - 1
            for value in values[beat].tolist():
                number |= (value & mask) << place
                place += wire.bits
    return number


def _beats(number: int, width: int, count: int) -> Iterator[str]:
    """So many beats of `width` bits as lines of words."""
    mask = (1 << WORD) - 1
    for beat in range(count):
        data = number >> beat * width & (1 << width) - 1
        words = (data >> i & mask for i in range(0, width, WORD))
        yield " ".join(f"{word:x}" for word in words) + "\n"
