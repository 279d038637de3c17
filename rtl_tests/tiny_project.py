"""A project small enough to be trained in a test."""

from __future__ import annotations

from pathlib import Path

import numpy as np

_TEXT = """
name = "tiny"
seed = 3
[data]
source = "npz:data.npz"
[inputs]
bits = 4
thresholds = 3
[model]
layers = [21]
fan_in = 4
candidates = 8
[train]
epochs = 2
batch = 32
[hardware]
clock_mhz = {clock_mhz}
"""


def write_tiny_project(folder: Path, clock_mhz: int = 50) -> None:
    """Settings and data of a project whose three classes lie apart."""
    rng = np.random.default_rng(0)
    y = np.arange(240) % 3
    x = rng.normal(size=(240, 4)) + 3 * np.eye(4)[y]
    np.savez(folder / "data.npz", x=x, y=y)
    (folder / "project.toml").write_text(_TEXT.format(clock_mhz=clock_mhz))
