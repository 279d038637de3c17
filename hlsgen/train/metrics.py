"""What a training run measured."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hlsgen.nn import Network
from hlsgen.project import Project
from hlsgen.schema import Record
from hlsgen.train.data import Dataset

METRICS = "metrics.json"

# Samples evaluated at a time.
_BLOCK = 1024


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


@torch.no_grad()
def logits_of(network: Network, words: Tensor) -> Tensor:
    """Logits float32 [n, classes] of words int [n, features]; the network is in eval mode."""
    return torch.cat([network(block) for block in torch.split(words, _BLOCK)])


def measured(
    project: Project, data: Dataset, epoch: int, accuracy: float, found: NDArray[np.int64]
) -> Metrics:
    """The metrics of a network that finds the classes int64 [n] `found` for the test samples.

    Args:
        project: what was trained.
        data: its data.
        epoch: the epoch whose network it is, from 1.
        accuracy: of that network on the validation samples.
        found: class numbers.
    """
    return Metrics(
        dataset=data.name,
        digest=data.digest,
        labels=data.labels,
        samples=data.sizes,
        method=project.model.method,
        seed=project.seed,
        torch=torch.__version__,
        epoch=epoch,
        validation_accuracy=accuracy,
        test_accuracy=float(np.mean(found == data.y_test)),
        confusion=confusion(data.y_test, found, data.classes),
    )
