"""LUT layers that follow one another, as one network of tables and as layers again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from hlsgen.graph import truth
from hlsgen.graph.cells import FIRST, Builder, Cells, Table
from hlsgen.graph.fabric import Fabric
from hlsgen.graph.ir import Graph, Node
from hlsgen.graph.ops import Lut
from hlsgen.passes.names import Names

_WIRE = 0b10


def clusters(graph: Graph) -> list[list[Node]]:
    """Longest runs of LUT layers, each but the last read by the next one alone."""
    readers: dict[str, int] = dict.fromkeys(graph.by_name, 0)
    for node in graph.nodes:
        for name in node.inputs:
            readers[name] += 1
    runs: list[list[Node]] = []
    for node in graph.nodes:
        if not isinstance(node.op, Lut):
            continue
        (source,) = node.inputs
        follows = readers[source] == 1 and source not in graph.outputs
        run = next((run for run in runs if run[-1].name == source), None) if follows else None
        if run is None:
            runs.append([node])
        else:
            run.append(node)
    return runs


def merged(layers: Sequence[Lut], lanes: int) -> Cells:
    """One network: equal tables are made once, wires and what nobody reads disappear."""
    builder = Builder(lanes)
    signals = [FIRST + i for i in range(lanes)]
    for layer in layers:
        rows = zip(layer.src.tolist(), layer.k.tolist(), layer.table.tolist(), strict=True)
        signals = [builder.table(init, [signals[pin] for pin in src[:k]]) for src, k, init in rows]
    return live(builder.cells(signals))


def network(graph: Graph, cluster: Sequence[Node]) -> Cells:
    """A cluster of a graph as one network."""
    return merged([_lut(node) for node in cluster], graph.wires[cluster[0].inputs[0]].lanes)


def live(cells: Cells) -> Cells:
    """The network without tables that no output depends on."""
    wanted = set(cells.outputs)
    kept = []
    for table in reversed(cells.tables):
        if table.out in wanted:
            kept.append(table)
            wanted.update(table.pins)
    return Cells(cells.inputs, tuple(reversed(kept)), cells.outputs)


def layered(cells: Cells) -> list[Lut]:
    """The network as layers, each table as early as it can be; later readers get wires."""
    level = dict.fromkeys(range(FIRST + cells.inputs), 0)
    by_level: list[list[Table]] = []
    for table in cells.tables:
        here = max(level[pin] for pin in table.pins)
        level[table.out] = here + 1
        by_level += [[] for _ in range(here + 1 - len(by_level))]
        by_level[here].append(table)
    depth = max(len(by_level), 1)
    by_level += [[] for _ in range(depth - len(by_level))]
    # What each level hands on: its own tables, and earlier signals that someone reads later.
    needed: list[list[int]] = [[] for _ in range(depth)]
    needed[-1] = list(cells.outputs)
    for here in range(depth - 1, 0, -1):
        made = {table.out for table in by_level[here]}
        passed = [signal for signal in needed[here] if signal not in made and signal >= FIRST]
        pins = [pin for table in by_level[here] for pin in table.pins]
        needed[here - 1] = sorted({*passed, *pins})
    layers = []
    lane_of = {FIRST + i: i for i in range(cells.inputs)}
    for here in range(depth):
        init = {table.out: table for table in by_level[here]}
        layers.append(_layer(needed[here], init, lane_of))
        lane_of = {signal: i for i, signal in enumerate(needed[here])}
    return layers


def _layer(signals: list[int], tables: dict[int, Table], lane_of: dict[int, int]) -> Lut:
    src = np.full((len(signals), truth.MAX_INPUTS), -1, dtype=np.int32)
    k = np.zeros(len(signals), dtype=np.uint8)
    init = np.zeros(len(signals), dtype=np.uint64)
    for i, signal in enumerate(signals):
        if signal < FIRST:
            init[i] = signal
            continue
        table = tables.get(signal, Table(signal, _WIRE, (signal,)))
        src[i, : len(table.pins)] = [lane_of[pin] for pin in table.pins]
        k[i], init[i] = len(table.pins), table.init
    return Lut(src, k, init)


def replaced(graph: Graph, cluster: Sequence[Node], layers: Sequence[Lut]) -> Graph:
    """The graph with other layers in the place of a cluster; the last keeps its name."""
    names = _names(graph, cluster, len(layers))
    made: list[Node] = []
    source = cluster[0].inputs[0]
    for name, layer in zip(names, layers, strict=True):
        made.append(dataclasses.replace(cluster[-1], name=name, op=layer, inputs=(source,)))
        source = name
    old = {node.name for node in cluster}
    nodes: list[Node] = []
    for node in graph.nodes:
        if node.name == cluster[-1].name:
            nodes += made
        elif node.name not in old:
            nodes.append(node)
    return dataclasses.replace(graph, nodes=tuple(nodes))


def _names(graph: Graph, cluster: Sequence[Node], count: int) -> list[str]:
    last, names = cluster[-1].name, Names(graph)
    more = [names.free(f"{last}_{i}") for i in range(count - len(cluster))]
    return [*(node.name for node in cluster[:-1]), *more, last][-count:]


def composed(cells: Cells, width: int) -> Cells:
    """The network whose tables take in those that they alone read, where the pins fit."""
    readers: dict[int, int] = dict.fromkeys(cells.outputs, 2)
    for table in cells.tables:
        for pin in table.pins:
            readers[pin] = readers.get(pin, 0) + 1
    made: dict[int, Table] = {}
    for table in cells.tables:
        pins, init = list(table.pins), table.init
        for pin in table.pins:
            inner = made.get(pin)
            if inner is None or readers[pin] > 1:
                continue
            if len({*pins, *inner.pins} - {pin}) <= width:
                pins, init = _substituted(pins, init, inner)
                del made[pin]
        made[table.out] = Table(table.out, init, tuple(pins))
    return Cells(cells.inputs, tuple(made.values()), cells.outputs)


def _substituted(pins: list[int], init: int, inner: Table) -> tuple[list[int], int]:
    """A table with `inner` in the place of the pin that it drives."""
    rest = [pin for pin in pins if pin != inner.out]
    new = rest + [pin for pin in inner.pins if pin not in rest]
    bits = 0
    for entry in range(1 << len(new)):
        value = dict(zip(new, (entry >> i & 1 for i in range(len(new))), strict=True))
        address = sum(value[pin] << i for i, pin in enumerate(inner.pins))
        value[inner.out] = inner.init >> address & 1
        bits |= (init >> sum(value[pin] << i for i, pin in enumerate(pins)) & 1) << entry
    return new, bits


def absorb(fabric: Fabric) -> Callable[[Graph], Graph]:
    """The pass for tables of as many inputs as the family's LUTs have."""

    def absorb_tables(graph: Graph) -> Graph:
        """Compose tables with the only table that reads them, where the pins fit one LUT."""
        for cluster in clusters(graph):
            if len(cluster) == 1:
                continue
            whole = network(graph, cluster)
            after = composed(whole, fabric.lut_inputs)
            layers = layered(after)
            tables = sum(int(np.count_nonzero(~_lut(node).wired)) for node in cluster)
            if len(after.tables) < tables or len(layers) < len(cluster):
                made = replaced(graph, cluster, layers)
                # Lanes that were wires may have become tables of one input.
                graph = made if _tables(made) <= _tables(graph) else graph
        return graph

    return absorb_tables


def _tables(graph: Graph) -> int:
    """Tables that are no mere wires."""
    luts = (node.op for node in graph.nodes if isinstance(node.op, Lut))
    return sum(int(np.count_nonzero(~op.wired)) for op in luts)


def _lut(node: Node) -> Lut:
    assert isinstance(node.op, Lut)
    return node.op
