"""The Pareto front of a run, and the choice from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from hlsgen.budget import count_luts
from hlsgen.cli import app
from hlsgen.errors import ConfigError
from hlsgen.project import Data, Inputs, Model, Project, Train
from hlsgen.train import choose, load_model, train
from hlsgen.train.front import Front, Point, model_of, read_front
from hlsgen.train.loop import price


def point(epoch: int, accuracy: float, luts: int) -> Point:
    return Point(epoch=epoch, validation_accuracy=accuracy, validation_loss=1.0, luts=luts)


points = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12)


@given(points)
def test_the_front_has_all_that_nothing_smaller_equals(values):
    front = Front(method="dwn")
    made = [point(i, accuracy / 10, luts) for i, (accuracy, luts) in enumerate(values)]
    for one in made:
        front = front.with_point(one)
    kept = [(p.luts, p.validation_accuracy) for p in front.points]
    assert kept == sorted(kept) and len(set(kept)) == len(kept)
    for p in made:
        better = [
            q
            for q in made
            if q.luts <= p.luts
            and q.validation_accuracy >= p.validation_accuracy
            and (q.luts, q.validation_accuracy) != (p.luts, p.validation_accuracy)
        ]
        assert ((p.luts, p.validation_accuracy) in kept) == (not better)


def test_a_budget_takes_the_best_that_fits():
    front = Front(method="dwn", points=(point(3, 0.7, 50), point(2, 0.8, 90), point(1, 0.9, 200)))
    assert front.within(199).epoch == 2
    assert front.within(200).epoch == 1
    with pytest.raises(ConfigError, match=r"--budget-lut is 49: the smallest .* takes 50 LUTs"):
        front.within(49)


def test_the_price_rises_to_the_half_and_stays():
    values = [price(2.0, done) for done in (0, 0.25, 0.5, 0.8, 1)]
    assert values == pytest.approx([2e-5, 2e-4, 2e-3, 2e-3, 2e-3])


def project(**train_keys: float) -> Project:
    return Project(
        name="front",
        seed=2,
        data=Data(source="digits"),
        inputs=Inputs(bits=5, thresholds=2),
        model=Model(method="multilinear", layers=(60,), fan_in=4, candidates=8, votes=2),
        train=Train(**{"epochs": 6, "batch": 32, "temperature": 2.0, "cost": 20.0, **train_keys}),
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> tuple[Path, Front]:
    folder = tmp_path_factory.mktemp("front")
    train(project(), folder, count=count_luts)
    return folder, read_front(folder)


def test_a_run_keeps_its_front(run):
    folder, front = run
    history = json.loads((folder / "history.json").read_text())
    assert len({record["luts"] for record in history}) > 2
    assert len(front.points) >= 2
    files = {model_of(one, folder) for one in front.points}
    assert set((folder / "front").iterdir()) == files
    for one in front.points:
        assert count_luts(load_model(model_of(one, folder))) == one.luts
        assert history[one.epoch - 1]["validation_accuracy"] == one.validation_accuracy


def test_the_price_makes_networks_smaller(run, tmp_path):
    train(project(cost=1e-6), tmp_path, count=count_luts)
    cheap = json.loads((tmp_path / "history.json").read_text())[-1]
    dear = json.loads((run[0] / "history.json").read_text())[-1]
    assert dear["luts"] < 0.8 * cheap["luts"]


def test_choosing_measures_one_network_on_the_test_samples(run, tmp_path):
    folder, front = run
    small = front.points[0]
    chosen = choose(project(), folder, small.luts, tmp_path / "chosen")
    assert chosen == small
    metrics = json.loads((tmp_path / "chosen" / "metrics.json").read_text())
    assert (metrics["epoch"], metrics["samples"]["test"]) == (small.epoch, 360)
    assert 0.3 < metrics["test_accuracy"] < 1
    stamp = (tmp_path / "chosen" / "model.pt").stat().st_mtime_ns
    choose(project(), folder, small.luts, tmp_path / "chosen")
    assert (tmp_path / "chosen" / "model.pt").stat().st_mtime_ns == stamp


def test_a_front_is_resumed_like_the_run(run, tmp_path):
    def interrupt(status) -> None:
        if status.epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(project(), tmp_path, interrupt, count_luts)
    train(project(), tmp_path, count=count_luts)
    assert read_front(tmp_path) == run[1]
    for one in run[1].points:
        ours = load_model(model_of(one, tmp_path)).state_dict()
        theirs = load_model(model_of(one, run[0])).state_dict()
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_another_run_removes_the_front(run, tmp_path):
    train(project(epochs=1), tmp_path, count=count_luts)
    train(project(epochs=1, cost=0.0), tmp_path, count=count_luts)
    assert not (tmp_path / "front").exists()
    with pytest.raises(ConfigError, match=r"front\.json: missing; .*train\.cost is above 0"):
        choose(project(), tmp_path, 100, tmp_path / "chosen")


def test_a_budget_on_the_command_line(tmp_path):
    text = """
name = "small"
data = { source = "digits" }
inputs = { bits = 5, thresholds = 2 }
model = { method = "multilinear", layers = [40], fan_in = 4, candidates = 8, votes = 1 }
train = { epochs = 3, batch = 32, temperature = 2, cost = 5.0 }
"""
    (tmp_path / "project.toml").write_text(text)
    args = ["train", str(tmp_path), "-o", str(tmp_path / "build")]
    first = CliRunner().invoke(app, args)
    assert first.exit_code == 0 and "front" in first.output
    luts = json.loads((tmp_path / "build/small/train/front.json").read_text())["points"][0]["luts"]
    again = CliRunner().invoke(app, [*args, "--budget-lut", str(luts)])
    assert again.exit_code == 0, again.output
    assert f"budget_{luts}/model.pt" in again.output.replace("\n", "")
    assert (tmp_path / f"build/small/train/budget_{luts}/metrics.json").is_file()
    refused = CliRunner().invoke(app, [*args, "--budget-lut", "1"], standalone_mode=False)
    assert isinstance(refused.exception, SystemExit) and refused.exception.code == 2


def test_a_budget_without_a_price_is_refused_before_training(tmp_path):
    args = ["train", "examples/digits", "-o", str(tmp_path), "--budget-lut", "100"]
    refused = CliRunner().invoke(app, args, standalone_mode=False)
    assert isinstance(refused.exception, SystemExit) and refused.exception.code == 2
    assert not list(tmp_path.rglob("history.json"))
