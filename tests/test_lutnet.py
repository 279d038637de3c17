"""LUTNet: pruning, logic expansion, residual signs, and circuits that equal their networks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hlsgen import passes
from hlsgen.errors import ConfigError, GraphError
from hlsgen.frontend.torch import compare, compare_layers, export
from hlsgen.graph import run
from hlsgen.graph.fabric import FABRICS
from hlsgen.nn import LutNetNetwork, NodeArchitecture
from hlsgen.nn.nodes import NodeLayer, PlaneSum, draw_maps
from hlsgen.nn.residual import CUT, CUTS, Code, ResidualSign, Steps
from hlsgen.project import Data, Inputs, Lutnet, Model, Project, Train, load_project
from hlsgen.train import Metrics, load_data, load_model, train
from hlsgen.train.method import Phase
from hlsgen.train.methods import METHODS

seeds = st.integers(0, 2**32 - 1)


def small_architecture(**keys: object) -> NodeArchitecture:
    sizes = {
        "features": 6,
        "classes": 3,
        "bits": 3,
        "thresholds": 2,
        "layers": (7, 5),
        "fan_in": 3,
        "theta": (0.5, 0.4, 0.0),
        "temperature": 2.0,
    }
    return NodeArchitecture(**(sizes | keys))


def random_network(seed: int, **keys: object) -> tuple[LutNetNetwork, np.ndarray]:
    """A network with anything in its parameters, as tables, and words for it."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = LutNetNetwork(small_architecture(**keys))
    samples = rng.integers(0, 8, (200, 6))
    network.fit_encoding(samples.astype(np.float64))
    words = network.quantiser.quantise(samples.astype(np.float64))
    for phase in ("bnn", "retrain", "lut"):
        network.begin(phase, words)
    with torch.no_grad():
        for layer in network:
            if isinstance(layer, NodeLayer):
                layer.lut.table += 0.3 * torch.randn_like(layer.lut.table)
            if isinstance(layer, ResidualSign):
                scramble(layer)
        network.node_layers[-1].sum.shift.copy_(torch.randn(3))
    network.after_step()
    return network.eval(), words.numpy()


def scramble(layer: ResidualSign) -> None:
    """Statistics of a plausible size; slopes above, below and at 0."""
    norm = layer.norm
    norm.running_mean.copy_(4 + torch.randn_like(norm.running_mean))
    norm.running_var.copy_(0.5 + 3 * torch.rand_like(norm.running_var))
    norm.weight.copy_(torch.randn_like(norm.weight))
    norm.weight[0] = 0
    norm.bias.copy_(0.5 * torch.randn_like(norm.bias))


def mismatches(network: LutNetNetwork, words: np.ndarray) -> list[int]:
    graph = export(network, "small")
    results = compare(network, graph, words) + compare_layers(network, graph)
    return [result.mismatches for result in results]


# --- circuits -------------------------------------------------------------------------------------


@pytest.mark.parametrize("fan_in", [2, 3, 4, 5, 6])
def test_the_circuit_equals_the_network(fan_in: int) -> None:
    network, words = random_network(fan_in, fan_in=fan_in, layers=(7, 6))
    assert set(mismatches(network, words)) == {0}


@pytest.mark.parametrize("layers", [(), (4,), (5, 4, 6)])
def test_any_number_of_hidden_layers_is_exact(layers: tuple[int, ...]) -> None:
    network, words = random_network(1, layers=layers, theta=(0.3,) * (len(layers) + 1))
    assert set(mismatches(network, words)) == {0}


def test_the_passes_keep_the_function() -> None:
    network, words = random_network(2)
    graph = export(network, "small")
    feeds = {graph.feeds()[0].name: words[:, None].astype(np.int64)}
    final = passes.opt(graph, FABRICS["xcup"], 50.0, feeds)
    expected = network(torch.from_numpy(words)).argmax(-1).numpy()
    assert (run(final, feeds)[final.outputs[0]][:, 0, 0] == expected).all()
    assert len(set(expected.tolist())) > 1


