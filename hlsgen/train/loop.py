"""The training loop of all methods, on Lightning Fabric."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from hlsgen.errors import ConfigError
from hlsgen.nn import Network
from hlsgen.paths import write_atomic
from hlsgen.project import Project
from hlsgen.train.augment import Moves
from hlsgen.train.checkpoint import DAMAGE, MODEL, load_model, save_model
from hlsgen.train.data import Dataset, load_data
from hlsgen.train.devices import Report, ignore, run
from hlsgen.train.front import Counter, Front, Point, keep, remove
from hlsgen.train.memory import enough_memory
from hlsgen.train.method import Method, Phase
from hlsgen.train.methods import method_called
from hlsgen.train.metrics import METRICS, Metrics, logits_of, measured

log = logging.getLogger(__name__)

# Training samples that an untrained network sees where a phase looks at some.
_SHAPING = 1000
CHECKPOINT, HISTORY = "last.ckpt", "history.json"


@dataclass(frozen=True)
class Progress:
    """Where the training stands after an epoch (counted from 1)."""

    epoch: int
    epochs: int
    samples_per_s: float
    eta_s: float
    loss: float
    validation_accuracy: float


def train(
    project: Project,
    folder: Path,
    progress: Callable[[Progress], None] | None = None,
    count: Counter | None = None,
) -> Metrics:
    """Train the project's network; write `model.pt`, `history.json`, `metrics.json` to `folder`.

    The epoch with the least validation loss is kept (on few samples it chooses better than the
    accuracy, which moves in steps) and measured once on the test samples. `last.ckpt` is written
    after every epoch; a run that was cut short goes on from it and ends with the same weights as
    an uninterrupted one.

    Args:
        project: what to train.
        folder: where the results go; made if missing.
        progress: called after every epoch, with the epoch's files already written.
        count: LUTs of a network; needed where `train.cost` wants a front, pickled where
            `train.devices` is above 1.

    Raises:
        ConfigError: a setting that cannot be used, unusable data, or a run that diverged.
        ToolFailed: one of several training processes was killed.
    """
    return run(_fit, project.train, progress or ignore, project, folder, count)


def _fit(
    fabric: Fabric, progress: Report, project: Project, folder: Path, count: Counter | None
) -> Metrics:
    """The training as each process does it; the first one writes the files."""
    with enough_memory(project):
        return _fitted(fabric, progress, project, folder, count)


def _fitted(
    fabric: Fabric, progress: Report, project: Project, folder: Path, count: Counter | None
) -> Metrics:
    method = method_called(project.model.method)
    # The first process downloads, the others find it there.
    with fabric.rank_zero_first():
        data = load_data(project)
    network = untrained(project, data)
    if project.train.cost and network.expected_luts() is None:
        raise ConfigError(
            f"train.cost is {project.train.cost}: method {project.model.method!r} does not know"
            " the LUTs of a network in training; set it to 0"
        )
    fitting = _Run(fabric, project, data, method, network, folder)
    fitting.count = count if project.train.cost else None
    fitting.resume()
    while len(fitting.history) < project.train.epochs:
        progress(fitting.epoch())
    return fitting.finish()


def untrained(project: Project, data: Dataset) -> Network:
    """The project's network as its training begins; its encoding fits the training samples."""
    _seed(project.seed, 0)
    method = method_called(project.model.method)
    network = method.network(method.architecture(project, data.features, data.classes))
    network.fit_encoding(data.x_train)
    return network


def of_final_form(project: Project, data: Dataset) -> Network:
    """The untrained network after all that phases change of its form: what can be exported."""
    network = untrained(project, data)
    words = network.quantiser.quantise(data.x_train[:_SHAPING])
    for phase in method_called(project.model.method).phases(project):
        network.begin(phase.name, words)
    return network


def _seed(*entropy: int) -> None:
    """Seed every generator; done anew for each epoch, so that no state needs to be saved."""
    (seed,) = np.random.SeedSequence(entropy).generate_state(1).tolist()
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


