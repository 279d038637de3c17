"""The method `logicnets`: neurons, their truth tables, and how tables become LUTs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from hlsgen.errors import ConfigError, GraphError
from hlsgen.frontend.torch import compare, compare_layers, export
from hlsgen.nn import Network
from hlsgen.nn.decompose import decompose
from hlsgen.nn.neurons import NeuronLayer
from hlsgen.project import Data, Inputs, Logicnets, Model, Project, Train
from hlsgen.train import METHODS, Progress, load_data, load_model, train

seeds = st.integers(0, 2**32 - 1)


def make_project(bits: int = 2, **keys: object) -> Project:
    return Project(
        name="neurons",
        data=Data(source="digits"),
        inputs=Inputs(bits=4, thresholds=3),
        model=Model(
            **{"method": "logicnets", "layers": (60, 40), "fan_in": 4, **keys},
            logicnets=Logicnets(bits=bits),
        ),
        # The last of these batches is a single sample.
        train=Train(epochs=3, batch=61, temperature=2.0),
    )


def make_network(project: Project) -> Network:
    method = METHODS["logicnets"]
    return method.network(method.architecture(project, 64, 10))


def shaken(layer: NeuronLayer) -> NeuronLayer:
    """The layer as some training may leave it, in eval mode."""
    with torch.no_grad():
        for value in (layer.bias, layer.gain, layer.mean):
            value.add_(torch.randn(len(value)))
        layer.variance.uniform_(0.1, 3.0)
    return layer.eval()


# --- decomposition ----------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(seed=seeds, inputs=st.integers(1, 12), n=st.integers(1, 3))
def test_decomposed_tables_are_equal_at_every_address(seed, inputs, n):
    rng = np.random.default_rng(seed)
    tables = rng.random((n, 2**inputs)) < 0.5
    # One table reads its inputs from lanes in any order.
    src = np.stack([rng.permutation(inputs + 2)[:inputs] for _ in range(n)])
    x = rng.integers(0, 2, (2**inputs, n, inputs + 2))
    address = np.arange(2**inputs)
    for table in range(n):
        x[:, table, src[table]] = address[:, None] >> np.arange(inputs) & 1
    layers = decompose(tables, src)
    for table in range(n):
        bits = torch.from_numpy(x[:, table])
        value = x[:, table].astype(np.int64)[:, None]
        for layer in layers:
            bits, value = layer(bits), layer.to_op().eval(value)
            assert (bits.numpy() == value[:, 0]).all()
        assert (value[:, 0, table] == tables[table]).all()


@pytest.mark.parametrize(
    ("inputs", "layers"),
    [(6, [1]), (7, [2, 1]), (8, [4, 1]), (9, [8, 2, 1]), (10, [16, 4, 1]), (11, [32, 8, 2, 1]),
     (12, [64, 16, 4, 1])],
)  # fmt: skip
def test_a_table_takes_one_lut_for_each_leaf_and_multiplexer(inputs, layers):
    tables = np.random.default_rng(1).random((5, 2**inputs)) < 0.5
    src = np.tile(np.arange(inputs), (5, 1))
    found = [layer.to_op() for layer in decompose(tables, src)]
    # A LUT of one input that copies it is a wire.
    assert [int(np.count_nonzero(~op.wired)) for op in found] == [5 * n for n in layers]
    carried = [int(np.count_nonzero(op.wired)) for op in found]
    assert carried == [*[inputs - 6] * (len(found) - 1), 0]


# --- neurons ----------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(seed=seeds, fan_in=st.integers(1, 6), bits=st.integers(1, 4), bits_out=st.integers(1, 6))
def test_tables_hold_what_the_arithmetic_gives_for_every_code(seed, fan_in, bits, bits_out):
    torch.manual_seed(seed)
    fan_in = min(fan_in, 12 // bits)
    layer = shaken(NeuronLayer(fan_in, 4, fan_in, bits, bits_out))
    address = torch.arange(2 ** (fan_in * bits))
    codes = address[:, None] >> bits * torch.arange(fan_in) & 2**bits - 1
    # Each neuron sees its inputs in its own order, and every time other samples beside them.
    with torch.no_grad():
        for part in torch.split(codes[torch.randperm(len(codes))], len(codes) // 5 + 1):
            pins = part.T[layer.src].float()
            assert torch.equal(layer.codes(pins).T, layer(part))
        assert torch.equal(layer.tables(), torch.round(layer.tables()))
        assert layer.tables().min() >= 0 and layer.tables().max() <= 2**bits_out - 1


@settings(max_examples=25, deadline=None)
@given(seed=seeds, bits=st.integers(1, 3), bits_out=st.integers(1, 3))
def test_truth_tables_in_the_order_of_bits_give_the_codes(seed, bits, bits_out):
    torch.manual_seed(seed)
    layer = shaken(NeuronLayer(7, 5, 3, bits, bits_out))
    codes = torch.randint(0, 2**bits, (50, 7))
    lanes = (codes[:, :, None] >> torch.arange(bits) & 1).flatten(1)
    for part in decompose(*layer.truth()):
        lanes = part(lanes)
    found = (lanes.view(50, 5, bits_out) * 2.0 ** torch.arange(bits_out)).sum(-1)
    assert torch.equal(found, layer(codes))


def test_a_neuron_rounds_a_normalised_sum_of_levels():
    layer = NeuronLayer(2, 1, 2, 2, 2).eval()
    with torch.no_grad():
        layer.src.copy_(torch.tensor([[0, 1]]))
        layer.weight.copy_(torch.tensor([[1.0, 0.5]]))
        layer.mean.fill_(0.25)
        layer.variance.fill_(4.0 - 1e-5)
        layer.bias.fill_(0.1)
    # Levels of two bits are -1, -1/3, 1/3 and 1: (1/3 + 0.5 - 0.25) / 2 + 0.1 is nearest to 1/3.
    assert layer(torch.tensor([[2, 3]])).item() == 2
    assert layer(torch.tensor([[0, 0]])).item() == 0  # (-1.5 - 0.25) / 2 + 0.1 = -0.775
    assert layer(torch.tensor([[3, 3]])).item() == 3  # (1.5 - 0.25) / 2 + 0.1 = 0.725


def test_one_bit_is_the_sign_and_its_slope_ends_at_one():
    layer = NeuronLayer(1, 1, 1, 1, 1).eval()
    with torch.no_grad():
        layer.variance.fill_(1 - 1e-5)
    for weight, code, slope in ((0.5, 1, 0.5), (-0.5, 0, 0.5), (2.0, 1, 0.0)):
        with torch.no_grad():
            layer.weight.fill_(weight)
        layer.zero_grad()
        found = layer.codes(torch.ones(1, 1, 1))
        found.sum().backward()
        assert found.item() == code and layer.bias.grad.item() == pytest.approx(slope)


def test_a_batch_of_one_uses_and_keeps_the_running_statistics():
    layer = NeuronLayer(6, 4, 3, 1, 2).train()
    x = torch.randint(0, 2, (30, 6))
    layer(x)
    mean = layer.mean.clone()
    assert mean.abs().sum() > 0
    expected = layer.eval()(x[:1])
    torch.testing.assert_close(layer.train()(x[:1]), expected)
    assert torch.equal(layer.mean, mean) and layer(x[:0]).shape == (0, 4)


# --- networks ---------------------------------------------------------------------------------


@pytest.mark.parametrize("votes", [0, 2])
def test_every_parameter_gets_a_gradient(votes):
    torch.manual_seed(3)
    network = make_network(make_project(votes=votes)).train()
    samples = torch.randint(0, 16, (50, 64))
    network.fit_encoding(samples.numpy().astype(np.float64))
    network(samples).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize(("fan_in", "bits"), [(6, 1), (4, 2), (3, 3), (6, 2)])
def test_circuit_and_network_agree_before_and_after_training(fan_in, bits, tmp_path):
    project = make_project(bits, fan_in=fan_in, layers=(30, 20))
    data, untrained = load_data(project), make_network(project)
    untrained.fit_encoding(data.x_train)
    assert train(project, tmp_path).validation_accuracy > 0.15
    for network in (untrained, load_model(tmp_path, project)):
        words = network.quantiser.quantise(data.x_test).numpy()
        graph = export(network, "neurons")
        results = compare(network, graph, words) + compare_layers(network, graph)
        assert results[-1].compared and "network" in {r.layer for r in results}
        assert [r.mismatches for r in results] == [0] * len(results)


def test_a_run_cut_short_ends_like_an_uninterrupted_one(tmp_path):
    def interrupt(status: Progress) -> None:
        raise KeyboardInterrupt

    project, folders = make_project(), [tmp_path / "whole", tmp_path / "cut"]
    whole = train(project, folders[0])
    with pytest.raises(KeyboardInterrupt):
        train(project, folders[1], interrupt)
    assert train(project, folders[1]) == whole
    first, second = (load_model(folder).state_dict() for folder in folders)
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_more_than_twelve_bits_are_refused():
    with pytest.raises(
        ConfigError, match=r"fan_in is 5 and model\.logicnets\.bits is 3: .*15 bits, at most 12"
    ):
        make_network(make_project(3, fan_in=5))
    assert make_network(make_project(3, fan_in=4))


@pytest.mark.parametrize("bits", [0, 7, 1.5])
def test_widths_out_of_range_are_refused(bits):
    with pytest.raises(ValidationError):
        Logicnets(bits=bits)


def test_a_parameter_that_is_not_a_number_is_named():
    network = make_network(make_project())
    with torch.no_grad():
        network[2].gain[7] = float("nan")
    with pytest.raises(GraphError, match="neuron 7 has a parameter NaN"):
        export(network, "neurons")
