"""Every operator against a definition written in plain loops, and against what passes rely on."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from op_definitions import reference

from hlsgen.errors import GraphError
from hlsgen.graph import OPS, Op, Wire
from hlsgen.graph.fabric import FABRICS
from hlsgen.graph.ir import Constants, Values
from hlsgen.graph.ops import (
    Argmax,
    Count,
    Duel,
    Input,
    Lut,
    Merge,
    Register,
    Sum,
    Thermometer,
    index_bits,
)

# An operator of two inputs has tests of its own.
KINDS = sorted(kind for kind, op in OPS.items() if op.arity < 2)
KEEPING = ("lut", "sum", "thermometer")  # the operators that can drop lanes
REWIRED = (*KEEPING, "count")  # and those that can read other ones
SEEDS = st.integers(0, 2**32 - 1)
ROWS = 12


def case(kind: str, seed: int) -> tuple[Op, tuple[Wire, ...], Values, np.random.Generator]:
    """A random instance, with one to three beats where it takes any number, and samples for it."""
    rng = np.random.default_rng(seed)
    op, wires = OPS[kind].example(rng)
    beats = int(rng.integers(1, 4))
    if not op.streams:
        wires = tuple(dataclasses.replace(wire, beats=beats) for wire in wires)
    assert len(wires) <= 1, "feed every input"
    return op, wires, sample(rng, wires[0] if wires else op.infer()), rng


def sample(rng: np.random.Generator, wire: Wire) -> Values:
    return rng.integers(wire.lo, wire.hi + 1, (ROWS, wire.beats, wire.lanes))


# --- what an operator computes ----------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@given(seed=SEEDS)
def test_eval_is_the_definition_and_stays_on_the_inferred_wire(kind: str, seed: int) -> None:
    op, wires, x, _ = case(kind, seed)
    y, wire = op.eval(x), op.infer(*wires)
    assert y.shape == (ROWS, wire.beats, wire.lanes)
    assert y.dtype == np.int64
    assert wire.lo <= y.min() <= y.max() <= wire.hi
    np.testing.assert_array_equal(y, reference(op, x))


@pytest.mark.parametrize("kind", KINDS)
def test_eval_takes_an_empty_batch(kind: str) -> None:
    op, _wires, x, _ = case(kind, 5)
    assert op.eval(x[:0]).shape == (0, *reference(op, x).shape[1:])


def test_a_merge_puts_lanes_side_by_side() -> None:
    rng = np.random.default_rng(3)
    op, wires = Merge.example(rng)
    one, other = (sample(rng, wire) for wire in wires)
    y, wire = op.eval(one, other), op.infer(*wires)
    assert y.shape == (ROWS, wire.beats, wire.lanes)
    np.testing.assert_array_equal(y[:, :, : wires[0].lanes], one)
    np.testing.assert_array_equal(y[:, :, wires[0].lanes :], other)
    assert (wire.lo, wire.hi) == (-2, 5)
    with pytest.raises(GraphError, match="joins streams of 3 and 4 beats a frame"):
        op.infer(wires[0], dataclasses.replace(wires[1], beats=4))


def test_a_lut_layer_is_right_across_its_blocks_of_samples_and_luts() -> None:
    """64 samples share a word and 64 LUTs a block: sizes around both."""
    rng = np.random.default_rng(2)
    for rows, luts in itertools.product((1, 63, 64, 65), (63, 65, 130)):
        src = rng.integers(0, 9, (luts, 6))
        op = Lut.of(src, rng.integers(0, 7, luts), rng.integers(0, 2**64, luts, dtype=np.uint64))
        x = rng.integers(0, 2, (rows, 1, 9))
        np.testing.assert_array_equal(op.eval(x), reference(op, x))


def test_bit_order_lane_0_is_input_0_is_the_lowest_address_bit() -> None:
    op = Lut.of(np.array([[0, 1]]), np.array([2]), np.array([0b0010]))  # 1 only at address 1
    assert op.eval(np.array([[[1, 0]], [[0, 1]]])).ravel().tolist() == [1, 0]


def test_the_tournament_is_the_argmax_also_with_draws() -> None:
    for lanes in range(2, 8):
        x = np.array(list(itertools.product((-1, 0, 1), repeat=lanes)))[:, None, :]
        value, rounds = x, index_bits(lanes)
        for tags in range(rounds):
            value = Duel(tags, lanes if tags == rounds - 1 else 0).eval(value)
        np.testing.assert_array_equal(value, Argmax().eval(x))


def test_the_last_round_gives_the_index_that_the_round_before_would_have_as_tags() -> None:
    x = np.random.default_rng(4).integers(-8, 8, (99, 1, 2))
    np.testing.assert_array_equal(Duel(1, 4).eval(x), Duel(1).eval(x) & 3)


def test_a_counter_adds_constants_too() -> None:
    op = Count.of([[[0, Count.ONE, 1], [Count.ONE]], [[2]]])
    assert op.eval(np.array([[[1, 1, 0]], [[0, 0, 1]]]))[:, 0].tolist() == [
        [1, 0, 1, 0],  # 1 + 1 + 1 + 2 = 5
        [1, 1, 0, 1],  # 0 + 0 + 1 + 2 = 3
    ]
    assert op.digits.tolist() == [3, 1]
    assert Count.of([[[0, 1, 2]]], [1]).digits.tolist() == [1]


def test_the_host_rounds_and_clips_features_to_words() -> None:
    op = Input(3, np.array([1.0, -4.0]), np.array([0.5, 2.0]))
    words = op.quantise(np.array([[1.0, -4.0], [2.2, 0.9], [99.0, -99.0]]))
    assert words.tolist() == [[[0, 0]], [[2, 2]], [[7, 0]]]


# --- constants as values ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@given(seed=SEEDS)
def test_equal_constants_make_equal_operators(kind: str, seed: int) -> None:
    op, *_ = case(kind, seed)
    twin, *_ = case(kind, seed)
    assert op == twin
    assert hash(op) == hash(twin)
    assert op.digest == twin.digest


@pytest.mark.parametrize("kind", KINDS)
def test_every_constant_counts(kind: str) -> None:
    op, *_ = case(kind, 11)
    for item in dataclasses.fields(op):
        value = getattr(op, item.name)
        changed: Any = (
            not value if isinstance(value, bool) else value + np.asarray(1, np.asarray(value).dtype)
        )
        other = dataclasses.replace(op, **{item.name: changed})
        assert op != other, item.name
        assert op.digest != other.digest


def test_operators_of_different_kinds_differ() -> None:
    assert Argmax() != Register()
    assert Argmax() != "argmax"
    assert Duel(2) != Duel(2, 8)


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_are_own_contiguous_typed_and_read_only(kind: str) -> None:
    op, *_ = case(kind, 3)
    for item in dataclasses.fields(op):
        if "dtype" not in item.metadata:
            continue
        given_array = np.asfortranarray(getattr(op, item.name)).copy(order="F")
        value = getattr(dataclasses.replace(op, **{item.name: given_array}), item.name)
        assert value.dtype == item.metadata["dtype"]
        assert value.flags.c_contiguous
        assert not np.shares_memory(value, given_array)
        with pytest.raises(ValueError, match="read-only"):
            value[...] = 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        op.kind = "other"  # type: ignore[misc]


# --- what passes ask of an operator -----------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@given(seed=SEEDS)
def test_lanes_that_are_not_read_do_not_matter(kind: str, seed: int) -> None:
    op, wires, x, rng = case(kind, seed)
    for i, wire in enumerate(wires):
        read = op.reads(i, wire)
        assert read.shape == (wire.lanes,)
        np.testing.assert_array_equal(op.eval(np.where(read, x, sample(rng, wire))), op.eval(x))


def test_reads_is_exact_where_the_constants_tell() -> None:
    wire = Wire(5, 0, 1)
    lut = Lut.of(np.array([[3, 0]]), np.array([2]), np.array([6]))
    total = Sum.of(np.array([3, 3, 0]), np.array([3]), np.array([0]))
    code = Thermometer(np.array([0, 3]), np.array([1, 1]))
    count = Count.of([[[3, 3], [Count.ONE, 0]]])
    for op in (lut, total, code, count):
        assert op.reads(0, wire).tolist() == [True, False, False, True, False]


@pytest.mark.parametrize("kind", KINDS)
@given(seed=SEEDS)
def test_keep_makes_the_lanes_asked_for(kind: str, seed: int) -> None:
    op, wires, x, rng = case(kind, seed)
    lanes = np.flatnonzero(rng.integers(0, 2, op.infer(*wires).lanes)).astype(np.int32)
    kept = op.keep(lanes)
    assert (kept is not None) == (kind in KEEPING)
    if kept is not None and len(lanes):
        np.testing.assert_array_equal(kept.eval(x), op.eval(x)[..., lanes])
        assert kept.infer(*wires).lanes == len(lanes)


@pytest.mark.parametrize("kind", KINDS)
@given(seed=SEEDS)
def test_rewire_reads_the_same_values_elsewhere(kind: str, seed: int) -> None:
    op, wires, x, rng = case(kind, seed)
    for i, wire in enumerate(wires):
        wider = dataclasses.replace(wire, lanes=wire.lanes + 3)
        lane_of = rng.permutation(wider.lanes)[: wire.lanes].astype(np.int32)
        moved = op.rewire(i, lane_of)
        assert (moved is not None) == (kind in REWIRED)
        if moved is not None:
            elsewhere = sample(rng, wider)
            elsewhere[..., lane_of] = x
            assert moved.infer(wider) == op.infer(wire)
            np.testing.assert_array_equal(moved.eval(elsewhere), op.eval(x))


@pytest.mark.parametrize("kind", KINDS)
@given(seed=SEEDS)
def test_simplify_keeps_the_function_where_lanes_are_known(kind: str, seed: int) -> None:
    op, wires, x, rng = case(kind, seed)
    known = tuple(
        Constants(rng.random(w.lanes) < 0.5, rng.integers(w.lo, w.hi + 1, w.lanes)) for w in wires
    )
    simple = op.simplify(wires, known)
    for i, (wire, lanes) in enumerate(zip(wires, known, strict=True)):
        x = np.where(lanes.mask, lanes.value, x)
        if kind in ("lut", "sum"):
            assert not (simple.reads(i, wire) & lanes.mask).any()
    np.testing.assert_array_equal(simple.eval(x), op.eval(x))
    assert simple.simplify(wires, known) == simple


@pytest.mark.parametrize("kind", KINDS)
@given(seed=SEEDS)
def test_constants_hold_for_every_input(kind: str, seed: int) -> None:
    op, wires, x, _ = case(kind, seed)
    known = op.constants(wires)
    y = op.eval(x)
    assert known.mask.shape == known.value.shape == (y.shape[-1],)
    assert (y == known.value)[..., known.mask].all()


def test_constants_are_found() -> None:
    code = Thermometer(np.array([0, 0, 0]), np.array([0, 3, 8])).constants((Wire(1, 0, 7),))
    assert code.mask.tolist() == [True, False, True]
    assert code.value[code.mask].tolist() == [1, 0]
    lut = Lut.of(np.zeros((2, 1), int), np.array([0, 1]), np.array([1, 2]))
    assert lut.constants((Wire(1, 0, 1),)).mask.tolist() == [True, False]
    total = Sum.of(np.array([0]), np.array([0, 1]), np.array([-2, 0]))
    known = total.constants((Wire(1, 0, 1),))
    assert known.mask.tolist() == [True, False]
    assert known.value[0] == -2


@pytest.mark.parametrize("kind", KINDS)
@given(seed=SEEDS)
def test_twins_compute_the_same_and_name_the_first(kind: str, seed: int) -> None:
    op, wires, x, rng = case(kind, seed)
    if kind in ("lut", "thermometer"):
        repeated = op.keep(np.sort(rng.integers(0, op.infer(*wires).lanes, 9)).astype(np.int32))
        assert repeated is not None
        op = repeated
    twins = op.twins()
    assert (twins is not None) == (kind in ("lut", "thermometer"))
    if twins is not None:
        np.testing.assert_array_equal(op.eval(x), op.eval(x)[..., twins])
        assert (twins <= np.arange(len(twins))).all()
        np.testing.assert_array_equal(twins[twins], twins)


def test_twins_are_found_and_only_twins() -> None:
    code = Thermometer(np.array([0, 1, 0, 0]), np.array([2, 2, 2, 3]))
    assert code.twins().tolist() == [0, 1, 0, 3]
    src, k = np.array([[0, 1], [0, 1], [0, 1], [0, 1], [1, 0]]), np.array([2, 2, 2, 1, 2])
    assert Lut.of(src, k, np.array([2, 1, 2, 2, 2])).twins().tolist() == [0, 1, 0, 3, 4]


# --- simplification of tables -----------------------------------------------------------------


def test_a_lut_loses_the_inputs_that_it_ignores() -> None:
    """Logic Shrinkage, equation by equation: y = a, written with three inputs."""
    wide = Lut.of(np.array([[2, 0, 1]]), np.array([3]), np.array([0b10101010]))
    simple = wide.simplify((Wire(3, 0, 1),), (Constants.none(3),))
    assert simple == Lut.of(np.array([[2]]), np.array([1]), np.array([0b10]))


def test_repeated_pins_are_joined_and_pins_are_sorted() -> None:
    # x1 & x0 & x1, pins in the order 1, 0, 1.
    table = sum(1 << j for j in range(8) if j == 7)
    wide = Lut.of(np.array([[1, 0, 1]]), np.array([3]), np.array([table]))
    simple = wide.simplify((Wire(2, 0, 1),), (Constants.none(2),))
    assert simple == Lut.of(np.array([[0, 1]]), np.array([2]), np.array([0b1000]))


def test_equal_functions_with_permuted_pins_become_twins() -> None:
    src = np.array([[3, 5], [5, 3]])
    wide = Lut.of(src, np.array([2, 2]), np.array([0b0010, 0b0100]))
    simple = wide.simplify((Wire(6, 0, 1),), (Constants.none(6),))
    assert simple.twins().tolist() == [0, 0]


# --- estimates --------------------------------------------------------------------------------


@pytest.mark.parametrize("fabric", FABRICS.values(), ids=list(FABRICS))
@pytest.mark.parametrize("kind", KINDS)
@given(seed=SEEDS)
def test_area_and_delay_are_never_negative(kind: str, fabric: Any, seed: int) -> None:
    op, wires, *_ = case(kind, seed)
    try:
        area = op.area(fabric, *wires)
    except GraphError as error:
        # Counters and comparisons that the family lacks.
        assert f"family {fabric.name}" in str(error)
        return
    assert area.lut >= 0
    assert area.ff >= 0
    assert op.delay_ns(fabric, *wires) >= 0
    assert (op.latency > 0 or op.streams) == (area.ff > 0)
