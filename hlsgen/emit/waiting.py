"""Verilog of operators that wait, and of the gates that let beats into segments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import SimpleNamespace

from hlsgen.emit.literals import hex_literal
from hlsgen.emit.render import has_template, render
from hlsgen.errors import GraphError
from hlsgen.graph.ir import Graph, Node, Wire
from hlsgen.graph.ops import Pad, Serialize, Tiled, Window
from hlsgen.graph.ops.tiled import RADIX
from hlsgen.graph.segments import Exit, exits


def waiting_module(graph: Graph, node: Node, banner: Mapping[str, str]) -> str:
    """The module of an operator that waits."""
    op, wires, y = node.op, graph.inputs_of(node), graph.wires[node.name]
    module = f"{graph.name}_{node.name}"
    if isinstance(op, Tiled):
        return _engine(op, wires[0], y, module, banner)
    template = f"verilog/{op.kind}.v.j2"
    if not has_template(template):
        raise GraphError(f"graph {graph.name!r}: no Verilog for streaming operator {op.kind!r}")
    return render(
        template,
        **banner,
        module=module,
        op=op,
        x_bits=sum(wire.width_bits for wire in wires),
        y=y,
        widened=_widened(wires, y),
        fill=_bits(op.fill, y.bits) if isinstance(op, Pad) else "",
        part_bits=_counter_bits(op.parts) if isinstance(op, Serialize) else 0,
    )


def _widened(wires: tuple[Wire, ...], y: Wire) -> str:
    """All lanes of the inputs, which lie side by side in x, as wide as those of `y`."""
    lanes, lsb = [], 0
    for wire in wires:
        more = y.bits - wire.bits
        for _ in range(wire.lanes):
            top = lsb + wire.bits - 1
            lane = f"x[{top}:{lsb}]"
            sign = f"x[{top}]" if wire.signed else "1'b0"
            lanes.append(f"{{ {{{more}{{{sign}}}}}, {lane} }}" if more else lane)
            lsb += wire.bits
    return "{ " + ", ".join(reversed(lanes)) + " }"


def _bits(value: int, bits: int) -> str:
    """A number of so many bits in two's complement."""
    return hex_literal(value & (1 << bits) - 1, bits)


def _engine(op: Tiled, x: Wire, y: Wire, module: str, banner: Mapping[str, str]) -> str:
    down, across = op.tiles
    (_, _), (_, level_bits) = op.memories(x)
    return render(
        "verilog/tiled.v.j2",
        **banner,
        module=module,
        op=op,
        x=x,
        y=y,
        down=down,
        across=across,
        tile_bits=_counter_bits(op.fold),
        column_bits=_counter_bits(across),
        row_bits=_counter_bits(down),
        weight_words=op.weight_words(),
        level_words=op.level_words(x),
        level_bits=level_bits,
        product_bits=op.product_bits(x),
        made=op.made(x),
        sum_bits=op.sum_bits(x),
        sums=list(_tree(op, x)),
    )


def _tree(op: Tiled, x: Wire) -> Iterator[SimpleNamespace]:
    """Sums of at most `RADIX` terms each, level by level; the last one is the sum of all."""
    bits = op.product_bits(x)
    # The range of one product, as the sums of many need it.
    most = Wire(1, 0, 1) if bits == 1 else Wire(1, -(1 << bits - 1), (1 << bits - 1) - 1)
    terms, counts = [f"p{i}" for i in range(op.simd)], [1] * op.simd
    for level in range(op.depth):
        names, sizes = [], []
        for start in range(0, len(terms), RADIX):
            size = sum(counts[start : start + RADIX])
            name = f"s{level}_{start // RADIX}"
            wire = Wire(1, most.lo * size, most.hi * size)
            yield SimpleNamespace(name=name, bits=wire.bits, terms=terms[start : start + RADIX])
            names.append(name)
            sizes.append(size)
        terms, counts = names, sizes


def gates(graph: Graph) -> Iterator[SimpleNamespace]:
    """For each segment the FIFOs behind it, and which of its beats come to each.

    A beat passes windows in a row; it comes to the FIFO if all of them give something with it.
    """
    for head, found in exits(graph).items():
        windows: dict[tuple[str, ...], str] = {(): "1'b1"}
        rasters = []
        for each in found:
            for i in range(len(each.way.windows)):
                before, here = each.way.windows[:i], each.way.windows[: i + 1]
                if here not in windows:
                    windows[here] = f"h_{head}_{len(windows)}"
                    op = graph.by_name[here[-1]].op
                    if isinstance(op, Window):
                        rasters.append((windows[here], windows[before], op))
        yield SimpleNamespace(
            head=head,
            rasters=rasters,
            exits=[_fifo(graph, each, windows[each.way.windows]) for each in found],
        )


def _fifo(graph: Graph, each: Exit, hit: str) -> SimpleNamespace:
    wire = graph.wires[each.node]
    return SimpleNamespace(
        name=fifo_name(each.reader, each.number),
        reader=each.reader,
        node=each.node,
        bits=wire.width_bits,
        places=each.places,
        hit=hit,
    )


def fifo_name(reader: str, number: int) -> str:
    """What the FIFO in front of an input of an operator is called in the core."""
    return f"{reader}_{number}"


def _counter_bits(n: int) -> int:
    """Bits of a counter from 0 to n - 1, one at least."""
    return max(1, (n - 1).bit_length())
