"""What emitted Verilog says, read by an independent parser, next to what the graph says."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hlsgen.graph import Graph, Node
from hlsgen.graph.ops import Lut

with warnings.catch_warnings():
    # pyverilog leaves its VERSION file open.
    warnings.simplefilter("ignore", ResourceWarning)
    from pyverilog.vparser import ast
    from pyverilog.vparser.parser import VerilogParser

LUT_PINS = ("y", *(f"a{i}" for i in range(6)))


@dataclass
class Module:
    """One module: ports with direction and width, instances, assignments; all as text.

    An instance is (module, parameters, connections), a connection by place has the name of
    that place in a lookup table.
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
    wires = {
        port.portname or LUT_PINS[i]: _text(port.argname)
        for i, port in enumerate(instance.portlist)
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
    if isinstance(expression, ast.IntConst):
        return str(_number(expression.value))
    return type(expression).__name__


def differences(verilog: VerilogParser, graph: Graph, texts: dict[str, str]) -> list[str]:
    """Where the files `texts` (name -> text) of `graph` are not what the graph says."""

    def module(name: str) -> Module:
        full = f"{graph.name}_{name}"
        return _module(modules_of(verilog, texts[f"rtl/{full}.v"])[full])

    found: list[str] = []
    for node in (node for node in graph.nodes if node.inputs):
        got = module(node.name)
        found += _unequal(f"{node.name} ports", got.ports, _ports(graph, node))
        if isinstance(node.op, Lut):
            found += _unequal(node.name, got.instances, dict(_tables(node.op)))
            found += _unequal(node.name, got.assigns, _assigns(node.op))
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


def _tables(op: Lut) -> Iterator[tuple[str, tuple[str, tuple[str, ...], dict[str, str]]]]:
    for i, (src, k, table) in enumerate(zip(op.src, op.k, op.table, strict=True)):
        if k:
            nets = [f"n{i}", *(f"x[{lane}]" for lane in src[:k])]
            yield (
                f"u{i}",
                (f"hlsgen_lut{k}", (str(table),), dict(zip(LUT_PINS, nets, strict=False))),
            )


def _assigns(op: Lut) -> dict[str, str]:
    constants = {f"n{i}": str(op.table[i]) for i in range(len(op.k)) if not op.k[i]}
    return constants | {"y": "{" + ", ".join(f"n{i}" for i in reversed(range(len(op.k)))) + "}"}


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
