"""One network of a Pareto front, as if it were the one that was trained."""

from __future__ import annotations

import filecmp
from pathlib import Path

import numpy as np

from hlsgen.paths import write_atomic
from hlsgen.project import Project
from hlsgen.train.checkpoint import MODEL, load_model
from hlsgen.train.data import load_data
from hlsgen.train.front import Point, model_of, read_front
from hlsgen.train.metrics import METRICS, logits_of, measured


def choose(project: Project, folder: Path, budget_luts: int, chosen: Path) -> Point:
    """The best network of at most `budget_luts` six-input LUTs.

    Its `model.pt` and `metrics.json` are written to `chosen`; only this network is measured on
    the test samples.

    Args:
        project: what was trained.
        folder: of the training run, which is complete.
        budget_luts: for the whole circuit.
        chosen: folder; made if missing.

    Raises:
        ConfigError: the run has no front, or none of it is so small.
    """
    point = read_front(folder).within(budget_luts)
    source, model = model_of(point, folder), chosen / MODEL
    same = model.is_file() and filecmp.cmp(source, model, shallow=False)
    if same and (chosen / METRICS).is_file():
        return point
    (chosen / METRICS).unlink(missing_ok=True)
    write_atomic(model, source.read_bytes())
    network, data = load_model(chosen, project), load_data(project)
    words = network.quantiser.quantise(data.x_test)
    found = logits_of(network, words).argmax(-1).numpy().astype(np.int64)
    metrics = measured(project, data, point.epoch, point.validation_accuracy, found)
    write_atomic(chosen / METRICS, metrics.model_dump_json(indent=1) + "\n")
    return point
