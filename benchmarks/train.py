"""Training on the processor."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.figure import Figure, Figures
from hlsgen.project import Data, Inputs, Model, Project, Train, load_project
from hlsgen.train import train

EXAMPLE = Path(__file__).parents[1] / "examples" / "digits"
EPOCHS, BATCH, SAMPLES, FEATURES = 4, 128, 4096, 784


def measure() -> Figures:
    """Time of an epoch of the digits example, and of one with a layer of 2,000 LUTs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        digits = load_project(EXAMPLE)
        few = digits.train.model_copy(update={"epochs": EPOCHS})
        digits = digits.model_copy(update={"train": few})
        layer_s = _epoch_s(_layer(folder), folder / "layer")
        return {
            "digits_epoch": Figure(_epoch_s(digits, folder / "digits"), "s"),
            "layer_2k_epoch": Figure(layer_s, "s"),
            "layer_2k_samples": Figure(SAMPLES / layer_s, "1/s"),
        }


def _epoch_s(project: Project, folder: Path) -> float:
    """Median time from one epoch's end to the next, validation and checkpoint included."""
    ends: list[float] = []
    train(project, folder, lambda progress: ends.append(time.perf_counter()))
    return statistics.median(np.diff(ends).tolist())


def _layer(folder: Path) -> Project:
    """One layer of 2,000 six-input LUTs on `SAMPLES` random training images, as for MNIST."""
    rng = np.random.default_rng(0)
    # The shares below leave SAMPLES of them for training.
    count = SAMPLES * 4
    x, y = rng.integers(0, 2, (count, FEATURES)), rng.permutation(np.arange(count) % 10)
    np.savez(folder / "random.npz", x=x.astype(np.float64), y=y)
    return Project(
        name="layer",
        data=Data(source="npz:random.npz", test=0.5, validation=0.5),
        inputs=Inputs(bits=1, thresholds=1),
        model=Model(layers=(2000,)),
        train=Train(epochs=EPOCHS, batch=BATCH),
    ).at(folder)
