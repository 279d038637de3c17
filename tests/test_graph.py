"""The graph: its rules, what it tells of itself, running it, and its files."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest

from hlsgen.errors import GraphError
from hlsgen.graph import OPS, Graph, Node, Wire, check, load, random_feeds, run, save
from hlsgen.graph.ir import op
from hlsgen.graph.ops import Argmax, Input, Lut, Pixels, Register, Sum, Thermometer

X = Node("x", Input(2, np.zeros(2), np.ones(2)))
BITS = Node("bits", Thermometer(np.array([0, 1]), np.array([1, 2])), ("x",))


def graph(*nodes: Node, outputs: tuple[str, ...] = ("bits",), name: str = "net") -> Graph:
    return Graph(name, (X, BITS, *nodes), outputs)


def add(name: str, *inputs: str) -> Node:
    return Node(name, Register(), inputs)


# --- rules ------------------------------------------------------------------------------------

LEGAL = "[a-z][a-z0-9_]{0,62}"
BROKEN = {
    "graph name": (
        graph(name="Net"),
        f"graph 'Net': the name must match {LEGAL}",
    ),
    "node name": (
        graph(add("a-b", "bits")),
        f"graph 'net': node name 'a-b' must match {LEGAL}",
    ),
    "long name": (
        graph(add("a" * 64, "bits")),
        f"graph 'net': node name '{'a' * 64}' must match {LEGAL}",
    ),
    "twice": (
        graph(add("bits", "x")),
        "graph 'net': two nodes are called 'bits'",
    ),
    "undefined": (
        graph(add("a", "b")),
        "graph 'net': node 'a' reads 'b', which no earlier node defines",
    ),
    "out of order": (
        graph(add("a", "b"), add("b", "bits")),
        "graph 'net': node 'a' reads 'b', which no earlier node defines",
    ),
    "itself": (
        graph(add("a", "a")),
        "graph 'net': node 'a' reads 'a', which no earlier node defines",
    ),
    "no output": (
        graph(outputs=()),
        "graph 'net': outputs () must be one or more of its nodes",
    ),
    "other output": (
        graph(outputs=("bits", "z")),
        "graph 'net': outputs ('bits', 'z') must be one or more of its nodes",
    ),
    "empty": (
        Graph("net", (), ("y",)),
        "graph 'net': outputs ('y',) must be one or more of its nodes",
    ),
    "wires do not fit": (
        graph(Node("l", Lut.of(np.array([[2]]), np.array([1]), np.array([1])), ("bits",))),
        "graph 'net': node 'l' (lut) LUT 0 reads lane 2 on pin 0,"
        " its input has lanes 0 to 1 (-1 on unused pins)",
    ),
    "too many inputs": (
        graph(Node("m", Argmax(), ("x", "x"))),
        "graph 'net': node 'm' (argmax) takes 1 input(s), it has 2",
    ),
    "no input": (
        graph(Node("m", Argmax())),
        "graph 'net': node 'm' (argmax) takes 1 input(s), it has 0",
    ),
    "input of an input": (
        graph(dataclasses.replace(X, name="z", inputs=("x",))),
        "graph 'net': node 'z' (input) takes 0 input(s), it has 1",
    ),
}


@pytest.mark.parametrize(("broken", "message"), BROKEN.values(), ids=list(BROKEN))
def test_a_broken_rule_is_named_with_its_place(broken: Graph, message: str) -> None:
    with pytest.raises(GraphError, match=f"^{re.escape(message)}$"):
        check(broken)


def test_check_returns_a_good_graph(small: Graph) -> None:
    assert check(small) is small


def test_inputs_of_a_node_arrive_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """No operator has two inputs yet: one is made for this test."""
    monkeypatch.setattr("hlsgen.graph.ir.OPS", dict(OPS))

    @op("pair")
    @dataclasses.dataclass(frozen=True, eq=False)
    class Pair(Register):
        arity = 2

    check(graph(add("r", "bits"), Node("p", Pair(), ("r", "r"))))
    message = "graph 'net': inputs of node 'p' arrive in different cycles: {'bits': 0, 'r': 1}"
    with pytest.raises(GraphError, match=f"^{re.escape(message)}$"):
        check(graph(add("r", "bits"), Node("p", Pair(), ("bits", "r"))))


def test_two_operators_cannot_share_a_kind() -> None:
    with pytest.raises(ValueError, match=r"^two operators are called 'lut'$"):
        op("lut")(Register)


# --- what a graph tells of itself -------------------------------------------------------------


def test_wires_and_latency_and_feeds(small: Graph) -> None:
    expected = [Wire(2, 0, 7), Wire(5, 0, 1), Wire(4, 0, 1), Wire(2, 0, 2), Wire(1, 0, 1)]
    assert list(small.wires.values()) == expected
    assert small.inputs_of(small.by_name["counts"]) == (Wire(4, 0, 1),)
    assert [node.name for node in small.feeds()] == ["x"]
    piped = graph(add("a", "bits"), add("b", "a"), add("c", "bits"))
    assert piped.latency == {"x": 0, "bits": 0, "a": 1, "b": 2, "c": 1}


def test_the_networkx_view_answers_and_cannot_change_the_graph(small: Graph) -> None:
    assert nx.ancestors(small.nx, "counts") == {"x", "bits", "layer"}
    assert nx.dag_longest_path(small.nx) == [node.name for node in small.nodes]
    assert small.nx.nodes["layer"]["node"] is small.by_name["layer"]
    with pytest.raises(nx.NetworkXError, match="Frozen graph"):
        small.nx.add_edge("y", "x")


def test_the_digest_sees_structure_and_constants_but_not_origins(small: Graph) -> None:
    def with_layer(**changes: Any) -> str:
        nodes = [
            dataclasses.replace(node, **changes) if node.name == "layer" else node
            for node in small.nodes
        ]
        return dataclasses.replace(small, nodes=tuple(nodes)).digest

    layer = small.by_name["layer"].op
    assert isinstance(layer, Lut)
    assert with_layer(origin="net.0") == small.digest
    other = dataclasses.replace(layer, table=layer.table ^ np.uint64(1))
    digests = {
        small.digest,
        with_layer(op=other),
        with_layer(name="other"),
        dataclasses.replace(small, name="other").digest,
        dataclasses.replace(small, outputs=("counts",)).digest,
    }
    assert len(digests) == 5


# --- running ----------------------------------------------------------------------------------


def test_run_computes_each_node_from_its_inputs(small: Graph) -> None:
    """By hand for x = (5, 4): bits 11110; LUTs 0, 1, 0, 0; counts 1, 0; class 0."""
    names = [node.name for node in small.nodes]
    values = run(small, {"x": np.array([[5, 4]])}, names)
    assert {name: value.ravel().tolist() for name, value in values.items()} == {
        "x": [5, 4],
        "bits": [1, 1, 1, 1, 0],
        "layer": [0, 1, 0, 0],
        "counts": [1, 0],
        "y": [0],
    }


def test_block_size_and_rank_of_the_feed_do_not_matter(small: Graph) -> None:
    feeds = random_feeds(small, 37, np.random.default_rng(0))
    expected = run(small, feeds)["y"]
    assert expected.shape == (37, 1, 1)
    assert len(np.unique(expected)) == 2
    for block in (1, 5, 36, 37, 99):
        np.testing.assert_array_equal(run(small, feeds, block=block)["y"], expected)
    flat = {"x": feeds["x"][:, 0].astype(np.uint8)}
    np.testing.assert_array_equal(run(small, flat)["y"], expected)


def test_no_samples_make_no_values(small: Graph) -> None:
    assert run(small, {"x": np.zeros((0, 2), dtype=int)})["y"].shape == (0, 1, 1)


def test_random_feeds_use_the_whole_range(small: Graph) -> None:
    x = random_feeds(small, 500, np.random.default_rng(0))["x"]
    assert x.shape == (500, 1, 2)
    assert set(np.unique(x)) == set(range(8))


FEEDS = {
    "missing": (None, "no samples for input 'x'"),
    "lanes": (
        np.zeros((3, 3), int),
        "input 'x' is int64 [3, 3], must be integers [batch, 1, 2]",
    ),
    "beats": (
        np.zeros((3, 2, 2), int),
        "input 'x' is int64 [3, 2, 2], must be integers [batch, 1, 2]",
    ),
    "rank": (np.zeros(2, int), "input 'x' is int64 [2], must be integers [batch, 1, 2]"),
    "type": (
        np.zeros((3, 2)),
        "input 'x' is float64 [3, 1, 2], must be integers [batch, 1, 2]",
    ),
    "high": (np.array([[0, 4]]), "input 'x' has values from 0 to 4, allowed are 0 to 3"),
    "low": (np.array([[-1, 3]]), "input 'x' has values from -1 to 3, allowed are 0 to 3"),
}


@pytest.mark.parametrize(("feed", "message"), FEEDS.values(), ids=list(FEEDS))
def test_a_wrong_feed_is_refused(feed: Any, message: str) -> None:
    with pytest.raises(GraphError, match=f"^{re.escape(message)}$"):
        run(graph(), {} if feed is None else {"x": feed})


def test_feeds_hold_equally_many_samples() -> None:
    two = graph(dataclasses.replace(X, name="z"))
    feeds = {"x": np.zeros((3, 2), int), "z": np.zeros((2, 2), int)}
    with pytest.raises(GraphError, match=r"^graph 'net': feeds must hold equally many samples$"):
        run(two, feeds)


# --- files ------------------------------------------------------------------------------------


@pytest.fixture
def saved(small: Graph, tmp_path: Path) -> Path:
    save(small, tmp_path / "g")
    return tmp_path / "g"


def edit(path: Path, **changes: Any) -> None:
    file = path.with_suffix(".json")
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def refused(path: Path) -> str:
    with pytest.raises(GraphError) as caught:
        load(path)
    return str(caught.value).replace(str(path.parent), "DIR")


def test_a_saved_graph_comes_back_equal(small: Graph, saved: Path) -> None:
    for path in (saved, saved.with_suffix(".json")):
        back = load(path)
        assert back == small
        assert back.digest == small.digest
    assert sorted(path.name for path in saved.parent.iterdir()) == ["g.json", "g.npz"]


@pytest.mark.parametrize("kind", sorted(OPS))
def test_every_operator_survives_the_file(kind: str, tmp_path: Path) -> None:
    """The operator's wires need not fit: only its constants are looked at."""
    example, wires = OPS[kind].example(np.random.default_rng(1))
    if wires:
        wire = wires[0]
        lanes = wire.lanes
        feed = Node("x", Pixels(4, np.zeros(lanes), np.ones(lanes), wire.beats))
        shaped = Node("in", Sum.of(np.arange(lanes), np.ones(lanes, int), np.zeros(lanes)), ("x",))
        if wire.hi == 1:
            shaped = Node("in", Thermometer(np.arange(lanes), np.ones(lanes)), ("x",))
        nodes = (feed, shaped, Node("n", example, ("in",) * example.arity, "module.3"))
    else:
        nodes = (Node("n", example),)
    net = check(Graph("net", nodes, ("n",)))
    save(net, tmp_path / "g")
    back = load(tmp_path / "g")
    assert back == net
    assert back.by_name["n"].origin == net.by_name["n"].origin


