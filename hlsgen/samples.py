"""Samples in a build folder, as input words."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hlsgen.errors import ConfigError
from hlsgen.graph.graphio import DAMAGED_NPZ
from hlsgen.graph.ir import Values


def load_samples(path: Path) -> Values:
    """Input words [n, 1, features] of the samples in a build folder.

    Raises:
        ConfigError: the file is missing or damaged.
    """
    with _opened(path) as arrays:
        return np.asarray(arrays["x"], dtype=np.int64)[:, None, :]


def load_labelled(path: Path) -> tuple[Values, NDArray[np.int64]]:
    """Input words [n, 1, features] and labels [n].

    Raises:
        ConfigError: the file is missing or damaged.
    """
    with _opened(path) as arrays:
        return np.asarray(arrays["x"], np.int64)[:, None, :], np.asarray(arrays["y"], np.int64)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The arrays of a file; what goes wrong while they are read is a ConfigError."""
    try:
        # From memory: numpy leaves the file open when it turns out to be damaged.
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            yield arrays
    except (OSError, LookupError, *DAMAGED_NPZ) as error:
        raise ConfigError(f"{path}: no samples here ({error}); run the stage export") from error