def test_nodes_of_the_graph_have_their_names_and_weights() -> None:
    network, _ = random_network(3)
    graph = export(network, "small")
    assert [node.name for node in graph.nodes] == [
        *("x", "thermometer", "lut0", "sum0", "steps0", "code0"),
        *("lut1", "sum1", "steps1", "code1", "lut2", "classes", "argmax"),
    ]
    nodes = len(network.node_layers[1].position)
    times = np.bincount(graph.by_name["sum1"].op.src)
    assert times.tolist() == [2] * nodes + [1] * nodes
    assert graph.by_name["sum0"].op.src.tolist() == list(
        range(len(network.node_layers[0].position))
    )


def test_a_network_without_tables_is_no_circuit() -> None:
    network = LutNetNetwork(small_architecture())
    with pytest.raises(GraphError, match="before its phase lut; train to the end"):
        export(network, "small")


# --- residual signs -------------------------------------------------------------------------------


@given(seed=seeds)
def test_thresholds_are_the_batch_norm_folded(seed: int) -> None:
    torch.manual_seed(seed)
    layer = ResidualSign(6).eval()
    with torch.no_grad():
        scramble(layer)
    counts = torch.arange(-3, 14).float()[:, None].expand(-1, 6)
    norm = layer.norm
    x = (counts.double() - norm.running_mean.double()) / (
        norm.running_var.double() + norm.eps
    ).sqrt()
    x = x * norm.weight.double() + norm.bias.double()
    first = x > 0
    second = torch.where(first, x > CUT, x > -CUT)
    near = torch.stack([(x - cut).abs() < 1e-9 for cut in CUTS]).any(0)
    got = layer(counts).bool()
    assert (torch.cat([first, second], 1) == got)[~near.repeat(1, 2)].all()
    assert (got[:, [0, 6]] == got[:1, [0, 6]]).all(), "slope 0 is constant"


def test_a_count_on_a_cut_is_not_above_it() -> None:
    layer = ResidualSign(2).eval()
    with torch.no_grad():
        layer.norm.running_mean.fill_(5)
        layer.norm.running_var.fill_(1 - layer.norm.eps)
        layer.norm.weight.copy_(torch.tensor([1.0, -1.0]))
    threshold, flip = layer.thresholds()
    assert threshold.tolist() == [[5, 6, 6], [6, 5, 5]] and flip.tolist() == [False, True]
    assert layer(torch.tensor([[5.0, 5.0]])).tolist() == [[0, 0, 1, 1]]


def test_code_is_the_residual_sign_of_three_steps() -> None:
    steps = torch.tensor([[i & 1, i >> 1 & 1, i >> 2 & 1] * 2 for i in range(8)]).float()
    got = Code(torch.tensor([False, True]))(steps)
    for row, (t0, t1, t2) in zip(got.tolist(), steps[:, :3].tolist(), strict=True):
        flipped = 1 - t1, (1 - t2 if t1 == 0 else 1 - t0)
        assert row == [t1, flipped[0], t2 if t1 else t0, flipped[1]]


def test_training_and_eval_agree_where_the_statistics_do() -> None:
    torch.manual_seed(0)
    layer = ResidualSign(4)
    counts = torch.randint(0, 30, (500, 4)).float()
    layer.norm.momentum = 1.0
    trained = layer(counts)
    layer.norm.running_var *= 499 / 500  # torch keeps the unbiased variance
    assert (trained == layer.eval()(counts)).all()


def test_gradients_are_straight_through() -> None:
    layer = ResidualSign(1)
    layer.norm.eval()
    x = torch.tensor([[-2.0], [-1.5], [-0.5], [0.5], [1.5], [2.0]], requires_grad=True)
    layer(x)[:, 0].sum().backward()
    assert (x.grad[:, 0] > 0).tolist() == [False, False, True, True, False, False]
    x.grad = None
    layer(x)[:, 1].sum().backward()
    assert (x.grad[:, 0] > 0).tolist() == [False, True, True, True, True, False]


def test_nan_is_named() -> None:
    layer = ResidualSign(2)
    with torch.no_grad():
        layer.norm.bias[1] = torch.nan
    with pytest.raises(GraphError, match="batch norm has NaN; train it again"):
        layer.thresholds()


