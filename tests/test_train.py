"""Training: results, resume, saved models, and clear errors."""

from __future__ import annotations

import json
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from hlsgen.errors import ConfigError, ToolFailed
from hlsgen.frontend.torch import compare, export
from hlsgen.project import Data, Inputs, Model, Project, Train, load_project
from hlsgen.train import Metrics, Progress, load_data, load_model, train

two_cores = pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="two processes want two cores")


def make_project(**train_keys: float | str) -> Project:
    return Project(
        name="small",
        seed=3,
        data=Data(source="digits"),
        inputs=Inputs(bits=5, thresholds=2),
        model=Model(layers=(40,), fan_in=4, candidates=8),
        train=Train(**{"epochs": 4, "temperature": 2.0, **train_keys}),
    )


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_model(folder).state_dict()


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Path, Metrics, list[Progress]]:
    folder, seen = tmp_path_factory.mktemp("trained"), []
    return folder, train(make_project(), folder, seen.append), seen


def test_files_and_metrics_agree(trained):
    folder, metrics, seen = trained
    history = json.loads((folder / "history.json").read_text())
    assert Metrics.model_validate_json((folder / "metrics.json").read_text()) == metrics
    assert [entry["epoch"] for entry in history] == [p.epoch for p in seen] == [1, 2, 3, 4]
    assert seen[-1].eta_s == 0 < seen[0].eta_s
    assert history[-1]["loss"] < history[0]["loss"]
    kept = history[metrics.epoch - 1]
    assert kept["validation_loss"] == min(entry["validation_loss"] for entry in history)
    assert kept["validation_accuracy"] == metrics.validation_accuracy
    assert metrics.samples == {"train": 1221, "validation": 216, "test": 360}
    counts = np.array(metrics.confusion)
    assert counts.sum() == 360 and np.trace(counts) / 360 == metrics.test_accuracy > 0.6
    assert history[0]["learning_rate"] > history[-1]["learning_rate"] > 0


def test_the_saved_model_is_the_measured_one(trained):
    folder, metrics, _ = trained
    data, network = load_data(make_project()), load_model(folder, make_project())
    words = network.quantiser.quantise(data.x_test)
    found = network(words).argmax(-1).numpy()
    assert np.mean(found == data.y_test) == metrics.test_accuracy
    results = compare(network, export(network, "small"), words.numpy())
    assert [result.mismatches for result in results] == [0] * 6


@pytest.mark.parametrize("stop", [1, 3])
def test_a_run_cut_short_ends_like_an_uninterrupted_one(trained, tmp_path, stop):
    def interrupt(status: Progress) -> None:
        if status.epoch == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(make_project(), tmp_path, interrupt)
    assert not (tmp_path / "metrics.json").exists()
    seen = []
    assert train(make_project(), tmp_path, seen.append) == trained[1]
    assert [status.epoch for status in seen] == list(range(stop + 1, 5))
    expected = weights(trained[0])
    assert all(torch.equal(value, expected[name]) for name, value in weights(tmp_path).items())


def test_another_seed_starts_afresh(trained, tmp_path):
    train(make_project(epochs=1), tmp_path)
    seen = []
    train(make_project(epochs=1).model_copy(update={"seed": 4}), tmp_path, seen.append)
    assert [status.epoch for status in seen] == [1]
    assert not torch.equal(weights(tmp_path)["lut0.table"], weights(trained[0])["lut0.table"])


def test_a_damaged_checkpoint_is_named(tmp_path):
    train(make_project(epochs=1), tmp_path)
    file = tmp_path / "last.ckpt"
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(ConfigError, match=r"last\.ckpt: not a whole checkpoint .*remove it"):
        train(make_project(epochs=1), tmp_path)


def test_divergence_is_an_error_and_not_a_result(tmp_path):
    with pytest.raises(ConfigError, match=r"diverged in epoch 1: .*train\.temperature is 1e-300"):
        train(make_project(temperature=1e-300), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the accelerator")
def test_a_missing_accelerator_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"train\.accelerator is 'cuda': not available here"):
        train(make_project(accelerator="cuda"), tmp_path)


def test_more_thresholds_than_words_are_refused(tmp_path):
    file = tmp_path / "project.toml"
    file.write_text(
        'name = "p"\n[data]\nsource = "digits"\n[model]\nlayers = [10]\n'
        "[inputs]\nbits = 2\nthresholds = 4\n"
    )
    with pytest.raises(
        ConfigError, match=r"inputs .*: thresholds must be at most 3 for words of 2"
    ):
        load_project(file)


