"""What a training run measured."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hlsgen.schema import Record


class Metrics(Record):
    """The content of `metrics.json`.

    `confusion[t][p]` counts the test samples of class t that the network calls p. Accuracies are
    shares, 0..1. `epoch`, counted from 1, is the one kept.
    """

    dataset: str
    digest: str
    labels: tuple[str, ...]
    samples: dict[str, int]
    method: str
    seed: int
    torch: str
    epoch: int
    validation_accuracy: float
    test_accuracy: float
    confusion: tuple[tuple[int, ...], ...]


def confusion(
    truth: NDArray[np.int64], found: NDArray[np.int64], classes: int
) -> tuple[tuple[int, ...], ...]:
    """Counts by true class (row) and found class (column) of class numbers [n]."""
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (truth, found), 1)
    return tuple(tuple(row) for row in counts.tolist())
