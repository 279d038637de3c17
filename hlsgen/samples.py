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
    """Input words [n, beats, lanes] of the samples in a build folder.

    Raises:
        ConfigError: the file is missing or damaged.
    """
    with _opened(path) as arrays:
        return _words(arrays)


def load_labelled(path: Path) -> tuple[Values, NDArray[np.int64]]:
    """Input words [n, beats, lanes] and labels [n].

    Raises:
        ConfigError: the file is missing or damaged.
    """
    with _opened(path) as arrays:
        return _words(arrays), np.asarray(arrays["y"], np.int64)


def _words(arrays: Any) -> Values:
    """Samples of one beat are kept as [n, lanes]."""
    words = np.asarray(arrays["x"], dtype=np.int64)
    if words.ndim not in (2, 3):
        raise ValueError(f"x is {list(words.shape)}, must be [n, lanes] or [n, beats, lanes]")
    return words[:, None, :] if words.ndim == 2 else words


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The arrays of a file; what goes wrong while they are read is a ConfigError."""
    try:
        # From memory: numpy leaves the file open when it turns out to be damaged.
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            yield arrays
    except (OSError, LookupError, *DAMAGED_NPZ) as error:
        raise ConfigError(f"{path}: no samples here ({error}); run the stage export") from error
