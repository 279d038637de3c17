"""The method `difflogic`: gates, relaxed and hard, and what is exported of them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from hlsgen.errors import ConfigError, GraphError
from hlsgen.frontend.torch import compare, compare_layers, export
from hlsgen.nn import Network
from hlsgen.nn.gates import GateLayer, GateNetwork, gate_tables, walsh_functions
from hlsgen.project import Data, Difflogic, Inputs, Model, Project, Train
from hlsgen.train import METHODS, Progress, load_data, load_model, train

both = pytest.mark.parametrize("parametrisation", ["softmax", "walsh"])
starts = pytest.mark.parametrize("start", ["uniform", "residual"])


def make_project(parametrisation: str = "softmax", **keys: object) -> Project:
    model = {"method": "difflogic", "layers": (80, 60), "fan_in": 2, "candidates": 8, **keys}
    return Project(
        name="gates",
        data=Data(source="digits"),
        inputs=Inputs(bits=4, thresholds=3),
        model=Model(difflogic=Difflogic(parametrisation=parametrisation), **model),
        train=Train(epochs=2, temperature=2.0, learning_rate=0.05),
    )


def make_network(project: Project) -> Network:
    method = METHODS["difflogic"]
    return method.network(method.architecture(project, 64, 10))


def layer_with(parametrisation: str, weights: torch.Tensor) -> GateLayer:
    layer = GateLayer(2, len(weights), 2, parametrisation, 1.0, "uniform")
    layer.wiring.src.copy_(torch.tensor([[0, 1]]).expand(len(weights), 2))
    with torch.no_grad():
        layer.weight.copy_(weights)
    return layer


CORNERS = torch.tensor([[a & 1, a >> 1] for a in range(4)], dtype=torch.float32)


def test_the_sixteen_gates_are_all_different_and_gate_10_passes_pin_0_on():
    assert len({tuple(row) for row in gate_tables().tolist()}) == 16
    assert gate_tables()[10].tolist() == CORNERS[:, 0].tolist()
    assert gate_tables()[8].tolist() == [0, 0, 0, 1]  # and
    assert gate_tables()[6].tolist() == [0, 1, 1, 0]  # exclusive or


@pytest.mark.parametrize("fan_in", range(1, 7))
def test_walsh_functions_are_products_of_signs_and_orthogonal(fan_in):
    found = walsh_functions(fan_in)
    for s, a in itertools.product(range(2**fan_in), repeat=2):
        signs = [2 * (a >> i & 1) - 1 for i in range(fan_in) if s >> i & 1]
        assert found[s, a] == np.prod(signs)
    assert torch.equal(found @ found.T, 2**fan_in * torch.eye(2**fan_in))


def test_a_sure_softmax_is_its_gate_in_training_and_in_eval_mode():
    layer = layer_with("softmax", 1000 * torch.eye(16))
    assert torch.equal(layer.train()(CORNERS), gate_tables().T)
    assert torch.equal(layer.eval()(CORNERS), gate_tables().T)


def test_relaxed_gates_follow_the_formulas_of_the_paper():
    weights = torch.randn(1, 16, generator=torch.Generator().manual_seed(2))
    layer, x = layer_with("softmax", weights), torch.tensor([[0.3, 0.9]])
    a, b = 0.3, 0.9
    share = torch.softmax(weights, 1)[0]
    # Gates by their tables: what a real-valued a and b make of them (Petersen et al., table 1).
    gates = [0, (1 - a) * (1 - b), a * (1 - b), 1 - b, b - a * b, 1 - a, a + b - 2 * a * b,
             1 - a * b, a * b, 1 - (a + b - 2 * a * b), a, 1 - b + a * b, b, 1 - a + a * b,
             a + b - a * b, 1]  # fmt: skip
    assert layer(x).item() == pytest.approx(float(share @ torch.tensor(gates)), abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), fan_in=st.integers(1, 6), walsh=st.booleans())
def test_eval_mode_equals_the_operator(seed, fan_in, walsh):
    torch.manual_seed(seed)
    fan_in, name = (fan_in, "walsh") if walsh else (2, "softmax")
    layer = GateLayer(9, 7, fan_in, name, 0.5, "uniform").eval()
    x = torch.randint(0, 2, (40, 9)).float()
    expected = layer.to_op().eval(x.numpy().astype(np.int64)[:, None])[:, 0]
    assert (layer(x).numpy() == expected).all()


@both
@starts
def test_hard_tables_are_the_nearest_to_the_relaxed_ones(parametrisation, start):
    torch.manual_seed(1)
    layer = GateLayer(9, 300, 2, parametrisation, 1.0, start)
    near = (layer.probabilities() > 0.5).float().eq(layer.bits()).float().mean()
    assert near > (0.999 if parametrisation == "walsh" or start == "residual" else 0.6)
    passing = layer.bits().float().eq(CORNERS[:, 0]).float().mean().item()
    assert (passing == 1.0) == (start == "residual")


@both
def test_temperature_scales_the_weights_that_give_a_start(parametrisation):
    def tables(temperature: float) -> torch.Tensor:
        torch.manual_seed(5)
        return GateLayer(9, 30, 2, parametrisation, temperature, "uniform").probabilities()

    torch.testing.assert_close(tables(1.0), tables(0.1))


@both
@pytest.mark.parametrize("votes", [0, 2])
def test_every_parameter_gets_a_gradient(parametrisation, votes):
    torch.manual_seed(3)
    network = make_network(make_project(parametrisation, votes=votes)).train()
    network(torch.randint(0, 16, (50, 64))).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


@both
@pytest.mark.parametrize("votes", [0, 2])
def test_circuit_and_network_agree_before_and_after_training(parametrisation, votes, tmp_path):
    project = make_project(parametrisation, votes=votes)
    data, untrained = load_data(project), make_network(project)
    untrained.fit_encoding(data.x_train)
    metrics = train(project, tmp_path)
    assert metrics.validation_accuracy > 0.2
    for network in (untrained, load_model(tmp_path, project)):
        words = network.quantiser.quantise(data.x_test).numpy()
        graph = export(network, "gates")
        results = compare(network, graph, words) + compare_layers(network, graph)
        assert {r.layer for r in results} >= {"network", "gate0", "gate1"}
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


@both
def test_reduced_precision_exports_exactly(parametrisation, tmp_path):
    project = make_project(parametrisation)
    settings = project.train.model_copy(update={"precision": "bf16-mixed"})
    project = project.model_copy(update={"train": settings})
    train(project, tmp_path)
    data, network = load_data(project), load_model(tmp_path, project)
    words = network.quantiser.quantise(data.x_test).numpy()
    assert not any(r.mismatches for r in compare(network, export(network, "gates"), words))


def test_a_softmax_of_other_gates_than_those_of_two_inputs_is_refused():
    with pytest.raises(ConfigError, match=r"model\.fan_in is 6: .*set fan_in = 2, or .*walsh"):
        make_network(make_project(fan_in=6))
    assert isinstance(make_network(make_project("walsh", fan_in=6)), GateNetwork)


@pytest.mark.parametrize(
    "keys", [{"temperature": 0.0}, {"parametrisation": "fourier"}, {"start": "zero"}]
)
def test_settings_out_of_range_are_refused(keys):
    with pytest.raises(ValidationError):
        Difflogic(**keys)


def test_a_weight_that_is_not_a_number_is_named():
    layer = GateLayer(4, 3, 2, "softmax", 1.0, "uniform")
    with torch.no_grad():
        layer.weight[1, 5] = float("nan")
    with pytest.raises(GraphError, match="gate 1 has a weight NaN"):
        layer.to_op()
