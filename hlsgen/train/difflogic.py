"""The method `difflogic`: gates of two inputs, learned by relaxation (see `hlsgen.nn.gates`)."""

from __future__ import annotations

from hlsgen.nn.gates import GateArchitecture, GateNetwork
from hlsgen.project import Project
from hlsgen.train import dwn
from hlsgen.train.method import Method, fields


def architecture(project: Project, features: int, classes: int) -> GateArchitecture:
    """The sizes of the project; pins of the first layer learn what they read, others may not."""
    base, chosen = dwn.architecture(project, features, classes), project.model.difflogic
    settings = fields(base) | {"start": chosen.start}
    return GateArchitecture(
        **settings, parametrisation=chosen.parametrisation, gate_temperature=chosen.temperature
    )


METHOD = Method(GateNetwork, GateArchitecture, architecture)