def test_a_hopeless_slope_does_not_overflow() -> None:
    layer = ResidualSign(2).eval()
    with torch.no_grad():
        layer.norm.weight.copy_(torch.tensor([1e-38, -1e-38]))
        layer.norm.bias.fill_(1.0)
    steps, code = layer.layers()
    assert isinstance(steps, Steps) and layer(torch.zeros(1, 2)).tolist() == [[1, 1, 1, 1]]
    assert code(steps(torch.full((1, 2), 1000.0))).tolist() == [[1, 1, 1, 1]]


# --- pruning and expansion ------------------------------------------------------------------------


@given(seed=seeds, positions=st.integers(2, 40), data=st.data())
def test_maps_are_permutations_without_repeats(seed: int, positions: int, data: st.DataObject):
    count = data.draw(st.integers(0, min(5, positions - 1)))
    torch.manual_seed(seed)
    maps = draw_maps(positions, count)
    own = torch.arange(positions)
    assert all(row.sort().values.equal(own) for row in maps)
    pins = torch.cat([own[None], maps]).T
    assert all(len(set(row)) == count + 1 for row in pins.tolist())


def node_layer(positions: int, filters: int, nodes: int, fan_in: int, planes: int = 2) -> NodeLayer:
    return NodeLayer(positions, planes, nodes, fan_in, PlaneSum(filters, planes, nodes))


@given(seed=seeds, nodes=st.integers(1, 30))
def test_pruning_keeps_exactly_the_largest(seed: int, nodes: int) -> None:
    torch.manual_seed(seed)
    layer = node_layer(6, 5, nodes, 2)
    layer.prune()
    assert layer.mask.sum() == nodes == len(layer.position)
    size, kept = layer.weight.detach().abs(), layer.mask.bool()
    assert nodes == 30 or size[kept].min() >= size[~kept].max()
    assert kept[layer.position, layer.sum.filter].all()
    assert layer.sum.filter.tolist() == sorted(layer.sum.filter.tolist())
    src = layer.lut.wiring.src
    assert (src[:nodes, 0] == layer.position).all() and (src[nodes:] == src[:nodes] + 6).all()


@pytest.mark.parametrize("planes", [1, 2])
@pytest.mark.parametrize("theta", [0.0, 0.6])
def test_expansion_repeats_the_pruned_network_where_nothing_is_recovered(planes, theta) -> None:
    torch.manual_seed(4)
    nodes = round(40 * (1 - theta))
    layer = node_layer(8, 5, nodes, 3, planes).eval()
    with torch.no_grad():
        order = layer.weight.abs().flatten().argsort(descending=True)
        layer.weight.view(-1)[order[nodes:]] = 0
    layer.prune()
    x = torch.randint(0, 2, (64, 8 * planes)).float()
    before = layer(x)
    layer.expand()
    assert torch.equal(layer(x), before) and len(before.unique()) > 2
    pin = torch.arange(8) & 1
    own = layer.weight[layer.position, layer.sum.filter] > 0
    wanted = pin[None].bool() == own[:, None]
    assert all(torch.equal(table > 0, wanted) for table in layer.tables)


def test_expansion_recovers_each_pruned_weight_once() -> None:
    layer = node_layer(3, 1, 2, 3, planes=1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.5], [-0.25], [0.125]]))
        layer.maps.copy_(torch.tensor([[2, 0, 1], [1, 2, 0]]))
    layer.prune()
    assert layer.position.tolist() == [0, 1]
    layer.expand()
    # Node 0 reads 0, 2, 1: position 2 was pruned; node 1 reads 1, 0, 2, which is taken.
    assert layer.tables[0].tolist() == [
        [-0.625, 0.375, -0.375, 0.625] * 2,
        [0.25, -0.25] * 4,
    ]


def test_tables_begin_within_their_range() -> None:
    layer = node_layer(4, 2, 3, 2)
    with torch.no_grad():
        layer.weight *= 100
    layer.prune()
    layer.expand()
    assert layer.tables.abs().max() == 1


