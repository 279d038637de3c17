"""Faults in the text of modules: each kind has its places, and lanes in which it shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hlsgen.emit import emit
from hlsgen.graph import Graph, Node, check
from hlsgen.graph.fabric import FABRICS, Fabric
from hlsgen.graph.ops import Argmax, Count, Input, Lut, Sum, Thermometer
from hlsgen.mutate import graphs, verilogs
from hlsgen.mutate.modules import Module
from hlsgen.passes import opt
from rtl_tests.designs import ECP5, random_network, streaming_network

FAMILIES = ("ecp5", "xcup")
Emitted = tuple[Path, Graph, Fabric]


@pytest.fixture(scope="module", params=FAMILIES)
def emitted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Emitted:
    """A network with counters on chains, and pairs where the family has them."""
    fabric = FABRICS[request.param]
    network = random_network(3, features=6, bits=8, code=40, layers=(40, 60), fan_in=(2, 5))
    graph = opt(network, fabric, 150.0)
    folder = tmp_path_factory.mktemp(fabric.name)
    emit(graph, 8, fabric).write(folder)
    return folder, graph, fabric


def test_every_kind_has_places_and_each_fault_lanes_of_its_own(emitted: Emitted) -> None:
    folder, graph, fabric = emitted
    edits = verilogs.inside_nodes(folder, graph, 6, np.random.default_rng(1))
    kinds = {edit.kind for edit in edits}
    wanted = set(verilogs.NODE_KINDS) - {"lost lane"}  # of sums that are left
    if not fabric.dual:
        wanted.remove("pair bit")
    assert kinds == wanted
    places = [(edit.layer, lane) for edit in edits for lane in edit.lanes]
    assert len(places) == len(set(places))
    before = {edit.file: (folder / edit.file).read_text() for edit in edits}
    try:
        verilogs.put(folder, edits)
        for edit in edits:
            assert edit.old != edit.new
            assert (folder / edit.file).read_text() != before[edit.file]
    finally:
        for file, text in before.items():
            (folder / file).write_text(text)


def test_a_module_is_read_as_it_is_written(emitted: Emitted) -> None:
    """Every LUT, both halves of each pair and every position are there, and reach their lanes."""
    folder, graph, fabric = emitted
    for node in graph.nodes:
        wires = graph.inputs_of(node)
        cells = node.op.cells(fabric, *wires)
        if cells is None:
            continue
        text = (folder / f"rtl/{graph.name}_{node.name}.v").read_text()
        module = Module(text, graph.wires[node.name])
        assert len(module.tables) == len(cells.tables)
        assert len(module.rows) == len(cells.rows)
        assert [len(row.s) for row in module.rows] == [len(row.links) for row in cells.rows]
        assert len(module.outputs) == graph.wires[node.name].width_bits
        if isinstance(node.op, Lut):
            assert {table.drives[0]: module.lanes(table.drives) for table in module.tables} == {
                f"n{lane}": (lane,) for lane in np.flatnonzero(~node.op.wired)
            }


def test_faults_of_a_library_are_put_in_only_where_a_cell_shows_them(
    emitted: Emitted, tmp_path: Path
) -> None:
    folder, graph, fabric = emitted
    kinds = {edit.kind for edit in verilogs.structural(folder, graph)}
    assert {"carry not made", "sum without carry", "library table"} <= kinds
    assert ("library pair" in kinds) == fabric.dual
    tables = Graph(
        "net",
        (
            Node("x", Input(1, np.zeros(3), np.ones(3))),
            Node("l", Lut.of(np.array([[0, 1, 2]]), np.array([3]), np.array([0x96])), ("x",)),
        ),
        ("l",),
    )
    plain = opt(check(tables), fabric, 50.0)
    emit(plain, 8, fabric).write(tmp_path)
    kinds = {edit.kind for edit in verilogs.structural(tmp_path, plain)}
    assert not {kind for kind in kinds if "carry" in kind or kind.startswith("library")}
    assert "valid early" in kinds


def rows(*chains: tuple[int, str, str]) -> str:
    return "".join(
        f"hlsgen_row #(.N({n}), .FORM(2), .INIT({{\n 64'h0\n}})) u (\n .o({{ a }}),\n"
        f" .co({co}), .ci({ci}), .a({{ b }}));\n"
        for n, co, ci in chains
    )


@pytest.mark.parametrize(
    ("chain", "entered", "left", "longer"),
    [
        ((1, "", "1'b0"), False, False, False),
        ((2, "", "1'b0"), False, False, True),
        ((1, "", "x[3]"), True, False, False),
        ((3, "n4", "1'b0"), False, True, False),
    ],
)
def test_what_a_chain_shows(
    chain: tuple[int, str, str], entered: bool, left: bool, longer: bool
) -> None:
    text = rows((1, "", "1'b0"), chain)
    assert verilogs._rows(text, entered=True) == entered
    assert verilogs._rows(text, left=True) == left
    assert verilogs._rows(text, longer=True) == longer


def test_faults_of_a_stream_are_put_into_its_parts_and_its_library(tmp_path: Path) -> None:
    graph = opt(streaming_network(1, (4, 4), ((2, 2), (1, 1), 5), bits=2), ECP5, 150.0)
    emit(graph, 8, ECP5).write(tmp_path)
    inside = verilogs.inside_nodes(tmp_path, graph, 2, np.random.default_rng(0))
    assert {edit.file[: len("rtl/net_p0_")] for edit in inside} >= {"rtl/net_p0_", "rtl/net_p2_"}
    found = {edit.kind: edit for edit in verilogs.structural(tmp_path, graph)}
    assert {"place to stop", "row too long", "frame not filled", "bad frame answered"} <= set(found)
    for kind in ("dropped register", "bypassed register", "valid early", "wrong answer"):
        assert found[kind].file.startswith("rtl/net_p0_")
    for edit in (*inside, *found.values()):
        text = (tmp_path / edit.file).read_text()
        verilogs.put(tmp_path, [edit])
        assert (tmp_path / edit.file).read_text() != text
        (tmp_path / edit.file).write_text(text)


def test_faults_of_an_optimised_graph_have_counters(tmp_path: Path) -> None:
    code = Thermometer(np.zeros(20, int), np.arange(20) % 7 + 1)
    total = Sum.of(np.arange(20), np.array([10, 10]), np.array([0, 0]))
    nodes = (
        Node("x", Input(3, np.zeros(1), np.ones(1))),
        Node("bits", code, ("x",)),
        Node("s", total, ("bits",)),
        Node("y", Argmax(), ("s",)),
    )
    graph = opt(check(Graph("net", nodes, ("y",))), FABRICS["ecp5"], 50.0)
    found = list(graphs.faults(graph, 3, np.random.default_rng(0)))
    assert {"lost lane", "threshold off by one"} <= {kind for kind, _ in found}
    for _, (_, wrong) in found:
        assert check(wrong).digest != graph.digest
        assert any(isinstance(node.op, Count) for node in wrong.nodes)
