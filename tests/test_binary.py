"""Binarised networks: what they compute is what their graphs compute, and how they train."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from hlsgen.errors import ConfigError, GraphError
from hlsgen.frontend.torch import compare, compare_layers, export
from hlsgen.graph.ops import Tiled as TiledOp
from hlsgen.nn import BinaryArchitecture, BinaryNetwork
from hlsgen.nn.binary import BinaryWeights, Norm, cuts, reached, steps
from hlsgen.nn.binary_network import BinaryHead, BinaryLayer
from hlsgen.project import Binary, Convolution, Data, Inputs, Model, Project, Train, load_project
from hlsgen.train import METHODS, Metrics, Progress, load_data, load_model, train

two_cores = pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="two processes want two cores")
DEEP = (Convolution(filters=6, kernel=3, pool=2), Convolution(filters=5, kernel=2))


def make_project(bits: int = 1, train: dict[str, object] | None = None, **keys: object) -> Project:
    """For 8 x 8 pixels of four bits."""
    model = {"convolutions": DEEP, "layers": (9,), "binary": Binary(bits=bits)} | keys
    settings = {"epochs": 3, "batch": 50, "temperature": 2.0} | (train or {})
    return Project(
        name="tiny",
        seed=2,
        data=Data(source="digits", image=(8, 8)),
        inputs=Inputs(bits=5),
        model=Model(method="binary", **model),
        train=Train(**settings),
    )


def make_architecture(project: Project, features: int = 64) -> BinaryArchitecture:
    found = METHODS["binary"].architecture(project, features, 10)
    assert isinstance(found, BinaryArchitecture)
    return found


def layers_of(network: BinaryNetwork) -> list[BinaryLayer]:
    return [layer for layer in network if isinstance(layer, BinaryLayer)]


def random_network(
    seed: int, project: Project, features: int = 64
) -> tuple[BinaryNetwork, np.ndarray]:
    """A network with anything in its parameters, statistics of its own sums, and words for it."""
    torch.manual_seed(seed)
    network = BinaryNetwork(make_architecture(project, features))
    words = torch.randint(0, 2**project.inputs.bits, (60, features))
    network.fit_encoding(words.numpy().astype(np.float64))
    for layer in layers_of(network):
        layer.norm.momentum = 1.0
    network.train()(words)
    with torch.no_grad():
        for layer in layers_of(network):
            layer.norm.weight.normal_()
            layer.norm.weight[0] = 0.0
            layer.norm.bias.normal_().mul_(0.5)
        network[-1].bias.normal_().mul_(3)
    return network.eval(), words.numpy()


def mismatches(network: BinaryNetwork, words: np.ndarray) -> int:
    graph = export(network, "tiny")
    results = compare(network, graph, words) + compare_layers(network, graph)
    assert {result.layer for result in results} > {"network", "tiled0", "argmax"}
    return sum(result.mismatches for result in results)


# --- the fold -------------------------------------------------------------------------------------


def norm_of(gamma: list[float], beta: list[float], mean: list[float]) -> Norm:
    norm = Norm(len(gamma))
    norm.running_mean, norm.running_var = torch.tensor(mean), torch.ones(len(mean))
    norm.eps = 0.0
    with torch.no_grad():
        norm.weight.copy_(torch.tensor(gamma))
        norm.bias.copy_(torch.tensor(beta))
    return norm


def test_ties_go_to_the_lower_step_whatever_the_sign_of_gamma():
    # y = gamma * (s - mean) + beta > 0: with s = mean and beta = 0 it is not.
    norm = norm_of([1.0, -1.0, 2.0, -2.0], [0.0, 0.0, 4.0, 4.0], [3.0, 3.0, 5.0, 5.0])
    negated, threshold = norm.folded(cuts(1))
    assert negated.tolist() == [False, True, False, True]
    assert threshold[:, 0].tolist() == [4, -2, 4, -6]
    for lane, (gamma, beta, mean) in enumerate([(1, 0, 3), (-1, 0, 3), (2, 4, 5), (-2, 4, 5)]):
        sign = -1 if negated[lane] else 1
        for s in range(-10, 20):
            assert (sign * s >= threshold[lane, 0]) == (gamma * (s - mean) + beta > 0)


def test_a_gamma_of_zero_is_a_constant():
    negated, threshold = norm_of([0.0] * 3, [0.5, -0.5, 0.0], [3.0] * 3).folded(cuts(1))
    assert not negated.any()
    assert (threshold[:, 0] < -(2**33)).tolist() == [True, False, False]
    assert (threshold[:, 0] > 2**33).tolist() == [False, True, True]


def test_nan_is_refused():
    with pytest.raises(GraphError, match="NaN; train it again"):
        norm_of([float("nan")], [0.0], [0.0]).folded(cuts(1))


@pytest.mark.parametrize("levels", [1, 3])
def test_thresholds_are_the_steps_of_batch_norm(levels):
    torch.manual_seed(1)
    norm = Norm(40).eval()
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    norm.running_mean, norm.running_var = 20 * torch.randn(40), 300 * torch.rand(40) + 1
    sums = torch.randint(-60, 61, (500, 40)).float()
    y = norm.double()._still(sums.double())
    negated, threshold = norm.folded(cuts(levels))
    signed = sums * torch.from_numpy(1 - 2.0 * negated)
    found = 2 * reached(signed, torch.from_numpy(threshold), 1) - levels
    assert torch.equal(found, steps(y, levels).float())
    assert (np.diff(threshold) >= 0).all()


def test_steps_and_their_gradient():
    y = torch.tensor([-2.0, -0.7, -0.1, 0.0, 0.2, 0.9, 1.5], requires_grad=True)
    assert steps(y, 1).tolist() == [-1, -1, -1, -1, 1, 1, 1]
    found = steps(y, 3)
    assert found.tolist() == [-3, -3, -1, -1, 1, 3, 3]
    found.sum().backward()
    assert y.grad.tolist() == [0, 3, 3, 3, 3, 3, 0]


def test_signs_of_latent_weights():
    weights = BinaryWeights((2, 3), 1)
    weights.latent.data = torch.tensor([[0.0, -0.0, -0.2], [0.3, 2.0, -5.0]])
    assert weights.signs.tolist() == [[1, 1, -1], [1, 1, -1]]
    (weights.signs * torch.arange(6.0).view(2, 3)).sum().backward()
    assert weights.latent.grad.tolist() == [[0, 1, 2], [3, 4, 5]]
    weights.after_step()
    assert weights.latent.tolist() == [[0, 0, pytest.approx(-0.2)], [pytest.approx(0.3), 1, -1]]


# --- networks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [1, 2])
@pytest.mark.parametrize("seed", range(4))
def test_the_graph_computes_what_the_network_computes(seed, bits):
    network, words = random_network(seed, make_project(bits))
    assert mismatches(network, words) == 0
    gamma = torch.cat([layer.norm.weight for layer in layers_of(network)])
    assert (gamma < 0).any() and (gamma == 0).any()


def test_dense_networks_and_several_channels():
    dense = make_project(convolutions=(), layers=(12, 7))
    assert mismatches(*random_network(5, dense)) == 0
    color = make_project(convolutions=(Convolution(filters=4, kernel=4, stride=2),))
    assert mismatches(*random_network(6, color, 192)) == 0


def test_names_and_shapes_of_the_graph():
    network, _ = random_network(1, make_project())
    graph = export(network, "tiny")
    assert [node.name for node in graph.nodes] == [
        *("x", "window0", "tiled0", "window1", "pool0", "window2", "tiled1"),
        *("window3", "tiled2", "tiled3", "sum0", "argmax"),
    ]
    assert graph.wires["x"].lanes == 1 and graph.wires["x"].beats == 64
    assert graph.wires["pool0"].beats == 9 and graph.wires["tiled1"].beats == 4
    ops = [node.op for node in graph.nodes if isinstance(node.op, TiledOp)]
    assert [op.weight.shape for op in ops] == [(6, 9), (5, 24), (9, 20), (10, 9)]
    assert [op.steps for op in ops] == [1, 1, 1, 0]
    assert {(op.pe, op.simd, op.places) for op in ops} == {(1, 1, 2)}
    two = export(random_network(1, make_project(2))[0], "tiny")
    assert [node.name for node in two.nodes][3:7] == ["steps0", "window1", "pool0", "sum0"]


def test_thresholds_on_sums_that_occur():
    """With beta 0 the threshold is the mean: here the median sum of each row, a tie for many."""
    network, words = random_network(3, make_project())
    layer = network.conv0
    pixels = (2 * torch.from_numpy(words).float() - 31).view(60, 1, 8, 8)
    with torch.no_grad():
        sums = layer.weights.sums(pixels)
        layer.norm.running_mean.copy_(sums.transpose(0, 1).flatten(1).median(1).values)
        layer.norm.weight.copy_(torch.tensor([1.0, -1.0, 2.0, -2.0, 1.0, -1.0]))
        layer.norm.bias.zero_()
    ties = sums == layer.norm.running_mean.view(-1, 1, 1)
    assert ties.flatten(2).any(2).any(0).all()
    assert mismatches(network, words) == 0


def test_pools_take_the_largest_of_the_normalised_value():
    network, words = random_network(4, make_project())
    layer = network.conv0.train()
    x = (2 * torch.from_numpy(words).float() - 31).view(60, 1, 8, 8)
    layer.norm.eval()
    y = layer.norm._still(layer.weights.sums(x))
    wanted = steps(torch.nn.functional.max_pool2d(y, 2), 1)
    assert torch.equal(layer.eval()(x), wanted)


def test_logits_are_class_sums_plus_whole_numbers():
    torch.manual_seed(0)
    head = BinaryHead(7, 3, 1)
    head.bias.data = torch.tensor([0.4, -2.7, 1.0])
    bits = torch.randint(0, 2, (20, 7)).float()
    tiled, bias = head.layers().values()
    assert torch.equal(head.eval()(2 * bits - 1).double(), bias(tiled(bits)))
    head.train()(2 * bits - 1).sum().backward()
    assert torch.equal(head.bias.grad, torch.full((3,), 20.0))


def test_the_whole_cnv_is_exported():
    project = load_project(Path(__file__).parents[1] / "examples" / "cnv")
    network = BinaryNetwork(make_architecture(project, 3072))
    words = torch.randint(0, 256, (8, 3072))
    network.train()(words)
    graph = export(network, "cnv")
    ops = [node.op for node in graph.nodes if isinstance(node.op, TiledOp)]
    sides = (27, 576, 576, 1152, 1152, 2304, 256, 512, 512)
    rows = (64, 64, 128, 128, 256, 256, 512, 512, 10)
    assert [op.weight.shape for op in ops] == list(zip(rows, sides, strict=True))
    assert graph.wires["tiled1"].beats == 28 * 28 and graph.wires["tiled5"].beats == 1
    assert not any(result.mismatches for result in compare(network, graph, words[:4].numpy()))


def test_wide_words_are_summed_exactly():
    weights = BinaryWeights((2, 600), 2**16 - 1).eval()
    x = torch.full((1, 600), 65535.0)
    x[0, 0] = 65533.0
    found = weights.sums(x)
    signs = weights.signs.detach().long()
    assert found.dtype == torch.float64
    assert found.long().tolist() == [(signs @ x[0].long()).tolist()]


def test_the_architecture_survives_its_storage():
    a = make_architecture(make_project())
    assert BinaryArchitecture(
        **json.loads(json.dumps(dataclasses.asdict(a)))
    ) == dataclasses.replace(a, layers=[9], image=[8, 8], tables=[], theta=[], fan_ins=[])
    assert (a.levels, a.maps) == (1, [(8, 8, 1), (3, 3, 6), (2, 2, 5)])


# --- training -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Path, Metrics]:
    folder = tmp_path_factory.mktemp("binary")
    return folder, train(make_project(), folder)


def test_training_lowers_the_loss_and_clips_weights(trained):
    folder, metrics = trained
    history = json.loads((folder / "history.json").read_text())
    assert history[-1]["loss"] < 0.8 * history[0]["loss"]
    assert metrics.method == "binary" and metrics.test_accuracy > 0.35
    network = load_model(folder, make_project())
    for layer in network.modules():
        if isinstance(layer, BinaryWeights):
            assert layer.latent.abs().max() <= 1
    words = network.quantiser.quantise(load_data(make_project()).x_test).numpy()
    assert mismatches(network, words) == 0


def test_a_run_goes_on_where_it_was_cut(trained, tmp_path):
    folder, metrics = trained

    def stop(progress: Progress) -> None:
        if progress.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(make_project(), tmp_path, stop)
    assert train(make_project(), tmp_path).confusion == metrics.confusion
    found, wanted = load_model(tmp_path).state_dict(), load_model(folder).state_dict()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


@two_cores
def test_two_processes_normalise_together(tmp_path):
    """One step on all samples: the same statistics, and gradients of the same signs (Adam)."""
    found = []
    for devices in (1, 2):
        folder = tmp_path / str(devices)
        train(make_project(train={"devices": devices, "epochs": 1, "batch": 2000}), folder)
        history = json.loads((folder / "history.json").read_text())[0]
        found.append((history["loss"], load_model(folder).state_dict()))
    (loss, one), (other, two) = found
    assert other == pytest.approx(loss, rel=1e-5)
    for name, value in one.items():
        if "running" in name:
            assert torch.allclose(two[name], value, rtol=1e-4, atol=1e-4), name
        elif "latent" in name:
            assert ((two[name] - value).abs() < 1e-6).float().mean() > 0.99, name


def test_a_last_batch_of_one_sample_trains():
    norm = Norm(3).train()
    norm.running_mean = torch.tensor([1.0, 2.0, 3.0])
    found = norm(torch.tensor([[1.0, 3.0, 3.0]]))
    assert found.tolist() == [[0.0, pytest.approx(1.0, rel=1e-4), 0.0]]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"votes": 2}, r"model\.votes is 2: the method 'binary' .*; leave it out"),
        (
            {"convolutions": (Convolution(filters=4, kernel=3, depth=2),)},
            r"model\.convolutions\[0\]\.depth is 2: .*; leave it out",
        ),
        (
            {"convolutions": (Convolution(filters=4, kernel=3, candidates=4),)},
            r"model\.convolutions\[0\]\.candidates is 4: ",
        ),
        (
            {"convolutions": (Convolution(filters=4, kernel=4, pool=2),)},
            r"model\.convolutions\[0\]: kernel 4 .* leaves a remainder on a map of 8 x 8 pixels",
        ),
    ],
)
def test_settings_that_do_not_fit_are_refused(keys, message):
    with pytest.raises(ConfigError, match=message):
        make_architecture(make_project(**keys))


def test_a_price_of_luts_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"train\.cost is 0\.1: method 'binary' does not know"):
        train(make_project(train={"cost": 0.1}), tmp_path)
