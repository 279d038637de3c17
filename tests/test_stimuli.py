"""What hardware checks drive operators with."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlsgen.graph import OPS, Wire
from hlsgen.graph.ir import Constants
from hlsgen.graph.ops import Argmax, Lut, Thermometer

KINDS = sorted(OPS)
SEEDS = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("kind", KINDS)
@given(seed=SEEDS)
def test_stimuli_lie_on_the_wires(kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    op, wires = OPS[kind].example(rng)
    stimuli = op.stimuli(rng, *wires) if wires else ()
    assert len(stimuli) == len(wires)
    for values, wire in zip(stimuli, wires, strict=True):
        assert values.shape[1:] == (1, wire.lanes)
        assert wire.lo <= values.min() <= values.max() <= wire.hi


@given(seed=SEEDS)
def test_stimuli_reach_every_table_entry(seed: int) -> None:
    rng = np.random.default_rng(seed)
    op, wires = Lut.example(rng)
    assert isinstance(op, Lut)
    simple = op.simplify(wires, (Constants.none(wires[0].lanes),))  # no pin twice
    assert isinstance(simple, Lut)
    reached = simple.coverage(simple.stimuli(rng, *wires)[0])
    for lut, k in enumerate(simple.k):
        assert reached[lut].sum() == 2**k


def test_stimuli_reach_entries_that_random_rows_miss() -> None:
    """3000 tables of six inputs: 1024 random rows miss some entry (about 1 in 10**7 each)."""
    rng = np.random.default_rng(0)
    src = np.stack([rng.permutation(40)[:6] for _ in range(3000)])
    op = Lut.of(src, np.full(3000, 6), rng.integers(0, 2**64, 3000, dtype=np.uint64))
    assert op.coverage(op.stimuli(rng, Wire(40, 0, 1))[0]).all()


def test_coverage_counts_each_address() -> None:
    op = Lut.of(np.array([[0, 1], [1, 0]]), np.array([2, 1]), np.array([6, 1]))
    reached = op.coverage(np.array([[[1, 0]], [[1, 1]]]))
    assert np.flatnonzero(reached[0]).tolist() == [1, 3]
    assert np.flatnonzero(reached[1]).tolist() == [0, 1]
    assert op.explain(0, np.array([[[1, 1]]])) == "LUT 0, table entry 3"


def test_small_inputs_are_driven_exhaustively_and_wide_ones_at_their_extremes() -> None:
    (rows,) = Argmax().stimuli(np.random.default_rng(0), Wire(3, -1, 2))
    assert {tuple(row[0]) for row in rows} == set(itertools.product(range(-1, 3), repeat=3))
    (rows,) = Argmax().stimuli(np.random.default_rng(0), Wire(9, -7, 90))
    assert (rows == -7).all(axis=2).any()
    assert (rows == 90).all(axis=2).any()
    assert len(rows) < 5000


def test_thermometer_stimuli_have_both_sides_of_every_threshold() -> None:
    rng = np.random.default_rng(0)
    feature, threshold = rng.integers(0, 3, 50), rng.integers(1, 1000, 50)
    op = Thermometer(feature, threshold)
    (rows,) = op.stimuli(rng, Wire(3, 0, 1000))
    for f, t in zip(feature, threshold, strict=True):
        assert {t - 1, t} <= set(rows[:, 0, f])
