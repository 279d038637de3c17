"""The method `binary`: weights -1 and 1, activations of one or two bits (`nn.binary_network`)."""

from __future__ import annotations

from hlsgen.errors import ConfigError
from hlsgen.nn.binary_network import BinaryArchitecture, BinaryNetwork
from hlsgen.nn.maps import Convolution
from hlsgen.project import Model, Project
from hlsgen.train.method import Method, refuse


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
    )


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


METHOD = Method(BinaryNetwork, BinaryArchitecture, architecture)
