"""A row's core: trained, exported, optimised, and written as Verilog."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hlsgen.flow import Job, Listener, run
from hlsgen.graph import Graph, load, save
from hlsgen.graph.ops import Input
from hlsgen.graph.parts import streams
from hlsgen.paths import write_atomic

if TYPE_CHECKING:
    from hlsgen.nn import Network

# Samples that the trained network sees at a time.
_BATCH = 250


@dataclass(frozen=True)
class Core:
    """The graph of the trained network, and the one whose Verilog is in the build folder.

    Args:
        exported: before any pass.
        final: what was emitted.
        classes: the trained network's answers, int64 [test samples]; None where the stage export
            compared everything.
    """

    exported: Graph
    final: Graph
    classes: NDArray[np.int64] | None = None


def build(job: Job, listener: Listener) -> Core:
    """Bring the build folder up to date, as far as its Verilog.

    The stage export compares every layer with PyTorch on every sample, training samples too. Where
    images enter a pixel a clock, that takes longer than training: there the network is asked for
    its class of every test sample instead.

    Raises:
        HlsgenError: as the stage that failed.
    """
    from hlsgen.frontend.torch import export
    from hlsgen.train import load_model

    run(job, ("train",), listener)
    network = load_model(job.trained / "model.pt", job.project)
    exported = export(network, job.project.name)
    if streams(exported):
        classes = _asked(job, network, exported)
        run(job, ("opt", "emit"), listener)
    else:
        classes = None
        run(job, ("export", "opt", "emit"), listener)
    return Core(exported, load(job.folder / "graph" / "final"), classes)


def _asked(job: Job, network: Network, exported: Graph) -> NDArray[np.int64]:
    """Write what the stage opt reads; the trained network's class of each test sample."""
    import torch

    from hlsgen.train import load_data

    (feed,) = exported.feeds()
    assert isinstance(feed.op, Input)
    data = load_data(job.project)
    words = feed.op.quantise(data.x_test)
    save(exported, job.folder / "graph" / "export")
    buffer = io.BytesIO()
    np.savez_compressed(buffer, x=words.astype(np.uint16), y=data.y_test.astype(np.int64))
    write_atomic(job.folder / "graph" / "samples.npz", buffer.getvalue())
    network.eval()
    flat = words.reshape(len(words), -1).astype(np.int64)
    found = []
    with torch.no_grad():
        for start in range(0, len(flat), _BATCH):
            scores = network(torch.from_numpy(flat[start : start + _BATCH]))
            found.append(scores.argmax(-1).cpu().numpy())
    return np.concatenate(found)
