"""LUTNet and Logic Shrinkage with convolutions: maps, pooling, layers of their own fan-in."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from test_lutnet import mismatches, scramble

from hlsgen import passes
from hlsgen.errors import ConfigError, GraphError
from hlsgen.frontend.torch import export
from hlsgen.graph import run
from hlsgen.graph.fabric import FABRICS
from hlsgen.graph.ops import Lut
from hlsgen.graph.parts import feeds_of, join, split
from hlsgen.nn import LutNetNetwork, NodeArchitecture, Window
from hlsgen.nn.nodes import PRUNED, TABLES, NodeLayer, PlaneSum
from hlsgen.nn.residual import CUT, Pool, ResidualSign, Steps
from hlsgen.project import (
    Convolution,
    Data,
    Inputs,
    Lutnet,
    Model,
    Project,
    Shrink,
    Train,
)
from hlsgen.train import METHODS, Metrics, Progress, load_data, load_model, train

DEEP = (Convolution(filters=4, kernel=3, pool=2), Convolution(filters=5, kernel=2))


def make_project(method: str = "shrink", **keys: object) -> Project:
    """For 8 x 8 pixels of four bits."""
    lutnet = Lutnet(theta=(0.2, 0.5, 0.8, 0.3), fan_in=(1, 4, 1, 1))
    model = {"convolutions": DEEP, "layers": (9,), "fan_in": 3, "lutnet": lutnet}
    model |= {"shrink": Shrink(delta=0.5), **keys}
    return Project(
        name="lenet",
        seed=2,
        data=Data(source="digits", image=(8, 8)),
        inputs=Inputs(bits=4, thresholds=2),
        model=Model(method=method, **model),
        train=Train(epochs=7, batch=64, temperature=2.0),
    )


def make_architecture(project: Project, features: int = 64) -> NodeArchitecture:
    return METHODS[project.model.method].architecture(project, features, 10)


def random_network(seed: int, project: Project) -> tuple[LutNetNetwork, np.ndarray]:
    """A network with anything in its parameters, as tables, and words for it."""
    torch.manual_seed(seed)
    network = LutNetNetwork(make_architecture(project))
    words = torch.randint(0, 16, (40, 64))
    network.fit_encoding(words.numpy().astype(np.float64))
    for phase in ("bnn", "retrain"):
        network.begin(phase, words)
    with torch.no_grad(), torch.random.fork_rng():
        for sign in signs(network):
            sign.norm.momentum = 1.0
        network.train()(words)
        for sign in signs(network):
            found = sign.norm.running_mean.clone(), sign.norm.running_var.clone()
            scramble(sign)
            sign.norm.running_mean.copy_(found[0])
            sign.norm.running_var.copy_(found[1])
    network.begin("lut", words)
    with torch.no_grad():
        for layer in network.node_layers:
            layer.lut.table += 0.3 * torch.randn_like(layer.lut.table)
        network.node_layers[-1].sum.shift.copy_(torch.randn(10))
    network.after_step()
    return network.eval(), words.numpy()


def signs(network: LutNetNetwork) -> list[ResidualSign]:
    return [layer for layer in network if isinstance(layer, ResidualSign)]


def values(network: LutNetNetwork, words: np.ndarray, name: str) -> torch.Tensor:
    """What the layer called `name` gives."""
    x = torch.from_numpy(words)
    for each, layer in network.named_children():
        x = layer(x)
        if each == name:
            break
    return x


# --- networks -------------------------------------------------------------------------------------


def test_layers_and_nodes() -> None:
    network, _ = random_network(1, make_project())
    assert [name for name, _ in network.named_children()] == [
        *("x", "thermometer", "conv0_window", "conv0_nodes", "conv0_sign"),
        *("conv1_window", "conv1_nodes", "conv1_sign"),
        *("flatten", "nodes0", "sign0", "nodes1"),
    ]
    a = network.architecture
    assert a.maps == [(8, 8, 2), (3, 3, 4), (2, 2, 5)] and a.beats == 64
    assert a.sizes == [(18, 4), (16, 5), (20, 9), (9, 10)] and a.pins == (1, 4, 1, 1)
    assert a.nodes == (58, 40, 36, 63)
    assert [len(layer.position) for layer in network.node_layers] == list(a.nodes)
    assert NodeArchitecture(**dataclasses.asdict(a)) == a


def test_nodes_of_the_graph_have_their_names() -> None:
    network, _ = random_network(1, make_project())
    assert [node.name for node in export(network, "lenet").nodes] == [
        *("x", "thermometer", "window0", "lut0", "sum0"),
        *("steps0", "window1", "pool0", "code0", "window2", "lut1", "sum1"),
        *("steps1", "code1", "window3", "lut2", "sum2"),
        *("steps2", "code2", "lut3", "classes", "argmax"),
    ]


KINDS = {
    "mixed": {},
    "all alike": {"lutnet": Lutnet(theta=(0.4,)), "fan_in": 6},
    "all binary": {"lutnet": Lutnet(theta=(0.4,), fan_in=(1,))},
    "one place": {"convolutions": (DEEP[0], Convolution(filters=6, kernel=3))},
    "strides": {"convolutions": (Convolution(filters=4, kernel=2, stride=2, pool=2), DEEP[1])},
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_circuit_equals_the_network_with_any_slopes(kind: str) -> None:
    for seed in range(3):
        network, words = random_network(seed, make_project("lutnet", **KINDS[kind]))
        pooled = signs(network)[0].norm.weight
        with torch.no_grad():
            pooled[1:3] = torch.tensor([-1.0, 1.0])
        assert set(mismatches(network, words)) == {0}
        counts, codes = (values(network, words, name) for name in ("conv0_nodes", "conv0_sign"))
        codes = codes.unflatten(-1, (2, -1))
        assert counts.shape[1] == codes.shape[1] * 4
        # Both slopes decide something.
        assert all(len(codes[..., filter].unique()) == 2 for filter in (1, 2))


@pytest.mark.parametrize("slope", [1.0, -1.0, 0.0])
def test_the_maximum_is_pooled_before_the_sign(slope: float) -> None:
    torch.manual_seed(6)
    sign = ResidualSign(3, (4, 6)).eval()
    with torch.no_grad():
        sign.norm.running_mean.fill_(5)
        sign.norm.running_var.fill_(9)
        sign.norm.weight.copy_(slope * torch.tensor([1.0, 0.5, 2.0]))
        sign.norm.bias.copy_(torch.tensor([0.3, -0.4, 0.05]))
    counts = torch.randint(0, 11, (50, 24, 3)).float()
    x = sign.norm(counts.flatten(0, 1)).view(50, 2, 2, 3, 2, 3).amax((2, 4)).view(50, 6, 3)
    first = x > 0
    wanted = torch.cat([first, torch.where(first, x > CUT, x > -CUT)], 2)
    assert torch.equal(sign(counts).bool(), wanted)
    kinds = [type(layer).__name__ for layer in sign.layers()]
    assert kinds == ["Steps", "Window", "Pool", "Code"]


def test_training_and_eval_agree_where_the_statistics_do() -> None:
    torch.manual_seed(0)
    sign = ResidualSign(4, (4, 4))
    with torch.no_grad():
        sign.norm.weight.copy_(torch.tensor([1.0, -1.0, 0.5, -2.0]))
    counts = torch.randint(0, 30, (100, 16, 4)).float()
    sign.norm.momentum = 1.0
    trained = sign(counts)
    sign.norm.running_var *= 1599 / 1600  # torch keeps the unbiased variance
    assert trained.shape == (100, 4, 8) and torch.equal(trained, sign.eval()(counts))


def test_the_gradient_of_pooling_goes_to_the_largest() -> None:
    sign = ResidualSign(1, (2, 2))
    sign.norm.eval()
    x = torch.tensor([[[0.1], [0.3], [-0.2], [0.3]]], requires_grad=True)
    sign(x)[..., 0].sum().backward()
    assert x.grad.flatten().tolist() == pytest.approx([0, 0.25, 0, 0.25], abs=1e-4)


def test_pools_of_opposites_are_all_of_them() -> None:
    pool = Pool(torch.tensor([False, True]))
    rows = torch.tensor([[i >> p & 1 for p in range(4)] * 2 for i in range(16)]).float()
    assert pool(rows).tolist() == [[float(i > 0), float(i == 15)] for i in range(16)]


@pytest.mark.parametrize("planes", [1, 2])
@pytest.mark.parametrize("stage", ["whole", "pruned", "tables"])
def test_places_are_samples(planes: int, stage: str) -> None:
    torch.manual_seed(3)
    layer = NodeLayer(6, planes, 11, 3, PlaneSum(4, planes, 11))
    x = torch.randint(0, 2, (5, 7, 6 * planes)).float().requires_grad_()
    if stage != "whole":
        layer.prune()
    if stage == "tables":
        layer.expand()
    beats, samples = layer(x), layer(x.flatten(0, 1)).view(5, 7, 4)
    torch.testing.assert_close(beats, samples)
    if stage != "whole":
        assert torch.equal(beats, samples)
    trained = layer.lut.table if stage == "tables" else layer.weight
    weight = torch.randn_like(beats)
    for one, other in zip(
        torch.autograd.grad((beats * weight).sum(), (x, trained)),
        torch.autograd.grad((samples * weight).sum(), (x, trained)),
        strict=True,
    ):
        torch.testing.assert_close(one, other)
    assert layer.visits(x).equal(layer.visits(x.flatten(0, 1)))


def test_the_passes_keep_the_function() -> None:
    network, words = random_network(2, make_project())
    graph, fabric = export(network, "lenet"), FABRICS["xcup"]
    feeds = {"x": words.reshape(len(words), 64, 1).astype(np.int64)}
    parts = split(graph)
    assert len(parts) == 5
    made = {
        part.graph.name: passes.opt(part.graph, fabric, 50.0, seen)
        for part, seen in zip(parts, feeds_of(graph, parts, feeds), strict=True)
    }
    final = join(graph, made)
    expected = network(torch.from_numpy(words)).argmax(-1).numpy()
    assert (run(final, feeds)[final.outputs[0]][:, 0, 0] == expected).all()
    assert len(set(expected.tolist())) > 2


# --- phases ---------------------------------------------------------------------------------------


def test_every_form_with_a_circuit_is_exact() -> None:
    binary, words = random_network(4, make_project("lutnet", **KINDS["all binary"]))
    assert {int(layer.stage) for layer in binary.node_layers} == {PRUNED}
    assert set(mismatches(binary, words)) == {0}
    network, words = random_network(4, make_project())
    stages = [int(layer.stage) for layer in network.node_layers]
    assert stages == [PRUNED, TABLES, PRUNED, PRUNED]
    for phase in ("shrink1", "shrink2", "shrink3"):
        network.begin(phase, torch.from_numpy(words))
        assert set(mismatches(network, words)) == {0}
    fresh = LutNetNetwork(network.architecture)
    for phase in ("bnn", "retrain"):
        fresh.begin(phase, torch.from_numpy(words))
        with pytest.raises(GraphError, match="before its phase lut"):
            export(fresh, "lenet")


@pytest.mark.parametrize("saliency", ["paper", "cost"])
def test_shrinking_leaves_binary_layers_alone(saliency: str) -> None:
    project = make_project(shrink=Shrink(delta=0.7, saliency=saliency))
    network, words = random_network(5, project)
    before = [layer.support.clone() for layer in network.node_layers]
    for number, phase in enumerate(("shrink1", "shrink2", "shrink3"), 1):
        network.begin(phase, torch.from_numpy(words))
        for i, (old, layer) in enumerate(zip(before, network.node_layers, strict=True)):
            assert not (layer.support & ~old).any()
            alike = layer.planes if saliency == "paper" else 1
            gone = alike * round(number / 3 * 0.7 * old.numel() / alike) if i == 1 else 0
            assert (~layer.support).sum() == gone
        before = [layer.support.clone() for layer in network.node_layers]


def test_visits_are_those_of_all_places_and_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    network, words = random_network(5, make_project())
    layer = network.node_layers[1]
    x = values(network, words, "conv1_window")
    wanted = layer.visits(x)
    assert (wanted.sum(-1) == 40 * 4).all()
    monkeypatch.setattr("hlsgen.nn.expansion._BLOCK", 7)
    assert network._visits(torch.from_numpy(words))[layer].equal(wanted)


# --- liveness -------------------------------------------------------------------------------------


def test_windows_have_the_taps_that_tables_read() -> None:
    network, words = random_network(7, make_project())
    network.shrink(0.85, torch.from_numpy(words))
    circuit = dict(network.circuit().named_children())
    graph = export(network, "lenet")
    for reader, name in (("lut0", "window0"), ("lut1", "window2"), ("lut2", "window3")):
        op = graph.by_name[reader].op
        assert isinstance(op, Lut)
        read = {int(lane) for row, k in zip(op.src, op.k, strict=True) for lane in row[:k]}
        assert read == set(range(graph.wires[name].lanes))
    assert graph.wires["window2"].lanes < 16 * 2
    # A second bit needs all thresholds, a first one only its own.
    pool, steps = circuit["conv0_sign_pool"], circuit["conv0_sign_steps"]
    assert isinstance(pool, Pool) and isinstance(steps, Steps)
    assert len(pool.src) == len(steps.filter) <= 3 * 4
    assert set(mismatches(network, words)) == {0}


def test_a_network_whose_tables_read_nothing_has_a_graph() -> None:
    network, words = random_network(8, make_project())
    network.shrink(1.0, torch.from_numpy(words))
    graph = export(network, "lenet")
    assert graph.wires["window2"].lanes == 1 and set(mismatches(network, words)) == {0}


def test_making_the_circuit_draws_nothing() -> None:
    network, _ = random_network(9, make_project())
    torch.manual_seed(1)
    network.circuit()
    drawn = torch.rand(3)
    torch.manual_seed(1)
    assert torch.equal(drawn, torch.rand(3))


def test_taps_are_plane_after_plane() -> None:
    network, _ = random_network(10, make_project())
    window, nodes = network[5], network[6]
    assert isinstance(window, Window) and isinstance(nodes, NodeLayer)
    first, second = window.taps.chunk(2)
    assert (second - first == torch.tensor([4, 0, 0])).all()
    src = nodes.lut.wiring.chosen()
    assert (src[40:] - src[:40] == 16).all() and src[:40].max() < 16


def test_learned_k_is_that_of_the_graph() -> None:
    network, words = random_network(11, make_project())
    network.shrink(0.5, torch.from_numpy(words))
    graph = export(network, "lenet")
    learned = network.learned_k()
    assert list(learned) == ["lut0", "lut1", "lut2", "lut3"]
    for name, counts in learned.items():
        op = graph.by_name[name].op
        assert isinstance(op, Lut) and np.bincount(op.k, minlength=7).tolist() == counts
    assert sum(count > 0 for count in learned["lut1"]) > 2
    assert all(learned[name][1] == sum(learned[name]) for name in ("lut0", "lut2", "lut3"))


# --- training -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Metrics]:
    folder = tmp_path_factory.mktemp("shrink")
    return folder, train(make_project(), folder)


def test_a_trained_network_exports_exactly(trained: tuple[Path, Metrics]) -> None:
    folder, metrics = trained
    assert metrics.test_accuracy > 0.3 and metrics.epoch > 5
    network, data = load_model(folder, make_project()), load_data(make_project())
    assert isinstance(network, LutNetNetwork)
    gone = [int((~layer.support).sum()) for layer in network.node_layers]
    assert gone == [0, 160, 0, 0]
    words = network.quantiser.quantise(data.x_test)
    assert np.mean(network(words).argmax(-1).numpy() == data.y_test) == metrics.test_accuracy
    assert set(mismatches(network, words.numpy())) == {0}


@pytest.mark.parametrize("stop", [2, 3, 5])
def test_a_run_cut_short_ends_like_an_uninterrupted_one(trained, tmp_path, stop) -> None:
    def interrupt(status: Progress) -> None:
        if status.epoch == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(make_project(), tmp_path, interrupt)
    assert train(make_project(), tmp_path) == trained[1]
    expected = load_model(trained[0]).state_dict()
    found = load_model(tmp_path).state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in found.items())


def test_another_kernel_is_another_architecture(trained: tuple[Path, Metrics]) -> None:
    other = make_project(convolutions=(DEEP[0], Convolution(filters=5, kernel=3)))
    with pytest.raises(ConfigError, match=r"convolutions is .* the project says .*train again"):
        load_model(trained[0], other)
