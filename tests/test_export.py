"""Export: the graph computes what torch computes, layer by layer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from hlsgen.errors import GraphError
from hlsgen.frontend.torch import compare, export
from hlsgen.graph import run
from hlsgen.nn import Architecture, Argmax, LutLayer, LutNetwork, Popcount, Quantiser, Thermometer

SMALL = Architecture(
    features=3,
    classes=2,
    bits=4,
    thresholds=3,
    layers=(6, 4),
    fan_in=3,
    candidates=(4, 4),
    temperature=2.0,
)


def network(architecture: Architecture = SMALL, seed: int = 0) -> LutNetwork:
    torch.manual_seed(seed)
    made = LutNetwork(architecture)
    samples = np.random.default_rng(seed).normal(size=(60, architecture.features))
    made.fit_encoding(samples)
    return made


def words(architecture: Architecture, batch: int = 40, seed: int = 5) -> np.ndarray:
    top = 2**architecture.bits
    return np.random.default_rng(seed).integers(0, top, (batch, architecture.features))


def test_nodes_carry_names_and_origins():
    graph = export(network(), "small")
    assert [(node.name, node.op.kind, node.origin) for node in graph.nodes] == [
        ("x", "input", "x"),
        ("thermometer", "thermometer", "thermometer"),
        ("lut0", "lut", "lut0"),
        ("lut1", "lut", "lut1"),
        ("popcount", "sum", "popcount"),
        ("argmax", "argmax", "argmax"),
    ]
    assert graph.outputs == ("argmax",)
    assert set(graph.by_name["lut0"].op.k.tolist()) == {3}


@st.composite
def architectures(draw: st.DrawFn) -> Architecture:
    classes = draw(st.integers(2, 4))
    layers = *draw(st.lists(st.integers(1, 9), max_size=2)), classes * draw(st.integers(1, 3))
    fan_in, candidates = draw(st.integers(2, 6)), draw(st.sampled_from([0, 5]))
    return Architecture(3, classes, 4, 3, layers, fan_in, (candidates,) * len(layers), 3.0)


@settings(max_examples=30, deadline=None)
@given(architectures(), st.integers(0, 2**32 - 1))
def test_torch_equals_the_interpreter_on_every_layer(a, seed):
    made = network(a, seed)
    results = compare(made, export(made, "net"), words(a, 40, seed))
    lanes = (3, 9, *a.layers, a.classes, 1)
    assert [result.compared for result in results] == [40 * each for each in (*lanes, 1)]
    assert [result.mismatches for result in results] == [0] * (len(lanes) + 1)


def test_argmax_equals_the_logits():
    made = network()
    samples = words(SMALL)
    found = run(export(made, "net"), {"x": samples})["argmax"][:, 0, 0]
    assert (made(torch.from_numpy(samples)).argmax(-1).numpy() == found).all()
    assert len(set(found.tolist())) == 2


def test_a_changed_table_is_counted_in_its_layer():
    made = network()
    graph = export(made, "net")
    with torch.no_grad():
        made[3].table[2] = -made[3].table[2]
    results = {result.layer: result for result in compare(made, graph, words(SMALL, 700))}
    assert results["lut0"].mismatches == 0
    assert results["lut1"].mismatches == 700
    assert results["popcount"].mismatches == 700


def test_compare_tells_where_it_stands():
    made, told = network(SMALL), []
    compare(made, export(made, "net"), words(SMALL, 700), lambda *news: told.append(news))
    assert told == [(512, 700), (700, 700)]


def test_compare_leaves_the_mode_of_the_network():
    made = network()
    made.train()
    compare(made, export(made, "net"), words(SMALL))
    assert made.training


def test_nested_sequentials_of_our_layers_are_accepted():
    torch.manual_seed(1)
    inner = nn.Sequential(LutLayer(6, 4, 3), LutLayer(4, 4, 2))
    made = nn.Sequential(Quantiser(3, 4), Thermometer(3, 2), inner, Popcount(4, 2), Argmax())
    graph = export(made, "nested")
    assert [node.origin for node in graph.nodes] == ["0", "1", "2.0", "2.1", "3", "4"]
    assert sum(result.mismatches for result in compare(made, graph, words(SMALL))) == 0


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (
            nn.Sequential(Quantiser(3, 4), nn.Sequential(nn.Linear(3, 2))),
            r"module 1\.0 is a Linear, .*supported are Sequential and Quantiser, Thermometer, Lut",
        ),
        (nn.ReLU(), "module network is a ReLU"),
        (nn.Sequential(), "the network is empty"),
        (nn.Sequential(Thermometer(3, 2)), "module 0: a network has one Quantiser"),
        (nn.Sequential(Quantiser(3, 4), Quantiser(3, 4)), "module 1: a network has one Quantiser"),
        (nn.Sequential(Quantiser(3, 4), Thermometer(4, 2)), "'thermometer' .* reads lane 3"),
        (nn.Sequential(Quantiser(3, 4), LutLayer(3, 4, 2)), "'lut0' .* needs one-bit lanes"),
    ],
)
def test_networks_that_cannot_be_exported_say_why(made, message):
    with pytest.raises(GraphError, match=message):
        export(made, "net")


def test_nan_tables_name_layer_and_lut():
    made = network()
    with torch.no_grad():
        made[3].table[2, 5] = float("nan")
    with pytest.raises(GraphError, match="module lut1: LUT 2 has NaN at table entry 5"):
        export(made, "net")


def test_compare_refuses_a_graph_of_another_network():
    made = network()
    other = export(network(Architecture(3, 2, 4, 3, (4,), 3, (0,), 1.0)), "other")
    with pytest.raises(GraphError, match="graph 'other' is not the export of this network"):
        compare(made, other, words(SMALL))