def test_visits_count_every_sample_once() -> None:
    network, words = random_network(5)
    layer = network.node_layers[0]
    x = network[1](torch.from_numpy(words))
    visits = layer.visits(x)
    assert visits.shape == layer.tables.shape and (visits.sum(-1) == len(words)).all()
    pins = x[:, layer.lut.wiring.src[0].long()].long()
    assert torch.bincount(pins @ torch.tensor([1, 2, 4]), minlength=8).equal(visits[0, 0])


# --- training -------------------------------------------------------------------------------------


def make_project(method: str = "lutnet", folder: Path | None = None, **keys: object) -> Project:
    model = {"layers": (12,), "fan_in": 3, "lutnet": Lutnet(theta=(0.8, 0.3))}
    settings = {"epochs": 5, "temperature": 4.0}
    return Project(
        name="small",
        seed=3,
        data=Data(source="digits"),
        inputs=Inputs(bits=5, thresholds=1),
        model=Model(method=method, **(model | {k: v for k, v in keys.items() if k in MODEL})),
        train=Train(**(settings | {k: v for k, v in keys.items() if k not in MODEL})),
    )


MODEL = ("layers", "fan_in", "lutnet", "shrink")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Metrics]:
    folder = tmp_path_factory.mktemp("lutnet")
    return folder, train(make_project(), folder)


def test_a_trained_network_exports_exactly(trained: tuple[Path, Metrics]) -> None:
    folder, metrics = trained
    assert metrics.test_accuracy > 0.5 and metrics.method == "lutnet"
    network, data = load_model(folder, make_project()), load_data(make_project())
    words = network.quantiser.quantise(data.x_test)
    assert np.mean(network(words).argmax(-1).numpy() == data.y_test) == metrics.test_accuracy
    assert set(mismatches(network, words.numpy())) == {0}


def test_the_kept_epoch_is_one_of_the_tables(trained: tuple[Path, Metrics]) -> None:
    history = json.loads((trained[0] / "history.json").read_text())
    assert [entry["phase"] for entry in history] == ["bnn", "retrain", "lut", "lut", "lut"]
    assert trained[1].epoch > 2


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_a_run_cut_short_ends_like_an_uninterrupted_one(trained, tmp_path, stop) -> None:
    def interrupt(status: object) -> None:
        if status.epoch == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(make_project(), tmp_path, interrupt)
    assert train(make_project(), tmp_path) == trained[1]
    expected = load_model(trained[0]).state_dict()
    found = load_model(tmp_path).state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in found.items())


def test_phases_share_the_epochs() -> None:
    phases = METHODS["lutnet"].phases(make_project(epochs=20))
    assert phases == (Phase("bnn", 3), Phase("retrain", 1), Phase("lut", 16))


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"lutnet": Lutnet(theta=(0.5, 0.5, 0.5))}, r"model\.lutnet\.theta has 3 .* one, or 2,"),
        ({"layers": (4,), "fan_in": 6}, r"model\.fan_in is 6: a layer has only 4 .* at most 4"),
        ({"epochs": 2}, r"train\.epochs is 2: .*'lutnet' has 3 phases \(bnn, retrain, lut\)"),
        ({"devices": 2}, r"train\.devices is 2: .*'lutnet' .* 1 device only"),
    ],
)
def test_settings_that_do_not_fit_are_named(keys: dict[str, object], message: str) -> None:
    method, project = METHODS["lutnet"], make_project(**keys)
    with pytest.raises(ConfigError, match=message):
        method.architecture(project, 64, 10)
        method.phases(project)


@pytest.mark.parametrize("theta", ["[1.0]", "[-0.1]", "[]", "0.5"])
def test_shares_out_of_range_are_refused(tmp_path: Path, theta: str) -> None:
    text = 'name = "p"\n[data]\nsource = "digits"\n[model]\nlayers = [10]\n'
    (tmp_path / "project.toml").write_text(f"{text}[model.lutnet]\ntheta = {theta}\n")
    with pytest.raises(ConfigError, match=r"model\.lutnet\.theta"):
        load_project(tmp_path)
