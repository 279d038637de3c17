"""The training methods by name. A new one is a file beside this one and a line below."""

from __future__ import annotations

from hlsgen.errors import ConfigError
from hlsgen.train import (
    assemble,
    binary,
    convolution,
    difflogic,
    dwn,
    logicnets,
    lutnet,
    multilinear,
    shrink,
)
from hlsgen.train.method import Method

METHODS: dict[str, Method] = {
    "assemble": assemble.METHOD,
    "binary": binary.METHOD,
    "convolution": convolution.METHOD,
    "difflogic": difflogic.METHOD,
    "dwn": dwn.METHOD,
    "logicnets": logicnets.METHOD,
    "lutnet": lutnet.METHOD,
    "multilinear": multilinear.METHOD,
    "shrink": shrink.METHOD,
}


def method_called(name: str) -> Method:
    """The method called `name`.

    Raises:
        ConfigError: there is none.
    """
    if name not in METHODS:
        known = ", ".join(sorted(METHODS))
        raise ConfigError(f"model.method is {name!r}: unknown; known methods are {known}")
    return METHODS[name]
