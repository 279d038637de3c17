"""Verilog of what streams: windows, the core that joins them and its parts, and its stage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import SimpleNamespace

from hlsgen.emit.literals import lane
from hlsgen.emit.render import render
from hlsgen.emit.waiting import fifo_name, gates, waiting_module
from hlsgen.errors import GraphError
from hlsgen.graph.ir import Graph, Node, Wire
from hlsgen.graph.ops import Window
from hlsgen.graph.parts import Part, split, streams
from hlsgen.graph.schedule import pace
from hlsgen.graph.segments import exits, waits


def streaming_module(graph: Graph, node: Node, banner: Mapping[str, str]) -> str:
    """The module of an operator that streams."""
    op = node.op
    if not isinstance(op, Window):
        return waiting_module(graph, node, banner)
    (wire,) = graph.inputs_of(node)
    return render(
        "verilog/window.v.j2",
        **banner,
        module=f"{graph.name}_{node.name}",
        op=op,
        x=wire,
        y=graph.wires[node.name],
        registers=list(_registers(op, wire)),
        delayed=[
            (f"t{run.rows}_0", len(run.lanes[0]) * wire.bits)
            for run in op.taps[1:]
            if not op.chained
        ],
        stored=_stored(op, wire),
        taps=_concatenated(
            lane(_unsigned(wire, place + 1), f"t{down}_{across}", place)
            for down, across, place in op.fragments()
        ),
    )


def _registers(op: Window, wire: Wire) -> Iterator[tuple[str, int, str]]:
    """Name, width and next value of each register; the first of later rows is the memory's."""
    everything = tuple(range(wire.lanes))
    for run in op.taps:
        for columns, lanes in enumerate(run.lanes):
            if columns:
                source, known = f"t{run.rows}_{columns - 1}", run.lanes[columns - 1]
            elif not run.rows:
                source, known = "x", everything
            elif op.chained:
                source, known = f"t{run.rows - 1}_{op.width - 1}", op.taps[run.rows - 1].lanes[-1]
            else:
                continue
            value = _picked(wire, source, known, lanes)
            yield f"t{run.rows}_{columns}", len(lanes) * wire.bits, value


def _stored(op: Window, wire: Wire) -> str:
    """What goes into the memory of rows: of each row what later rows need, the newest lowest."""
    pieces = [
        _picked(wire, f"t{run.rows}_0", run.lanes[0], later.lanes[0])
        for run, later in zip(op.taps, op.taps[1:], strict=False)
    ]
    return _concatenated(pieces)


def _picked(wire: Wire, source: str, known: tuple[int, ...], lanes: tuple[int, ...]) -> str:
    """Some lanes of a register that holds the lanes `known`."""
    if lanes == known:
        return source
    place = {name: i for i, name in enumerate(known)}
    packed = _unsigned(wire, len(known))
    return _concatenated(lane(packed, source, place[name]) for name in lanes)


def _unsigned(wire: Wire, lanes: int) -> Wire:
    """A wire of bare bits, as wide as those lanes of `wire`."""
    return Wire(lanes, 0, (1 << wire.bits) - 1)


def _concatenated(pieces: Iterator[str] | list[str]) -> str:
    """The pieces side by side, the first least significant."""
    return "{" + ", ".join(reversed(list(pieces))) + "}"


def core(graph: Graph, banner: Mapping[str, str]) -> str:
    """The core: parts and windows, each behind the one whose beats it takes."""
    feeds, lsb = [], 0
    for node in graph.feeds():
        bits = graph.wires[node.name].width_bits
        feeds.append(SimpleNamespace(name=node.name, bits=bits, lsb=lsb, msb=lsb + bits - 1))
        lsb += bits
    units = list(_units(graph))
    known = {value.name: unit.valid for unit in units for value in unit.values}
    last = {known[name] for name in graph.outputs}
    if len(last) > 1:
        raise GraphError(f"graph {graph.name!r}: outputs {graph.outputs} leave at different times")
    return render(
        "verilog/streaming_core.v.j2",
        **banner,
        name=graph.name,
        feeds=feeds,
        in_bits=lsb,
        in_beats=graph.wires[feeds[0].name].beats,
        out_bits=sum(graph.wires[name].width_bits for name in graph.outputs),
        units=units,
        gates=list(gates(graph)) if waits(graph) else [],
        last=last.pop(),
        outputs=graph.outputs,
    )


