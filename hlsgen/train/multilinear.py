"""The method `multilinear`: hard tables forward, their multilinear extension backward."""

from __future__ import annotations

import dataclasses

from hlsgen.nn import Architecture, LutNetwork
from hlsgen.nn.lookup import MULTILINEAR
from hlsgen.project import Project
from hlsgen.train import dwn
from hlsgen.train.method import Method


def architecture(project: Project, features: int, classes: int) -> Architecture:
    """Every layer learns its wiring.

    Raises:
        ConfigError: as `dwn.architecture`.
    """
    base = dwn.architecture(project, features, classes)
    rest = (
        dwn.choices(project, width, f"LUT layer {i}") for i, width in enumerate(base.layers[:-1])
    )
    return dataclasses.replace(
        base,
        candidates=(base.candidates[0], *rest),
        blur=MULTILINEAR,
        start=project.model.multilinear.start,
        soft=project.model.multilinear.soft,
    )


METHOD = Method(LutNetwork, Architecture, architecture)
