"""The example projects: every file loads; those without data here run on made-up ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hlsgen.errors import ConfigError
from hlsgen.frontend.torch import compare, export
from hlsgen.project import load_project
from hlsgen.train import load_model, train
from hlsgen.train.methods import METHODS, method_called

EXAMPLES = Path(__file__).parents[1] / "examples"
FILES = sorted(EXAMPLES.glob("*/*.toml"))
FEATURES = {"digits": 64, "jsc": 16, "dry_bean": 16}
CNV = ("", "_bnn", "_long", "_lutnet", "_resnet", "_shrink")
FEATURES |= {f"cnv{name}": 3072 for name in CNV}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_file_is_a_project_of_its_own(path: Path) -> None:
    project = load_project(path)
    folder = path.parent.name
    wanted = folder if path.stem == "project" else f"{folder}_{path.stem}"
    assert project.name == wanted
    features = FEATURES.get(wanted, 784)
    classes = {"jsc": 5, "dry_bean": 7}.get(folder, 10)
    assert method_called(project.model.method).architecture(project, features, classes)


def test_every_method_has_an_example() -> None:
    assert {load_project(path).model.method for path in FILES} == set(METHODS)


def jets(folder: Path, n: int = 1500) -> Path:
    """A set of the shape of the jets: 16 real features, five classes that are letters."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 5, n)
    x = rng.normal(size=(n, 16)) * np.logspace(-2, 3, 16)
    x[:, 4] = 1.5 * y + rng.normal(size=n)
    x[:, 9] = rng.exponential(1.0 + y)
    np.savez(folder / "jets.npz", x=x, y=np.array(list("gqtwz"))[y])
    return folder / "jets.npz"


def test_jsc_trains_on_a_given_file(tmp_path: Path) -> None:
    project = load_project(EXAMPLES / "jsc").reading(jets(tmp_path))
    few = project.train.model_copy(update={"epochs": 3})
    project = project.model_copy(update={"train": few})
    metrics = train(project, tmp_path / "run")
    assert metrics.labels == tuple("gqtwz") and metrics.test_accuracy > 0.5
    network = load_model(tmp_path / "run", project)
    words = network.quantiser.quantise(np.load(tmp_path / "jets.npz")["x"]).numpy()
    results = compare(network, export(network, "jsc"), words)
    assert not any(result.mismatches for result in results)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--data is .*none\.npz: no such file"):
        load_project(EXAMPLES / "jsc").reading(tmp_path / "none.npz")
