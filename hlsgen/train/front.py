"""The Pareto front of a training run: the networks that no smaller one equals."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from hlsgen.errors import ConfigError
from hlsgen.nn import Network
from hlsgen.paths import write_atomic
from hlsgen.schema import Record
from hlsgen.train.checkpoint import save_model

FOLDER, FILE = "front", "front.json"

# LUTs of a network's whole circuit; given from outside, since counting knows graphs and passes.
Counter = Callable[[Network], int]


class Point(Record):
    """The network after an epoch: accuracy on validation samples (0..1) and six-input LUTs."""

    epoch: int
    validation_accuracy: float
    validation_loss: float
    luts: int


class Front(Record):
    """Points by rising size; each is more accurate than all before it. `method` made them."""

    method: str
    points: tuple[Point, ...] = ()

    def with_point(self, point: Point) -> Front:
        """The front with one more point, which may displace others or be of no use itself."""
        rest = [old for old in self.points if old.epoch != point.epoch]
        found: list[Point] = []
        for one in sorted([*rest, point], key=lambda p: (p.luts, -p.validation_accuracy, p.epoch)):
            if not found or one.validation_accuracy > found[-1].validation_accuracy:
                found.append(one)
        return Front(method=self.method, points=tuple(found))

    def within(self, budget_luts: int) -> Point:
        """The most accurate point of at most `budget_luts`.

        Raises:
            ConfigError: all are larger.
        """
        fitting = [point for point in self.points if point.luts <= budget_luts]
        if not fitting:
            least = min(point.luts for point in self.points)
            raise ConfigError(
                f"--budget-lut is {budget_luts}: the smallest network of this run takes"
                f" {least:,} LUTs; raise train.cost or train.epochs, or begin with fewer LUTs in"
                " model.layers"
            )
        return fitting[-1]


def model_of(point: Point, folder: Path) -> Path:
    """Where the network of a point lies, below the folder of the training run."""
    return folder / FOLDER / f"epoch_{point.epoch:04}.pt"


def read_front(folder: Path) -> Front:
    """The front of the run in `folder`.

    Raises:
        ConfigError: it has none, or the file is damaged.
    """
    file = folder / FILE
    if not file.is_file():
        raise ConfigError(f"{file}: missing; a run makes it if train.cost is above 0")
    try:
        return Front.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise ConfigError(f"{file}: damaged; remove the folder and train again") from error


def keep(front: Front, point: Point, network: Network, folder: Path) -> Front:
    """Add the network of a point to the files in `folder`, and remove those it displaces."""
    grown = front.with_point(point)
    if point in grown.points:
        save_model(network, front.method, model_of(point, folder))
    write_atomic(folder / FILE, grown.model_dump_json(indent=1) + "\n")
    for old in set(front.points) - set(grown.points):
        model_of(old, folder).unlink(missing_ok=True)
    return grown


def remove(folder: Path) -> None:
    """Remove the files of an earlier run."""
    shutil.rmtree(folder / FOLDER, ignore_errors=True)
    (folder / FILE).unlink(missing_ok=True)
