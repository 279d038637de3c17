"""Passes on tables: don't-cares, absorption, mapping anew, complements; what they keep and save."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlsgen.errors import GraphError, ToolFailed
from hlsgen.graph import Graph, Node, check, run
from hlsgen.graph.cells import FIRST, Builder, Cells
from hlsgen.graph.fabric import FABRICS
from hlsgen.graph.interp import random_feeds
from hlsgen.graph.ops import Input, Lut, Sum, Thermometer
from hlsgen.passes import absorb, complement, dead, dedup, opt, resynthesise, simplify, use_care
from hlsgen.passes.blif import read_blif, write_blif
from hlsgen.passes.care import exact_care, minimised
from hlsgen.passes.cluster import clusters, composed, layered, merged
from hlsgen.tools.abc import map_tables

XCUP, ICE40 = FABRICS["xcup"], FABRICS["ice40"]
SEEDS = st.integers(0, 2**32 - 1)


def random_lut(rng: np.random.Generator, lanes: int, n: int, most: int = 6) -> Lut:
    return Lut.of(
        rng.integers(0, lanes, (n, 6)),
        rng.integers(0, most + 1, n),
        rng.integers(0, 2**64, n, dtype=np.uint64),
    )


def stack(
    rng: np.random.Generator, widths: list[int], most: int = 6, features: int = 4, n: int = 12
) -> Graph:
    """Words, a thermometer, layers of tables."""
    bits = 3
    nodes = [
        Node("x", Input(bits, np.zeros(features), np.ones(features))),
        Node("t", Thermometer(rng.integers(0, features, n, np.int32),
                              rng.integers(1, 2**bits, n)), ("x",)),
    ]  # fmt: skip
    lanes = n
    for i, width in enumerate(widths):
        nodes.append(Node(f"l{i}", random_lut(rng, lanes, width, most), (nodes[-1].name,)))
        lanes = width
    return check(Graph("net", tuple(nodes), (nodes[-1].name,)))


def same(a: Graph, b: Graph, rng: np.random.Generator) -> None:
    feeds = random_feeds(a, 600, rng)
    np.testing.assert_array_equal(run(a, feeds)[a.outputs[0]], run(b, feeds)[b.outputs[0]])


def tables(graph: Graph) -> int:
    return sum(int((~n.op.wired).sum()) for n in graph.nodes if isinstance(n.op, Lut))


def settled(graph: Graph) -> Graph:
    for _ in range(6):
        for change in (simplify, complement, dedup, dead):
            graph = change(graph)
    return graph


@given(seed=SEEDS)
def test_use_care_keeps_the_function(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = stack(rng, [8, 6])
    same(graph, check(use_care(graph)), rng)


@given(seed=SEEDS)
def test_exact_care_is_what_can_be_addressed(seed: int) -> None:
    """Every word is tried: what occurs must be cared for, and in a first layer nothing else."""
    rng = np.random.default_rng(seed)
    graph = stack(rng, [6, 5], most=4)
    grid = np.stack(np.meshgrid(*[np.arange(8)] * 4, indexing="ij"), -1).reshape(-1, 1, 4)
    values = run(graph, {"x": grid}, {"t", "l0"})
    care = exact_care(graph)
    for name, source in (("l0", "t"), ("l1", "l0")):
        op = graph.by_name[name].op
        assert isinstance(op, Lut)
        seen = op.coverage(values[source].astype(np.uint8))
        wanted = np.packbits(seen, axis=1, bitorder="little").view(np.uint64).ravel()
        inside = (np.uint64(1) << (np.uint64(1) << op.k.astype(np.uint64))) - np.uint64(1)
        # A layer all of whose entries occur is left out.
        found = care.get(name, inside)
        assert not (wanted & ~found).any()
        np.testing.assert_array_equal(wanted, found & inside)


def test_ordered_thresholds_make_a_table_smaller() -> None:
    """x >= 2 and x >= 5: where the second holds the first does; their AND is the second."""
    nodes = (
        Node("x", Input(3, np.zeros(1), np.ones(1))),
        Node("t", Thermometer(np.array([0, 0]), np.array([2, 5])), ("x",)),
        Node("l", Lut.of(np.array([[0, 1]]), np.array([2]), np.array([0b1000], np.uint64)), ("t",)),
    )
    after = settled(use_care(check(Graph("net", nodes, ("l",)))))
    assert after.by_name["l"].op == Lut.of(np.array([[0]]), np.array([1]), np.array([2], np.uint64))
    assert after.wires["t"].lanes == 1


@given(seed=SEEDS)
def test_minimised_keeps_the_cared_for_and_needs_no_more_pins(seed: int) -> None:
    rng = np.random.default_rng(seed)
    # Pins of one table on different lanes: equal ones are joined by another pass.
    src = rng.permuted(np.tile(np.arange(9), (20, 1)), axis=1)[:, :6]
    op = Lut.of(src, rng.integers(0, 7, 20), rng.integers(0, 2**64, 20, dtype=np.uint64))
    care = rng.integers(0, 2**64, 20, dtype=np.uint64) & rng.integers(0, 2**64, 20, dtype=np.uint64)
    after = minimised(op, care)
    inside = np.array([(1 << (1 << int(k))) - 1 for k in op.k], dtype=np.uint64)
    assert not ((op.table ^ after.table) & care & inside).any()
    net = Node("l", op, ("x",))
    for made in (op, after):
        graph = Graph("n", (Node("x", Input(1, np.zeros(9), np.ones(9))),
                            dataclasses.replace(net, op=made)), ("l",))  # fmt: skip
        pins = simplify(check(graph)).by_name["l"].op
        assert isinstance(pins, Lut)
        if made is op:
            before = pins.k
    assert (pins.k <= before).all()


@given(seed=SEEDS)
def test_absorb_keeps_the_function_and_never_adds_tables(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = settled(stack(rng, [10, 8, 5], most=3))
    after = check(absorb(XCUP)(graph))
    same(graph, after, rng)
    assert tables(after) <= tables(graph)


def test_absorb_composes_a_chain_into_one_table() -> None:
    pair = np.array([0b1000], np.uint64)
    nodes = (
        Node("x", Input(1, np.zeros(3), np.ones(3))),
        Node("a", Lut.of(np.array([[0, 1], [2, -1]]), np.array([2, 1]),
                         np.array([0b0110, 0b10], np.uint64)), ("x",)),
        Node("b", Lut.of(np.array([[0, 1]]), np.array([2]), pair), ("a",)),
    )  # fmt: skip
    after = absorb(XCUP)(check(Graph("net", nodes, ("b",))))
    assert [node.name for node in after.nodes] == ["x", "b"]
    assert tables(after) == 1


@given(seed=SEEDS)
def test_a_network_and_its_layers_are_the_same(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = stack(rng, [9, 7, 5], most=4)
    (cluster,) = clusters(graph)
    assert [node.name for node in cluster] == ["l0", "l1", "l2"]
    whole = merged([node.op for node in cluster if isinstance(node.op, Lut)], 12)
    feeds = {"t": rng.integers(0, 2, (200, 1, 12))}
    for cells in (whole, composed(whole, 6), read_blif(write_blif(whole), 12, 5)):
        value = feeds["t"]
        for layer in layered(cells):
            value = layer.eval(value)
        wanted = feeds["t"]
        for node in cluster:
            wanted = node.op.eval(wanted)
        np.testing.assert_array_equal(value, wanted)


@pytest.mark.yosys
@pytest.mark.parametrize("fabric", FABRICS.values(), ids=lambda f: f.name)
def test_abc_makes_gates_into_fewer_tables(fabric: object) -> None:
    rng = np.random.default_rng(4)
    graph = settled(stack(rng, [60, 60, 40], most=3, features=40, n=80))
    complaints: list[str] = []
    after = check(resynthesise(fabric, map_tables, complaints.append)(graph))  # type: ignore[arg-type]
    assert not complaints
    same(graph, after, rng)
    assert tables(after) < tables(graph)


def test_an_abc_that_fails_or_lies_changes_nothing() -> None:
    rng = np.random.default_rng(4)
    graph = settled(stack(rng, [60, 60, 40], most=3, features=40, n=80))
    complaints: list[str] = []

    def fails(blif: str, library: str, commands: str) -> str:
        raise ToolFailed("yosys-abc took longer than 300 s")

    def lies(blif: str, library: str, commands: str) -> str:
        outputs = next(line for line in blif.splitlines() if line.startswith(".outputs")).split()[
            1:
        ]
        return ".model net\n" + "".join(f".names {o}\n1\n" for o in outputs) + ".end\n"

    for mapper, words in ((fails, "took longer"), (lies, "not proved equal")):
        complaints.clear()
        after = resynthesise(XCUP, mapper, complaints.append)(graph)
        assert after.digest == graph.digest
        assert any(words in text for text in complaints)
        assert all(text.startswith("l2: ") for text in complaints)


def test_opt_keeps_the_warnings() -> None:
    from hlsgen.passes import Record

    def fails(blif: str, library: str, commands: str) -> str:
        raise ToolFailed("no time left")

    record = Record()
    opt(stack(np.random.default_rng(4), [60, 60, 40], most=3, features=40, n=80), XCUP, 50.0,
        mapper=fails, record=record)  # fmt: skip
    assert any("no time left" in text for text in record.warnings)
    assert record.steps and all(step.time_s >= 0 for step in record.steps)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (".model net\n.inputs i0\n.outputs o0\n.names i0 o0\n1 1\n", "no .end"),
        (".model net\n.latch a b\n.end\n", ".latch is no table"),
        (".model net\n.names i0 n5 o0\n11 1\n.end\n", "nothing drives n5"),
        (".model net\n.names i0 n5 o0\n11 1\n.names o0 n5\n1 1\n.end\n", "depends on itself"),
        (".model net\n.names i0 i1 i2 i3 i4 i5 i6 o0\n1111111 1\n.end\n", "has 7 inputs"),
    ],
)
def test_a_bad_network_is_refused(text: str, words: str) -> None:
    with pytest.raises(GraphError, match=words):
        read_blif(text, 7, 1)


def test_covers_of_zeros_and_of_dashes() -> None:
    text = ".model n\n.names i0 i1 o0\n1- 0\n.names i0 i1 o1\n-1 1\n1- 1\n.names o2\n.end\n"
    cells = read_blif(text, 2, 3)
    assert [cells.tables[0].init, cells.tables[1].init] == [0b01, 0b1110]
    assert cells.outputs[2] == 0


def test_complements_cancel_in_a_sum_and_are_read_once() -> None:
    both = np.array([0b0110, 0b1001], np.uint64)
    layer = Lut.of(np.array([[0, 1], [0, 1]]), np.array([2, 2]), both)
    x = Node("x", Input(1, np.zeros(2), np.ones(2)))
    total = Sum.of(np.array([0, 1, 0]), np.array([3]), np.array([2]))
    after = complement(check(Graph("n", (x, Node("l", layer, ("x",)), Node("s", total, ("l",))),
                                   ("s",))))  # fmt: skip
    assert after.by_name["s"].op == Sum.of(np.array([0]), np.array([1]), np.array([3]))
    reader = Lut.of(np.array([[0, 1]]), np.array([2]), np.array([0b1000], np.uint64))
    graph = check(Graph("n", (x, Node("l", layer, ("x",)), Node("r", reader, ("l",))), ("r",)))
    assert settled(graph).by_name["r"].op == Lut.of(np.zeros((1, 1), int), np.array([0]),
                                                    np.array([0], np.uint64))  # fmt: skip


def test_constants_and_wires_survive_as_layers() -> None:
    builder = Builder(2)
    cells = Cells(2, builder.cells([]).cells, (0, 1, FIRST + 1, FIRST + 1))
    (layer,) = layered(cells)
    np.testing.assert_array_equal(layer.eval(np.array([[[0, 1]]])), [[[0, 1, 1, 1]]])
