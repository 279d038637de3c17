"""Popcount and argmax alone: ten sums of 200 bits, as a build folder like that of a network."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from hlsgen.emit import emit
from hlsgen.graph import Graph, Node, check, save
from hlsgen.graph.fabric import FABRICS
from hlsgen.graph.ops import Argmax, Input, Sum
from hlsgen.passes import opt
from hlsgen.paths import write_atomic

CLASSES, BITS = 10, 200
_SAMPLES, _CLOCK_MHZ = 1000, 50.0


def head() -> Graph:
    """One-bit words, ten sums of 200 of them, the largest."""
    n = CLASSES * BITS
    total = Sum.of(np.arange(n), np.full(CLASSES, BITS), np.zeros(CLASSES, dtype=np.int64))
    nodes = (
        Node("x", Input(1, np.zeros(n), np.ones(n))),
        Node("popcount", total, ("x",)),
        Node("argmax", Argmax(), ("popcount",)),
    )
    return check(Graph("head", nodes, ("argmax",)))


def build(folder: Path) -> Graph:
    """Write graph/, samples and rtl/ to `folder`; the exported graph."""
    graph, fabric = head(), FABRICS["xcup"]
    final = opt(graph, fabric, _CLOCK_MHZ)
    save(graph, folder / "graph" / "export")
    save(final, folder / "graph" / "final")
    emit(final, 8, fabric).write(folder)
    rng = np.random.default_rng(0)
    # Sums near one another and far apart, so that every comparison goes both ways.
    share = rng.beta(2.0, 2.0, (_SAMPLES, CLASSES)).repeat(BITS, axis=1)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, x=(rng.random(share.shape) < share).astype(np.uint16))
    for name in ("samples.npz", "train_samples.npz"):
        write_atomic(folder / "graph" / name, buffer.getvalue())
    return graph
