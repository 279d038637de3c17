"""What emitted Verilog says, read by an independent parser, next to what the graph says."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hlsgen.graph import Graph, Node, Wire
from hlsgen.graph.cells import FIRST, Cells, Row, Table
from hlsgen.graph.fabric import Fabric

with warnings.catch_warnings():
    # pyverilog leaves its VERSION file open.
    warnings.simplefilter("ignore", ResourceWarning)
    from pyverilog.vparser import ast
    from pyverilog.vparser.parser import VerilogParser

LUT_PINS = ("y", *(f"a{i}" for i in range(6)))
PAIR_PINS = ("y0", "y1", *(f"a{i}" for i in range(5)))


@dataclass
class Module:
    """One module: ports with direction and width, instances, assignments; all as text.

    An instance is (module, parameters, connections); a connection by place has the name of
    that place in a lookup table or a pair.
    """

    ports: dict[str, tuple[str, int]] = field(default_factory=dict)
    instances: dict[str, tuple[str, tuple[str, ...], dict[str, str]]] = field(default_factory=dict)
    assigns: dict[str, str] = field(default_factory=dict)


def parser(folder: Path) -> VerilogParser:
    """A parser that keeps its tables in `folder`."""
    return VerilogParser(outputdir=str(folder), debug=False)


def modules_of(verilog: VerilogParser, text: str) -> dict[str, Any]:
    """Parsed module definitions of one file by name."""
    definitions = verilog.parse(text, debug=False).description.definitions
    return {item.name: item for item in definitions if isinstance(item, ast.ModuleDef)}


def _module(definition: Any) -> Module:
    module = Module()
    for port in definition.portlist.ports:
        bits = port.first.width
        width = int(bits.msb.value) - int(bits.lsb.value) + 1 if bits else 1
        module.ports[port.first.name] = type(port.first).__name__.lower(), width
    for item in definition.items:
        if isinstance(item, ast.Assign):
            module.assigns[_text(item.left.var)] = _text(item.right.var)
        elif isinstance(item, ast.Decl):
            for assign in (part for part in item.list if isinstance(part, ast.Assign)):
                module.assigns[_text(assign.left.var)] = _text(assign.right.var)
        elif isinstance(item, ast.InstanceList):
            for instance in item.instances:
                module.instances[instance.name] = _instance(instance)
    return module


def _instance(instance: Any) -> tuple[str, tuple[str, ...], dict[str, str]]:
    places = PAIR_PINS if instance.module == "hlsgen_pair" else LUT_PINS
    wires = {
        port.portname or places[i]: _text(port.argname) for i, port in enumerate(instance.portlist)
    }
    values = tuple(_text(item.argname) for item in instance.parameterlist)
    return instance.module, values, wires


def _number(literal: str) -> int:
    base, _, digits = literal.partition("'")
    return int(digits[1:], {"h": 16, "d": 10, "b": 2}[digits[0]]) if digits else int(base)


def _text(expression: Any) -> str:
    if isinstance(expression, ast.Identifier):
        return str(expression.name)
    if isinstance(expression, ast.Pointer):
        return f"{_text(expression.var)}[{expression.ptr.value}]"
    if isinstance(expression, ast.Partselect):
        return f"{_text(expression.var)}[{expression.msb.value}:{expression.lsb.value}]"
    if isinstance(expression, ast.Concat):
        return "{" + ", ".join(map(_text, expression.list)) + "}"
    if expression is None:
        return ""  # a port that is left open
    if isinstance(expression, ast.IntConst):
        return str(_number(expression.value))
    return type(expression).__name__


def differences(
    verilog: VerilogParser, graph: Graph, texts: dict[str, str], fabric: Fabric
) -> list[str]:
    """Where the files `texts` (name -> text) of `graph` for `fabric` are not what it says."""

    def module(name: str) -> Module:
        full = f"{graph.name}_{name}"
        return _module(modules_of(verilog, texts[f"rtl/{full}.v"])[full])

    found: list[str] = []
    for node in (node for node in graph.nodes if node.inputs):
        got = module(node.name)
        found += _unequal(f"{node.name} ports", got.ports, _ports(graph, node))
        cells = node.op.cells(fabric, *graph.inputs_of(node))
        if cells is not None:
            names = _names(cells, graph.inputs_of(node))
            for name, (module_name, values, wires) in got.instances.items():
                if module_name == "hlsgen_row":
                    got.instances[name] = module_name, values[:1], wires
            found += _unequal(node.name, got.instances, dict(_placed(cells, names, fabric)))
            outputs = ", ".join(names[out] for out in reversed(cells.outputs))
            found += _unequal(node.name, got.assigns, {"y": "{" + outputs + "}"})
    core = module("core")
    found += _unequal("core", core.instances, dict(_nodes(graph)))
    found += _unequal("core", core.assigns, _nets(graph) | _valid(core))
    return found


def _unequal(place: str, got: dict[str, Any], wanted: dict[str, Any]) -> Iterator[str]:
    for name in sorted(set(got) | set(wanted)):
        if got.get(name) != wanted.get(name):
            yield f"{place}, {name}: is {got.get(name)}, should be {wanted.get(name)}"


def _ports(graph: Graph, node: Node) -> dict[str, tuple[str, int]]:
    wires = graph.inputs_of(node)
    names = ["x"] if len(wires) == 1 else [f"x{i}" for i in range(len(wires))]
    ports = {name: ("input", wire.width_bits) for name, wire in zip(names, wires, strict=True)}
    clock = {"clk": ("input", 1)} if node.op.latency else {}
    return clock | ports | {"y": ("output", graph.wires[node.name].width_bits)}


Instance = tuple[str, tuple[str, ...], dict[str, str]]


def _names(cells: Cells, wires: tuple[Wire, ...]) -> dict[int, str]:
    """What each signal is called: constants, bits of the inputs, outputs of cells by number."""
    ports = ["x"] if len(wires) == 1 else [f"x{i}" for i in range(len(wires))]
    bits = [
        f"{port}[{i}]" for port, w in zip(ports, wires, strict=True) for i in range(w.width_bits)
    ]
    names = {0: "0", 1: "1"} | {FIRST + i: bit for i, bit in enumerate(bits)}
    made = [cell.out for cell in cells.tables]
    made += [
        out for row in cells.rows for out in (*(link.out for link in row.links), row.carry_out)
    ]
    return names | {out: f"n{out - FIRST - len(bits)}" for out in made if out}


def _placed(cells: Cells, names: dict[int, str], fabric: Fabric) -> Iterator[tuple[str, Instance]]:
    """Name and instance of each LUT, of each two that share one, and of each chain."""
    for i, (table, mate) in enumerate(zip(cells.tables, cells.mates, strict=True)):
        name = f"u{names[table.out][1:]}"
        if mate < 0 or not fabric.dual:
            nets = [names[signal] for signal in (table.out, *table.pins)]
            wires = dict(zip(LUT_PINS, nets, strict=False))
            yield name, (f"hlsgen_lut{len(table.pins)}", (str(table.init),), wires)
        elif i < mate:
            other = cells.tables[mate]
            pins = sorted({*table.pins, *other.pins})
            inits = tuple(str(_widened(one, pins)) for one in (table, other))
            signals = [table.out, other.out, *pins, *[0] * (5 - len(pins))]
            nets = [names[signal] for signal in signals]
            yield name, ("hlsgen_pair", inits, dict(zip(PAIR_PINS, nets, strict=True)))
    for row in cells.rows:
        yield f"u{names[row.links[0].out][1:]}", _chained(row, names)


def _widened(table: Table, pins: list[int]) -> int:
    """A table on the five pins of a pair."""
    rows = ([entry >> pins.index(pin) & 1 for pin in table.pins] for entry in range(32))
    addresses = (sum(bit << i for i, bit in enumerate(row)) for row in rows)
    return sum((table.init >> address & 1) << entry for entry, address in enumerate(addresses))


def _chained(row: Row, names: dict[int, str]) -> Instance:
    """The chain; form and INIT are for the proof of its bodies to check, and are not compared."""
    pins = [
        name
        for link in reversed(row.links)
        for name in [*["1"] * (6 - len(link.pins)), *(names[pin] for pin in reversed(link.pins))]
    ]
    wires = {
        "o": "{" + ", ".join(names[link.out] for link in reversed(row.links)) + "}",
        "co": names[row.carry_out] if row.carry_out else "",
        "ci": names[row.carry],
        "a": "{" + ", ".join(pins) + "}",
    }
    return "hlsgen_row", (str(len(row.links)),), wires


def _nodes(graph: Graph) -> Iterator[tuple[str, tuple[str, tuple[str, ...], dict[str, str]]]]:
    for node in (node for node in graph.nodes if node.inputs):
        inputs = [name for name in _ports(graph, node) if name.startswith("x")]
        sources = (f"n_{source}" for source in node.inputs)
        wires = dict(zip(inputs, sources, strict=True)) | {"y": f"n_{node.name}"}
        clock = {"clk": "clk"} if node.op.latency else {}
        yield f"i_{node.name}", (f"{graph.name}_{node.name}", (), clock | wires)


def _nets(graph: Graph) -> dict[str, str]:
    """The core's assignments: its inputs cut apart, its outputs put together."""
    nets, lsb = {}, 0
    for node in graph.feeds():
        width = graph.wires[node.name].width_bits
        nets[f"n_{node.name}"] = f"x[{lsb + width - 1}:{lsb}]"
        lsb += width
    return nets | {"y": "{" + ", ".join(f"n_{name}" for name in reversed(graph.outputs)) + "}"}


def _valid(core: Module) -> dict[str, str]:
    """`valid_out` as it is: when it comes is for simulation to check."""
    return {"valid_out": core.assigns["valid_out"]}
