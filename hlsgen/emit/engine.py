"""Verilog of operators that wait: the engine, and the gates that let beats into segments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import SimpleNamespace

from hlsgen.emit.render import render
from hlsgen.errors import GraphError
from hlsgen.graph.ir import Graph, Node, Wire
from hlsgen.graph.ops import Tiled, Window
from hlsgen.graph.ops.tiled import RADIX
from hlsgen.graph.segments import Exit, exits


def engine_module(graph: Graph, node: Node, banner: Mapping[str, str]) -> str:
    """The module of an operator that waits."""
    op, (x,) = node.op, graph.inputs_of(node)
    if not isinstance(op, Tiled):
        raise GraphError(f"graph {graph.name!r}: no Verilog for streaming operator {op.kind!r}")
    down, across = op.tiles
    (_, _), (_, level_bits) = op.memories(x)
    return render(
        "verilog/tiled.v.j2",
        **banner,
        module=f"{graph.name}_{node.name}",
        op=op,
        x=x,
        y=graph.wires[node.name],
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
        reader=each.reader, node=each.node, bits=wire.width_bits, places=each.places, hit=hit
    )


def _counter_bits(n: int) -> int:
    """Bits of a counter from 0 to n - 1, one at least."""
    return max(1, (n - 1).bit_length())
