"""The layers: encoding, wiring, tables, their gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hlsgen.errors import ConfigError
from hlsgen.nn import (
    Architecture,
    Argmax,
    LearnedWiring,
    LutLayer,
    LutNetwork,
    Popcount,
    Quantiser,
    Thermometer,
)
from hlsgen.nn.thermometer import quantile_thresholds
from hlsgen.nn.wiring import deal

seeds = st.integers(0, 2**32 - 1)


def quantiser(samples: np.ndarray, bits: int) -> Quantiser:
    layer = Quantiser(samples.shape[1], bits)
    layer.fit(samples)
    return layer


def test_small_integers_are_kept_exactly():
    samples = np.array([[0.0, -3.0, 7.0], [16.0, 28.0, 7.0], [5.0, 0.0, 7.0]])
    layer = quantiser(samples, 5)
    assert layer.scale.tolist() == [1, 1, 1]
    assert layer.offset.tolist() == [0, -3, 7]
    assert layer.quantise(samples).tolist() == [[0, 0, 0], [16, 31, 0], [5, 3, 0]]


@settings(deadline=None)
@given(seed=seeds, bits=st.integers(1, 16))
def test_words_span_the_training_range_and_clip_outside(seed, bits):
    samples = np.random.default_rng(seed).normal(size=(20, 3))
    layer = quantiser(samples, bits)
    words = layer.quantise(samples)
    top = 2**bits - 1
    assert words.min(0).values.tolist() == [0] * 3 and words.max(0).values.tolist() == [top] * 3
    outside = layer.quantise(np.array([[-99.0] * 3, [99.0] * 3]))
    assert outside.tolist() == [[0] * 3, [top] * 3]
    real = layer.offset.numpy() + words.numpy() * layer.scale.numpy()
    assert (np.abs(real - samples) <= 0.5001 * layer.scale.numpy()).all()


def test_integers_that_do_not_fit_are_scaled():
    layer = quantiser(np.array([[0.0], [255.0]]), 4)
    assert layer.scale.tolist() == [17.0]


def test_thresholds_fall_on_quantiles():
    assert quantile_thresholds(np.arange(100), 3).tolist() == [25, 50, 75]
    assert quantile_thresholds(np.arange(10).repeat(7), 4).tolist() == [2, 4, 6, 8]


def test_a_frequent_word_takes_one_threshold():
    words = np.concatenate([np.zeros(900, int), np.arange(1, 101)])
    found = quantile_thresholds(words, 4)
    assert found[0] == 1 and len(set(found.tolist())) == 4
    assert np.abs(np.diff(found) - 25).max() <= 8


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=200),
    st.integers(1, 20),
)
def test_thresholds_are_ascending_words_and_distinct_where_possible(words, count):
    found = quantile_thresholds(np.array(words), count)
    distinct = sorted(set(words))
    assert len(found) == count and (np.diff(found) >= 0).all()
    assert set(found.tolist()) <= set(distinct)
    useful = len(distinct) - 1
    assert len(set(found.tolist())) == max(1, min(count, useful))
    if useful:
        assert found[0] > distinct[0]


def test_thermometer_equals_its_operator():
    words = torch.randint(0, 32, (50, 4), generator=torch.Generator().manual_seed(1))
    layer = Thermometer(4, 3)
    layer.fit(words)
    expected = layer.to_op().eval(words.numpy()[:, None].astype(np.int64))[:, 0]
    assert (layer(words).numpy() == expected).all()
    assert expected[:, 0].mean() == pytest.approx(0.75, abs=0.15)


@settings(deadline=None)
@given(
    rows=st.integers(1, 40),
    width=st.integers(1, 6),
    extra=st.integers(0, 30),
    seed=seeds,
)
def test_dealt_lanes_are_even_and_distinct(rows, width, extra, seed):
    torch.manual_seed(seed)
    lanes = width + extra
    dealt = deal(rows, width, lanes)
    assert dealt.shape == (rows, width)
    assert all(len(set(row)) == width for row in dealt.tolist())
    use = torch.bincount(dealt.flatten(), minlength=lanes)
    assert use.max() - use.min() <= 2


def test_more_pins_than_lanes_repeat_lanes():
    use = torch.bincount(deal(10, 6, 4).flatten(), minlength=4)
    assert use.tolist() == [15, 15, 15, 15]


def test_learned_wiring_reads_the_best_candidate():
    torch.manual_seed(0)
    wiring = LearnedWiring(lanes=20, n=3, fan_in=2, candidates=5)
    with torch.no_grad():
        wiring.logits[1, 1, 3] = 9.0
    assert wiring.chosen()[1, 1] == wiring.candidates[1, 1, 3]


@settings(max_examples=25, deadline=None)
@given(seed=seeds, fan_in=st.integers(2, 6), n=st.integers(1, 9), learned=st.booleans())
def test_hard_forward_equals_the_operator(seed, fan_in, n, learned):
    torch.manual_seed(seed)
    layer = LutLayer(lanes=8, n=n, fan_in=fan_in, candidates=4 if learned else 0)
    x = torch.randint(0, 2, (33, 8)).float()
    expected = layer.to_op().eval(x.numpy().astype(np.int64)[:, None])[:, 0]
    assert (layer(x).detach().numpy() == expected).all()


def test_tables_are_clamped_after_a_step():
    network = LutNetwork(Architecture(2, 2, 3, 2, (4,), 2, (0,), 1.0))
    layer = network[2]
    with torch.no_grad():
        layer.table += 3.0
    network.after_step()
    assert layer.table.max() == 1.0


def test_popcount_counts_consecutive_groups_and_first_largest_wins():
    x = torch.tensor([[1, 0, 1, 0, 1, 1], [0, 1, 1, 0, 0, 0]]).float()
    counts = Popcount(6, 3)(x)
    assert counts.tolist() == [[1, 1, 2], [1, 1, 0]]
    assert Argmax()(counts).tolist() == [[2], [0]]


@pytest.mark.parametrize(("width", "nearest"), [(205, "200 or 210"), (7, "10")])
def test_last_width_must_be_a_multiple_of_the_classes(width, nearest):
    with pytest.raises(
        ConfigError, match=rf"model.layers: .*{width}.*10 classes; nearest: {nearest}"
    ):
        Architecture(2, 10, 3, 2, (40, width), 6, (0, 0), 1.0)


@pytest.mark.parametrize("fan_in", [2, 4])
def test_the_spectral_penalty_is_the_norm_of_the_walsh_coefficients(fan_in):
    torch.manual_seed(0)
    network = LutNetwork(Architecture(3, 2, 2, 2, (4,), fan_in, (0,), 1.0, spectral=0.7))
    table = network.luts[0].table.detach().double().numpy()
    hadamard = np.ones((1, 1))
    for _ in range(fan_in):
        hadamard = np.block([[hadamard, hadamard], [hadamard, -hadamard]])
    coefficients = table @ hadamard / 2**fan_in
    expected = 0.7 * np.linalg.norm(coefficients, axis=1).mean()
    assert network.penalty().item() == pytest.approx(expected, rel=1e-5)
    assert LutNetwork(Architecture(3, 2, 2, 2, (4,), 2, (0,), 1.0)).penalty() is None


@pytest.mark.parametrize(("start", "pin"), [("residual", 0), ("bimodal", None), ("uniform", None)])
def test_tables_begin_as_asked(start, pin):
    torch.manual_seed(0)
    table = LutLayer(12, 200, 6, start=start).table.detach()
    assert table.abs().max() <= 1
    hard = (table > 0).float()
    share = [(hard[:, a] != hard[:, a ^ 1]).float().mean().item() for a in range(64)]
    assert np.mean(share) > 0.9 if pin == 0 else np.mean(share) == pytest.approx(0.5, abs=0.05)
    middle = (table.abs() < 0.2).float().mean().item()
    assert middle < 0.15 if start != "uniform" else middle > 0.18


def test_binarisation_goes_from_the_extension_to_bits():
    torch.manual_seed(0)
    a = Architecture(3, 2, 2, 2, (4,), 3, (4,), 1.0, soft=(0.2, 0.4))
    network = LutNetwork(a).train()
    layer = network.luts[0]
    seen = []
    for done in (0.0, 0.2, 0.4, 0.6, 1.0):
        network.advance(done)
        seen.append(layer.hardness)
    assert seen == pytest.approx([0, 0, 0.5, 1, 1])
    x = torch.randint(0, 2, (20, 6))
    hard = layer(x)
    assert set(hard.unique().tolist()) <= {0.0, 1.0}
    src, table = layer.wiring.chosen().long(), layer.table
    address = (x.T[src] << torch.arange(3)[:, None]).sum(1)
    values = (table.gather(1, address) + 1) / 2
    layer.hardness = 0.25
    torch.testing.assert_close(layer(x), (0.75 * values + 0.25 * hard.T).T)
    assert torch.equal(layer.eval()(x), hard)
    assert LutNetwork(Architecture(3, 2, 2, 2, (4,), 3, (4,), 1.0)).luts[0].hardness == 1
