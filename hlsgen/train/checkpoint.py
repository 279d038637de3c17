"""The trained network on disk (`model.pt`): weights, and the architecture they belong to."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import torch

from hlsgen.errors import ConfigError
from hlsgen.nn import Network
from hlsgen.paths import write_atomic
from hlsgen.project import Project
from hlsgen.train.method import Method, fields
from hlsgen.train.methods import METHODS, method_called

FORMAT = 2
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


def save_model(network: Network, method: str, path: Path) -> None:
    """Write the network to `path`, whole or not at all.

    Args:
        network: what to write.
        method: the name of the method that made it.
        path: the file.
    """
    content = {
        "format": FORMAT,
        "method": method,
        "architecture": fields(network.architecture),
        "state": network.state_dict(),
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_atomic(path, buffer.getvalue())


def load_model(path: Path, project: Project | None = None) -> Network:
    """The network in `path` (a `model.pt`, or the folder that holds one), in eval mode.

    Args:
        path: file or folder.
        project: if given, the network must be one of its method and sizes.

    Raises:
        ConfigError: no file, a damaged file, or another architecture; the message says which.
    """
    file = path / MODEL if path.is_dir() else path
    if not file.is_file():
        raise ConfigError(f"{file}: no trained network here; run the train stage first")
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
        if content["format"] != FORMAT:
            raise ConfigError(
                f"{file}: format {content['format']}, this hlsgen reads {FORMAT}; train again"
            )
        name, found, state = content["method"], content["architecture"], content["state"]
        method = METHODS[name]
    except DAMAGE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(
            f"{file}: not a whole hlsgen checkpoint ({reason}); remove it and train again"
        ) from error
    network = _rebuild(file, method, found, state)
    if project is not None:
        _same(file, name, fields(network.architecture), project)
    return network


def _same(file: Path, name: str, found: dict[str, Any], project: Project) -> None:
    method = method_called(project.model.method)
    sizes = method.architecture(project, found.get("features", 1), found.get("classes", 2))
    wanted = {"method": project.model.method, **fields(sizes)}
    seen = {"method": name, **found}
    differences = [
        f"{key} is {seen.get(key)}, the project says {value}"
        for key, value in wanted.items()
        if seen.get(key) != value
    ]
    if differences:
        raise ConfigError(f"{file}: another architecture: {'; '.join(differences)}; train again")


def _rebuild(file: Path, method: Method, found: dict[str, Any], state: dict[str, Any]) -> Network:
    try:
        with torch.random.fork_rng(devices=[]):
            network = method.network(method.sizes(**found))
        network.load_state_dict(state)
    except (TypeError, RuntimeError) as error:
        raise ConfigError(f"{file}: weights of another architecture: {error}") from error
    return network.eval()
