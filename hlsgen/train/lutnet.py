"""The method `lutnet`: a pruned binary network whose weights become tables.

Wang et al., "LUTNet", FCCM 2019, and IEEE Transactions on Computers 69(12), 2020.
"""

from __future__ import annotations

from hlsgen.errors import ConfigError
from hlsgen.nn import LutNetNetwork, NodeArchitecture
from hlsgen.nn.maps import Convolution
from hlsgen.project import Model, Project
from hlsgen.train.method import Method, Phase, refuse, refuse_branches, shared

# Shares of the epochs.
SHARES = {"bnn": 0.15, "retrain": 0.05, "lut": 0.8}


def architecture(project: Project, features: int, classes: int) -> NodeArchitecture:
    """`model.layers` are the hidden layers' filters, `model.fan_in` the pins of a node.

    Raises:
        ConfigError: settings that the method does not know, or as `NodeArchitecture`.
    """
    model, inputs, train = project.model, project.inputs, project.train
    if train.devices > 1:
        raise ConfigError(
            f"train.devices is {train.devices}: the method {model.method!r} normalises over whole"
            " batches and trains on 1 device only"
        )
    layers = len(model.convolutions) + len(model.layers) + 1
    wish = model.lutnet
    refuse_branches(model)
    return NodeArchitecture(
        features=features,
        classes=classes,
        bits=inputs.bits,
        thresholds=inputs.thresholds,
        layers=model.layers,
        fan_in=model.fan_in,
        theta=wish.theta * layers if len(wish.theta) == 1 else wish.theta,
        temperature=train.temperature,
        fan_ins=wish.fan_in * layers if len(wish.fan_in) == 1 else wish.fan_in,
        image=project.data.image if model.convolutions else None,
        convolutions=tuple(_convolution(model, i) for i in range(len(model.convolutions))),
    )


def _convolution(model: Model, number: int) -> Convolution:
    """A convolution of the project.

    Raises:
        ConfigError: it is to be a tree.
    """
    found = model.convolutions[number]
    why = f"the method {model.method!r} has one layer of nodes for each convolution, with random"
    refuse(model, number, ("depth", "candidates"), f"{why} wiring")
    return Convolution(found.filters, found.kernel, 1, found.pool, found.stride, 0)


def phases(project: Project) -> tuple[Phase, ...]:
    """The binary network, the pruned one, and its tables."""
    return schedule(project, SHARES)


def schedule(project: Project, shares: dict[str, float]) -> tuple[Phase, ...]:
    """Phases with `shares` of the project's epochs.

    Raises:
        ConfigError: there are fewer epochs than phases.
    """
    epochs = project.train.epochs
    if epochs < len(shares):
        raise ConfigError(
            f"train.epochs is {epochs}: the method {project.model.method!r} has {len(shares)}"
            f" phases ({', '.join(shares)}), use at least {len(shares)}"
        )
    return shared(epochs, shares)


METHOD = Method(LutNetNetwork, NodeArchitecture, architecture, phases)