def test_saving_twice_gives_equal_bytes(small: Graph, saved: Path) -> None:
    first = [saved.with_suffix(end).read_bytes() for end in (".json", ".npz")]
    save(small, saved)
    assert [saved.with_suffix(end).read_bytes() for end in (".json", ".npz")] == first


def test_a_missing_file_is_named(saved: Path) -> None:
    saved.with_suffix(".npz").unlink()
    assert refused(saved) == "DIR/g.npz: No such file or directory"
    saved.with_suffix(".json").unlink()
    assert refused(saved) == "DIR/g.json: No such file or directory"


def test_a_damaged_npz_is_refused_wherever_it_is_cut_or_changed(saved: Path) -> None:
    data = saved.with_suffix(".npz")
    whole = data.read_bytes()
    for size in [0, 1, 10, len(whole) // 2, len(whole) - 1]:
        data.write_bytes(whole[:size])
        assert refused(saved).startswith("DIR/g.npz: damaged or truncated")
    for place in range(0, len(whole), 7):
        data.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            load(saved)  # a byte that nobody reads, such as a date
        except GraphError as error:
            assert re.search(r"g\.(npz|json): ", str(error))


def test_the_npz_of_another_graph_is_refused(small: Graph, saved: Path) -> None:
    layer = small.by_name["layer"].op
    assert isinstance(layer, Lut)
    other = dataclasses.replace(layer, table=layer.table ^ np.uint64(1))
    nodes = tuple(
        dataclasses.replace(node, op=other) if node.name == "layer" else node
        for node in small.nodes
    )
    save(dataclasses.replace(small, nodes=nodes), saved.with_name("h"))
    saved.with_name("h.npz").replace(saved.with_suffix(".npz"))
    assert refused(saved) == "DIR/g.npz: does not belong to g.json (digests differ)"


def test_another_format_is_refused(saved: Path) -> None:
    edit(saved, format=2)
    assert refused(saved) == "DIR/g.json: graph format 2; this hlsgen reads format 1"


def test_an_unknown_operator_is_refused(saved: Path) -> None:
    nodes = json.loads(saved.with_suffix(".json").read_text())["nodes"]
    edit(saved, nodes=[nodes[0] | {"op": "softmax"}])
    known = ", ".join(sorted(OPS))
    assert refused(saved) == f"DIR/g.json: unknown operator 'softmax'; known are {known}"


def test_a_damaged_json_is_refused(saved: Path) -> None:
    file = saved.with_suffix(".json")
    whole = file.read_text()
    file.write_text(whole[: len(whole) // 2])
    assert refused(saved).startswith("DIR/g.json: damaged or truncated")
    file.write_bytes(b"\xff\xfe")
    assert refused(saved).startswith("DIR/g.json: damaged or truncated")


@pytest.mark.parametrize(
    "changes",
    [{"nodes": None}, {"nodes": [3]}, {"nodes": [{}]}, {"outputs": 7}, {"name": None}],
    ids=str,
)
def test_a_json_of_another_shape_is_refused(saved: Path, changes: dict[str, Any]) -> None:
    edit(saved, **changes)
    assert refused(saved).startswith("DIR/g.json: entry missing or unexpected: ")


def test_a_json_that_is_a_list_or_lacks_the_digest_is_refused(saved: Path) -> None:
    file = saved.with_suffix(".json")
    document = json.loads(file.read_text())
    for broken in ([document], {k: v for k, v in document.items() if k != "digest"}):
        file.write_text(json.dumps(broken))
        assert refused(saved).startswith("DIR/g.json: entry missing or unexpected: ")


def test_a_constant_of_the_wrong_type_is_refused(saved: Path) -> None:
    nodes = json.loads(saved.with_suffix(".json").read_text())["nodes"]
    edit(saved, nodes=[nodes[0] | {"bits": "three"}, *nodes[1:]])
    assert refused(saved).startswith("DIR/g.json: entry missing or unexpected: ")


def test_a_lut_index_out_of_range_in_a_file_is_refused(saved: Path) -> None:
    data = saved.with_suffix(".npz")
    with np.load(data) as arrays:
        changed = dict(arrays)
    changed["layer.src"] = changed["layer.src"].copy()
    changed["layer.src"][2, 0] = 5
    np.savez_compressed(data, **changed)
    assert refused(saved) == (
        "graph 'small': node 'layer' (lut) LUT 2 reads lane 5 on pin 0,"
        " its input has lanes 0 to 4 (-1 on unused pins)"
    )


def test_a_file_of_pickles_is_not_opened(saved: Path) -> None:
    np.savez(saved.with_suffix(".npz"), **{"x.offset": np.array([{}], dtype=object)})
    assert refused(saved).startswith("DIR/g.npz: damaged or truncated")
