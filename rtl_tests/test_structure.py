"""Emitted Verilog, read by pyverilog, has the graph's modules, tables and wires."""

from __future__ import annotations

import re

import pytest

from hlsgen.emit import emit, emit_uart
from hlsgen.graph import Graph
from hlsgen.graph.fabric import FABRICS, Fabric
from hlsgen.passes import opt, pipeline, split_head
from rtl_tests.designs import random_network, streaming_network
from rtl_tests.structure import VerilogParser, differences, modules_of, parser


@pytest.fixture(scope="module")
def verilog(tmp_path_factory: pytest.TempPathFactory) -> VerilogParser:
    return parser(tmp_path_factory.mktemp("ply"))


def design(fabric: Fabric) -> Graph:
    """Not optimised, so that LUTs of every fan-in, constants too, are left."""
    network = random_network(31, layers=(60, 54))
    graph = pipeline(fabric, 150)(split_head(fabric, 150)(network))
    kinds = {node.op.kind for node in graph.nodes}
    assert {"lut", "register", "count", "join", "duel", "thermometer"} <= kinds
    fan_ins = {int(k) for name in ("layer0", "layer1") for k in graph.by_name[name].op.k}
    assert fan_ins == set(range(7))
    return graph


Emitted = tuple[Graph, dict[str, str], Fabric]


@pytest.fixture(scope="module")
def every() -> dict[str, Emitted]:
    made = {}
    for name in ("ecp5", "xcup"):
        graph = design(FABRICS[name])
        texts = {file: str(text) for file, text in emit(graph, 8, FABRICS[name]).files.items()}
        made[name] = graph, texts, FABRICS[name]
    return made


@pytest.mark.parametrize("fabric", ["ecp5", "xcup"])
def test_structure_is_the_graph(
    verilog: VerilogParser, every: dict[str, Emitted], fabric: str
) -> None:
    assert differences(verilog, *every[fabric]) == []


def behavioural(text: str) -> str:
    """What a tool that no macro is set for reads; pyverilog reads all branches, no attributes."""
    kept, active = [], [True]
    for line in text.splitlines():
        word, *macro = line.split() or [""]
        if word in ("`ifdef", "`ifndef"):
            assert macro[0].startswith("HLSGEN_")
            active.append(word == "`ifndef")
        elif word == "`else":
            active[-1] = not active[-1]
        elif word == "`endif":
            active.pop()
        elif word != "`elsif" and all(active):
            kept.append(line)
    assert active == [True]
    return re.sub(r"\(\* .*? \*\)", "", "\n".join([*kept, ""]))


def test_every_file_parses(verilog: VerilogParser, every: dict[str, Emitted]) -> None:
    """One module a file, called like the file; the library has several, or one of its own."""
    graph, texts, fabric = every["ecp5"]
    texts = texts | emit_uart(graph, 25.0, 115200).files
    stream = streaming_network(1, (4, 40), ((2, 2), (1, 1), 3), bits=2, name="stream")
    stream = opt(stream, fabric, 150.0)
    texts |= emit(stream, 8, fabric).files | emit_uart(stream, 25.0, 115200).files
    for name, text in ((name, str(text)) for name, text in texts.items()):
        modules = list(modules_of(verilog, behavioural(text)))
        stem = name.removeprefix("rtl/").removesuffix(".v")
        if stem.startswith("hlsgen_"):
            assert len(modules) > 2 or modules == ["hlsgen_row"]
            assert all(module.startswith("hlsgen_") for module in modules)
        else:
            assert modules == [stem]


@pytest.mark.parametrize(
    ("fabric", "module", "old", "new", "found"),
    [
        ("ecp5", "layer0", r"(#\(\d+'h\w*)[0-7]\) u9 ", r"\g<1>f) u9 ", "layer0, u9: is"),
        ("ecp5", "layer1", r"u3 \(n3, x\[\d+\]", "u3 (n3, x[51]", "layer1, u3: is"),
        ("ecp5", "layer1", r"hlsgen_lut\d #\(.*\) u4 .*;\n", "", "layer1, u4: is None"),
        ("ecp5", "layer0", r"(?<=\n    )1'b1", "1'b0", "layer0, y: is"),
        ("ecp5", "layer0", r"n8,\n    n7", "n7,\n    n8", "layer0, y: is"),
        ("ecp5", "code", r"(#\(\d+'h\w*)[0-7]\) u0 ", r"\g<1>f) u0 ", "code, u0: is"),
        ("ecp5", "sums_0", r"\.ci\([^)]*\)", ".ci(x[2])", "sums_0, u"),
        ("ecp5", "sums_0", r"x\[\d+\](?=\n\}\)\);)", "1'b0", "sums_0, u"),
        ("ecp5", "answer", r"(?<=\n    )n\d+", "x[0]", "answer, y: is"),
        ("ecp5", "sums", r"x\[1\],", "x[2],", "sums, y: is"),
        ("ecp5", "sums", r"\[\d+:0\] y", "[30:0] y", "sums ports, y: is ('output', 31)"),
        ("ecp5", "core", r"(i_layer1 \(\.x\()\w+", r"\1n_code", "core, i_layer1: is"),
        ("ecp5", "core", r"net_layer1 i_layer1 .*;\n", "", "core, i_layer1: is None"),
        ("ecp5", "core", r"assign y = \{ \w+", "assign y = { n_sums", "core, y: is"),
        ("xcup", "layer0", r"(hlsgen_pair #\(32'h\w*)[0-7],", r"\g<1>f,", "layer0, u"),
        ("xcup", "layer0", r"(hlsgen_pair .* 32'h\w*)[0-7]\)", r"\g<1>f)", "layer0, u"),
        ("xcup", "layer0", r"(hlsgen_pair .*, )x\[\d+\]", r"\g<1>x[0]", "layer0, u"),
        ("xcup", "layer0", r"hlsgen_pair .*;\n", "", "layer0, u"),
    ],
)
def test_a_difference_is_found(
    verilog: VerilogParser,
    every: dict[str, Emitted],
    fabric: str,
    module: str,
    old: str,
    new: str,
    found: str,
) -> None:
    graph, texts, family = every[fabric]
    name = f"rtl/net_{module}.v"
    broken = re.sub(old, new, texts[name], count=1)
    assert broken != texts[name]
    (line,) = differences(verilog, graph, texts | {name: broken}, family)
    assert line.startswith(found)
