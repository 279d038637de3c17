"""The method `assemble`: trees of LUTs."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from hlsgen.errors import ConfigError
from hlsgen.frontend.torch import compare, compare_layers, export
from hlsgen.nn.trees import TreeArchitecture, TreeNetwork, linear_tables
from hlsgen.nn.wiring import LearnedWiring
from hlsgen.project import Assemble, Data, Inputs, Model, Project, Train
from hlsgen.train import METHODS, Progress, load_data, load_model, train


def make_project(depth: int = 2, **keys: object) -> Project:
    model = {"method": "assemble", "layers": (20, 10), "fan_in": 3, "candidates": 8, **keys}
    return Project(
        name="trees",
        data=Data(source="digits"),
        inputs=Inputs(bits=4, thresholds=3),
        model=Model(assemble=Assemble(depth=depth), **model),
        train=Train(epochs=3, batch=64, temperature=2.0),
    )


def make_architecture(project: Project) -> TreeArchitecture:
    return METHODS["assemble"].architecture(project, 64, 10)


def test_layers_are_roots_and_leaves_follow_from_the_depth():
    sizes = make_architecture(make_project(3))
    assert sizes.layers == (180, 60, 20, 90, 30, 10)
    assert sizes.candidates == (8, 0, 0, 8, 0, 0)
    assert make_architecture(make_project(1)).layers == (20, 10)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_leaves_learn_their_wires_and_all_others_have_the_lanes_in_order(depth):
    torch.manual_seed(1)
    network = TreeNetwork(make_architecture(make_project(depth)))
    for level, layer in enumerate(network.luts):
        if level % depth:
            assert layer.wiring.chosen().flatten().tolist() == list(range(layer.lanes))
            assert "src" in dict(layer.wiring.named_buffers())
        else:
            assert isinstance(layer.wiring, LearnedWiring)


@pytest.mark.parametrize("depth", [2, 3])
def test_a_root_depends_on_its_own_leaves_only(depth):
    torch.manual_seed(2)
    network = TreeNetwork(make_architecture(make_project(depth, layers=(10,)))).eval()
    leaves = torch.randint(0, 2, (200, network.luts[0].table.shape[0])).float()
    other = leaves.clone()
    first, count = 3 * 3 ** (depth - 1), 3 ** (depth - 1)
    other[:, first : first + count] = 1 - other[:, first : first + count]
    for layer in network.luts[1:]:
        leaves, other = layer(leaves), layer(other)
    changed = (leaves != other).any(0).nonzero().flatten().tolist()
    assert changed == [3]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), fan_in=st.integers(2, 6))
def test_tables_begin_near_linear_thresholds(seed, fan_in):
    torch.manual_seed(seed)
    tables = linear_tables(400, fan_in).double()
    assert tables.abs().max() <= 1 and 0.3 < tables.std() < 0.6
    signs = 2.0 * (torch.arange(2**fan_in)[:, None] >> torch.arange(fan_in) & 1) - 1
    weights = tables @ signs.double() / 2**fan_in
    rest = tables - weights @ signs.T.double()
    # Noise and clamping: a small part of the whole, which a random table does not have.
    assert rest.var() < 0.2 * tables.var()


@pytest.mark.parametrize("votes", [0, 2])
def test_every_parameter_gets_a_gradient(votes):
    torch.manual_seed(3)
    network = TreeNetwork(make_architecture(make_project(votes=votes))).train()
    samples = torch.randint(0, 16, (200, 64))
    network.fit_encoding(samples.numpy().astype(np.float64))
    network(samples).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_circuit_and_network_agree_before_and_after_training(depth, tmp_path):
    project = make_project(depth)
    data = load_data(project)
    torch.manual_seed(4)
    untrained = TreeNetwork(make_architecture(project))
    untrained.fit_encoding(data.x_train)
    assert train(project, tmp_path).validation_accuracy > 0.2
    trained = load_model(tmp_path, project)
    for network in (untrained, trained):
        words = network.quantiser.quantise(data.x_test).numpy()
        graph = export(network, "trees")
        results = compare(network, graph, words) + compare_layers(network, graph)
        assert "network" in {r.layer for r in results}
        assert [r.mismatches for r in results] == [0] * len(results)
    for before, after in zip(untrained.luts, trained.luts, strict=True):
        if not isinstance(before.wiring, LearnedWiring):
            assert torch.equal(before.wiring.chosen(), after.wiring.chosen())


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


def test_another_depth_is_another_architecture(tmp_path):
    train(make_project(2), tmp_path)
    with pytest.raises(ConfigError, match="depth is 2, the project says 1; train again"):
        load_model(tmp_path, make_project(1))


def test_levels_that_are_no_trees_are_refused():
    sizes = make_architecture(make_project(2))
    with pytest.raises(ConfigError, match=r"level 0 has 61 LUTs, .* level 1 reads 60"):
        dataclasses.replace(sizes, layers=(61, *sizes.layers[1:]))
    with pytest.raises(ConfigError, match="3 levels are no units of 2"):
        dataclasses.replace(sizes, layers=sizes.layers[1:], candidates=sizes.candidates[1:])


def test_more_candidates_than_lanes_are_refused_and_the_unit_is_named():
    with pytest.raises(ConfigError, match=r"model\.candidates is 25: unit 0 has 20 outputs"):
        make_architecture(make_project(candidates=25))


@pytest.mark.parametrize("depth", [0, 5, 1.5])
def test_depths_out_of_range_are_refused(depth):
    with pytest.raises(ValidationError):
        Assemble(depth=depth)
