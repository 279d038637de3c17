"""The method `dwn`: differentiable weightless networks (Bacellar et al., ICML 2024)."""

from __future__ import annotations

from hlsgen.errors import ConfigError
from hlsgen.nn import Architecture, LutNetwork
from hlsgen.project import Project
from hlsgen.train.method import Method

# Where the project does not say: as many as bring most of the accuracy.
_CANDIDATES = 32


def architecture(project: Project, features: int, classes: int) -> Architecture:
    """Extended finite differences; the first layer learns its wiring, as the paper recommends.

    Raises:
        ConfigError: more candidates than inputs, a window without image or larger than it.
    """
    model, inputs, image = project.model, project.inputs, project.data.image
    if model.window and (image is None or model.window > min(image)):
        size = "not given" if image is None else f"{image[0]} x {image[1]}"
        raise ConfigError(
            f"model.window is {model.window}: data.image is {size}; needs an image of at least"
            " that many pixels each way"
        )
    rest = (0,) * (len(model.layers) - 1)
    return Architecture(
        features=features,
        classes=classes,
        bits=inputs.bits,
        thresholds=inputs.thresholds,
        layers=model.layers,
        fan_in=model.fan_in,
        candidates=(choices(project, features * inputs.thresholds, "the encoder"), *rest),
        temperature=project.train.temperature,
        votes=model.votes,
        image=image,
        window=model.window,
        spectral=model.dwn.spectral if model.method == "dwn" else 0.0,
    )


def choices(project: Project, lanes: int, source: str) -> int:
    """Among how many of `lanes` inputs a pin chooses; 0 with random wiring.

    Raises:
        ConfigError: the project wants more than there are; `source` names what they come from.
    """
    model = project.model
    if model.wiring == "random":
        return 0
    if model.candidates is None:
        return min(_CANDIDATES, lanes)
    if model.candidates > lanes:
        raise ConfigError(
            f"model.candidates is {model.candidates}: {source} has {lanes} outputs to choose from;"
            f" use at most {lanes}"
        )
    return model.candidates


METHOD = Method(LutNetwork, Architecture, architecture)
