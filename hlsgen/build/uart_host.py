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
    frame = framing(graph, 8)
    offset, scale = _scale(feed.op)
    interface = {
        "name": graph.name,
        "baud": board.shell.baud,
        "features": graph.wires[feed.name].lanes,
        "word_bits": graph.wires[feed.name].bits,
        "frame_bytes": frame.in_beats,
        "answer_bytes": frame.out_beats,
        "offset": offset,
        "scale": scale,
        "self_test": {
            "words": samples[:_SELF_TEST, 0].tolist(),
            "answers": answers[:_SELF_TEST, 0, 0].tolist(),
        },
    }
    return Plan(
        {
            "host/classify.py": render("host/classify.py.j2"),
            "host/interface.json": json.dumps(interface) + "\n",
        }
    )


def _scale(op: object) -> tuple[list[float], list[float]]:
    """How the host makes words of real features (see `Input`)."""
    if not isinstance(op, Input):
        return [], []
    return op.offset.tolist(), op.scale.tolist()
