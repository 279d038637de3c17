"""The training methods by name. A new one is a file beside this one and a line below."""

from __future__ import annotations

from collections.abc import Callable

from hlsgen.errors import ConfigError
from hlsgen.nn import LutNetwork
from hlsgen.project import Project
from hlsgen.train import dwn
from hlsgen.train.data import Dataset

Builder = Callable[[Project, Dataset], LutNetwork]

METHODS: dict[str, Builder] = {"dwn": dwn.build}


def builder(name: str) -> Builder:
    """The method called `name`.

    Raises:
        ConfigError: there is none.
    """
    if name not in METHODS:
        known = ", ".join(sorted(METHODS))
        raise ConfigError(f"model.method is {name!r}: unknown; known methods are {known}")
    return METHODS[name]
