"""Emitted Verilog, read by pyverilog, has the graph's modules, tables and wires."""

from __future__ import annotations

import re

import pytest

from hlsgen.emit import emit, emit_uart
from hlsgen.graph import Graph
from hlsgen.passes import pipeline
from rtl_tests.designs import ECP5, random_network
from rtl_tests.structure import VerilogParser, differences, modules_of, parser


@pytest.fixture(scope="module")
def verilog(tmp_path_factory: pytest.TempPathFactory) -> VerilogParser:
    return parser(tmp_path_factory.mktemp("ply"))


@pytest.fixture(scope="module")
def graph() -> Graph:
    """Not optimised, so that LUTs of every fan-in, constants too, are left."""
    graph = pipeline(ECP5, 150)(random_network(31, layers=(60, 50)))
    kinds = {node.op.kind for node in graph.nodes}
    assert {"lut", "register", "sum", "argmax", "thermometer"} <= kinds
    fan_ins = {int(k) for name in ("layer0", "layer1") for k in graph.by_name[name].op.k}
    assert fan_ins == set(range(7))
    return graph


@pytest.fixture(scope="module")
def texts(graph: Graph) -> dict[str, str]:
    return {name: str(text) for name, text in emit(graph, 8).files.items()}


def test_structure_is_the_graph(
    verilog: VerilogParser, graph: Graph, texts: dict[str, str]
) -> None:
    assert differences(verilog, graph, texts) == []


def test_every_file_parses(verilog: VerilogParser, graph: Graph, texts: dict[str, str]) -> None:
    """One module a file, called like the file; the library has several."""
    uart = emit_uart(graph, 25.0, 115200).files
    for name, text in (texts | {name: str(text) for name, text in uart.items()}).items():
        modules = list(modules_of(verilog, text))
        stem = name.removeprefix("rtl/").removesuffix(".v")
        if stem.startswith("hlsgen_"):
            assert len(modules) > 2
            assert all(module.startswith("hlsgen_") for module in modules)
        else:
            assert modules == [stem]


@pytest.mark.parametrize(
    ("module", "old", "new", "found"),
    [
        ("layer0", r"(#\(\d+'h\w*)[0-7]\) u9 ", r"\g<1>f) u9 ", "layer0, u9: is"),
        ("layer1", r"u3 \(n3, x\[\d+\]", "u3 (n3, x[51]", "layer1, u3: is"),
        ("layer1", r"hlsgen_lut\d #\(.*\) u4 .*;\n", "", "layer1, u4: is None"),
        ("layer0", r"assign (n\d+) = 1'b1", r"assign \1 = 1'b0", "layer0, n"),
        ("layer0", r"n8,\n    n7", "n7,\n    n8", "layer0, y: is"),
        ("sums", r"\[\d+:0\] y", "[30:0] y", "sums ports, y: is ('output', 31)"),
        ("core", r"(i_layer1 \(\.x\()\w+", r"\1n_code", "core, i_layer1: is"),
        ("core", r"net_layer1 i_layer1 .*;\n", "", "core, i_layer1: is None"),
        ("core", r"assign y = \{ \w+", "assign y = { n_sums", "core, y: is"),
    ],
)
def test_a_difference_is_found(
    verilog: VerilogParser,
    graph: Graph,
    texts: dict[str, str],
    module: str,
    old: str,
    new: str,
    found: str,
) -> None:
    name = f"rtl/net_{module}.v"
    broken = re.sub(old, new, texts[name], count=1)
    assert broken != texts[name]
    (line,) = differences(verilog, graph, texts | {name: broken})
    assert line.startswith(found)
