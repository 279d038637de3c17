"""Data sets by name: loaded, checked, split into training, validation and test samples."""

from __future__ import annotations

import hashlib
import importlib.util
import io
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hlsgen.errors import ConfigError
from hlsgen.graph.graphio import DAMAGED_NPZ
from hlsgen.project import TEST_FILE, TRAIN_FILE, Project

Samples = NDArray[np.float64]
Labels = NDArray[np.int64]

# Samples, labels, and how many at the end are the test part (0: it is to be split off).
Raw = tuple[NDArray[np.generic], NDArray[np.generic], int]

# OpenML sets whose last samples are the official test set.
OFFICIAL_TEST = {"mnist_784": 10_000, "Fashion-MNIST": 10_000}


@dataclass(frozen=True)
class Dataset:
    """Samples float64 [n, features] and class numbers int64 [n] of the three parts.

    `image` is the height and width of samples that are images: their features are pixels in raster
    order, and within a pixel its channels.

    Thresholds and weights come from the training part, choices from the validation part; the test
    part is looked at once, at the end. `labels` are the classes' names, by class number.
    """

    name: str
    labels: tuple[str, ...]
    x_train: Samples
    y_train: Labels
    x_val: Samples
    y_val: Labels
    x_test: Samples
    y_test: Labels
    image: tuple[int, int] | None = None

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.labels)

    @property
    def features(self) -> int:
        """Number of features of a sample."""
        return int(self.x_train.shape[1])

    @property
    def sizes(self) -> dict[str, int]:
        """Samples in each part."""
        parts = {"train": self.y_train, "validation": self.y_val, "test": self.y_test}
        return {name: len(part) for name, part in parts.items()}

    @cached_property
    def digest(self) -> str:
        """SHA-256 over labels, samples and split."""
        digest = hashlib.sha256(repr(self.labels).encode())
        for item in fields(self)[2:8]:
            value = getattr(self, item.name)
            digest.update(f"|{item.name}{value.shape}|".encode() + value.tobytes())
        return digest.hexdigest()


def load_data(project: Project) -> Dataset:
    """The data set that `project.data` names, split with the project's seed.

    Where the source has no test part, a stratified `data.test` share becomes one; a stratified
    `data.validation` share of the rest is kept for choices.

    Raises:
        ConfigError: the source cannot be read, or its arrays cannot be used.
    """
    kind, _, name = project.data.source.partition(":")
    if kind == "digits":
        raw = _digits()
    elif kind == "openml":
        raw = _openml(name)
    else:
        raw = _npz(project.folder / name)
    x, y, test = raw
    x = _in_raster_order(project, x)
    source = project.data.source
    samples, (names, numbers) = _checked(source, x, y), np.unique(y, return_inverse=True)
    if len(names) < 2:
        raise ConfigError(f"data.source {source!r}: has one class only, needs at least 2")
    rows = np.arange(len(y))
    if test:
        rest, tested = rows[:-test], rows[-test:]
    else:
        rest, tested = _split(project, "test", rows, numbers)
    trained, chosen = _split(project, "validation", rest, numbers[rest])
    if unseen := set(numbers.tolist()) - set(numbers[trained].tolist()):
        label = names[min(unseen)]
        raise ConfigError(f"data.source {source!r}: no training sample has label {label!r}")
    return Dataset(
        name=source,
        labels=tuple(str(label) for label in names),
        x_train=samples[trained],
        y_train=numbers[trained],
        x_val=samples[chosen],
        y_val=numbers[chosen],
        x_test=samples[tested],
        y_test=numbers[tested],
        image=_image(project, samples.shape[1]),
    )


def _image(project: Project, features: int) -> tuple[int, int] | None:
    """The height and width of the samples, if they are images.

    Raises:
        ConfigError: samples are of another size, or are to be moved without an image.
    """
    image, shift = project.data.image, project.train.shift
    if image is None:
        if project.train.moves:
            raise ConfigError(
                "train.shift, train.rotate, train.zoom and train.flip need data.image, the height"
                " and width of a sample"
            )
        return None
    if features % (image[0] * image[1]):
        raise ConfigError(
            f"data.image is {list(image)}: its samples have {features} features, not"
            f" {image[0]} x {image[1]}, nor a multiple: channels of a pixel"
        )
    if shift >= min(image):
        raise ConfigError(f"train.shift is {shift}: must be below {min(image)}, see data.image")
    return image


def _in_raster_order(project: Project, x: NDArray[np.generic]) -> NDArray[np.generic]:
    """Samples whose features are pixel after pixel, the channels of each together.

    Raises:
        ConfigError: planes of an image whose size is not known, or does not fit.
    """
    image, order = project.data.image, project.data.order
    if x.ndim == 4 and image:
        return np.moveaxis(x, 1, -1) if x.shape[1:3] != image == x.shape[2:] else x
    if order == "pixels" or x.ndim < 2:
        return x
    flat = x.reshape(len(x), -1)
    if image is None or flat.shape[1] % (image[0] * image[1]):
        raise ConfigError(
            f"data.order is {order!r}: needs data.image, the height and width of a sample, with a"
            f" multiple of its pixels as features; samples have {flat.shape[1]}, data.image is"
            f" {list(image) if image else 'missing'}"
        )
    return np.moveaxis(flat.reshape(len(x), -1, *image), 1, -1)


