"""Damaged .npz files: an error that names the file, or the very content; never a traceback."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hlsgen.errors import ConfigError, GraphError
from hlsgen.graph import Graph, load, save
from hlsgen.project import Data, Model, Project
from hlsgen.samples import load_samples
from hlsgen.train import load_data

X = np.arange(120).reshape(40, 3)
Y = np.arange(40) % 2

same_folder = settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@st.composite
def damages(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """A cut at some place, or a few bytes overwritten there."""
    place = draw(st.floats(0, 1, exclude_max=True))
    written = draw(st.none() | st.binary(min_size=1, max_size=4))

    def damage(whole: bytes) -> bytes:
        at = int(place * len(whole))
        return whole[:at] if written is None else whole[:at] + written + whole[at + len(written) :]

    return damage


def archive(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


@same_folder
@given(damage=damages())
def test_a_damaged_graph_is_refused_or_read_unchanged(small: Graph, tmp_path, damage) -> None:
    save(small, tmp_path / "g")
    file = tmp_path / "g.npz"
    file.write_bytes(damage(file.read_bytes()))
    try:
        assert load(tmp_path / "g").digest == small.digest
    except GraphError as error:
        assert str(tmp_path / "g.") in str(error)


@same_folder
@given(damage=damages())
def test_damaged_samples_are_refused_or_read_unchanged(tmp_path: Path, damage) -> None:
    file = tmp_path / "samples.npz"
    file.write_bytes(damage(archive(x=X)))
    try:
        np.testing.assert_array_equal(load_samples(file)[:, 0], X)
    except ConfigError as error:
        assert str(error).startswith(f"{file}: no samples here")


@same_folder
@given(damage=damages())
def test_a_damaged_data_set_is_refused_or_read_unchanged(tmp_path: Path, damage) -> None:
    project = Project(name="p", data=Data(source="npz:set.npz"), model=Model(layers=(10,)))
    project = project.at(tmp_path)
    file = tmp_path / "set.npz"
    whole = archive(x=X, y=Y)
    file.write_bytes(whole)
    digest = load_data(project).digest
    file.write_bytes(damage(whole))
    try:
        assert load_data(project).digest == digest
    except ConfigError as error:
        assert str(error).startswith(f"{file}: ")


def test_samples_cut_at_any_place_are_refused(tmp_path: Path) -> None:
    file, whole = tmp_path / "samples.npz", archive(x=X)
    for size in range(len(whole)):
        file.write_bytes(whole[:size])
        with pytest.raises(ConfigError, match=r"samples\.npz: no samples here .*run the stage"):
            load_samples(file)


@pytest.mark.parametrize(
    "arrays",
    [{}, {"y": X}, {"x": np.arange(3)}, {"x": np.zeros((1, 2, 3, 4), int)}, {"x": [["a"]]}],
)
def test_an_archive_of_other_arrays_has_no_samples(arrays, tmp_path: Path) -> None:
    file = tmp_path / "samples.npz"
    file.write_bytes(archive(**arrays))
    with pytest.raises(ConfigError, match="no samples here"):
        load_samples(file)
