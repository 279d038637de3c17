"""Shifts, windows and candidates: what depends on samples being images, and on their lanes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hlsgen.errors import ConfigError
from hlsgen.nn import Architecture, LutNetwork
from hlsgen.nn.pools import varying, windows
from hlsgen.project import Data, Inputs, Model, Project, Train
from hlsgen.train import load_data, train
from hlsgen.train.augment import Moves
from hlsgen.train.dwn import architecture as dwn
from hlsgen.train.memory import enough_memory
from hlsgen.train.multilinear import architecture as multilinear


def project(image: tuple[int, int] | None = (8, 8), **keys: dict[str, object]) -> Project:
    model: dict[str, object] = {"layers": (20,), "fan_in": 3, "candidates": 8}
    return Project(
        name="images",
        data=Data(source="digits", image=image),
        inputs=Inputs(bits=5, thresholds=2),
        model=Model(**model | keys.get("model", {})),
        train=Train(**{"epochs": 1} | keys.get("train", {})),
    )


def test_every_image_is_moved_as_a_whole_and_zeros_come_in():
    torch.manual_seed(0)
    words = torch.arange(1, 13).repeat(200, 1)
    found = Moves((3, 4), shift=1)(words).view(200, 3, 4)
    seen = set()
    framed = torch.zeros(5, 6, dtype=words.dtype)
    framed[1:4, 1:5] = words[0].view(3, 4)
    for one in found:
        moves = [
            (row, column)
            for row in range(3)
            for column in range(3)
            if torch.equal(one, framed[row : row + 3, column : column + 4])
        ]
        assert len(moves) == 1
        seen.update(moves)
    assert len(seen) == 9


def test_turned_and_zoomed_images_keep_their_middle_and_words():
    torch.manual_seed(3)
    words = torch.arange(1, 122).repeat(300, 1)
    found = Moves((11, 11), rotate=20.0, zoom=0.2)(words)
    image = found.view(300, 11, 11)
    assert set(found.unique().tolist()) <= set(range(122))
    assert (image[:, 5, 5] == 61).all()
    # Near the middle little moves, at the corners much.
    still = (found == words).float().mean(0).view(11, 11)
    assert still[4:7, 4:7].min() > 0.9
    assert still[0, 0] < 0.5
    assert torch.equal(Moves((11, 11), rotate=0.0, zoom=0.0)(words), words)


def test_a_turn_is_a_turn():
    torch.manual_seed(0)
    words = torch.zeros(400, 21 * 21, dtype=torch.int64)
    words.view(400, 21, 21)[:, 10, 16] = 1
    image = Moves((21, 21), rotate=45.0)(words).view(400, 21, 21)
    _, row, column = image.nonzero(as_tuple=True)
    distance = ((row - 10) ** 2 + (column - 10) ** 2).float().sqrt()
    assert (distance - 6).abs().max() < 1.1
    assert (row < 8).any() and (row > 12).any() and (column >= 13).all()


def test_shifts_change_the_training_and_nothing_else(tmp_path):
    plain, moved = project(), project(train={"shift": 1})
    assert load_data(plain).digest == load_data(moved).digest
    first, second = train(plain, tmp_path / "a"), train(moved, tmp_path / "b")
    assert first.confusion != second.confusion


@pytest.mark.parametrize(
    ("image", "shift", "message"),
    [
        (None, 1, r"train\.shift, .* need data\.image"),
        ((8, 7), 0, r"data\.image is \[8, 7\]: .* 64 features, not 8 x 7"),
        ((8, 8), 8, r"train\.shift is 8: must be below 8"),
    ],
)
def test_unusable_images_are_refused(image, shift, message):
    with pytest.raises(ConfigError, match=message):
        load_data(project(image, train={"shift": shift}))


def test_lanes_that_never_or_hardly_change_are_no_candidates():
    bits = torch.zeros(1000, 5, dtype=torch.uint8)
    bits[:, 1] = 1
    bits[:300, 2] = 1
    bits[:4, 3] = 1
    bits[:-20, 4] = 1
    assert varying(bits).tolist() == [2, 4]
    assert varying(bits[:, [0, 3]]).tolist() == [1]
    with pytest.raises(ConfigError, match="all features are constant"):
        varying(bits[:, :2])


def test_windows_hold_their_pixels_and_move_off_empty_corners():
    torch.manual_seed(1)
    # Pixels of the left half only, two lanes each.
    lanes = torch.tensor([lane for lane in range(200) if lane // 2 % 10 < 5])
    pools = windows(lanes, (10, 10), 2, 4, 50, 3)
    for pool in pools:
        rows, columns = pool // 2 // 10, pool // 2 % 10
        assert rows.max() - rows.min() < 4 and columns.max() - columns.min() < 4
        assert len(pool) >= 6 and columns.max() < 5
    assert len({tuple(pool.tolist()) for pool in pools}) > 20


def test_pins_of_a_lut_choose_within_its_window():
    torch.manual_seed(2)
    a = Architecture(100, 10, 1, 1, (40,), 4, (9,), 1.0, image=(10, 10), window=3)
    network = LutNetwork(a)
    network.fit_encoding(np.random.default_rng(0).integers(0, 2, (300, 100)).astype(float))
    rows, columns = (
        f(network.luts[0].wiring.candidates) for f in (lambda c: c // 10, lambda c: c % 10)
    )
    for part in (rows, columns):
        flat = part.flatten(1)
        assert (flat.amax(1) - flat.amin(1)).max() <= 2


@pytest.mark.parametrize("image", [None, (8, 8)])
def test_a_window_needs_an_image_of_its_size(image):
    with pytest.raises(ConfigError, match=r"model\.window is 9: data\.image is (not given|8 x 8)"):
        dwn(project(image, model={"window": 9}), 64, 10)


def test_more_candidates_than_inputs_are_refused():
    with pytest.raises(ConfigError, match=r"model\.candidates is 129: the encoder has 128 outputs"):
        dwn(project(model={"candidates": 129}), 64, 10)
    deep = project(model={"candidates": 21, "layers": (20, 20)})
    with pytest.raises(ConfigError, match="LUT layer 0 has 20 outputs to choose from"):
        multilinear(deep, 64, 10)


def test_candidates_that_are_not_given_are_as_many_as_there_are():
    assert dwn(project(model={"candidates": None}), 64, 10).candidates == (32,)
    assert dwn(project(model={"candidates": None}), 8, 10).candidates == (16,)


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("CUDA out of memory. Tried"), RuntimeError(
        "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried")]
)  # fmt: skip
def test_too_little_memory_says_what_to_lower(error):
    with (
        pytest.raises(ConfigError, match=r"lower train\.batch, now 128, or .*layers, now \[20\]"),
        enough_memory(project()),
    ):
        raise error


def test_other_errors_stay_what_they_are():
    with pytest.raises(RuntimeError, match="shapes"), enough_memory(project()):
        raise RuntimeError("shapes differ")
