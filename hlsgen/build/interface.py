"""The host side of a build: what a program needs to talk to the board, whatever the board is."""

from __future__ import annotations

import json
from pathlib import Path

import hlsgen.runtime
from hlsgen.boards import Board
from hlsgen.build.replication import core_of, units_of
from hlsgen.emit import framing
from hlsgen.emit.render import render
from hlsgen.graph.ir import Graph, Values
from hlsgen.graph.ops import Input
from hlsgen.graph.schedule import pace
from hlsgen.plan import Plan

# Samples with known answers for a self-test.
_SELF_TEST = 100
# Bytes of an answer in the card's memory, as templates/vitis/s2mm.cpp.j2 writes it.
_XRT_ANSWER = 4
# Needs hlsgen as a whole, so it stays out of the copy.
_NOT_COPIED = ("simulation.py",)


def transport_of(board: Board) -> str | None:
    """How a host reaches the board: "uart", "xrt", "pynq"; None where it has no host program."""
    if board.shell.kind == "uart":
        return "uart"
    if board.flow == "vitis":
        return "xrt"
    return "pynq" if board.vivado is not None and board.vivado.processor else None


def plan(
    graph: Graph,
    board: Board,
    samples: Values,
    answers: Values,
    clock_mhz: float,
) -> Plan:
    """`host/`: interface.json, the drivers as a package of their own, and a command line.

    Args:
        graph: what the board computes.
        board: where it runs.
        samples: int64 [n, beats, lanes], input words.
        answers: int64 [n, 1, lanes], what the graph makes of them.
        clock_mhz: of the network.

    Returns:
        The files; none where the board has no host program.
    """
    transport = transport_of(board)
    if transport is None:
        return Plan({})
    feed = graph.feeds()[0]
    wire = graph.wires[feed.name]
    offset, scale = _scale(feed.op, wire.beats)
    interface = {
        "version": hlsgen.runtime.VERSION,
        "name": graph.name,
        "graph": graph.digest,
        "board": board.name,
        "product": f"{graph.name}.{board.product}",
        "transport": transport,
        "clock_mhz": clock_mhz,
        "interval": pace(graph).interval,
        "width_bits": board.shell.width_bits,
        **_framing(graph, board.shell.width_bits, transport),
        "offset": offset,
        "scale": scale,
        transport: _options(graph, board, transport),
        "self_test": {
            "words": samples[:_SELF_TEST].reshape(-1, wire.beats * wire.lanes).tolist(),
            "answers": answers[:_SELF_TEST, 0, :].tolist(),
        },
    }
    text = json.dumps(interface) + "\n"
    script = render("host/classify.py.j2")
    return Plan({"host/classify.py": script, "host/interface.json": text, **_drivers()})


def _framing(graph: Graph, width_bits: int, transport: str) -> dict[str, dict[str, object]]:
    """The tables of frame and answer."""
    frame, wire = framing(graph, width_bits), graph.wires[graph.feeds()[0].name]
    answer = graph.wires[graph.outputs[0]]
    shell_bytes = frame.out_beats * width_bits // 8
    return {
        "frame": {
            "words": wire.lanes * wire.beats,
            "word_bits": wire.bits,
            "beat_words": wire.lanes,
            "slot_bits": frame.slot,
            "bytes": frame.in_beats * width_bits // 8,
        },
        "answer": {
            "bytes": _XRT_ANSWER if transport == "xrt" else shell_bytes,
            "bits": answer.bits,
            "lanes": answer.lanes,
            "signed": answer.signed,
        },
    }


def _options(graph: Graph, board: Board, transport: str) -> dict[str, object]:
    """The transport's own table."""
    if transport == "uart":
        return {"baud": board.shell.baud}
    if transport == "pynq":
        return {"bitfile": f"{graph.name}.bit", "dma": "dma"}
    bank_mib = board.vitis.bank_mib if board.vitis else 0
    return {
        "xclbin": f"{graph.name}.xclbin",
        "units": units_of(core_of(graph, board.shell.width_bits, board.logic), board),
        "reader": "mm2s",
        "writer": "s2mm",
        "bank_bytes": bank_mib << 20,
    }


def _drivers() -> dict[str, str]:
    """The package hlsgen.runtime as it stands, as host/hlsgen_runtime."""
    folder = Path(hlsgen.runtime.__file__).parent
    return {
        f"host/hlsgen_runtime/{path.name}": path.read_text(encoding="utf-8")
        for path in sorted(folder.glob("*.py"))
        if path.name not in _NOT_COPIED
    }


def _scale(op: object, beats: int) -> tuple[list[float], list[float]]:
    """How the host makes words of real features (see `Input`): the same in each beat."""
    if not isinstance(op, Input):
        return [], []
    return op.offset.tolist() * beats, op.scale.tolist() * beats
