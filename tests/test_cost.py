"""The expected LUTs of a network: exact where it is certain, and a slope elsewhere."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hlsgen.budget import count_luts
from hlsgen.frontend.torch import export
from hlsgen.graph.fabric import FABRICS
from hlsgen.nn import Architecture, LutNetwork, Thermometer, cost
from hlsgen.passes import parts

seeds = st.integers(0, 2**32 - 1)


@settings(deadline=None, max_examples=30)
@given(seed=seeds, fan_in=st.integers(1, 6))
def test_influence_is_the_mean_boolean_derivative(seed, fan_in):
    torch.manual_seed(seed)
    table = 2 * torch.rand(3, 2**fan_in) - 1
    found = cost.influence(table)
    for lut, pin in itertools.product(range(3), range(fan_in)):
        pairs = [(a, a | 1 << pin) for a in range(2**fan_in) if not a >> pin & 1]
        mean = np.mean([abs(float(table[lut, b] - table[lut, a])) / 2 for a, b in pairs])
        assert found[lut, pin] == pytest.approx(mean, abs=1e-6)


@settings(deadline=None, max_examples=30)
@given(seed=seeds, fan_in=st.integers(1, 6))
def test_fan_in_shares_are_those_of_independent_pins(seed, fan_in):
    torch.manual_seed(seed)
    used = torch.rand(2, fan_in)
    expected = np.zeros((2, fan_in + 1))
    for lut in range(2):
        for pins in itertools.product([0, 1], repeat=fan_in):
            chance = [p if on else 1 - p for p, on in zip(used[lut].tolist(), pins, strict=True)]
            expected[lut, sum(pins)] += np.prod(chance)
    np.testing.assert_allclose(cost.fan_in_shares(used), expected, atol=1e-6)


def test_certain_fan_ins_cost_what_the_table_says():
    used = (torch.arange(6) < torch.arange(7)[:, None]).float()
    assert cost.table_luts(used).tolist() == pytest.approx(list(cost.TABLE_LUTS))


def test_a_lane_counts_once_however_often_it_is_read():
    src = torch.tensor([[0, 1], [1, 1]], dtype=torch.int32)
    used = torch.tensor([[1.0, 0.5], [0.5, 0.0]])
    found = cost.lanes_used(used, src, 3)
    assert found.tolist() == pytest.approx([1.0, 0.75, 0.0], abs=1e-5)


@pytest.mark.parametrize(("weight", "bits"), [(-0.4, 0), (0, 0), (1, 1), (2, 1), (3, 2)])
def test_bits_of_whole_votes(weight, bits):
    assert cost.vote_bits(torch.tensor(float(weight))) == bits


def network(layers: tuple[int, ...], votes: int, bits: int = 1) -> LutNetwork:
    torch.manual_seed(0)
    thresholds = 2**bits - 1
    candidates = (30,) * len(layers)
    made = LutNetwork(
        Architecture(60, 10, bits, thresholds, layers, 6, candidates, 4.0, votes=votes)
    )
    made.fit_encoding(np.random.default_rng(0).normal(size=(500, 60)))
    return made


@pytest.mark.parametrize(("layers", "votes"), [((300,), 0), ((300,), 2), ((100, 200), 1)])
def test_the_expectation_is_near_the_estimate_of_the_circuit(layers, votes):
    made = network(layers, votes)
    with torch.no_grad():
        made[2].table.copy_(made[2].table.sign())
    found = made.expected_luts().item()
    assert found == pytest.approx(count_luts(made), rel=0.12)


def test_the_encoder_is_counted_by_its_comparators():
    made = network((300,), 0, bits=3)
    encoder = made[1]
    assert isinstance(encoder, Thermometer)
    exact = parts(export(made, "net"), FABRICS["xcup"])["encoder"].lut
    assert exact > 20
    wide, narrow = made.expected_luts().item(), network((300,), 0).expected_luts().item()
    assert wide - narrow == pytest.approx(exact, rel=0.2)


def test_going_down_the_slope_makes_the_network_smaller():
    made = network((60,), 2)
    optimizer = torch.optim.Adam(made.parameters(), lr=0.02)
    start = count_luts(made)
    for _ in range(60):
        optimizer.zero_grad()
        made.expected_luts().backward()
        optimizer.step()
        made.after_step()
    made.drop_unused()
    assert made.expected_luts().item() < 0.6 * start
    assert count_luts(made) < 0.6 * start


def test_pins_of_no_influence_leave_the_support_for_good():
    made = network((20,), 0)
    layer = made.luts[0]
    with torch.no_grad():
        halves = layer.table[3].view(-1, 2, 4)
        halves[:, 1] = halves[:, 0]
    made.drop_unused()
    assert layer.support[3].tolist() == [True, True, False, True, True, True]
    assert layer.support.sum() == 119
    with torch.no_grad():
        layer.table[3] = torch.rand(64)
    made.after_step()
    assert cost.influence(layer.table)[3, 2] == 0
    assert made.luts[0].to_op().k[3] == 5
