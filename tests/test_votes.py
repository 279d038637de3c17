"""Learned votes: what they count, what they export, what they learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hlsgen.frontend.torch import compare, export
from hlsgen.graph.fabric import FABRICS
from hlsgen.nn import Architecture, LutNetwork, Popcount, Votes
from hlsgen.passes import parts

seeds = st.integers(0, 2**32 - 1)


def random_votes(seed: int, lanes: int = 9, classes: int = 3, most: int = 3) -> Votes:
    torch.manual_seed(seed)
    layer = Votes(lanes, classes, most)
    with torch.no_grad():
        layer.weight.copy_(torch.rand(lanes, classes) * (most + 2) - 1)
        layer.bias.copy_(3 * torch.randn(classes))
    return layer


@settings(deadline=None, max_examples=40)
@given(seed=seeds, most=st.integers(1, 3))
def test_counts_equal_the_operator(seed, most):
    layer = random_votes(seed, most=most)
    x = torch.randint(0, 2, (50, 9))
    expected = layer.to_op().eval(x.numpy()[:, None].astype(np.int64))[:, 0]
    assert (layer(x).detach().numpy() == expected).all()
    assert set(np.unique(layer.votes().detach().numpy())) <= set(range(most + 1))


def test_votes_begin_as_a_popcount():
    torch.manual_seed(0)
    layer = Votes(12, 3, 2)
    x = torch.randint(0, 2, (40, 12)).float()
    counts, plain = layer(x), Popcount(12, 3)(x)
    # Each class is moved by the same half of its four votes.
    assert torch.equal(counts - counts[:, :1], plain - plain[:, :1])


def test_gradients_go_straight_through_the_rounding():
    layer = random_votes(1)
    x = torch.randint(0, 2, (20, 9)).float()
    grad = torch.randn(20, 3)
    layer(x).backward(grad)
    within = (layer.weight > 0) & (layer.weight < layer.most)
    expected = (x.T @ grad - grad.sum(0) / 2) * within
    torch.testing.assert_close(layer.weight.grad, expected)
    torch.testing.assert_close(layer.bias.grad, grad.sum(0))


def test_weights_stay_where_a_few_steps_change_the_vote():
    layer = random_votes(2)
    with torch.no_grad():
        layer.weight += 50
        layer.weight[0] -= 100
    layer.after_step()
    assert layer.weight.detach().max() == pytest.approx(layer.most + 0.4)
    assert layer.weight.detach().min() == pytest.approx(-0.4)


def network(votes: int) -> LutNetwork:
    torch.manual_seed(4)
    made = LutNetwork(Architecture(6, 3, 3, 2, (12,), 4, (4,), 2.0, votes=votes))
    made.fit_encoding(np.random.default_rng(0).normal(size=(200, 6)))
    return made


def test_a_network_with_votes_exports_exactly():
    made = network(2)
    with torch.no_grad():
        made[-2].weight.copy_(torch.rand(12, 3) * 3 - 0.5)
    words = np.random.default_rng(1).integers(0, 8, (300, 6))
    results = compare(made, export(made, "net"), words)
    assert [result.mismatches for result in results] == [0] * 6


def test_a_vote_costs_one_bit_whatever_its_weight():
    def popcount_luts(weight: float) -> int:
        made = network(2)
        with torch.no_grad():
            made[-2].weight.copy_(torch.where(made[-2].weight > 0.5, weight, 0.0))
        return parts(export(made, "net"), FABRICS["xcup"])["popcount"].lut

    assert popcount_luts(2.0) <= popcount_luts(1.0) + 3


def test_any_width_will_do_with_votes():
    assert LutNetwork(Architecture(2, 10, 3, 2, (7,), 2, (0,), 1.0, votes=1))
