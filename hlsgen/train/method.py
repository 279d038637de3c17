"""What a training method is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hlsgen.errors import ConfigError
from hlsgen.nn import Network
from hlsgen.project import Model, Project


@dataclass(frozen=True)
class Phase:
    """Epochs that train alike: the learning rate falls to zero, the optimiser starts anew.

    `name` is what `Network.begin` is told before the first of them.
    """

    name: str
    epochs: int


def _one(project: Project) -> tuple[Phase, ...]:
    return (Phase("train", project.train.epochs),)


@dataclass(frozen=True)
class Method:
    """A way to train a network that becomes LUTs.

    Args:
        network: the class of its networks.
        sizes: the class of their architectures, a dataclass.
        architecture: the architecture of the project's network, from numbers of features and
            classes; a `ConfigError` tells what does not fit.
        phases: the phases of the project's training, in order; their epochs are together
            `train.epochs`. Only an epoch of the last one can be the one that is kept.
    """

    network: Callable[[Any], Network]
    sizes: Callable[..., Any]
    architecture: Callable[[Project, int, int], Any]
    phases: Callable[[Project], tuple[Phase, ...]] = _one


def shared(epochs: int, shares: dict[str, float]) -> tuple[Phase, ...]:
    """Phases that share `epochs`; each has at least one.

    Args:
        epochs: in all.
        shares: by name, in order; any positive numbers.
    """
    total, done = sum(shares.values()), 0.0
    ends: list[int] = []
    for number, share in enumerate(shares.values(), 1):
        done += share
        rest = len(shares) - number
        least = ends[-1] + 1 if ends else 1
        ends.append(max(least, min(round(epochs * done / total), epochs - rest)))
    starts = [0, *ends[:-1]]
    return tuple(
        Phase(name, end - start) for name, start, end in zip(shares, starts, ends, strict=True)
    )


def refuse(model: Model, number: int, keys: tuple[str, ...], why: str) -> None:
    """See that a convolution leaves out settings that a method does not know.

    Args:
        model: of the project.
        number: of the convolution, from 0.
        keys: names of the settings.
        why: the method does not know them.

    Raises:
        ConfigError: one is set.
    """
    found = model.convolutions[number]
    for key in keys:
        value = getattr(found, key)
        if value != type(found).model_fields[key].default:
            raise ConfigError(f"model.convolutions[{number}].{key} is {value}: {why}; leave it out")


def refuse_branches(model: Model) -> None:
    """See that no convolution has a frame or a residual branch.

    Raises:
        ConfigError: one has.
    """
    why = f"the method {model.method!r} has no frames and no residual branches, 'binary' has"
    for number in range(len(model.convolutions)):
        refuse(model, number, ("padding", "residual"), why)


def fields(architecture: Any) -> dict[str, Any]:
    """The architecture as plain values."""
    return dataclasses.asdict(architecture)
