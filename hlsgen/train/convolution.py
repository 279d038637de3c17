"""The method `convolution`: trees of LUTs that slide over an image (see `nn.convolution`)."""

from __future__ import annotations

import dataclasses

from hlsgen.errors import ConfigError
from hlsgen.nn.convolution import ConvolutionArchitecture, ConvolutionNetwork
from hlsgen.nn.lookup import MULTILINEAR
from hlsgen.nn.maps import Convolution
from hlsgen.project import Project
from hlsgen.train import dwn
from hlsgen.train.method import Method, fields, refuse_branches

# Taps that a pin chooses from, where the project does not say.
_CANDIDATES = 16


def architecture(project: Project, features: int, classes: int) -> ConvolutionArchitecture:
    """The convolutions as the project has them; dense layers learn their wiring.

    Raises:
        ConfigError: no convolutions or no image, windows that do not fit, or as `dwn.choices`.
    """
    model = project.model
    if not model.convolutions:
        raise ConfigError(
            "model.convolutions is missing: method 'convolution' needs a [[model.convolutions]]"
            " table with filters and kernel for each"
        )
    refuse_branches(model)
    # What the pins choose from is known only when the maps are.
    unwired = model.model_copy(update={"wiring": "random", "window": 0})
    base = dwn.architecture(project.model_copy(update={"model": unwired}), features, classes)
    found = ConvolutionArchitecture(
        **fields(base)
        | {"blur": MULTILINEAR, "start": model.multilinear.start, "soft": model.multilinear.soft},
        convolutions=tuple(
            Convolution(c.filters, c.kernel, c.depth, c.pool, c.stride, 0)
            for c in model.convolutions
        ),
    )
    height, width, filters = found.maps[-1]
    lanes = [height * width * filters, *found.layers[:-1]]
    names = ["the flattened map", *(f"LUT layer {i}" for i in range(len(lanes) - 1))]
    return dataclasses.replace(
        found,
        convolutions=tuple(
            dataclasses.replace(convolution, candidates=_taps(project, i, found.maps[i][2]))
            for i, convolution in enumerate(found.convolutions)
        ),
        candidates=tuple(
            dwn.choices(project, n, name) for n, name in zip(lanes, names, strict=True)
        ),
    )


def _taps(project: Project, number: int, lanes: int) -> int:
    """Among how many taps of its window a pin of a convolution chooses; 0 with random wiring.

    Raises:
        ConfigError: the project wants more than there are.
    """
    model, convolution = project.model, project.model.convolutions[number]
    taps = convolution.kernel**2 * lanes
    if model.wiring == "random":
        return 0
    if convolution.candidates is None:
        return min(_CANDIDATES, taps)
    if convolution.candidates > taps:
        raise ConfigError(
            f"model.convolutions[{number}].candidates is {convolution.candidates}: its window has"
            f" {taps} taps to choose from; use at most {taps}"
        )
    return convolution.candidates


METHOD = Method(ConvolutionNetwork, ConvolutionArchitecture, architecture)
