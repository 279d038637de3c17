"""The host side of a UART board: a script that sends samples and reads classes."""

from __future__ import annotations

import json

from hlsgen.boards import Board
from hlsgen.emit import framing
from hlsgen.emit.render import render
from hlsgen.graph.ir import Graph, Values
from hlsgen.graph.ops import Input
from hlsgen.plan import Plan

# Samples with known answers that the script sends for a self-test.
_SELF_TEST = 100


def plan(graph: Graph, board: Board, samples: Values, answers: Values) -> Plan:
    """`host/classify.py`, and `host/interface.json` that tells it the frame and known answers."""
    feed = graph.feeds()[0]
    frame, wire = framing(graph, 8), graph.wires[feed.name]
    offset, scale = _scale(feed.op, wire.beats)
    interface = {
        "name": graph.name,
        "baud": board.shell.baud,
        "features": wire.lanes * wire.beats,
        "word_bits": wire.bits,
        "beat_words": wire.lanes,
        "slot_bits": frame.slot,
        "frame_bytes": frame.in_beats,
        "answer_bytes": frame.out_beats,
        "offset": offset,
        "scale": scale,
        "self_test": {
            "words": samples[:_SELF_TEST].reshape(-1, wire.beats * wire.lanes).tolist(),
            "answers": answers[:_SELF_TEST, 0, 0].tolist(),
        },
    }
    return Plan(
        {
            "host/classify.py": render("host/classify.py.j2"),
            "host/interface.json": json.dumps(interface) + "\n",
        }
    )


def _scale(op: object, beats: int) -> tuple[list[float], list[float]]:
    """How the host makes words of real features (see `Input`): the same in each beat."""
    if not isinstance(op, Input):
        return [], []
    return op.offset.tolist() * beats, op.scale.tolist() * beats
