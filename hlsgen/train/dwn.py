"""The method `dwn`: differentiable weightless networks (Bacellar et al., ICML 2024)."""

from __future__ import annotations

from hlsgen.nn import Architecture, LutNetwork
from hlsgen.project import Project
from hlsgen.train.method import Method


def architecture(project: Project, features: int, classes: int) -> Architecture:
    """Extended finite differences; the first layer learns its wiring, as the paper recommends."""
    model, inputs = project.model, project.inputs
    first = model.candidates if model.wiring == "learned" else 0
    return Architecture(
        features=features,
        classes=classes,
        bits=inputs.bits,
        thresholds=inputs.thresholds,
        layers=model.layers,
        fan_in=model.fan_in,
        candidates=(first, *(0 for _ in model.layers[1:])),
        temperature=project.train.temperature,
        votes=model.votes,
    )


METHOD = Method(LutNetwork, Architecture, architecture)
