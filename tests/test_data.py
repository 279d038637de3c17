"""Data sets: sources, splits, and what is said about unusable files."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError

import numpy as np
import pytest
import sklearn.datasets

from hlsgen.errors import ConfigError
from hlsgen.project import Data, Model, Project
from hlsgen.train import load_data


def project(source: str, folder: Path = Path(), seed: int = 1, **data: float) -> Project:
    return Project(
        name="p",
        seed=seed,
        data=Data(source=source, **data),
        model=Model(layers=(10,)),
    ).at(folder)


def saved(folder: Path, **arrays: np.ndarray) -> Project:
    np.savez(folder / "set.npz", **arrays)
    return project("npz:set.npz", folder)


def plain(n: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 2, 3)), np.arange(n) % 3 + 5


def test_digits_are_split_by_class_and_seed():
    data = load_data(project("digits", test=0.2, validation=0.15))
    assert data.sizes == {"train": 1221, "validation": 216, "test": 360}
    assert (data.features, data.classes, data.labels[3]) == (64, 10, "3")
    assert np.bincount(data.y_test).min() >= 34
    again, other = load_data(project("digits")), load_data(project("digits", seed=2))
    assert again.digest == data.digest != other.digest
    whole = np.concatenate([data.x_train, data.x_val, data.x_test])
    assert sorted(map(bytes, whole)) == sorted(map(bytes, sklearn.datasets.load_digits().data))


def test_npz_images_are_flattened_and_labels_numbered(tmp_path):
    x, y = plain()
    data = load_data(saved(tmp_path, x=x.astype(np.float32), y=y))
    assert data.x_train.dtype == np.float64 and data.features == 6
    assert data.labels == ("5", "6", "7")
    assert sum(data.sizes.values()) == 60 and data.sizes["test"] == 12
    rows = {row.tobytes(): label for row, label in zip(data.x_test, data.y_test, strict=True)}
    flat = x.astype(np.float32).astype(np.float64).reshape(60, 6)
    assert all(
        rows.get(row.tobytes(), label - 5) == label - 5 for row, label in zip(flat, y, strict=True)
    )


def test_npz_test_samples_stay_the_test_part(tmp_path):
    x, y = plain()
    arrays = {"x_train": x[:48], "y_train": y[:48], "x_test": x[48:], "y_test": y[48:]}
    data = load_data(saved(tmp_path, **arrays))
    assert (data.x_test == x[48:].reshape(12, 6)).all()
    assert data.sizes == {"train": 40, "validation": 8, "test": 12}


def nan(x: np.ndarray) -> np.ndarray:
    x = x.copy()
    x[4, 1, 0] = np.nan
    return x


X, Y = plain()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": X}, "has arrays x; needs x and y, or .*missing: x_train"),
        ({"x": nan(X), "y": Y}, "1 values are NaN or infinite, the first is feature 3 of sample 4"),
        ({"x": X, "y": Y[:-1]}, r"x is \[60, 2, 3\] and y is \[59\]"),
        ({"x": X, "y": Y * 0.5}, "y is float64, needs integers or strings"),
        ({"x": X, "y": Y * 0}, "one class only"),
        ({"x": X.astype("U8"), "y": np.array(["a", "b"] * 30)}, None),
        ({"x": np.full((60, 2), "cat"), "y": Y}, "x is not numeric"),
        ({"x": X, "y": np.r_[9, Y[1:]]}, "cannot split 60 samples"),
        (
            {"x_train": X, "y_train": Y, "x_test": X[:, 0], "y_test": Y},
            "must hold the same features",
        ),
        (
            {"x_train": X, "y_train": Y, "x_test": X, "y_test": Y[1:]},
            "60 test samples with 59 labels",
        ),
        (
            {"x_train": X, "y_train": Y, "x_test": X, "y_test": Y + 1},
            "no training sample has label (np.int64\\()?8",
        ),
    ],
)
def test_unusable_arrays_are_named(tmp_path, arrays, message):
    used = saved(tmp_path, **arrays)
    if message is None:  # numbers written as text are numbers
        assert load_data(used).features == 6
        return
    with pytest.raises(ConfigError, match=message):
        load_data(used)


def test_pickled_arrays_missing_and_damaged_files_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"not a readable \.npz"):
        load_data(saved(tmp_path, x=np.array([{}] * 60), y=Y))
    file = tmp_path / "set.npz"
    np.savez(file, x=X, y=Y)
    file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(ConfigError, match=r"set\.npz: not a readable \.npz"):
        load_data(project("npz:set.npz", tmp_path))
    with pytest.raises(ConfigError, match="No such file"):
        load_data(project("npz:other.npz", tmp_path))
    np.save(tmp_path / "one.npy", X)
    with pytest.raises(ConfigError, match="has arrays none; needs x and y"):
        load_data(project("npz:one.npy", tmp_path))


def test_openml_labels_are_encoded(monkeypatch):
    asked = {}

    def fetch(**options):
        asked.update(options)
        return SimpleNamespace(data=X.reshape(60, 6), target=np.array(["b", "a", "c"] * 20, object))

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", fetch)
    data = load_data(project("openml:jets"))
    assert asked["name"] == "jets" and asked["as_frame"] is False
    assert data.labels == ("a", "b", "c") and data.sizes["test"] == 12


def test_mnist_keeps_its_official_test_samples(monkeypatch):
    y = np.arange(10_100) % 10
    x = np.arange(10_100.0)[:, None]
    monkeypatch.setattr(
        sklearn.datasets,
        "fetch_openml",
        lambda **_: SimpleNamespace(data=x, target=y.astype(str)),
    )
    data = load_data(project("openml:mnist_784"))
    assert (data.x_test == x[100:]).all()
    assert data.sizes == {"train": 85, "validation": 15, "test": 10_000}


def test_openml_offline_says_what_to_do(monkeypatch):
    def fetch(**_):
        raise URLError("no route to host")

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", fetch)
    with pytest.raises(ConfigError, match=r"cannot fetch it \(.*no route to host.*npz:FILE"):
        load_data(project("openml:mnist_784"))
