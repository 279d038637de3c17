"""A trained network as plain Verilog, the way an engineer writes it down from the graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hlsgen.graph.ir import Graph, Node, Wire
from hlsgen.graph.ops import Argmax, Lut, Sum, Thermometer


@dataclass(frozen=True)
class Box:
    """Verilog that stands for a node: statements that drive `value(node)`, and what they read."""

    text: str
    reads: tuple[str, ...] = ()


def value(name: str) -> str:
    """The wire of node `name`: its lanes side by side, lane 0 least significant."""
    return f"{name}_v"


def behavioural(graph: Graph, instead: Mapping[str, Box] | None = None) -> str:
    """One combinational module `core`: words of the features on x, the answer on y.

    Features, lanes and bits are ordered as in hlsgen's frame, the first least significant.

    Args:
        graph: an exported graph: input, thermometer, lut, sum and argmax.
        instead: nodes that are somebody else's; what only they would have read is left out.

    Raises:
        TypeError: another kind of operator.
    """
    boxes = instead or {}
    needed = _needed(graph, boxes)
    body, at = [], 0
    for node in graph.nodes:
        wire = graph.wires[node.name]
        if not node.inputs:
            last = at + wire.width_bits - 1
            body.append(f"wire [{wire.width_bits - 1}:0] {value(node.name)} = x[{last}:{at}];")
            at = last + 1
        elif node.name in needed:
            body.append(f"wire [{wire.width_bits - 1}:0] {value(node.name)};")
            box = boxes.get(node.name)
            body += [box.text] if box else _statements(graph, node)
    width = sum(graph.wires[name].width_bits for name in graph.outputs)
    answer = ", ".join(value(name) for name in reversed(graph.outputs))
    lines = "\n".join(f"    {line}" for line in [*body, f"assign y = {{{answer}}};"])
    ports = f"input [{at - 1}:0] x, output [{width - 1}:0] y"
    return f"module core({ports});\n{lines}\nendmodule\n"


def _needed(graph: Graph, boxes: Mapping[str, Box]) -> set[str]:
    needed = set(graph.outputs)
    for node in reversed(graph.nodes):
        if node.name in needed:
            box = boxes.get(node.name)
            needed.update(box.reads if box else node.inputs)
    return needed


def _statements(graph: Graph, node: Node) -> Iterator[str]:
    source, out = value(node.inputs[0]), value(node.name)
    (x,), y = graph.inputs_of(node), graph.wires[node.name]
    match node.op:
        case Thermometer() as op:
            for i, (lane, bound) in enumerate(
                zip(op.feature.tolist(), op.threshold.tolist(), strict=True)
            ):
                yield f"assign {out}[{i}] = {_at_least(_lane(source, lane, x), bound, x)};"
        case Lut() as op:
            yield from _tables(op, source, out)
        case Sum() as op:
            ends = op.offset.tolist()
            for i, bias in enumerate(op.bias.tolist()):
                terms = [
                    _term(_lane(source, lane, x), x, y)
                    for lane in op.src[ends[i] : ends[i + 1]].tolist()
                ]
                whole = " + ".join([*terms, *[_number(bias, y)] * (bias != 0 or not terms)])
                yield f"assign {_lane(out, i, y)} = {whole};"
        case Argmax():
            yield from _argmax(source, out, x, y)
        case _:
            raise TypeError(f"node {node.name}: no plain Verilog of operator {node.op.kind!r}")


def _at_least(word: str, bound: int, wire: Wire) -> str:
    """The comparison with a constant; bounds outside the range are constants themselves."""
    if bound <= wire.lo or bound > wire.hi:
        return f"1'b{int(bound <= wire.lo)}"
    signed = f"$signed({word})" if wire.signed else word
    return f"{signed} >= {_number(bound, wire)}"


def _tables(op: Lut, source: str, out: str) -> Iterator[str]:
    """Each table is a constant, its inputs the index."""
    rows = zip(op.src.tolist(), op.k.tolist(), op.table.tolist(), strict=True)
    for i, (src, k, table) in enumerate(rows):
        if not k:
            yield f"assign {out}[{i}] = 1'b{table};"
            continue
        pins = ", ".join(f"{source}[{lane}]" for lane in reversed(src[:k]))
        name = f"{out}_table{i}"
        yield f"localparam [{(1 << k) - 1}:0] {name} = {1 << k}'h{table:x};"
        yield f"assign {out}[{i}] = {name}[{{{pins}}}];"


def _argmax(source: str, out: str, x: Wire, y: Wire) -> Iterator[str]:
    """The first largest lane, found one after the other."""
    sign = " signed" if x.signed else ""
    best, index, i = f"{out}_best", f"{out}_index", f"{out}_i"
    lane = f"{source}[{i} * {x.bits} +: {x.bits}]"
    compared = f"$signed({lane})" if x.signed else lane
    yield f"reg{sign} [{x.bits - 1}:0] {best};"
    yield f"reg [{y.bits - 1}:0] {index};"
    yield f"integer {i};"
    yield "always @* begin"
    yield f"    {best} = {_lane(source, 0, x)};"
    yield f"    {index} = 0;"
    yield f"    for ({i} = 1; {i} < {x.lanes}; {i} = {i} + 1)"
    yield f"        if ({compared} > {best}) begin"
    yield f"            {best} = {lane};"
    yield f"            {index} = {i};"
    yield "        end"
    yield "end"
    yield f"assign {out} = {index};"


def _lane(name: str, lane: int, wire: Wire) -> str:
    low = lane * wire.bits
    return f"{name}[{low}]" if wire.bits == 1 else f"{name}[{low + wire.bits - 1}:{low}]"


def _term(lane: str, x: Wire, total: Wire) -> str:
    """A term of a sum whose result is `total`; all are signed, or none is."""
    if not total.signed:
        return lane
    return f"$signed({lane})" if x.signed else f"$signed({{1'b0, {lane}}})"


def _number(number: int, wire: Wire) -> str:
    sign = "-" if number < 0 else ""
    return f"{sign}{wire.bits}'{'s' if wire.signed else ''}d{abs(number)}"
