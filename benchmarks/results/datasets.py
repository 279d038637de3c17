"""The data files of the rows: found, joined or split where needed, and identified."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.variant import NotRun
from benchmarks.results.rows import DataFile
from hlsgen.paths import file_digest, write_atomic

Arrays = dict[str, NDArray[np.generic]]
FOLDS = 5


def prepare(data: DataFile, folder: Path | None, made: Path) -> Path | None:
    """The file to train on; None where the project's own source is used.

    Args:
        data: the data set.
        folder: where the files lie, or None.
        made: for files that are made of others; one that is there already is taken.

    Raises:
        NotRun: a file is not there.
    """
    if folder is None or not data.files:
        return None
    paths = [folder / name for name in data.files]
    if missing := [path.name for path in paths if not path.is_file()]:
        raise NotRun(
            f"{missing[0]} is not in the folder of --data (make: DATA=DIR); without --data the"
            " project's own source is used"
        )
    if data.file and not data.groups:
        return paths[0]
    # The name holds the content of what it was made from: it can never be out of date.
    digests = "".join(file_digest(path)[:12] for path in paths)
    target = made / f"{paths[0].stem}-{digests}.npz"
    if not target.is_file():
        arrays = [_arrays(path) for path in paths]
        _save(target, _split(arrays[0], data.groups) if data.file else _joined(*arrays))
    return target


def digest(data: DataFile, folder: Path | None) -> str:
    """SHA-256 of the file, or over those of two; empty where the project's own source is used.

    Raises:
        OSError: a file is not there.
    """
    if folder is None or not data.files:
        return ""
    found = [file_digest(folder / name) for name in data.files]
    return found[0] if data.file else hashlib.sha256("".join(found).encode()).hexdigest()


def _arrays(path: Path) -> Arrays:
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


def _joined(train: Arrays, test: Arrays) -> Arrays:
    parts = {"train": train, "test": test}
    return {f"{axis}_{name}": part[axis] for name, part in parts.items() for axis in "xy"}


def _split(arrays: Arrays, groups: str) -> Arrays:
    """One stratified fold in `FOLDS` is the test part; groups stay together."""
    from sklearn.model_selection import StratifiedGroupKFold

    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    train, test = next(folds.split(arrays["x"], arrays["y"], arrays[groups]))
    parts = {"train": np.sort(train), "test": np.sort(test)}
    return {f"{axis}_{name}": arrays[axis][rows] for name, rows in parts.items() for axis in "xy"}


def _save(path: Path, arrays: Arrays) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    write_atomic(path, buffer.getvalue())
