"""The method `logicnets`: sparse quantised neurons as truth tables (see `hlsgen.nn.neurons`)."""

from __future__ import annotations

import dataclasses

from hlsgen.nn.neurons import NeuronArchitecture, NeuronNetwork
from hlsgen.project import Project
from hlsgen.train import dwn
from hlsgen.train.method import Method, fields


def architecture(project: Project, features: int, classes: int) -> NeuronArchitecture:
    """The sizes of the project; neurons are wired at random."""
    base = dwn.architecture(project, features, classes)
    base = dataclasses.replace(base, candidates=(0,) * len(base.layers))
    return NeuronArchitecture(**fields(base), code_bits=project.model.logicnets.bits)


METHOD = Method(NeuronNetwork, NeuronArchitecture, architecture)