class _Run:
    """One training run: network, optimiser, history, and where they are kept."""

    def __init__(
        self,
        fabric: Fabric,
        project: Project,
        data: Dataset,
        method: Method,
        network: Network,
        folder: Path,
    ) -> None:
        self.fabric, self.project, self.data = fabric, project, data
        self.network, self.folder = network, folder
        self.phases = method.phases(project)
        self.count: Counter | None = None
        self.front = Front(method=project.model.method)
        self.history: list[dict[str, Any]] = []
        optimizer = torch.optim.Adam(
            network.parameters(), lr=project.train.learning_rate, fused=True
        )
        self.model, self.optimizer = self.fabric.setup(network, optimizer)
        self.train_words, self.train_classes = self._tensors(data.x_train, data.y_train)
        self.val_words, self.val_classes = self._tensors(data.x_val, data.y_val)

    def _tensors(self, x: NDArray[np.float64], y: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        words = self.network.quantiser.quantise(x)
        return self.fabric.to_device(words), self.fabric.to_device(torch.from_numpy(y))

    @property
    def key(self) -> str:
        """Digest of all that decides the weights; a checkpoint with another is of no use."""
        settings = self.project.model_dump_json(
            include={"seed", "data", "inputs", "model", "train"}
        )
        return hashlib.sha256(
            f"{settings}|{self.data.digest}|{torch.__version__}".encode()
        ).hexdigest()

    def resume(self) -> None:
        """Go on from the last checkpoint of the same run, if there is one."""
        file = self.folder / CHECKPOINT
        (self.folder / METRICS).unlink(missing_ok=True)
        resumed = (self.folder / MODEL).is_file() and file.is_file() and self._restore(file)
        # Every process has read the files before one changes them.
        self.fabric.barrier()
        if not resumed:
            file.unlink(missing_ok=True)
            if self.fabric.is_global_zero:
                remove(self.folder)

    def _restore(self, file: Path) -> bool:
        try:
            state = self.fabric.load(file, weights_only=True)
            if state["key"] != self.key:
                log.info("%s is of other settings; training starts afresh", file)
                return False
            self.network.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.fabric.strategy.precision.load_state_dict(state["precision"])
            self.history = state["history"]
            self.front = Front.model_validate_json(state["front"])
        except DAMAGE as error:
            raise ConfigError(f"{file}: not a whole checkpoint ({error}); remove it") from error
        return True

    def epoch(self) -> Progress:
        """Train one epoch, evaluate it, keep it."""
        number, epochs = len(self.history) + 1, self.project.train.epochs
        start = time.perf_counter()
        phase, first = self._phase(number)
        if number == first:
            self._begin(phase, number)
        loss, accuracy = self._train(number)
        if self.project.train.cost:
            self.network.drop_unused()
        seconds = time.perf_counter() - start
        validation_loss, found = self._evaluate(self.val_words, self.val_classes)
        record = {
            "epoch": number,
            "phase": phase.name,
            "loss": loss,
            "train_accuracy": accuracy,
            "validation_loss": validation_loss,
            "validation_accuracy": float(np.mean(found == self.data.y_val)),
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            "samples_per_s": len(self.train_classes) / seconds,
        }
        self.history.append(record)
        if self.count is not None:
            self._add_to_front(self.count)
        self._keep()
        eta_s = (epochs - number) * (time.perf_counter() - start)
        validation = record["validation_accuracy"]
        return Progress(number, epochs, record["samples_per_s"], eta_s, loss, validation)

    def _phase(self, number: int) -> tuple[Phase, int]:
        """The phase of epoch `number`, and the number of its first epoch."""
        first = 1
        for phase in self.phases:
            if number < first + phase.epochs:
                break
            first += phase.epochs
        return phase, first

    def _begin(self, phase: Phase, number: int) -> None:
        """Start a phase; as for an epoch, nothing but the seed decides what is drawn."""
        _seed(self.project.seed, number, 1)
        self.network.begin(phase.name, self.train_words)
        self.optimizer.state.clear()

    def _train(self, number: int) -> tuple[float, float]:
        """Mean loss and accuracy while training epoch `number`."""
        phase, first = self._phase(number)
        _seed(self.project.seed, number)
        self.model.train()
        rank, ranks = self.fabric.global_rank, self.fabric.world_size
        samples, size = len(self.train_classes), self.project.train.batch
        steps = math.ceil(samples / size)
        order = torch.randperm(samples).to(self.train_words.device)
        total = torch.zeros(2, device=order.device)
        for step, rows in enumerate(torch.split(order, size)):
            done = ((number - first) * steps + step) / (phase.epochs * steps)
            self._set_rate(done)
            self.network.advance(done)
            share = rows[rank::ranks]
            classes = self.train_classes[share]
            logits = self.model(self._augmented(self.train_words[share]))
            # DDP takes the mean over the processes: together the mean over the rows.
            loss = self._loss(logits, classes) * ranks / len(rows)
            whole = loss
            for extra in (self.network.penalty(), self._price(done)):
                whole = whole if extra is None else whole + extra
            self.optimizer.zero_grad()
            self.fabric.backward(whole)
            self.optimizer.step()
            self.network.after_step()
            hits = (logits.argmax(-1) == classes).sum()
            total += torch.stack([loss.detach() * len(rows) / ranks, hits])
        self.fabric.all_reduce(total, reduce_op="sum")
        self._check_finite(number, total[0])
        mean_loss, accuracy = (total / samples).tolist()
        return mean_loss, accuracy

    def _augmented(self, words: Tensor) -> Tensor:
        settings, image = self.project.train, self.data.image
        if image is None or not settings.moves:
            return words
        moves = Moves(image, settings.shift, settings.rotate, settings.zoom, settings.flip)
        return moves(words)

    def _loss(self, logits: Tensor, classes: Tensor) -> Tensor:
        """The sum over the samples."""
        smoothing = self.project.train.label_smoothing
        return cross_entropy(logits, classes, reduction="sum", label_smoothing=smoothing)

    def _price(self, done: float) -> Tensor | None:
        """What the expected LUTs cost at the share `done` of a phase."""
        if not self.project.train.cost:
            return None
        luts = self.network.expected_luts()
        return None if luts is None else luts * price(self.project.train.cost, done)

    def _add_to_front(self, count: Counter) -> None:
        if not self.fabric.is_global_zero:
            return
        record = self.history[-1]
        record["luts"] = count(self.network)
        point = Point(**{name: record[name] for name in Point.model_fields})
        self.front = keep(self.front, point, self.network, self.folder)

    def _set_rate(self, done: float) -> None:
        """A cosine from the project's learning rate to zero, over `done` from 0 to 1."""
        rate = self.project.train.learning_rate * 0.5 * (1 + math.cos(math.pi * done))
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def _check_finite(self, number: int, loss: Tensor) -> None:
        values = [loss, *(parameter.sum() for parameter in self.network.parameters())]
        if not all(bool(value.isfinite()) for value in values):
            settings = self.project.train
            raise ConfigError(
                f"training diverged in epoch {number}: loss {loss.item()} or a weight is not"
                f" finite; train.learning_rate is {settings.learning_rate}, try a lower one;"
                f" train.temperature is {settings.temperature}, try a higher one"
            )

    def _evaluate(self, words: Tensor, classes: Tensor) -> tuple[float, NDArray[np.int64]]:
        """Mean loss, and the class that the network finds for each sample, in full precision."""
        self.model.eval()
        logits = logits_of(self.network, words)
        return cross_entropy(logits, classes).item(), logits.argmax(-1).cpu().numpy()

    def best(self) -> dict[str, Any]:
        """The record of the epoch that is kept: of the phase that the training is in."""
        phase = self.history[-1]["phase"]
        records = [entry for entry in self.history if entry["phase"] == phase]
        return min(records, key=lambda entry: entry["validation_loss"])

    def _keep(self) -> None:
        # The checkpoint comes last: a kill before it repeats the epoch, with the same result.
        writes, partial = self.fabric.is_global_zero, self.folder / f".{CHECKPOINT}.part"
        if writes and self.best() is self.history[-1]:
            save_model(self.network, self.project.model.method, self.folder / MODEL)
        if writes:
            write_atomic(self.folder / HISTORY, json.dumps(self.history, indent=1) + "\n")
        self.fabric.save(partial, self._state())
        if writes:
            partial.replace(self.folder / CHECKPOINT)

    def _state(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "history": self.history,
            "front": self.front.model_dump_json(),
            "model": self.model,
            "optimizer": self.optimizer,
            "precision": self.fabric.strategy.precision.state_dict(),
        }

    def finish(self) -> Metrics:
        """Measure the kept epoch on the test samples and write `metrics.json`."""
        self.network.load_state_dict(load_model(self.folder).state_dict())
        best = self.best()
        _, found = self._evaluate(*self._tensors(self.data.x_test, self.data.y_test))
        accuracy = best["validation_accuracy"]
        metrics = measured(self.project, self.data, int(best["epoch"]), accuracy, found)
        if self.fabric.is_global_zero:
            write_atomic(self.folder / METRICS, metrics.model_dump_json(indent=1) + "\n")
        return metrics


def price(cost: float, done: float) -> float:
    """Price of one expected LUT in the loss, at the share `done` (0..1) of a phase.

    It rises by a factor of 100 until one half, evenly by its logarithm, and then stays: the second
    half trains what is left at the price that was asked for.
    """
    return cost / 1000.0 * math.pow(100.0, min(2.0 * done, 1.0) - 1.0)
