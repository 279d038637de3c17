"""A network in software that takes the bytes a card or a DMA brings, for the fake drivers.

It reads frames by itself and not with hlsgen.runtime, which is what is tested.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from hlsgen.emit import framing
from hlsgen.graph import Graph, load, run


class Network:
    """What a configuration file says: JSON with `graph` (relative to it) and `width_bits`."""

    def __init__(self, file: Path) -> None:
        self.settings: dict[str, Any] = json.loads(file.read_text())
        self.graph: Graph = load(file.parent / self.settings["graph"])
        self.frame = framing(self.graph, self.settings["width_bits"])
        self.frame_bytes = self.frame.in_beats * self.frame.width // 8

    def answers(self, raw: bytes) -> list[int]:
        """One number a frame: the lanes side by side, in two's complement."""
        feed = self.graph.feeds()[0].name
        wire, out = self.graph.wires[feed], self.graph.wires[self.graph.outputs[0]]
        frames = np.frombuffer(raw, np.uint8).reshape(-1, self.frame_bytes)
        bits = np.unpackbits(frames, axis=1, bitorder="little")
        words = np.zeros((len(frames), wire.beats, wire.lanes), np.int64)
        used = np.zeros(bits.shape[1], bool)
        for beat in range(wire.beats):
            for lane in range(wire.lanes):
                place = beat * self.frame.slot + lane * wire.bits
                used[place : place + wire.bits] = True
                for i in range(wire.bits):
                    words[:, beat, lane] |= bits[:, place + i].astype(np.int64) << i
        assert not bits[:, ~used].any(), "bits are set beside the words"
        values = run(self.graph, {feed: words})[self.graph.outputs[0]][:, 0]
        mask = (1 << out.bits) - 1
        whole = sum((values[:, i] & mask) << out.bits * i for i in range(out.lanes))
        return np.asarray(whole).tolist()
