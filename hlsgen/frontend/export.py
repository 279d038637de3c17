"""The stage export: the graph of a trained network, compared with it, and the samples as words."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hlsgen.errors import CheckFailed
from hlsgen.frontend.torch import compare, compare_layers, export
from hlsgen.graph import Graph, save
from hlsgen.graph.ir import Values
from hlsgen.graph.ops import Input, Lut
from hlsgen.nn import Network
from hlsgen.paths import write_atomic
from hlsgen.project import Project
from hlsgen.train import load_data, load_model


def export_files(
    model: Path,
    metrics: Path,
    project: Project,
    folder: Path,
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> list[Path]:
    """Write export.*, export_check.json and samples to `folder`.

    samples.npz has the test samples, val_samples.npz those that decide about changes of the
    function, train_samples.npz the training samples and behind them those of validation.

    `tell` is told how many samples are compared, and of how many.

    Returns:
        The files, metrics.json among them.

    Raises:
        CheckFailed: graph and network differ; the files are there.
    """
    network, data = load_model(model, project), load_data(project)
    graph = export(network, project.name)
    quantise = _input_of(graph.feeds()[0].op).quantise
    test = quantise(data.x_test)
    rest = np.concatenate([quantise(part) for part in (data.x_train, data.x_val)])
    record = _compared(network, graph, np.concatenate([rest, test]), tell)
    save(graph, folder / "export")
    _save_samples(folder / "samples.npz", test, data.y_test)
    _save_samples(folder / "train_samples.npz", rest, np.concatenate([data.y_train, data.y_val]))
    _save_samples(folder / "val_samples.npz", rest[len(data.y_train) :], data.y_val)
    write_atomic(folder / "export_check.json", json.dumps(record, indent=1) + "\n")
    write_atomic(folder / "metrics.json", metrics.read_bytes())
    _check_learned_k(network, graph)
    if record["failed"]:
        raise CheckFailed(
            f"graph {graph.name!r} differs from PyTorch in {record['failed']} of"
            f" {record['checked']} values: {record['layers']}"
        )
    names = ("export.json", "export.npz", "samples.npz", "train_samples.npz", "val_samples.npz",
             "export_check.json", "metrics.json")  # fmt: skip
    return [folder / name for name in names]


def _compared(
    network: Network, graph: Graph, words: Values, tell: Callable[[int, int], None]
) -> dict[str, Any]:
    """What export_check.json says: values compared and those that differ, by layer."""
    results = compare(network, graph, words, tell) + compare_layers(network, graph)
    wrong = Counter[str]()
    for result in results:
        wrong[result.layer] += result.mismatches
    return {
        "checked": sum(result.compared for result in results),
        "failed": wrong.total(),
        "layers": dict(wrong),
        "samples": len(words),
        "tool": f"torch {torch.__version__}",
        "learned_k": network.learned_k(),
    }


def agreement(model: Path, project: Project, words: Values) -> Callable[[Graph], bool]:
    """The comparison of `export_files` as a question: does the network agree with a graph?

    Args:
        model: the trained network's file.
        project: what it was trained for.
        words: int64 [n, features] or [n, beats, lanes], samples.
    """
    network = load_model(model, project)

    def agrees(graph: Graph) -> bool:
        results = compare(network, graph, words) + compare_layers(network, graph)
        return not any(result.mismatches for result in results)

    return agrees


def _save_samples(path: Path, x: Values, y: Values) -> None:
    """Words [n, beats, lanes], of one beat [n, lanes], and labels [n]."""
    buffer = io.BytesIO()
    x = x[:, 0] if x.shape[1] == 1 else x
    np.savez_compressed(buffer, x=x.astype(np.uint16), y=y.astype(np.int64))
    write_atomic(path, buffer.getvalue())


def _check_learned_k(network: Network, graph: Graph) -> None:
    different = {
        name: counts
        for name, counts in network.learned_k().items()
        if np.bincount(_lut_of(graph, name).k, minlength=len(counts)).tolist() != counts
    }
    if different:
        raise CheckFailed(
            f"graph {graph.name!r}: its tables do not read as many inputs as the network learned,"
            f" which is {different} (tables with 0, 1, ... inputs)"
        )


def _lut_of(graph: Graph, name: str) -> Lut:
    op = graph.by_name[name].op
    if not isinstance(op, Lut):
        raise TypeError(f"node {name} must be a LUT layer, not {op!r}")
    return op


def _input_of(op: object) -> Input:
    if not isinstance(op, Input):
        raise TypeError(f"an exported graph begins with an Input, not {op!r}")
    return op
