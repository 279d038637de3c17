"""The method `binary`: weights -1 and 1, activations of one or two bits (`nn.binary_network`)."""

from __future__ import annotations

from typing import Any

from hlsgen.errors import ConfigError
from hlsgen.nn.binary_network import BinaryArchitecture, BinaryNetwork
from hlsgen.nn.maps import Convolution
from hlsgen.project import Model, Project
from hlsgen.train.lutnet import schedule
from hlsgen.train.method import Method, Phase, refuse

# Shares of the epochs. The network around the tables takes longest: `lutnet` gives it less, as its
# tables have all weights to carry.
SHARES = {"bnn": 0.5, "retrain": 0.1, "lut": 0.4}
SHRUNK = {"bnn": 0.5, "retrain": 0.1, "lut": 0.1, "shrink1": 0.05, "shrink2": 0.05, "shrink3": 0.2}


def architecture(project: Project, features: int, classes: int) -> BinaryArchitecture:
    """The convolutions as the project has them; `model.layers` are the rows of dense layers.

    Raises:
        ConfigError: settings that the method does not know, or as `BinaryArchitecture`.
    """
    model = project.model
    if model.votes:
        raise ConfigError(
            f"model.votes is {model.votes}: the method 'binary' sums all rows of its last layer for"
            " each class, with weights -1 and 1; leave it out"
        )
    return BinaryArchitecture(
        features=features,
        classes=classes,
        bits=project.inputs.bits,
        layers=model.layers,
        temperature=project.train.temperature,
        levels=2**model.binary.bits - 1,
        image=project.data.image if model.convolutions else None,
        convolutions=tuple(_convolution(model, i) for i in range(len(model.convolutions))),
        **_tables(model),
    )


def _tables(model: Model) -> dict[str, Any]:
    """What the architecture says of layers that become tables.

    Raises:
        ConfigError: there are none to shrink.
    """
    tables, wish = model.binary.tables, model.lutnet
    pins = wish.fan_in or (model.fan_in,)
    found = {
        "tables": tables,
        "theta": wish.theta * len(tables) if len(wish.theta) == 1 else wish.theta,
        "fan_ins": pins * len(tables) if len(pins) == 1 else pins,
    }
    if not tables:
        if model.binary.shrink:
            raise ConfigError(
                "model.binary.shrink is true, and model.binary.tables names no layer: there are no"
                " tables to shrink"
            )
        return {}
    if not model.binary.shrink:
        return found
    return found | {"delta": model.shrink.delta, "saliency": model.shrink.saliency}


def phases(project: Project) -> tuple[Phase, ...]:
    """One, or those of `lutnet` and `shrink` where layers become tables."""
    wish = project.model.binary
    if not wish.tables:
        return (Phase("train", project.train.epochs),)
    return schedule(project, SHRUNK if wish.shrink else SHARES)


def _convolution(model: Model, number: int) -> Convolution:
    """A convolution of the project.

    Raises:
        ConfigError: it is to be a tree of tables.
    """
    found = model.convolutions[number]
    why = "in the method 'binary' a filter is a sum over its whole window, not a tree of tables"
    refuse(model, number, ("depth", "candidates"), why)
    return Convolution(
        filters=found.filters,
        kernel=found.kernel,
        depth=1,
        pool=found.pool,
        stride=found.stride,
        candidates=0,
        padding=found.padding,
        residual=found.residual,
    )


METHOD = Method(BinaryNetwork, BinaryArchitecture, architecture, phases)
