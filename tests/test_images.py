"""Images with channels: the order of their features, files that hold them, mirrored ones."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import sklearn.datasets
import torch
from PIL import Image

from hlsgen.errors import ConfigError
from hlsgen.project import Data, Model, Project, Train
from hlsgen.train import load_data, train
from hlsgen.train.augment import Moves

Y = np.arange(60) % 3
# [samples, height, width, channels]
X = np.arange(60 * 4 * 5 * 3).reshape(60, 4, 5, 3) % 251


def project(source: str, folder: Path, image: tuple[int, int] | None = (4, 5), order="pixels"):
    data = Data(source=source, image=image, order=order)
    return Project(name="p", data=data, model=Model(layers=(9,))).at(folder)


def rows(data) -> set[bytes]:
    return set(map(bytes, np.concatenate([data.x_train, data.x_val, data.x_test])))


WANTED = set(map(bytes, X.reshape(60, -1).astype(np.float64)))


@pytest.mark.parametrize(
    ("x", "order"),
    [
        (X, "pixels"),
        (X, "planes"),
        (X.transpose(0, 3, 1, 2), "pixels"),
        (X.reshape(60, -1), "pixels"),
        (X.transpose(0, 3, 1, 2).reshape(60, -1), "planes"),
    ],
)
def test_channels_end_up_together(tmp_path, x, order):
    np.savez(tmp_path / "set.npz", x=x, y=Y)
    assert rows(load_data(project("npz:set.npz", tmp_path, order=order))) == WANTED


def test_openml_images_are_planes(monkeypatch, tmp_path):
    planes = X.transpose(0, 3, 1, 2).reshape(60, -1)
    bunch = SimpleNamespace(data=planes, target=Y.astype(str))
    monkeypatch.setattr(sklearn.datasets, "fetch_openml", lambda **_: bunch)
    assert rows(load_data(project("openml:CIFAR_10", tmp_path, order="planes"))) == WANTED


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (None, r"data\.order is 'planes': needs data\.image, .* have 60, data\.image is missing"),
        ((4, 7), r"data\.order is 'planes': .* samples have 60, data\.image is \[4, 7\]"),
    ],
)
def test_planes_need_an_image_that_fits(tmp_path, image, message):
    np.savez(tmp_path / "set.npz", x=X.reshape(60, -1), y=Y)
    with pytest.raises(ConfigError, match=message):
        load_data(project("npz:set.npz", tmp_path, image, "planes"))


def test_a_training_file_brings_the_test_file_beside_it(tmp_path):
    np.savez(tmp_path / "a_train.npz", x=X[:40], y=Y[:40])
    alone = load_data(project("npz:a_train.npz", tmp_path))
    assert sum(alone.sizes.values()) == 40
    np.savez(tmp_path / "a_test.npz", x=X[40:], y=Y[40:])
    data = load_data(project("npz:a_train.npz", tmp_path))
    assert np.array_equal(data.x_test, X[40:].reshape(20, -1)) and rows(data) == WANTED
    # A test file alone is a set like any other.
    assert sum(load_data(project("npz:a_test.npz", tmp_path)).sizes.values()) == 20
    np.savez(tmp_path / "a_test.npz", z=X)
    with pytest.raises(ConfigError, match=r"a_test\.npz: has arrays z; needs x and y"):
        load_data(project("npz:a_train.npz", tmp_path))


def packed(images: np.ndarray) -> dict[str, np.ndarray]:
    files = []
    for image in images:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=100, subsampling=0)
        files.append(buffer.getvalue())
    ends = np.cumsum([0, *map(len, files)])
    return {"jpeg": np.frombuffer(b"".join(files), np.uint8), "offset": ends}


def test_packed_images_are_read(tmp_path):
    rng = np.random.default_rng(0)
    images = np.repeat(rng.integers(0, 256, (60, 1, 1, 3), np.uint8), 4, 1).repeat(5, 2)
    arrays = packed(images)
    np.savez(tmp_path / "set.npz", **arrays, label=Y)
    data = load_data(project("npz:set.npz", tmp_path))
    assert data.features == 60
    found = np.concatenate([data.x_train, data.x_val, data.x_test])
    wanted = np.sort(images.reshape(60, -1).astype(np.float64).mean(1))
    assert np.abs(np.sort(found.mean(1)) - wanted).max() < 3
    np.savez(tmp_path / "set.npz", jpeg=arrays["jpeg"][5:], offset=arrays["offset"], label=Y)
    with pytest.raises(ConfigError, match=r"set\.npz: cannot read its JPEG images"):
        load_data(project("npz:set.npz", tmp_path))


def test_flips_mirror_about_half_of_the_images_with_all_channels():
    torch.manual_seed(0)
    words = torch.arange(60).repeat(400, 1)
    found = Moves((4, 5), flip=True)(words)
    mirrored = torch.arange(60).view(4, 5, 3).flip(1).flatten()
    plain, other = (found == words).all(1), (found == mirrored).all(1)
    assert (plain ^ other).all() and 150 < other.sum() < 250


def test_shifts_move_all_channels_of_a_pixel_together():
    torch.manual_seed(0)
    words = torch.arange(1, 61).repeat(50, 1)
    found = Moves((4, 5), shift=1, flip=True)(words).view(50, 4, 5, 3)
    inside = found[..., 0] > 0
    assert (found[..., 1][inside] == found[..., 0][inside] + 1).all()
    assert (found[..., 2][inside] == found[..., 0][inside] + 2).all()
    assert (found[~inside] == 0).all()


def test_flips_change_the_training(tmp_path):
    def of(flip: bool) -> Project:
        return Project(
            name="p",
            data=Data(source="digits", image=(8, 8)),
            model=Model(layers=(20,), candidates=8),
            train=Train(epochs=1, flip=flip),
        )

    first, second = train(of(False), tmp_path / "a"), train(of(True), tmp_path / "b")
    assert first.confusion != second.confusion and first.digest == second.digest
    without = of(True).model_copy(update={"data": Data(source="digits")})
    with pytest.raises(ConfigError, match=r"train\.flip need data\.image"):
        load_data(without)
