"""The method `dwn`: differentiable weightless networks (Bacellar et al., ICML 2024)."""

from __future__ import annotations

from hlsgen.nn import Architecture, LutNetwork
from hlsgen.project import Project
from hlsgen.train.checkpoint import project_sizes
from hlsgen.train.data import Dataset


def build(project: Project, data: Dataset) -> LutNetwork:
    """An untrained network of the project's sizes, its encoding fitted to the training samples.

    Raises:
        ConfigError: `model.layers` does not fit the number of classes.
    """
    sizes = project_sizes(project)
    network = LutNetwork(Architecture(features=data.features, classes=data.classes, **sizes))
    network.fit_encoding(data.x_train)
    return network
