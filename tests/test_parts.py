"""Graphs with streaming operators: cut into parts, put together again, and optimised by parts."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from hlsgen.errors import GraphError
from hlsgen.graph import Graph, Node, check, random_feeds, run
from hlsgen.graph.fabric import FABRICS
from hlsgen.graph.ops import Argmax, Lut, Pixels, Port, Register, Sum, Window
from hlsgen.graph.parts import feeds_of, join, split, streams
from hlsgen.passes import opt
from rtl_tests.designs import random_network, streaming_network

NETWORKS = {
    "three parts": streaming_network(1, (6, 5), ((3, 3), (1, 1), 5), ((2, 1), (2, 1), 4)),
    "words": streaming_network(2, (5, 5), ((2, 2), (1, 1), 4), bits=3, channels=2),
    "no map": streaming_network(3, (3, 2)),
    "few taps": streaming_network(4, (5, 4), ((2, 3), (1, 1), 6), channels=2, taps=5),
}
every_network = pytest.mark.parametrize("graph", NETWORKS.values(), ids=list(NETWORKS))


def tables(rng: np.random.Generator, lanes: int, n: int) -> Lut:
    return Lut.of(
        rng.integers(0, lanes, (n, 4)), np.full(n, 4), rng.integers(0, 2**16, n, dtype=np.uint64)
    )


def branched() -> Graph:
    """Two windows read one layer, and of a second input; both are joined before no window."""
    rng = np.random.default_rng(8)
    pair = Window.whole((3, 4), (1, 2), (1, 1), 4)
    nodes = (
        Node("x", Pixels(1, np.zeros(2), np.ones(2), 12)),
        Node("a", tables(rng, 2, 4), ("x",)),
        Node("dangling", tables(rng, 4, 2), ("a",)),
        Node("left", pair, ("a",)),
        Node("right", pair, ("a",)),
        Node("b", tables(rng, 8, 3), ("left",)),
        Node("c", tables(rng, 8, 3), ("right",)),
        Node("b_flat", Window.whole((3, 3), (3, 3), (1, 1), 3), ("b",)),
        Node("c_flat", Window.whole((3, 3), (3, 3), (1, 1), 3), ("c",)),
        Node("d", tables(rng, 27, 5), ("b_flat",)),
        Node("e", tables(rng, 27, 5), ("c_flat",)),
    )
    return check(Graph("net", nodes, ("d", "e")))


# --- cutting ----------------------------------------------------------------------------------


def test_parts_stand_between_windows() -> None:
    parts = split(NETWORKS["three parts"])
    assert [(part.graph.name, part.source, part.graph.outputs) for part in parts] == [
        ("net_p0", "window0", ("map0",)),
        ("net_p1", "window1", ("map1",)),
        ("net_p2", "flat", ("answer",)),
    ]
    assert [node.name for node in parts[2].graph.nodes] == [
        *("flat", "head", "sums", "answer"),
    ]
    assert parts[0].graph.by_name["window0"].op == Port(9, 0, 1)
    first = split(NETWORKS["words"])[0]
    assert (first.source, first.graph.outputs) == ("", ("code",))
    assert first.graph.by_name["x"].op == Port(2, 0, 7)


def test_parts_of_a_branch_and_what_nobody_reads() -> None:
    parts = {part.source: part.graph for part in split(branched())}
    assert {source: part.outputs for source, part in parts.items()} == {
        "": ("a",), "left": ("b",), "right": ("c",), "b_flat": ("d",), "c_flat": ("e",),
    }  # fmt: skip
    for part in parts.values():
        check(part)
        assert not streams(part)


@every_network
def test_parts_follow_one_stream_and_no_longer_have_beats(graph: Graph) -> None:
    assert streams(graph)
    for part in split(graph):
        assert check(part.graph) == part.graph
        assert {wire.beats for wire in part.graph.wires.values()} == {1}
        assert not any(node.op.streams for node in part.graph.nodes)
        for node in part.graph.nodes:
            assert graph.stream[node.name] == part.source or not node.inputs
            wire = graph.wires[node.name]
            assert part.graph.wires[node.name] == dataclasses.replace(wire, beats=1)


def test_a_graph_that_does_not_stream_is_its_only_part() -> None:
    graph = random_network(3)
    (part,) = split(graph)
    assert part.graph is graph
    assert not streams(graph)
    assert join(graph, {graph.name: graph}) is graph
    feeds = random_feeds(graph, 5, np.random.default_rng(0))
    (found,) = feeds_of(graph, [part], feeds)
    assert found == feeds


# --- joining ----------------------------------------------------------------------------------


@pytest.mark.parametrize("graph", [*NETWORKS.values(), branched()])
def test_parts_put_back_are_the_graph(graph: Graph) -> None:
    again = check(join(graph, {part.graph.name: part.graph for part in split(graph)}))
    assert again.outputs == graph.outputs
    assert set(again.nodes) == set(graph.nodes)
    feeds = random_feeds(graph, 20, np.random.default_rng(1))
    for name, value in run(graph, feeds).items():
        np.testing.assert_array_equal(run(again, feeds)[name], value)


def test_a_part_may_end_with_other_names() -> None:
    graph = NETWORKS["words"]
    parts = {}
    for part in split(graph):
        (output,) = part.graph.outputs
        late = Node(f"{output}_late", Register(), (output,))
        nodes = (*part.graph.nodes, late)
        parts[part.graph.name] = Graph(part.graph.name, nodes, (late.name,))
    made = check(join(graph, parts))
    assert made.by_name["window0"].inputs == ("code_late",)
    assert made.by_name["flat"].inputs == ("map0_late",)
    assert made.outputs == ("answer_late",)
    feeds = random_feeds(graph, 20, np.random.default_rng(1))
    np.testing.assert_array_equal(*(run(g, feeds)[g.outputs[0]] for g in (graph, made)))


# --- what comes to a part ---------------------------------------------------------------------


@every_network
def test_feeds_of_are_the_values_in_the_whole_graph(graph: Graph) -> None:
    feeds, parts = random_feeds(graph, 7, np.random.default_rng(2)), split(graph)
    names = [name for part in parts for name in (*part.graph.outputs, part.source) if name]
    whole = run(graph, feeds, [*names, "x"])
    for part, inputs in zip(parts, feeds_of(graph, parts, feeds), strict=True):
        (feed,) = part.graph.feeds()
        wire = graph.wires[feed.name]
        assert feed.name == (part.source or "x")
        wanted = whole[feed.name].reshape(-1, 1, wire.lanes)
        np.testing.assert_array_equal(inputs[feed.name], wanted)
        for name, value in run(part.graph, inputs).items():
            np.testing.assert_array_equal(value[:, 0], whole[name].reshape(len(value), -1))


def test_of_many_beats_some_are_kept_and_each_place_among_them() -> None:
    """Pixel i of each image is i, as far as its word goes: all of them are there."""
    graph = streaming_network(5, (16, 16), ((1, 1), (1, 1), 2), bits=8)
    x = np.broadcast_to(np.arange(256)[None, :, None], (600, 256, 1))
    parts = split(graph)
    (code, _, _) = feeds_of(graph, parts, {"x": x})
    values, counts = np.unique(code["x"], return_counts=True)
    assert len(values) == 256
    assert counts.max() - counts.min() <= 1
    assert 5_000 <= counts.sum() <= 20_000


# --- rules ------------------------------------------------------------------------------------


def joined(left: str, right: str) -> Graph:
    """`branched`, and a node that reads two others."""
    graph = branched()
    both = Node("both", Pair(), (left, right))
    return dataclasses.replace(graph, nodes=(*graph.nodes, both), outputs=("both",))


class Pair(Register):
    """Two inputs side by side."""

    arity = 2
    latency = 0

    def infer(self, *wires):  # type: ignore[no-untyped-def]
        return dataclasses.replace(wires[0], lanes=sum(wire.lanes for wire in wires))


@pytest.mark.parametrize(
    ("left", "right", "streams_of"),
    [
        ("b", "c", "{'b': 'left', 'c': 'right'}"),
        ("a", "left", "{'a': 'the inputs', 'left': 'left'}"),
        ("d", "e", "{'d': 'b_flat', 'e': 'c_flat'}"),
    ],
)
def test_inputs_of_different_streams_are_refused(left: str, right: str, streams_of: str) -> None:
    message = f"graph 'net': inputs of node 'both' follow different streams: {streams_of}"
    with pytest.raises(GraphError, match=f"^{re.escape(message)}$"):
        check(joined(left, right))


def test_inputs_of_one_stream_may_still_come_in_different_cycles() -> None:
    graph = branched()
    late = Node("late", Register(), ("b",))
    both = Node("both", Pair(), ("b", "late"))
    late_graph = dataclasses.replace(graph, nodes=(*graph.nodes, late, both), outputs=("both",))
    message = "inputs of node 'both' arrive in different cycles: {'b': 0, 'late': 1}"
    with pytest.raises(GraphError, match=re.escape(message)):
        check(late_graph)


# --- optimising -------------------------------------------------------------------------------


@every_network
@pytest.mark.parametrize("family", FABRICS)
def test_opt_keeps_the_function_and_the_windows(graph: Graph, family: str) -> None:
    feeds = random_feeds(graph, 50, np.random.default_rng(3))
    for clock_mhz, samples in ((50.0, None), (300.0, feeds)):
        final = opt(graph, FABRICS[family], clock_mhz, samples)
        np.testing.assert_array_equal(*(run(g, feeds)[g.outputs[0]] for g in (graph, final)))
        assert [n.op for n in final.nodes if n.op.streams] == [
            n.op for n in graph.nodes if n.op.streams
        ]
        assert len(split(final)) == len(split(graph))
        for part in split(final):
            assert {part.graph.latency[name] for name in part.graph.outputs} - {0}


def test_operators_of_a_head_stay_where_they_are() -> None:
    """The classes are summed and compared in the last part only."""
    kinds = {
        part.source: {type(node.op) for node in part.graph.nodes}
        for part in split(NETWORKS["three parts"])
    }
    assert {Sum, Argmax} <= kinds["flat"]
    assert kinds["window0"] == {Port, Lut}