def _units(graph: Graph) -> Iterator[SimpleNamespace]:
    """Modules of the core in order: the part of the inputs, then each window and its part."""
    parts = {part.source: part for part in split(graph)}
    places = {(each.reader, each.number): each.places for f in exits(graph).values() for each in f}
    owner: dict[str, str] = {}
    if "" in parts:
        yield _unit_of(graph, parts[""], owner)
    for node in graph.nodes:
        if not node.op.streams:
            continue
        fifos = [
            SimpleNamespace(
                name=fifo_name(node.name, i),
                reads=read,
                follows=owner.get(read, ""),
                bits=graph.wires[read].width_bits,
                places=places.get((node.name, i)),
            )
            for i, read in enumerate(node.inputs)
        ]
        owner[node.name] = node.name
        yield SimpleNamespace(
            module=f"{graph.name}_{node.name}",
            valid=node.name,
            follows=fifos[0].follows,
            reads=list(node.inputs),
            values=[_value(graph, node.name)],
            waits=node.op.waits,
            fifos=fifos,
        )
        if node.name in parts:
            yield _unit_of(graph, parts[node.name], owner)


def _unit_of(graph: Graph, part: Part, owner: dict[str, str]) -> SimpleNamespace:
    name = part.graph.name.removeprefix(f"{graph.name}_")
    owner.update(dict.fromkeys(part.graph.outputs, name))
    return SimpleNamespace(
        module=f"{part.graph.name}_core",
        valid=name,
        follows=part.source,
        reads=[node.name for node in part.graph.feeds()],
        values=[_value(graph, output) for output in part.graph.outputs],
        waits=False,
    )


def _value(graph: Graph, name: str) -> SimpleNamespace:
    return SimpleNamespace(name=name, bits=graph.wires[name].width_bits)


def valids_of(graph: Graph) -> dict[str, str]:
    """The units of a streaming core whose valid is called v_<unit>, and a value that each gives."""
    return {unit.valid: unit.values[0].name for unit in _units(graph)} if streams(graph) else {}


def signals_of(graph: Graph) -> dict[str, str]:
    """Where in the core the value of each node is, as a path of Verilog."""
    if not streams(graph):
        return {node.name: f"n_{node.name}" for node in graph.nodes}
    found = {node.name: f"n_{node.name}" for node in graph.nodes}
    for part in split(graph):
        place = part.graph.name.removeprefix(f"{graph.name}_")
        inside = {node.name for node in part.graph.nodes if node.inputs}
        found |= {name: f"i_{place}.n_{name}" for name in inside}
    return found


def modules_of(graph: Graph) -> dict[str, str]:
    """The module of each node that has inputs."""
    parts = split(graph)
    found = {
        node.name: f"{part.graph.name}_{node.name}"
        for part in parts
        for node in part.graph.nodes
        if node.inputs
    }
    windows = (node.name for node in graph.nodes if node.op.streams)
    return found | {name: f"{graph.name}_{name}" for name in windows}


def kept(graph: Graph) -> dict[str, list[str]]:
    """Modules that synthesis keeps, for its scripts.

    `cores` are the pipelines, each proved as one; `walls` are they and what joins them: their own
    modules are counted one by one.
    """
    cores = [f"{part.graph.name}_core" for part in split(graph)]
    return {"cores": cores, "walls": list(dict.fromkeys([f"{graph.name}_core", *cores]))}


def places(graph: Graph) -> int:
    """Frames that are on their way at once when they follow each other without a gap, and one."""
    return pace(graph).inside + 1
