"""The trained network on disk (`model.pt`): weights, and the architecture they belong to."""

from __future__ import annotations

import dataclasses
import io
import pickle
from pathlib import Path
from typing import Any

import torch

from hlsgen.errors import ConfigError
from hlsgen.nn import Architecture, LutNetwork
from hlsgen.paths import write_atomic
from hlsgen.project import Project

FORMAT = 1
MODEL = "model.pt"

# What torch.load and unpacking raise on files that are truncated or not checkpoints.
DAMAGE = (
    RuntimeError,
    pickle.UnpicklingError,
    EOFError,
    OSError,
    ValueError,
    LookupError,
    TypeError,
)


def save_model(network: LutNetwork, path: Path) -> None:
    """Write the network to `path`, whole or not at all."""
    content = {
        "format": FORMAT,
        "architecture": dataclasses.asdict(network.architecture),
        "state": network.state_dict(),
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_atomic(path, buffer.getvalue())


def load_model(path: Path, project: Project | None = None) -> LutNetwork:
    """The network in `path` (a `model.pt`, or the folder that holds one), in eval mode.

    Args:
        path: file or folder.
        project: if given, the network must have its sizes.

    Raises:
        ConfigError: no file, a damaged file, or another architecture; the message says which.
    """
    file = path / MODEL if path.is_dir() else path
    if not file.is_file():
        raise ConfigError(f"{file}: no trained network here; run the train stage first")
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
        found, state = content["architecture"], content["state"]
        if content["format"] != FORMAT:
            raise ConfigError(f"{file}: format {content['format']}, this hlsgen reads {FORMAT}")
    except DAMAGE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(
            f"{file}: not a whole hlsgen checkpoint ({reason}); remove it and train again"
        ) from error
    if project is not None:
        _same(file, found, project)
    return _rebuild(file, found, state)


def project_sizes(project: Project) -> dict[str, Any]:
    """The fields of `Architecture` that the project fixes."""
    model, inputs = project.model, project.inputs
    return {
        "bits": inputs.bits,
        "thresholds": inputs.thresholds,
        "layers": model.layers,
        "fan_in": model.fan_in,
        "candidates": model.candidates if model.wiring == "learned" else 0,
        "temperature": project.train.temperature,
    }


def _same(file: Path, found: dict[str, Any], project: Project) -> None:
    differences = [
        f"{name} is {found.get(name)}, the project says {wanted}"
        for name, wanted in project_sizes(project).items()
        if found.get(name) != wanted
    ]
    if differences:
        raise ConfigError(f"{file}: another architecture: {'; '.join(differences)}; train again")


def _rebuild(file: Path, found: dict[str, Any], state: dict[str, Any]) -> LutNetwork:
    try:
        with torch.random.fork_rng(devices=[]):
            network = LutNetwork(Architecture(**found))
        network.load_state_dict(state)
    except (TypeError, RuntimeError) as error:
        raise ConfigError(f"{file}: weights of another architecture: {error}") from error
    return network.eval()
