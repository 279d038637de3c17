"""Build folders of a small network, and boards behind pseudo-terminals, to test the runtime."""

from __future__ import annotations

import dataclasses
import json
import os
import pty
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from hlsgen.boards import Board, load_board
from hlsgen.build import interface
from hlsgen.emit import framing
from hlsgen.graph import Graph, run, save
from hlsgen.graph.ir import Values
from hlsgen.runtime import read_interface

# What a board does with the bytes that came: the bytes that it sends back.
Behaviour = Callable[[bytes], bytes]


def scores(graph: Graph) -> Graph:
    """The same network, answering with the counts of all classes."""
    return dataclasses.replace(graph, nodes=graph.nodes[:-1], outputs=("counts",))


def samples_of(graph: Graph, count: int) -> Values:
    """Random words of the small network."""
    return np.random.default_rng(0).integers(0, 8, (count, 1, 2))


def host_folder(graph: Graph, board: str | Board, folder: Path, count: int = 40) -> Path:
    """`folder` with the host side of a build."""
    made_for = load_board(board) if isinstance(board, str) else board
    samples = samples_of(graph, count)
    answers = run(graph, {"x": samples})[graph.outputs[0]]
    interface.plan(graph, made_for, samples, answers, 50.0).write(folder)
    return folder


def configuration(graph: Graph, folder: Path, name: str, **settings: object) -> Path:
    """The file that makes a fake card or DMA compute `graph`; the graph lies beside it."""
    save(graph, folder / "fake" / "final")
    known, _ = read_interface(folder)
    text = json.dumps({"graph": "fake/final", "width_bits": known.width_bits, **settings})
    (folder / name).write_text(text)
    return folder / name


def answering(graph: Graph) -> Behaviour:
    """A UART board that works: frames of a whole number of bytes, answers of theirs."""
    frame, out = framing(graph, 8), graph.wires[graph.outputs[0]]
    kept = bytearray()

    def answer(data: bytes) -> bytes:
        kept.extend(data)
        made = b""
        while len(kept) >= frame.in_beats:
            value = int.from_bytes(kept[: frame.in_beats], "little")
            del kept[: frame.in_beats]
            words = np.array([[[value & 7, value >> 3 & 7]]])
            lanes = run(graph, {"x": words})[graph.outputs[0]][0, 0]
            mask = (1 << out.bits) - 1
            whole = sum((int(lane) & mask) << out.bits * i for i, lane in enumerate(lanes))
            made += whole.to_bytes(frame.out_beats, "little")
        return made

    return answer


@contextmanager
def serial_board(behaviour: Behaviour) -> Iterator[str]:
    """The name of a serial port with a board at its other end."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    end = threading.Event()

    def work() -> None:
        while not end.is_set():
            try:
                data = os.read(master, 4096)
            except BlockingIOError:
                end.wait(0.001)
                continue
            if back := behaviour(data):
                os.write(master, back)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield os.ttyname(slave)
    finally:
        end.set()
        thread.join(10)
        os.close(slave)
        os.close(master)