def _split(
    project: Project, share: str, rows: NDArray[np.int64], y: Labels
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows without and with the stratified `share` ("test" or "validation"), each ascending."""
    from sklearn.model_selection import train_test_split

    size = getattr(project.data, share)
    try:
        rest, part = train_test_split(rows, test_size=size, stratify=y, random_state=project.seed)
    except ValueError as error:
        place = f"data.{share} is {size}, data.source {project.data.source!r}"
        raise ConfigError(f"{place}: cannot split {len(rows)} samples: {error}") from error
    return np.sort(rest), np.sort(part)


def _checked(source: str, x: NDArray[np.generic], y: NDArray[np.generic]) -> Samples:
    """Samples flattened to float64 [n, features]."""
    place = f"data.source {source!r}"
    if y.ndim != 1 or x.ndim < 2 or len(x) != len(y) or x.size == 0:
        raise ConfigError(
            f"{place}: x is {list(x.shape)} and y is {list(y.shape)},"
            " needs samples [n, ...] and as many labels [n]"
        )
    if y.dtype.kind not in "biuSUO":
        raise ConfigError(f"{place}: y is {y.dtype}, needs integers or strings")
    try:
        samples = np.ascontiguousarray(x.reshape(len(x), -1), dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{place}: x is not numeric: {error}") from error
    bad = ~np.isfinite(samples)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise ConfigError(
            f"{place}: {bad.sum()} values are NaN or infinite, the first is feature {column} of"
            f" sample {row}; remove or replace them"
        )
    return samples


def _digits() -> Raw:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return bunch.data, bunch.target, 0


def _openml(name: str) -> Raw:
    """Version 1 of an OpenML set, from the user's scikit-learn cache or downloaded into it."""
    from sklearn.datasets import fetch_openml

    parser = "pandas" if importlib.util.find_spec("pandas") else "liac-arff"
    try:
        bunch = fetch_openml(name=name, version=1, as_frame=False, parser=parser)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"data.source 'openml:{name}': cannot fetch it ({error}); check the name and the"
            ' network, or save the arrays x and y to a file and use source = "npz:FILE"'
        ) from error
    return np.asarray(bunch.data), np.asarray(bunch.target), OFFICIAL_TEST.get(name, 0)


def _npz(path: Path) -> Raw:
    """The arrays x and y of a file, or those of its training and test parts."""
    found = _arrays(path)
    other = path.with_name(path.name.removesuffix(TRAIN_FILE) + TEST_FILE)
    if {"x", "y"} <= found.keys() and path.name.endswith(TRAIN_FILE) and other.is_file():
        test = _arrays(other)
        if not {"x", "y"} <= test.keys():
            raise ConfigError(f"{other}: has arrays {', '.join(sorted(test))}; needs x and y")
        found = dict(zip(_PARTS, (found["x"], found["y"], test["x"], test["y"]), strict=True))
    if {"x", "y"} <= found.keys():
        return found["x"], found["y"], 0
    if missing := [name for name in _PARTS if name not in found]:
        raise ConfigError(
            f"{path}: has arrays {', '.join(sorted(found)) or 'none'}; needs x and y, or"
            f" {', '.join(_PARTS)} (missing: {', '.join(missing)})"
        )
    x_train, y_train, x_test, y_test = (found[name] for name in _PARTS)
    if x_train.shape[1:] != x_test.shape[1:] or y_train.dtype.kind != y_test.dtype.kind:
        raise ConfigError(
            f"{path}: x_train {list(x_train.shape)} and x_test {list(x_test.shape)} must hold the"
            f" same features, y_train ({y_train.dtype}) and y_test ({y_test.dtype}) the same labels"
        )
    if len(x_train) != len(y_train) or len(x_test) != len(y_test) or len(y_test) == 0:
        raise ConfigError(
            f"{path}: {len(x_train)} training samples with {len(y_train)} labels, {len(x_test)}"
            f" test samples with {len(y_test)} labels: needs as many labels as samples"
        )
    return np.concatenate([x_train, x_test]), np.concatenate([y_train, y_test]), len(y_test)


_PARTS = ("x_train", "y_train", "x_test", "y_test")
# Images as files of their own: the bytes of all, where each begins, and what it shows.
_PACKED = {"jpeg", "offset", "label"}


def _arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    """The arrays of a file; images that are packed become x and y."""
    try:
        # numpy leaves a damaged file open unless it is opened here.
        with path.open("rb") as stream:
            arrays = np.load(stream, allow_pickle=False)
            found = dict(arrays) if isinstance(arrays, Mapping) else {}
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error
    except DAMAGED_NPZ as error:
        raise ConfigError(f"{path}: not a readable .npz of plain arrays: {error}") from error
    if found.keys() >= _PACKED:
        return {"x": _images(path, found["jpeg"], found["offset"]), "y": found["label"]}
    return found


def _images(
    path: Path, packed: NDArray[np.generic], offset: NDArray[np.generic]
) -> NDArray[np.generic]:
    """Images uint8 [n, height, width, channels] of JPEG files, packed[offset[i] : offset[i + 1]].

    Raises:
        ConfigError: they cannot be read, or differ in size.
    """
    try:
        content, ends = packed.tobytes(), offset.tolist()
        files = (content[start:end] for start, end in pairwise(ends))
        images = [np.asarray(Image.open(io.BytesIO(file)).convert("RGB")) for file in files]
        return np.stack(images)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"{path}: cannot read its JPEG images: {error}") from error
