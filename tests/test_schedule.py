"""When beats are where: small cases by hand, and the rule behind them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlsgen.emit import places
from hlsgen.graph import Graph, Node, check
from hlsgen.graph.fabric import FABRICS
from hlsgen.graph.ops import Input, Pixels, Register, Window
from hlsgen.graph.schedule import Pace, arrivals, pace
from hlsgen.passes import opt
from rtl_tests.designs import random_network, streaming_network, with_latency


def chain(height: int, width: int, *ops: Window | Register) -> Graph:
    """Operators one behind the other, n0 first, on an image of one lane."""
    nodes = [Node("x", Pixels(1, np.zeros(1), np.ones(1), height * width))]
    for i, op in enumerate(ops):
        nodes.append(Node(f"n{i}", op, (nodes[-1].name,)))
    return check(Graph("net", tuple(nodes), (nodes[-1].name,)))


def window(height: int, width: int, kernel: tuple[int, int], stride: tuple[int, int]) -> Window:
    return Window.whole((height, width), kernel, stride, 1)


def one_lane(op: Window) -> Window:
    """The same places, with the upper left tap alone."""
    zero = np.zeros(1, dtype=np.int32)
    sizes = (op.height, op.width, op.kernel_height, op.kernel_width, op.stride_y, op.stride_x)
    return Window(*sizes, zero, zero, zero)


def test_a_window_gives_a_beat_one_clock_after_its_last_pixel() -> None:
    graph = chain(3, 3, window(3, 3, (2, 2), (1, 1)))
    found = arrivals(graph, np.arange(9))
    assert found["x"].tolist() == list(range(9))
    # 0 1 2
    # 3 4 5   a window ends at 4, 5, 7 and 8
    # 6 7 8
    assert found["n0"].tolist() == [5, 6, 8, 9]
    assert pace(graph) == Pace(9, 9)


def test_strides_leave_beats_out() -> None:
    graph = chain(4, 5, window(4, 5, (2, 3), (2, 2)))
    # Ends in rows 1 and 3, columns 2 and 4.
    assert arrivals(graph, np.arange(20))["n0"].tolist() == [8, 10, 18, 20]
    assert pace(graph) == Pace(20, 20)


def test_registers_and_windows_add_up() -> None:
    first = one_lane(window(3, 4, (1, 3), (1, 1)))
    flat = window(3, 2, (3, 2), (1, 1))
    graph = chain(3, 4, Register(), Register(), first, Register(), flat, Register())
    found = arrivals(graph, np.arange(12))
    assert found["n1"].tolist() == [clock + 2 for clock in range(12)]
    assert found["n2"].tolist() == [5, 6, 9, 10, 13, 14]
    assert found["n3"].tolist() == [6, 7, 10, 11, 14, 15]
    assert found["n4"].tolist() == [16]
    assert found["n5"].tolist() == [17]
    assert pace(graph) == Pace(17, 12)
    # One frame is still inside when the next one has entered half: two at once, and one more.
    assert places(graph) == 17 // 12 + 2


def test_beats_at_any_pace_and_several_frames() -> None:
    graph = chain(2, 2, window(2, 2, (1, 2), (1, 1)), Register())
    entering = np.array([[0, 3, 4, 9], [10, 11, 12, 20]])
    found = arrivals(graph, entering)
    assert found["n0"].tolist() == [[4, 10], [12, 21]]
    assert found["n1"].tolist() == [[5, 11], [13, 22]]


def test_an_image_of_one_pixel() -> None:
    graph = chain(1, 1, window(1, 1, (1, 1), (1, 1)), Register())
    assert arrivals(graph, np.array([[2], [5]]))["n1"].tolist() == [[4], [7]]
    assert pace(graph) == Pace(2, 1)
    assert places(graph) == 4


def test_a_graph_without_windows_takes_a_frame_a_clock() -> None:
    graph = with_latency(random_network(3), 2)
    assert pace(graph) == Pace(2, 1)
    assert arrivals(graph, np.array([[0], [7]]))[graph.outputs[0]].tolist() == [[2], [9]]
    flat = Graph("net", (Node("x", Input(1, np.zeros(1), np.ones(1))),), ("x",))
    assert pace(flat) == Pace(0, 1)


NETWORK = streaming_network(1, (6, 5), ((3, 3), (1, 1), 5), ((2, 1), (2, 1), 4))


@pytest.mark.parametrize("family", FABRICS)
@given(gaps=st.lists(st.integers(1, 4), min_size=60, max_size=60))
def test_no_beat_comes_before_its_pixels_and_none_is_late(family: str, gaps: list[int]) -> None:
    """Each beat by its definition: the clock of the newest pixel that it depends on, and delays."""
    graph = opt(NETWORK, FABRICS[family], 200.0) if family not in FINAL else FINAL[family]
    FINAL[family] = graph
    entering = np.cumsum(gaps).reshape(2, 30)
    found = arrivals(graph, entering)
    for node in graph.nodes:
        if isinstance(node.op, Window):
            before = found[node.inputs[0]]
            newest = node.op.eval(np.repeat(before[:, :, None], 5, axis=2)).max(axis=-1)
            np.testing.assert_array_equal(found[node.name], newest + 1)
        elif node.inputs:
            before = found[node.inputs[0]]
            np.testing.assert_array_equal(found[node.name], before + node.op.latency)
        assert (np.diff(found[node.name].ravel()) > 0).all()


FINAL: dict[str, Graph] = {}


def test_the_answer_waits_for_the_last_pixel_and_no_longer() -> None:
    graph = opt(NETWORK, FABRICS["xcup"], 200.0)
    delays = sum(1 if node.op.streams else node.op.latency for node in graph.nodes if node.inputs)
    assert pace(graph) == Pace(30 - 1 + delays, 30)
