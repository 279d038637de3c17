"""The commands `fold` and `sim` on a network with engines."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from test_cli import hlsgen, words

TOML = """
name = "signs"
title = "Squares and bars"

[data]
source = "npz:data.npz"
image = [6, 6]

[inputs]
bits = 4

[model]
method = "binary"
layers = [6]

[[model.convolutions]]
filters = 4
kernel = 3
pool = 2

[train]
epochs = 1
batch = 10

[hardware]
clock_mhz = 50
frames_per_s = 500000
"""


@pytest.fixture(scope="module")
def signs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty images of two kinds."""
    folder = tmp_path_factory.mktemp("signs")
    rng = np.random.default_rng(1)
    y = np.arange(60) % 2
    x = rng.integers(0, 4, (60, 6, 6))
    x[y == 1, 2:4] += 9
    x[y == 0, :, 2:4] += 9
    np.savez(folder / "data.npz", x=x.reshape(60, 36), y=y)
    (folder / "project.toml").write_text(TOML)
    return folder


def test_fold_shows_tiles_clocks_and_the_trade_off(signs: Path, tmp_path: Path) -> None:
    text = words(hlsgen("fold", signs, "--board", "u280", "-o", tmp_path))
    assert "not exported yet; one of the same shape that is not trained" in text
    assert "trade-off, at 50 MHz" in text
    plan = json.loads((tmp_path / "signs-u280" / "fold.json").read_text())
    assert plan["interval_clocks"] <= 100 and plan["frames_per_s"] >= 500_000
    assert [row["clocks"] <= 100 for row in plan["engines"]] == [True] * 3
    assert f"{plan['interval_clocks']} clocks from frame to frame" in text
    faster = words(hlsgen("fold", signs, "--board", "u280", "--fps", 1e6, "-o", tmp_path))
    assert json.loads((tmp_path / "signs-u280" / "fold.json").read_text())["interval_clocks"] <= 50
    assert "set hardware.frames_per_s = 1e+06 to build it" in faster


def test_fold_says_what_cannot_be(signs: Path, project: Path, tmp_path: Path) -> None:
    result = hlsgen("fold", signs, "--board", "u280", "--fps", 2e6, "-o", tmp_path, code=2)
    assert "a frame has 36 beats and they enter at one a clock" in words(result)
    plain = words(hlsgen("fold", project, "-o", tmp_path, code=2))
    assert "none of its weights lie in memory" in plain
    assert not list(tmp_path.rglob("fold.json"))


@pytest.mark.verilator
def test_sim_confirms_the_plan(signs: Path, tmp_path: Path) -> None:
    here = ("--board", "u280", "-o", tmp_path, "--fps", 900_000)
    text = words(hlsgen("sim", signs, "--frames", 6, *here))
    folder = tmp_path / "signs-u280"
    planned = words(hlsgen("fold", signs, *here))
    interval = json.loads((folder / "fold.json").read_text())["interval_clocks"]
    assert interval <= 50e6 / 900_000
    assert "export.json" in planned
    assert f"6 test samples, every beat in its own clock; planned: {interval} clocks" in text
    assert f"seen: {interval} clocks between the last two answers" in text
    assert "weights of" in text and "shell: equal" in text


@pytest.mark.verilator
def test_layers_of_tables_are_folded_around_and_simulated(signs: Path, tmp_path: Path) -> None:
    """Planned before any training, in the form that training ends with; then trained and run."""
    tables = "[model.binary]\ntables = [1]\nshrink = true\n[model.lutnet]\nfan_in = [3]\n"
    text = TOML.replace("[train]", f"{tables}\n[train]").replace("epochs = 1", "epochs = 6")
    project = tmp_path / "project.toml"
    project.write_text(text.replace("data.npz", str(signs / "data.npz")))
    here = ("--board", "u280", "-o", tmp_path)
    assert "one of the same shape that is not trained" in words(hlsgen("fold", project, *here))
    plan = json.loads((tmp_path / "signs-u280" / "fold.json").read_text())
    assert len(plan["engines"]) == 2, "the convolution and the classes"
    text = words(hlsgen("sim", project, "--frames", 6, *here))
    interval = plan["interval_clocks"]
    assert f"planned: {interval} clocks" in text and f"seen: {interval} clocks" in text
    assert "shell: equal" in text


def test_an_export_of_another_network_is_not_taken(signs: Path, tmp_path: Path) -> None:
    hlsgen("export", signs, "--board", "u280", "-o", tmp_path)
    again = words(hlsgen("fold", signs, "--board", "u280", "-o", tmp_path))
    assert "export.json" in again
    changed = tmp_path / "changed"
    changed.mkdir()
    text = (signs / "project.toml").read_text().replace("filters = 4", "filters = 6")
    (changed / "project.toml").write_text(text)
    (changed / "data.npz").write_bytes((signs / "data.npz").read_bytes())
    other = words(hlsgen("fold", changed, "--board", "u280", "-o", tmp_path))
    assert "not exported yet; one of the same shape" in other


@pytest.mark.verilator
def test_sim_finds_a_wrong_weight(signs: Path, tmp_path: Path) -> None:
    hlsgen("emit", signs, "--board", "u280", "-o", tmp_path)
    (path, *_) = sorted((tmp_path / "signs-u280" / "rtl").glob("signs_tiled0.v"))
    text = path.read_text()
    place = text.index("weights[0] = ")
    end = text.index(";", place)
    path.write_text(f"{text[:place]}{text[place:end]} ^ 1{text[end:]}")
    folder = tmp_path / "signs-u280"
    result = words(hlsgen("sim", folder, "--frames", 4, code=1))
    assert "weights of tiled0" in result
    too_many = words(hlsgen("sim", folder, "--frames", 400, code=2))
    assert "--frames is 400: there are 12 test samples" in too_many
