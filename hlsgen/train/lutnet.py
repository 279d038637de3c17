"""The method `lutnet`: a pruned binary network whose weights become tables.

Wang et al., "LUTNet", FCCM 2019, and IEEE Transactions on Computers 69(12), 2020.
"""

from __future__ import annotations

from hlsgen.errors import ConfigError
from hlsgen.nn import LutNetNetwork, NodeArchitecture
from hlsgen.project import Project
from hlsgen.train.method import Method, Phase, shared

# Shares of the epochs.
SHARES = {"bnn": 0.15, "retrain": 0.05, "lut": 0.8}


def architecture(project: Project, features: int, classes: int) -> NodeArchitecture:
    """`model.layers` are the hidden layers' filters, `model.fan_in` the pins of a node."""
    model, inputs, train = project.model, project.inputs, project.train
    if train.devices > 1:
        raise ConfigError(
            f"train.devices is {train.devices}: the method {model.method!r} normalises over whole"
            " batches and trains on 1 device only"
        )
    theta = model.lutnet.theta
    return NodeArchitecture(
        features=features,
        classes=classes,
        bits=inputs.bits,
        thresholds=inputs.thresholds,
        layers=model.layers,
        fan_in=model.fan_in,
        theta=theta * (len(model.layers) + 1) if len(theta) == 1 else theta,
        temperature=train.temperature,
    )


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
