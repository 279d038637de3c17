"""The method `assemble`: units that are trees of LUTs (see `hlsgen.nn.trees`)."""

from __future__ import annotations

from hlsgen.nn.lookup import MULTILINEAR
from hlsgen.nn.trees import TreeArchitecture, TreeNetwork
from hlsgen.project import Project
from hlsgen.train import dwn
from hlsgen.train.method import Method, fields


def architecture(project: Project, features: int, classes: int) -> TreeArchitecture:
    """The levels of all units, from the roots that the project's `layers` give.

    Raises:
        ConfigError: as `dwn.architecture`.
    """
    base, depth = dwn.architecture(project, features, classes), project.model.assemble.depth
    above = range(depth - 1, -1, -1)
    chosen = [base.candidates[0]]
    chosen += [dwn.choices(project, n, f"unit {i}") for i, n in enumerate(base.layers[:-1])]
    settings = fields(base) | {
        "layers": tuple(roots * base.fan_in**level for roots in base.layers for level in above),
        "candidates": tuple(n if not level else 0 for n in chosen for level in range(depth)),
        "blur": MULTILINEAR,
    }
    return TreeArchitecture(**settings, depth=depth)


METHOD = Method(TreeNetwork, TreeArchitecture, architecture)
