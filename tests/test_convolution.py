"""The method `convolution`: windows, pools, trees that slide over an image, and their export."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from hlsgen.errors import ConfigError
from hlsgen.frontend.torch import compare, compare_layers, export
from hlsgen.graph.fabric import FABRICS
from hlsgen.graph.ops import Pixels
from hlsgen.nn import AnyOf, ConvolutionNetwork, LutLayer, Quantiser, Thermometer, Votes, Window
from hlsgen.nn.convolution import ConvolutionArchitecture
from hlsgen.nn.layer import places
from hlsgen.nn.wiring import LearnedWiring
from hlsgen.project import Convolution, Data, Inputs, Model, Project, Train
from hlsgen.train import METHODS, Progress, load_data, load_model, train
from hlsgen.train.augment import Moves
from hlsgen.train.front import read_front

DEEP = (
    Convolution(filters=5, kernel=3, pool=2, candidates=8),
    Convolution(filters=4, kernel=2, depth=2),
)
seeds = st.integers(0, 2**32 - 1)


def make_project(*convolutions: Convolution, **keys: object) -> Project:
    """For 8 x 8 pixels of four bits."""
    model = {"layers": (30,), "fan_in": 3, "candidates": 8, "votes": 2, **keys}
    return Project(
        name="lenet",
        data=Data(source="digits", image=(8, 8)),
        inputs=Inputs(bits=4, thresholds=2),
        model=Model(method="convolution", convolutions=convolutions or DEEP, **model),
        train=Train(epochs=2, batch=64, temperature=2.0),
    )


def make_architecture(project: Project, features: int = 64) -> ConvolutionArchitecture:
    return METHODS["convolution"].architecture(project, features, 10)


def make_network(seed: int, *convolutions: Convolution, **keys: object) -> ConvolutionNetwork:
    torch.manual_seed(seed)
    network = ConvolutionNetwork(make_architecture(make_project(*convolutions, **keys)))
    network.fit_encoding(make_words(seed).numpy().astype(np.float64))
    return network


def make_words(seed: int, n: int = 40) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 16, (n, 64), generator=generator)


# --- layers -------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(
    seed=seeds,
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    places=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.integers(1, 3),
    lanes=st.integers(1, 3),
)
def test_a_window_is_torchs_unfold(seed, kernel, places, stride, lanes):
    torch.manual_seed(seed)
    height, width = (k + stride * (n - 1) for k, n in zip(kernel, places, strict=True))
    layer = Window((height, width), kernel, stride, lanes)
    x = torch.rand(3, height * width, lanes, dtype=torch.float64, requires_grad=True)
    image = x.transpose(1, 2).reshape(3, lanes, height, width)
    expected = torch.nn.functional.unfold(image, kernel, stride=stride).transpose(1, 2)
    found = layer(x).reshape(expected.shape)
    assert layer.shape == places and torch.equal(found, expected)
    weight = torch.randn_like(found)
    gradients = [torch.autograd.grad((y * weight).sum(), x)[0] for y in (found, expected)]
    torch.testing.assert_close(*gradients)
    values = layer.to_op().eval(x.detach().numpy())
    assert (values == expected.detach().numpy()).all()


def test_flattening_gives_one_beat_and_copies_nothing():
    layer = Window((3, 4), (3, 4), 1, 2)
    rows = torch.rand(2, 12, 5)
    x = rows.permute(2, 1, 0)
    assert layer.whole and layer(x).shape == (5, 24)
    assert layer(x).data_ptr() == rows.data_ptr()
    assert not Window((3, 4), (3, 4), 1, 2, torch.tensor([[1, 0, 0]])).whole


@given(seed=seeds, beats=st.integers(1, 4))
def test_a_pool_is_the_largest_of_four_and_its_gradient_is_shared(seed, beats):
    torch.manual_seed(seed)
    x = torch.randint(0, 2, (6, beats, 12)).double().requires_grad_()
    found = AnyOf(3)(x)
    groups = x.detach().view(6, beats, 3, 4)
    assert torch.equal(found, (groups.sum(-1) > 0).double())
    assert (
        AnyOf(3).to_op().eval(x.detach().numpy().astype(np.int64)) == found.detach().numpy()
    ).all()
    weight = torch.randn_like(found)
    (grad,) = torch.autograd.grad((found * weight).sum(), x)
    largest = (groups == groups.amax(-1, keepdim=True)).double()
    shares = largest / largest.sum(-1, keepdim=True)
    torch.testing.assert_close(grad, (shares * weight[..., None]).view_as(x))


@pytest.mark.parametrize("hardness", [0.0, 0.3, 1.0])
def test_beats_share_tables_as_samples_do(hardness):
    torch.manual_seed(5)
    layer = LutLayer(7, 4, 3, candidates=4)
    layer.hardness = hardness
    x = torch.randint(0, 2, (6, 5, 7)).float().requires_grad_()
    weight = torch.randn(6, 5, 4)
    beats, samples = layer(x), layer(x.flatten(0, 1)).view(6, 5, 4)
    assert torch.equal(beats, samples)
    parameters = (x, *layer.parameters())
    for one, other in zip(
        torch.autograd.grad((beats * weight).sum(), parameters),
        torch.autograd.grad((samples * weight).sum(), parameters),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_pixels_share_their_channels_range_and_thresholds():
    rng = np.random.default_rng(1)
    samples = rng.normal(size=(50, 12)) * np.tile([1.0, 10.0], 6)
    quantiser, encoder = Quantiser(12, 4, beats=6), Thermometer(2, 3)
    quantiser.fit(samples)
    words = quantiser.quantise(samples)
    pixels = samples.reshape(-1, 2)
    assert torch.equal(quantiser.offset, torch.from_numpy(pixels.min(0)))
    steps = np.rint((pixels - pixels.min(0)) / (np.ptp(pixels, axis=0) / 15))
    assert (words.reshape(-1, 2).numpy() == steps).all()
    encoder.fit(quantiser(words))
    together = Thermometer(2, 3)
    together.fit(words.view(-1, 2))
    assert torch.equal(encoder.threshold, together.threshold)
    assert encoder(quantiser(words)).shape == (50, 6, 6)
    assert torch.equal(encoder(quantiser(words)).flatten(0, 1), together(words.view(-1, 2)))
    op = quantiser.to_op()
    assert isinstance(op, Pixels) and op.beats == 6
    assert (op.quantise(samples) == quantiser(words).numpy()).all()


def test_places_are_numbers_among_what_is_kept():
    kept = torch.tensor([False, True, False, True])
    assert places(torch.tensor([[3, 1], [0, 3]]), kept).tolist() == [[1, 0], [0, 1]]


def test_channels_of_a_pixel_move_together():
    image = torch.arange(2 * 9).view(1, 3, 3, 2)
    torch.manual_seed(3)
    moved = Moves((3, 3), shift=1)(image.view(1, -1)).view(9, 2)
    inside = moved.sum(1) > 0
    assert (moved[inside, 1] == moved[inside, 0] + 1).all() and inside.any()


# --- networks -----------------------------------------------------------------------------------


def test_layers_and_maps():
    network = make_network(1)
    names = [name for name, _ in network.named_children()]
    assert names == [
        *("x", "thermometer", "conv0_window", "conv0_lut0", "conv0_squares", "conv0_pool"),
        *("conv1_window", "conv1_lut0", "conv1_lut1", "flatten", "lut0", "popcount", "argmax"),
    ]
    a = network.architecture
    assert a.maps == [(8, 8, 2), (3, 3, 5), (2, 2, 4)] and a.beats == 64
    assert [len(layer.table) for layer in network.luts] == [5, 12, 4, 30]
    leaves, root = network.luts[1:3]
    assert isinstance(leaves.wiring, LearnedWiring)
    assert root.wiring.chosen().flatten().tolist() == list(range(12))


@pytest.mark.parametrize("votes", [0, 2])
def test_every_parameter_gets_a_gradient(votes):
    network = make_network(3, votes=votes).train()
    network(make_words(4, 200)).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_the_soft_networks_gradient_is_that_of_finite_differences():
    network = make_network(4, *DEEP[:1], layers=(10,), candidates=8).train()
    network.advance(0.0)
    for layer in network.luts:
        layer.hardness = 0.0
    words = make_words(5, 8)
    table = network.luts[0].table
    network(words)[:, 0].sum().backward()
    assert table.grad is not None
    entry = tuple(divmod(int(table.grad.abs().argmax()), table.shape[1]))
    found, sides = table.grad[entry].item(), []
    with torch.no_grad():
        for step in (0.01, -0.02):
            table[entry] += step
            sides.append(network(words)[:, 0].sum().item())
    # Where no pool changes its largest lane, the function is linear in an entry.
    assert found == pytest.approx((sides[0] - sides[1]) / 0.02, rel=0.1)


@pytest.mark.parametrize(
    "convolutions",
    [
        DEEP,
        (Convolution(filters=3, kernel=4, stride=2),),
        (Convolution(filters=3, kernel=1, pool=2), Convolution(filters=9, kernel=4)),
        (Convolution(filters=2, kernel=5, depth=3, pool=2),),
    ],
    ids=["two", "strided", "to one pixel", "deep tree"],
)
def test_the_graph_equals_the_network(convolutions):
    network = make_network(6, *convolutions)
    with torch.no_grad():
        # Some lanes have no vote, some LUTs fewer pins.
        network[-2].weight[::3] = 0.0
        network.luts[0].shrink(torch.rand_like(network.luts[0].support, dtype=torch.float) < 0.4)
    graph = export(network, "lenet")
    results = compare(network, graph, make_words(7).numpy()) + compare_layers(network, graph)
    assert "network" in {result.layer for result in results}
    assert [result.mismatches for result in results] == [0] * len(results)
    for name, counts in network.learned_k().items():
        assert np.bincount(graph.by_name[name].op.k, minlength=7).tolist() == counts


def test_the_graph_has_only_what_is_read():
    network = make_network(8)
    with torch.no_grad():
        network[-2].weight[3:] = 0.0
    graph = export(network, "lenet")
    ops = {node.name: node.op for node in graph.nodes}
    assert len(ops["lut3"].k) == 3 and graph.wires["window3"].lanes <= 9
    assert graph.wires["lut2"].lanes <= 4
    for reader, name in (("lut0", "window0"), ("lut1", "window2"), ("lut3", "window3")):
        src, k = ops[reader].src, ops[reader].k
        read = {int(lane) for row, count in zip(src, k, strict=True) for lane in row[:count]}
        assert read == set(range(graph.wires[name].lanes))
    # Learned wiring itself is not touched.
    assert len(network.luts[-1].table) == 30


def test_a_network_that_nobody_votes_in_has_a_graph():
    network = make_network(9)
    with torch.no_grad():
        network[-2].weight.zero_()
    graph = export(network, "lenet")
    assert graph.wires["lut3"].lanes == 1
    results = compare(network, graph, make_words(7).numpy())
    assert not any(result.mismatches for result in results)


def test_making_the_circuit_draws_nothing():
    network = make_network(10)
    torch.manual_seed(1)
    network.circuit()
    drawn = torch.rand(3)
    torch.manual_seed(1)
    assert torch.equal(drawn, torch.rand(3))


def test_expected_luts_are_about_those_of_the_operators():
    network = make_network(11, votes=0, layers=(20,))
    with torch.no_grad():
        for layer in network.luts:
            layer.table.copy_(torch.rand_like(layer.table).round() * 2 - 1)
    expected = network.expected_luts()
    graph = export(network, "lenet")
    counted = 0.0
    for node in graph.nodes:
        if node.op.kind in ("lut", "thermometer"):
            counted += node.op.area(FABRICS["xcup"], *graph.inputs_of(node)).lut
        if node.op.kind == "window" and node.op.width <= 32:
            counted += node.op.stored()
    counted += 0.7 * 20 + 6 * 10
    assert expected.item() == pytest.approx(counted, rel=0.15)
    expected.backward()
    assert all(layer.table.grad.abs().sum() > 0 for layer in network.luts)


# --- training -----------------------------------------------------------------------------------


def test_training_learns_and_the_front_is_counted(tmp_path: Path):
    project = make_project()
    trained = project.train.model_copy(update={"cost": 0.01})
    metrics = train(project.model_copy(update={"train": trained}), tmp_path, count=_tables)
    assert metrics.validation_accuracy > 0.15
    assert read_front(tmp_path).points
    network = load_model(tmp_path, project)
    words = network.quantiser.quantise(load_data(project).x_test).numpy()
    results = compare(network, export(network, "lenet"), words)
    assert not any(result.mismatches for result in results)


def _tables(network: ConvolutionNetwork) -> int:
    return sum(sum(counts) for counts in network.learned_k().values())


def test_a_run_cut_short_ends_like_an_uninterrupted_one(tmp_path: Path):
    def interrupt(status: Progress) -> None:
        raise KeyboardInterrupt

    project, folders = make_project(), [tmp_path / "whole", tmp_path / "cut"]
    whole = train(project, folders[0])
    with pytest.raises(KeyboardInterrupt):
        train(project, folders[1], interrupt)
    assert train(project, folders[1]) == whole
    first, second = (load_model(folder).state_dict() for folder in folders)
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_another_kernel_is_another_architecture(tmp_path: Path):
    train(make_project(), tmp_path)
    other = make_project(DEEP[0], Convolution(filters=9, kernel=3, depth=2))
    with pytest.raises(ConfigError, match=r"convolutions is .* the project says .*train again"):
        load_model(tmp_path, other)


# --- settings -----------------------------------------------------------------------------------


def test_candidates_are_as_many_as_wanted_or_there():
    a = make_architecture(make_project(*(Convolution(filters=3, kernel=k) for k in (2, 3))))
    assert [c.candidates for c in a.convolutions] == [8, 16] and a.candidates == (8,)
    a = make_architecture(make_project(candidates=None, layers=(50, 40)))
    assert a.candidates == (16, 32)
    a = make_architecture(make_project(wiring="random"))
    assert [c.candidates for c in a.convolutions] == [0, 0] and a.candidates == (0,)


def test_without_an_image_or_convolutions_there_is_no_network():
    project = make_project()
    data = project.data.model_copy(update={"image": None})
    with pytest.raises(ConfigError, match=r"data\.image is missing"):
        make_architecture(project.model_copy(update={"data": data}))
    with pytest.raises(ConfigError, match=r"data\.image is \[8, 8\]: 65 features"):
        make_architecture(project, 65)
    model = project.model.model_copy(update={"convolutions": ()})
    with pytest.raises(ConfigError, match=r"model\.convolutions is missing"):
        make_architecture(project.model_copy(update={"model": model}))


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({"kernel": 4}, r"convolutions\[1\]\.kernel is 4: its map has 3 x 3 pixels; .* most 3"),
        ({"kernel": 1, "pool": 2}, r"pool 2 leaves a remainder .* kernels that fit: 2$"),
        ({"kernel": 2, "stride": 2}, r"stride 2 .* remainder .* 3 x 3 .* kernels that fit: 1, 3$"),
        ({"kernel": 3, "stride": 3, "pool": 2}, r"3 x 3 pixels; no kernel fits"),
        ({"kernel": 2, "candidates": 21}, r"candidates is 21: .* 20 taps .* at most 20"),
    ],
)
def test_windows_that_do_not_fit_are_refused(second, message):
    with pytest.raises(ConfigError, match=message):
        make_architecture(make_project(DEEP[0], Convolution(filters=2, **second)))


@pytest.mark.parametrize("keys", [{"depth": 4}, {"pool": 3}, {"filters": 0}, {"padding": -1}])
def test_settings_out_of_range_are_refused(keys):
    with pytest.raises(ValidationError):
        Convolution(**{"filters": 2, "kernel": 3, **keys})


def test_a_checkpoints_plain_values_are_the_architecture():
    a = make_architecture(make_project())
    assert ConvolutionArchitecture(**dataclasses.asdict(a)) == a
    assert math.prod(a.maps[-1]) == 16 and isinstance(ConvolutionNetwork(a)[-2], Votes)
