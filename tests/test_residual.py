"""Binarised ResNets: frames and residual branches are in the graph what they are in the network."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from hlsgen.errors import ConfigError, GraphError
from hlsgen.frontend.torch import compare, compare_layers, export
from hlsgen.graph import run
from hlsgen.nn import BinaryArchitecture, BinaryNetwork, Quantiser, Sums
from hlsgen.nn.binary_network import BinaryLayer
from hlsgen.nn.branches import Addition, Merge, Pad
from hlsgen.project import Binary, Convolution, Data, Inputs, Model, Project, Train, load_project
from hlsgen.train import METHODS, load_model
from hlsgen.train.checkpoint import MODEL, save_model

CNV = Path(__file__).parents[1] / "examples" / "cnv"


def same(filters: int = 4, **keys: int) -> Convolution:
    """A convolution that keeps the size of its map."""
    return Convolution(filters=filters, kernel=3, padding=1, **keys)


BLOCK = (same(), same(residual=2))
NETWORKS = {
    "a frame": (same(),),
    "a wide frame": (Convolution(filters=3, kernel=3, stride=3, padding=2),),
    "a frame and a pool": (same(pool=2), same(pool=2)),
    "a branch around one": (same(), same(residual=1)),
    "a branch around two": (same(), *BLOCK),
    "a branch around three": (same(), same(), same(), same(residual=3)),
    "two blocks": (same(), *BLOCK, *BLOCK),
    "a block of each size": (same(), *BLOCK, same(3, pool=2), same(3, residual=1)),
    "a branch of pixels": (same(1, residual=1), same(1, residual=2)),
    "maps of one pixel": (Convolution(filters=5, kernel=8), same(5), same(5, residual=2)),
}


def make_project(convolutions: tuple[Convolution, ...], bits: int = 1, **keys: object) -> Project:
    """For 8 x 8 pixels of three bits."""
    model = {"method": "binary", "layers": (6,), "binary": Binary(bits=bits)} | keys
    return Project(
        name="tiny",
        data=Data(source="digits", image=(8, 8)),
        inputs=Inputs(bits=3, thresholds=4),
        model=Model(convolutions=convolutions, **model),
        train=Train(temperature=2.0),
    )


def make_architecture(project: Project) -> BinaryArchitecture:
    found = METHODS[project.model.method].architecture(project, 64, 4)
    assert isinstance(found, BinaryArchitecture)
    return found


def random_network(seed: int, a: BinaryArchitecture) -> tuple[BinaryNetwork, np.ndarray]:
    """A network with anything in its batch norms, statistics of its own sums, and words for it."""
    torch.manual_seed(seed)
    network = BinaryNetwork(a)
    words = torch.randint(0, a.top + 1, (20, a.features))
    layers = [layer for layer in network if isinstance(layer, BinaryLayer)]
    for layer in layers:
        layer.norm.momentum = 1.0
    network.train()(words)
    with torch.no_grad():
        for layer in layers:
            layer.norm.weight.normal_()
            layer.norm.weight[0] = -1.0
            layer.norm.bias.normal_().mul_(0.5)
        network[-1].bias.normal_().mul_(3)
    return network.eval(), words.numpy()


# --- the graph ------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [1, 2])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_graph_computes_what_the_network_computes(name, bits):
    convolutions = NETWORKS[name]
    network, words = random_network(3, make_architecture(make_project(convolutions, bits)))
    graph = export(network, "tiny")
    results = compare(network, graph, words) + compare_layers(network, graph)
    layers = {result.layer for result in results}
    assert layers == {"network", *(node.name for node in graph.nodes)}
    assert ("pad0" in layers) and ("add0" in layers) == any(c.residual for c in convolutions)
    assert sum(result.mismatches for result in results) == 0


def test_a_branch_reads_the_map_that_entered():
    network, _ = random_network(1, make_architecture(make_project(NETWORKS["two blocks"])))
    graph = export(network, "tiny")
    reads = [node.inputs for node in graph.nodes if node.name.startswith("merge")]
    assert reads == [("tiled2", "tiled0"), ("tiled4", "add0")]
    assert network.architecture.tops == [7, 1, 1, 2, 1, 3]


def test_sums_of_words_stand_for_sums_of_numbers():
    a = make_architecture(make_project((same(), same(residual=1)), bits=2))
    network, words = random_network(2, a)
    graph = export(network, "tiny")
    numbers = network._convolved((2.0 * torch.from_numpy(words) - 7).view(20, 1, 8, 8))
    found = run(graph, {"x": words}, ["add0"])["add0"]
    assert (graph.wires["add0"].hi, a.tops[-1]) == (6, 6)
    assert np.array_equal(2 * found - 6, numbers.flatten(2).permute(0, 2, 1).numpy())


def test_a_frame_is_the_lowest_number_in_training_too():
    layer = random_network(1, make_architecture(make_project((same(),))))[0].conv0
    x = 2.0 * torch.randint(0, 8, (5, 1, 8, 8)) - 7
    framed = nn.functional.pad(x, [1] * 4, value=-7.0)
    wanted = nn.functional.conv2d(framed, layer.weights.signs)
    seen = []
    layer.norm.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    layer.train()(x)
    assert torch.equal(seen[0], wanted)


def test_the_export_wants_earlier_layers():
    sums = Sums(1, torch.zeros(3, dtype=torch.int64))
    inner = nn.Sequential(sums, Merge("0"), Addition(3))
    graph = export(nn.Sequential(Quantiser(3, 4), inner), "net")
    assert graph.by_name["merge0"].inputs == ("sum0", "x")
    late = nn.Sequential(Quantiser(3, 4), Merge("2"), Addition(3))
    with pytest.raises(GraphError, match="module 1: reads '2', which is no earlier layer"):
        export(late, "net")


def test_a_fault_in_a_branch_is_counted():
    network, words = random_network(1, make_architecture(make_project(NETWORKS["two blocks"])))
    graph = export(network, "tiny")
    crossed = dataclasses.replace(graph.by_name["merge1"], inputs=("tiled4", "tiled2"))
    nodes = [crossed if node.name == "merge1" else node for node in graph.nodes]
    wrong = dataclasses.replace(graph, nodes=tuple(nodes))
    results = {result.layer: result.mismatches for result in compare(network, wrong, words)}
    assert results["tiled4"] == 0 and results["merge1"] > 0 and results["add1"] > 0


def test_frames_of_several_lanes():
    pad = Pad((2, 3), 2)
    x = torch.arange(24.0).view(2, 6, 2) + 1
    found = pad(x)
    assert pad.shape == (6, 7) and found.shape == (2, 42, 2)
    assert np.array_equal(found.numpy(), pad.to_op().eval(x.numpy()))


# --- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("convolutions", "message"),
    [
        (
            (same(), same(residual=3)),
            r"convolutions\[1\]\.residual is 3: no map entered so many .*; use at most 2$",
        ),
        (
            (same(), same(5, residual=1)),
            r"convolutions\[1\]\.residual is 1: it makes a map of 8 x 8 pixels of 5 channels, and"
            r" is to add one of 8 x 8 pixels of 4 channels; keep .* padding \(kernel - 1\) / 2 ",
        ),
        (
            (same(), same(), same(residual=3)),
            r"pixels of 1 channels; residuals that fit: 1, 2$",
        ),
        (
            (same(), Convolution(filters=4, kernel=3, residual=1)),
            r"it makes a map of 6 x 6 .* add one of 8 x 8",
        ),
        (
            (same(), same(pool=2, residual=1)),
            r"it makes a map of 4 x 4 .* add one of 8 x 8 .*; keep stride and pool 1",
        ),
        (
            (Convolution(filters=4, kernel=11, padding=1),),
            r"\[0\]\.kernel is 11: its map has 10 x 10 pixels; use at most 10$",
        ),
        (
            (Convolution(filters=4, kernel=4, stride=3, padding=1, pool=2),),
            r"leaves a remainder on a map of 10 x 10 pixels; kernels that fit: 1, 7$",
        ),
    ],
)
def test_settings_that_do_not_fit_are_refused(convolutions, message):
    with pytest.raises(ConfigError, match=message):
        make_architecture(make_project(convolutions))


@pytest.mark.parametrize("method", ["convolution", "lutnet", "shrink"])
@pytest.mark.parametrize("key", ["padding", "residual"])
def test_other_methods_refuse_them(method, key):
    plain = Convolution(filters=4, kernel=3)
    project = make_project((plain, Convolution(filters=4, kernel=3, **{key: 1})), method=method)
    what = rf"model\.convolutions\[1\]\.{key} is 1: the method '{method}' has no .*; leave it out"
    with pytest.raises(ConfigError, match=what):
        METHODS[method].architecture(project, 64, 6)


def test_checkpoints_from_before_load(tmp_path):
    project = make_project((Convolution(filters=3, kernel=3),))
    network, words = random_network(1, make_architecture(project))
    save_model(network, "binary", tmp_path / MODEL)
    content = torch.load(tmp_path / MODEL, weights_only=True)
    for convolution in content["architecture"]["convolutions"]:
        del convolution["padding"], convolution["residual"]
    torch.save(content, tmp_path / MODEL)
    found = load_model(tmp_path, project)
    assert torch.equal(found(torch.from_numpy(words)), network(torch.from_numpy(words)))
    other = make_project((Convolution(filters=3, kernel=3, padding=1),))
    with pytest.raises(ConfigError, match=r"another architecture: convolutions is .*train again"):
        load_model(tmp_path, other)


# --- training and the example ---------------------------------------------------------------------


@pytest.fixture
def one_thread():
    """As the training loop does: threads wait for each other where cores are shared."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("one_thread")
def test_steps_of_training_lower_the_loss():
    network, words = random_network(4, make_architecture(make_project(NETWORKS["two blocks"])))
    x, labels = torch.from_numpy(words), torch.arange(20) % 4
    optimiser = torch.optim.Adam(network.train().parameters(), 0.01)
    losses = []
    for _ in range(40):
        loss = nn.functional.cross_entropy(network(x), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        network.after_step()
        losses.append(loss.item())
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])
    assert all(layer.weights.latent.grad.any() for layer in network if hasattr(layer, "weights"))


def test_the_example_is_exported():
    project = load_project(CNV / "resnet.toml")
    found = METHODS["binary"].architecture(project, 3072, 10)
    assert [c.residual for c in found.convolutions] == [0, 0, 2, 0, 2, 0, 0, 2, 0, 2, 0]
    network, words = random_network(1, found)
    graph = export(network, "resnet")
    assert found.tops[-2] == 3 and graph.wires["pool1"].beats == 64
    assert not any(result.mismatches for result in compare(network, graph, words[:2]))
