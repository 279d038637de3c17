"""Which table entries the data reaches: what is never reached may be chosen freely by a pass."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hlsgen.graph.interp import run
from hlsgen.graph.ir import Graph, Values
from hlsgen.graph.ops import Lut
from hlsgen.paths import write_atomic

# Samples looked at together, and words of them: bounds of the memory.
_ROWS, _WORDS = 4096, 50_000_000


@dataclass(frozen=True)
class Coverage:
    """Of one LUT layer: how many entries its tables have, and how many the samples reach."""

    layer: str
    entries: int
    reached: int


def reached(graph: Graph, samples: Values) -> dict[str, NDArray[np.bool_]]:
    """For each LUT layer which entries are addressed: bool [n, 64], entries above 2**k False.

    Args:
        graph: has one input.
        samples: int64 [n, 1, features].
    """
    layers = [node for node in graph.nodes if isinstance(node.op, Lut)]
    sources = {node.inputs[0] for node in layers}
    found = {node.name: np.zeros((len(node.op.k), 64), dtype=bool)
             for node in layers if isinstance(node.op, Lut)}  # fmt: skip
    words = sum(graph.wires[name].lanes * graph.wires[name].beats for name in sources)
    step = max(1, min(_ROWS, _WORDS // words))
    for start in range(0, len(samples), step):
        feeds = {graph.feeds()[0].name: samples[start : start + step]}
        values = run(graph, feeds, sources)
        for node in layers:
            if isinstance(node.op, Lut):
                found[node.name] |= node.op.coverage(values[node.inputs[0]])
    return found


def write_coverage(folder: Path, graph: Graph, samples: Values, source: str) -> list[Coverage]:
    """Measure, and write verify/coverage.json (shares, entries never reached) and coverage.npz.

    The .npz holds for each layer what `reached` returns, for passes that use it; the .json lists
    for each layer [LUT, entry] of what no sample of `source` addresses.
    """
    rows, missed = [], {}
    arrays = reached(graph, samples)
    for name, hit in arrays.items():
        op = graph.by_name[name].op
        if not isinstance(op, Lut):
            continue
        there = np.arange(64) < (1 << op.k.astype(np.int64))[:, None]
        rows.append(Coverage(name, int(there.sum()), int((hit & there).sum())))
        missed[name] = np.argwhere(there & ~hit).tolist()
    document = {
        "graph": graph.digest,
        "samples": len(samples),
        "source": source,
        "layers": [asdict(row) for row in rows],
        "never_reached": missed,
    }
    write_atomic(folder / "verify" / "coverage.json", json.dumps(document) + "\n")
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    write_atomic(folder / "verify" / "coverage.npz", buffer.getvalue())
    return rows
