"""The method `shrink`: LUTNet with connections removed step by step.

Wang et al., "Logic Shrinkage", FPGA 2022.
"""

from __future__ import annotations

import dataclasses

from hlsgen.errors import ConfigError
from hlsgen.nn import LutNetNetwork, NodeArchitecture
from hlsgen.project import Project
from hlsgen.train import lutnet
from hlsgen.train.method import Method, Phase

# Shares of the epochs. What is removed stays removed, so the last phase is the final one.
SHARES = {
    "bnn": 0.15,
    "retrain": 0.05,
    "lut": 0.2,
    "shrink1": 0.05,
    "shrink2": 0.05,
    "shrink3": 0.5,
}


def architecture(project: Project, features: int, classes: int) -> NodeArchitecture:
    """That of `lutnet`, with what is to be removed.

    Raises:
        ConfigError: there are no tables, or as for `lutnet`.
    """
    wish = project.model.shrink
    base = lutnet.architecture(project, features, classes)
    if max(base.pins) == 1:
        raise ConfigError(
            "model.lutnet.fan_in is 1 in all layers: the method 'shrink' has no tables to shrink;"
            " use the method 'lutnet', or a larger fan_in in some layer"
        )
    return dataclasses.replace(base, delta=wish.delta, saliency=wish.saliency)


def phases(project: Project) -> tuple[Phase, ...]:
    """Those of `lutnet`, the last one in four parts."""
    return lutnet.schedule(project, SHARES)


METHOD = Method(LutNetNetwork, NodeArchitecture, architecture, phases)