def test_an_unknown_method_lists_the_known(tmp_path):
    project = make_project()
    model = project.model.model_copy(update={"method": "magic"})
    with pytest.raises(
        ConfigError,
        match=r"model\.method is 'magic': unknown; known methods are assemble, binary, conv",
    ):
        train(project.model_copy(update={"model": model}), tmp_path)


def test_a_width_that_does_not_fit_the_classes_is_an_error(tmp_path):
    project = make_project()
    model = project.model.model_copy(update={"layers": (45,)})
    with pytest.raises(ConfigError, match="nearest: 40 or 50"):
        train(project.model_copy(update={"model": model}), tmp_path)


def test_a_model_of_another_architecture_names_the_difference(trained):
    project = make_project()
    wider = project.model_copy(update={"inputs": Inputs(bits=5, thresholds=3)})
    with pytest.raises(ConfigError, match="thresholds is 2, the project says 3; train again"):
        load_model(trained[0] / "model.pt", wider)


def test_weights_that_do_not_fit_are_named(trained, tmp_path):
    content = torch.load(trained[0] / "model.pt", weights_only=True)
    content["architecture"]["fan_in"] = 5
    torch.save(content, tmp_path / "model.pt")
    with pytest.raises(ConfigError, match=r"(?s)another architecture.*lut0\.table"):
        load_model(tmp_path)


@pytest.mark.parametrize("content", [b"", b"text", None])
def test_damaged_models_are_named(trained, tmp_path, content):
    whole = (trained[0] / "model.pt").read_bytes()
    (tmp_path / "model.pt").write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(ConfigError, match=r"model\.pt: not a whole hlsgen checkpoint"):
        load_model(tmp_path)


def test_checkpoints_of_other_programs_and_missing_ones_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="run the train stage first"):
        load_model(tmp_path)
    torch.save({"weights": torch.zeros(3)}, tmp_path / "model.pt")
    with pytest.raises(ConfigError, match="not a whole hlsgen checkpoint"):
        load_model(tmp_path)


@two_cores
@pytest.mark.timeout(180)
def test_two_processes_train_like_one_even_after_one_was_killed(tmp_path):
    def kill(status: Progress) -> None:
        if status.epoch == 1:
            multiprocessing.active_children()[-1].kill()

    # The last batch is one sample: the second process has no share of it.
    keys = {"epochs": 3, "batch": 61}
    folder, project, seen = tmp_path / "two", make_project(devices=2, **keys), []
    with pytest.raises(ToolFailed, match=r"training process \d .*SIGKILL; the next run goes on"):
        train(project, folder, kill)
    assert multiprocessing.active_children() == []
    metrics = train(project, folder, seen.append)
    assert 1 < seen[0].epoch <= seen[-1].epoch == 3
    assert metrics.samples["train"] % keys["batch"] == 1
    alone = train(make_project(**keys), tmp_path / "one")
    assert (metrics.epoch, metrics.confusion) == (alone.epoch, alone.confusion)
    found = weights(folder)
    for name, value in weights(tmp_path / "one").items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=1e-5)
    names = {"model.pt", "history.json", "metrics.json", "last.ckpt"}
    assert names == {file.name for file in folder.iterdir()}


@two_cores
@pytest.mark.timeout(180)
def test_an_error_in_a_process_is_raised_here(tmp_path):
    with pytest.raises(ConfigError, match="diverged in epoch 1"):
        train(make_project(devices=2, temperature=1e-300), tmp_path)
    assert list(tmp_path.iterdir()) == [] == multiprocessing.active_children()


def test_reduced_precision_exports_exactly(trained, tmp_path):
    project = make_project(epochs=2, precision="bf16-mixed")
    assert train(project, tmp_path).test_accuracy > 0.4
    data, network = load_data(project), load_model(tmp_path, project)
    words = network.quantiser.quantise(data.x_test).numpy()
    assert [r.mismatches for r in compare(network, export(network, "small"), words)] == [0] * 6


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"devices": 4096}, r"train\.devices is 4096: this machine has \d+ CPU cores?; use at"),
        ({"precision": "16-mixed"}, r"train\.precision is '16-mixed': needs .* 'cuda'; on 'cpu'"),
    ],
)
def test_settings_that_this_machine_cannot_have_are_named(keys, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        train(make_project(**keys), tmp_path)
