"""Windows: what a beat holds, when it is complete, the registers that it takes, what is refused."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from op_definitions import window_by_window

from hlsgen.errors import GraphError
from hlsgen.graph import Graph, Node, Wire, check
from hlsgen.graph.fabric import FABRICS
from hlsgen.graph.ops import Input, Pixels, Window

SIDES = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(0, 3))


@st.composite
def windows(draw: st.DrawFn) -> tuple[Window, int]:
    """A window with one tap to many, and the lanes of a pixel."""
    (kernel_y, stride_y, more_y), (kernel_x, stride_x, more_x) = draw(SIDES), draw(SIDES)
    lanes = draw(st.integers(1, 3))
    taps = st.tuples(
        st.integers(0, kernel_y - 1), st.integers(0, kernel_x - 1), st.integers(0, lanes - 1)
    )
    row, column, lane = zip(*draw(st.lists(taps, min_size=1, max_size=9)), strict=True)
    height, width = kernel_y + stride_y * more_y, kernel_x + stride_x * more_x
    sizes = (height, width, kernel_y, kernel_x, stride_y, stride_x)
    return Window(*sizes, np.array(row), np.array(column), np.array(lane)), lanes


def wire_of(op: Window, lanes: int) -> Wire:
    return Wire(lanes, -3, 2, op.height * op.width)


@given(windows(), st.integers(0, 2**32 - 1))
def test_eval_is_the_definition(case: tuple[Window, int], seed: int) -> None:
    op, lanes = case
    x = np.random.default_rng(seed).integers(-3, 3, (3, op.height * op.width, lanes))
    wire, y = op.infer(wire_of(op, lanes)), op.eval(x)
    assert y.shape == (3, wire.beats, wire.lanes)
    assert (wire.lo, wire.hi) == (-3, 2)
    for frame, beats in zip(x, y.tolist(), strict=True):
        assert beats == window_by_window(op, frame)


@given(windows())
def test_a_beat_is_complete_with_its_lower_right_pixel(case: tuple[Window, int]) -> None:
    op, lanes = case
    image = np.arange(op.height * op.width)[None, :, None] + np.zeros(lanes, dtype=np.int64)
    corner = np.array([op.kernel_height - 1]), np.array([op.kernel_width - 1])
    last = dataclasses.replace(op, row=corner[0], column=corner[1], lane=np.array([0]))
    assert op.completes().tolist() == last.eval(image)[0, :, 0].tolist()
    assert op.completes()[-1] < op.height * op.width
    assert (op.completes() >= op.eval(image).max(axis=-1)[0]).all()


def streamed(op: Window, frames: np.ndarray) -> list[list[int]]:
    """What `fragments` finds, after each of the beats [n, lanes], in the registers of `taps`."""
    registers: dict[tuple[int, int, int], int] = {}
    past, seen = [], []
    for beat in frames:
        past.append(beat)
        for run in op.taps:
            for e, kept in enumerate(run.lanes):
                there = len(past) - 1 - run.rows * op.width - e
                for place, lane in enumerate(kept):
                    registers[run.rows, e, place] = int(past[there][lane]) if there >= 0 else 0
        seen.append([registers[place] for place in op.fragments()])
    return seen


@given(windows(), st.integers(0, 2**32 - 1))
def test_each_output_lane_is_where_its_fragment_says(case: tuple[Window, int], seed: int) -> None:
    """Over two frames without a gap: nothing of the first shows in the second."""
    op, lanes = case
    x = np.random.default_rng(seed).integers(-3, 3, (2, op.height * op.width, lanes))
    seen = streamed(op, x.reshape(-1, lanes))
    wanted = op.eval(x)
    for frame in range(2):
        start = frame * op.height * op.width
        got = [seen[start + beat] for beat in op.completes()]
        assert got == wanted[frame].tolist()


@given(windows())
def test_only_what_some_tap_needs_is_kept(case: tuple[Window, int]) -> None:
    """A lane is kept until the last tap that reads it, or until it goes on to a later row."""
    op, _ = case
    wanted: set[tuple[int, int, int]] = set()
    for row, column, lane in zip(
        op.row.tolist(), op.column.tolist(), op.lane.tolist(), strict=True
    ):
        down, across = op.kernel_height - 1 - row, op.kernel_width - 1 - column
        wanted |= {(down, e, lane) for e in range(across + 1)}
        passed = op.width if op.kernel_width == op.width else 1
        wanted |= {(rows, e, lane) for rows in range(down) for e in range(passed)}
    kept = [
        (run.rows, e, lane)
        for run in op.taps
        for e, lanes in enumerate(run.lanes)
        for lane in lanes
    ]
    assert len(kept) == len(set(kept))
    assert set(kept) == wanted
    assert [run.rows for run in op.taps] == list(range(len(op.taps)))
    assert all(list(lanes) == sorted(lanes) and lanes for run in op.taps for lanes in run.lanes)
    assert op.stored() == (0 if op.chained else sum(e == 0 and rows > 0 for rows, e, _ in wanted))


@given(windows())
def test_registers_and_memory_are_counted(case: tuple[Window, int]) -> None:
    op, lanes = case
    wire = wire_of(op, lanes)
    kept = sum(len(held) for run in op.taps for held in run.lanes)
    area = op.area(FABRICS["xcup"], wire)
    assert area.ff >= kept * wire.bits + 1
    assert op.memory_bits(wire) == op.stored() * op.width * wire.bits
    assert op.memory_bits(wire) <= (op.kernel_height - 1) * op.width * wire.width_bits


def test_whole_has_each_tap_once_rows_first_and_lanes_last() -> None:
    op = Window.whole((4, 5), (2, 3), (1, 2), 2)
    taps = list(zip(op.row.tolist(), op.column.tolist(), op.lane.tolist(), strict=True))
    assert taps == [(r, c, lane) for r in range(2) for c in range(3) for lane in range(2)]
    assert op.shape == (3, 2)
    assert op.infer(Wire(2, 0, 1, 20)) == Wire(12, 0, 1, 6)


def test_a_window_as_large_as_the_image_flattens_it() -> None:
    op = Window.whole((3, 2), (3, 2), (1, 1), 2)
    x = np.arange(12).reshape(1, 6, 2)
    assert op.eval(x).tolist() == [[list(range(12))]]
    assert op.completes().tolist() == [5]
    assert (op.chained, op.stored(), len(op.taps)) == (True, 0, 3)


def sized(**changes: object) -> Window:
    """Windows of 2 x 3 over 4 x 5, and what differs."""
    return dataclasses.replace(Window.whole((4, 5), (2, 3), (1, 1), 2), **changes)


TAPS = "needs one row, column and lane for each tap, and a tap at least"
REFUSED = [
    (sized(height=3), "needs an image of 3 x 5 pixels, its input has 20 beats"),
    (sized(kernel_height=5),
     "has a kernel 5 pixels high with stride 1 on an image 4 pixels high: needs"
     " 1 <= kernel <= image and stride >= 1"),
    (sized(kernel_width=6),
     "has a kernel 6 pixels wide with stride 1 on an image 5 pixels wide: needs"
     " 1 <= kernel <= image and stride >= 1"),
    (sized(kernel_height=0),
     "has a kernel 0 pixels high with stride 1 on an image 4 pixels high: needs"
     " 1 <= kernel <= image and stride >= 1"),
    (sized(stride_x=0),
     "has a kernel 3 pixels wide with stride 0 on an image 5 pixels wide: needs"
     " 1 <= kernel <= image and stride >= 1"),
    (sized(stride_y=-1),
     "has a kernel 2 pixels high with stride -1 on an image 4 pixels high: needs"
     " 1 <= kernel <= image and stride >= 1"),
    (sized(stride_x=3),
     "has a kernel 3 pixels wide that moves by 3 on an image 5 pixels wide: 2 pixels are left"
     " over; images of 3 or 6 fit"),
    (sized(stride_y=3),
     "has a kernel 2 pixels high that moves by 3 on an image 4 pixels high: 2 pixels are left"
     " over; images of 2 or 5 fit"),
    (sized(row=np.array([], int), column=np.array([], int), lane=np.array([], int)), TAPS),
    (sized(lane=np.array([0])), TAPS),
    (sized(row=np.full(12, 2)), "tap 0 has row 2, allowed are 0 to 1"),
    (sized(row=np.append(np.zeros(11, int), -1)), "tap 11 has row -1, allowed are 0 to 1"),
    (sized(column=np.append(np.zeros(11, int), 3)), "tap 11 has column 3, allowed are 0 to 2"),
    (sized(lane=np.append(np.zeros(11, int), 2)), "tap 11 has lane 2, allowed are 0 to 1"),
]  # fmt: skip


@pytest.mark.parametrize(("op", "message"), REFUSED)
def test_what_does_not_fit_is_refused(op: Window, message: str) -> None:
    with pytest.raises(GraphError, match=f"^{re.escape(message)}$"):
        op.infer(Wire(2, 0, 1, 20))


def test_a_refusal_names_the_node() -> None:
    nodes = (Node("x", Input(1, np.zeros(2), np.ones(2))), Node("w", sized(), ("x",)))
    message = "graph 'net': node 'w' (window) needs an image of 4 x 5 pixels, its input has 1 beats"
    with pytest.raises(GraphError, match=f"^{re.escape(message)}$"):
        check(Graph("net", nodes, ("w",)))


def test_the_host_makes_words_of_each_pixel_alike() -> None:
    op = Pixels(3, np.array([1.0, -4.0]), np.array([0.5, 2.0]), 2)
    words = op.quantise(np.array([[1.0, -4.0, 2.2, 0.9], [99.0, -99.0, 1.0, -4.0]]))
    assert words.tolist() == [[[0, 0], [2, 2]], [[7, 0], [0, 0]]]
    assert op.infer() == Wire(2, 0, 7, 2)
