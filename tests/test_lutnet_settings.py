"""Settings of LUTNet with convolutions: values for each layer, what does not fit, the examples."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_lutnet_convolution import DEEP, make_architecture, make_project

from hlsgen.errors import ConfigError
from hlsgen.project import Convolution, Lutnet, load_project

EXAMPLES = Path(__file__).parent.parent / "examples" / "lenet"


def test_one_value_holds_for_all_layers() -> None:
    a = make_architecture(make_project(lutnet=Lutnet(theta=(0.5,))))
    assert a.theta == (0.5,) * 4 and a.pins == (3,) * 4
    a = make_architecture(make_project(lutnet=Lutnet(theta=(0.5,), fan_in=(2,))))
    assert a.pins == (2,) * 4
    a = make_architecture(make_project("lutnet", convolutions=(), lutnet=Lutnet(fan_in=(1, 5))))
    assert a.pins == (1, 5) and a.image is None and a.beats == 1


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"theta": (0.5, 0.5)}, r"theta has 2 values: needs one, or 4, .* model\.convolutions, "),
        ({"fan_in": (1, 2, 1)}, r"lutnet\.fan_in has 3 values: needs one, or 4,"),
        ({"fan_in": (1,)}, r"fan_in is 1 in all layers: .* 'shrink' has no tables"),
    ],
)
def test_values_that_do_not_fit_the_layers_are_named(keys, message) -> None:
    with pytest.raises(ConfigError, match=message):
        make_architecture(make_project(lutnet=Lutnet(**keys)))


def test_more_pins_than_positions_are_refused() -> None:
    narrow = (Convolution(filters=1, kernel=1), Convolution(filters=5, kernel=1))
    lutnet = Lutnet(fan_in=(1, 2, 1, 1))
    with pytest.raises(ConfigError, match=r"lutnet\.fan_in\[1\] is 2: .* only 1 pos.* at most 1"):
        make_architecture(make_project(convolutions=narrow, lutnet=lutnet))


@pytest.mark.parametrize("method", ["lutnet", "shrink"])
@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({"kernel": 4}, r"convolutions\[1\]\.kernel is 4: its map has 3 x 3 pixels; .* most 3"),
        ({"kernel": 1, "pool": 2}, r"pool 2 leaves a remainder .* kernels that fit: 2$"),
        ({"kernel": 2, "depth": 2}, r"convolutions\[1\]\.depth is 2: the method .*; leave it out"),
        ({"kernel": 2, "candidates": 8}, r"\[1\]\.candidates is 8: .* random wiring; leave it out"),
    ],
)
def test_convolutions_that_do_not_fit_are_refused(method, second, message) -> None:
    both = (DEEP[0], Convolution(filters=2, **second))
    with pytest.raises(ConfigError, match=message):
        make_architecture(make_project(method, convolutions=both))


def test_without_an_image_there_are_no_convolutions() -> None:
    project = make_project()
    data = project.data.model_copy(update={"image": None})
    with pytest.raises(ConfigError, match=r"data\.image is missing"):
        make_architecture(project.model_copy(update={"data": data}))


def test_the_examples_are_one_network() -> None:
    hidden = {"name", "title", "limits"}
    plain, shrunk, binary = (
        load_project(EXAMPLES / f"{name}.toml").model_dump(exclude=hidden)
        for name in ("lutnet", "shrink", "bnn")
    )
    models = [found.pop("model") for found in (plain, shrunk, binary)]
    assert plain == shrunk == binary
    for key in ("convolutions", "layers"):
        assert models[0][key] == models[1][key] == models[2][key]
    assert models[0]["lutnet"] == models[1]["lutnet"]
    target = [a != b for a, b in zip(*(m["lutnet"]["fan_in"] for m in models[1:]), strict=True)]
    thetas = [m["lutnet"]["theta"] for m in models[1:]]
    assert sum(target) == 1
    assert all(a == b or on for a, b, on in zip(*thetas, target, strict=True))
