"""Verilog: literals, lanes, and the module of each node, of the core and of the shells."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from hlsgen import __version__
from hlsgen.emit.cells import instances
from hlsgen.emit.render import has_template, render
from hlsgen.emit.streaming import core, places, streaming_module
from hlsgen.errors import ConfigError, GraphError
from hlsgen.graph.fabric import Fabric
from hlsgen.graph.ir import Graph, Node, Op, built
from hlsgen.graph.parts import split, streams
from hlsgen.graph.schedule import starts
from hlsgen.graph.segments import waits
from hlsgen.paths import data_dir
from hlsgen.plan import Plan

# Modules that the core and its shells are called, so no node may be.
RESERVED = frozenset({"core", "stage", "axis", "uart", "top", "pll"})
# As parts and their modules are called, so no streaming node may be.
_PART = re.compile(r"p\d+(_.*)?")

# Files of the library that only streaming designs need.
STREAMING = frozenset({"hlsgen_frames.v", "hlsgen_window.v"})
# And those that only designs with engines need.
WAITING = frozenset({"hlsgen_waiting.v"})

# Bits of a byte on the line, and frames after which waiting beats have piled up if they ever do.
_BYTE_BITS, _SEEN_FRAMES = 10, 16
# The receiver must meet the middle of each bit.
_FEWEST_CLOCKS = 4
_BAUD_ERROR = 0.02


@dataclasses.dataclass(frozen=True)
class Framing:
    """How frames travel, in shell beats of `width` bits, least significant first.

    A frame is one or more beats of the core. Each has a slot: whole shell beats, or a part of one
    so that whole slots fill it; a frame begins with a shell beat.

    Args:
        width: bits of a shell beat.
        in_bits, out_bits: of a beat of the core, and of its answer.
        frame_beats: beats of the core in one frame.
    """

    width: int
    in_bits: int
    out_bits: int
    frame_beats: int = 1

    @property
    def slot(self) -> int:
        """Bits that a beat of the core takes in a frame."""
        if self.in_bits >= self.width:
            return -(-self.in_bits // self.width) * self.width
        return next(n for n in range(self.in_bits, self.width + 1) if self.width % n == 0)

    @property
    def in_beats(self) -> int:
        """Shell beats of one input frame."""
        return -(-self.slot * self.frame_beats // self.width)

    @property
    def out_beats(self) -> int:
        """Shell beats of one answer."""
        return -(-self.out_bits // self.width)


def framing(graph: Graph, width: int) -> Framing:
    """The frame and the answer of `graph` in beats of `width` bits.

    Raises:
        GraphError: inputs of different numbers of beats, or an answer of more than one.
    """
    feeds = [graph.wires[node.name] for node in graph.feeds()]
    answers = [graph.wires[name] for name in graph.outputs]
    if len({wire.beats for wire in feeds}) > 1 or any(wire.beats > 1 for wire in answers):
        raise GraphError(
            f"graph {graph.name!r}: inputs have {[wire.beats for wire in feeds]} beats and outputs"
            f" {[wire.beats for wire in answers]}: a shell needs inputs of equally many beats and"
            " an answer of one; flatten the last map"
        )
    in_bits, out_bits = (sum(wire.width_bits for wire in wires) for wires in (feeds, answers))
    return Framing(width, in_bits, out_bits, feeds[0].beats)


def emit_verilog(graph: Graph, width: int, fabric: Fabric) -> Plan:
    """One module a node, the cores, and an AXI-Stream shell with beats of `width` bits.

    Args:
        graph: a checked graph; the outputs of each of its parts have the same latency of at least
            one cycle.
        width: bits of a beat, a multiple of eight.
        fabric: the family whose cells the modules are made of.

    Returns:
        A plan of files below rtl/; the same graph gives the same bytes.

    Raises:
        GraphError: a name is taken, an operator has no template, or the graph is not pipelined.
    """
    banner = {"version": __version__, "digest": graph.digest}
    streaming = streams(graph)
    for node in graph.nodes:
        if node.name in RESERVED or (node.op.streams and _PART.fullmatch(node.name)):
            raise GraphError(f"graph {graph.name!r}: a node may not be called {node.name!r}")
    files = {f"rtl/{name}": text for name, text in library(graph)}
    if not streaming:
        files |= _pipeline(graph, banner, fabric)
        # Two places more than the pipeline has stages keep it full while answers leave at speed.
        depth = graph.latency[graph.outputs[0]] + 2
    else:
        for part in split(graph):
            files |= _pipeline(part.graph, banner, fabric)
        for node in graph.nodes:
            if node.op.streams:
                text = streaming_module(graph, node, banner)
                files[f"rtl/{graph.name}_{node.name}.v"] = text
        files[f"rtl/{graph.name}_core.v"] = core(graph, banner)
        depth = places(graph)
    shell = _shell(graph, width, depth)
    stage = "verilog/streaming_stage.v.j2" if streaming else "verilog/stage.v.j2"
    files[f"rtl/{graph.name}_stage.v"] = render(stage, **banner, **shell)
    files[f"rtl/{graph.name}_axis.v"] = render("verilog/axis.v.j2", **banner, **shell)
    return Plan(files)


def _pipeline(graph: Graph, banner: dict[str, str], fabric: Fabric) -> dict[str, str]:
    """The modules of a graph without streaming operators, and its core."""
    latencies = {graph.latency[name] for name in graph.outputs}
    if len(latencies) > 1 or 0 in latencies:
        raise GraphError(
            f"graph {graph.name!r}: outputs have latencies {sorted(latencies)}, must be one and"
            " at least 1: run the stage opt first"
        )
    files = {}
    for node in graph.nodes:
        if node.inputs:
            files[f"rtl/{graph.name}_{node.name}.v"] = node_module(graph, node, banner, fabric)
    text = render(
        "verilog/core.v.j2",
        **banner,
        name=graph.name,
        latency=latencies.pop(),
        in_bits=sum(graph.wires[node.name].width_bits for node in graph.feeds()),
        out_bits=sum(graph.wires[name].width_bits for name in graph.outputs),
        nodes=list(_ports(graph)),
        outputs=list(graph.outputs),
    )
    return files | {f"rtl/{graph.name}_core.v": text}


def _shell(graph: Graph, width: int, depth: int) -> dict[str, object]:
    """What the templates of stage and shells need to know."""
    frame = framing(graph, width)
    return {
        "name": graph.name,
        "width": width,
        "depth": depth,
        "streaming": streams(graph),
        "waits": waits(graph),
        "slot": frame.slot,
        "frame_beats": frame.frame_beats,
        "in_bits": frame.in_bits,
        "out_bits": frame.out_bits,
        "in_beats": frame.in_beats,
        "out_beats": frame.out_beats,
    }


def emit_uart(graph: Graph, clock_mhz: float, baud: int, idle_ms: float = 100.0) -> Plan:
    """The UART shell around the same stage, for a clock of `clock_mhz`.

    Raises:
        ConfigError: no whole number of clocks makes a bit of `baud`, or a beat would have to wait
            for longer than the line does.
    """
    depth = places(graph) if streams(graph) else graph.latency[graph.outputs[0]] + 2
    clocks = _clocks_per_bit(clock_mhz, baud)
    if waits(graph):
        _check_keeps_up(graph, clocks)
    text = render(
        "verilog/uart.v.j2",
        version=__version__,
        digest=graph.digest,
        clocks_per_bit=clocks,
        idle_clocks=round(clock_mhz * 1e3 * idle_ms),
        **_shell(graph, 8, depth),
    )
    return Plan({f"rtl/{graph.name}_uart.v": text})


def _check_keeps_up(graph: Graph, clocks_per_bit: int) -> None:
    """Raise a ConfigError if a beat is not taken before the next byte comes: it would be lost."""
    frame = framing(graph, 8)
    byte = _BYTE_BITS * clocks_per_bit
    # Beats that one byte brings, all at once, and bytes that bring one.
    together, apart = max(1, 8 // frame.slot), max(1, frame.slot // 8)
    beats = np.arange(_SEEN_FRAMES * frame.frame_beats, dtype=np.int64)
    offered = beats // together * apart * byte + beats % together
    entered = starts(graph, offered.reshape(_SEEN_FRAMES, -1))[""].ravel()
    waited = int((entered - offered).max())
    if waited >= byte:
        raise ConfigError(
            f"graph {graph.name!r}: a beat waits up to {waited:,} clocks for its layers, and the"
            f" serial line brings a byte each {byte:,}, which would be lost: raise"
            " hardware.frames_per_s, or lower the board's shell.baud"
        )


def _clocks_per_bit(clock_mhz: float, baud: int) -> int:
    """Clocks that one bit lasts, at least four and at most 2 % too long or too short.

    A receiver samples the tenth bit 9.5 bits after the start edge: both sides together may be
    about 5 % off, and the other side needs its share.
    """
    exact = clock_mhz * 1e6 / baud
    clocks = round(exact)
    if clocks < _FEWEST_CLOCKS:
        raise ConfigError(
            f"hardware.clock_mhz is {clock_mhz:g}: a bit at {baud} baud lasts {exact:.3g} clocks,"
            f" must be {_FEWEST_CLOCKS} or more: ask for {_FEWEST_CLOCKS * baud / 1e6:g} MHz or"
            " more, or lower the board's shell.baud"
        )
    error = exact / clocks - 1
    if abs(error) > _BAUD_ERROR:
        around = {max(math.floor(exact), _FEWEST_CLOCKS), math.ceil(exact)}
        better = " or ".join(f"{n * baud / 1e6:g}" for n in sorted(around))
        raise ConfigError(
            f"hardware.clock_mhz is {clock_mhz:g}: {clocks} clocks a bit make"
            f" {baud * (1 + error):.0f} baud, {100 * error:+.1f} % off the board's {baud}, at most"
            f" {100 * _BAUD_ERROR:g} % is allowed: ask for {better} MHz, or lower the board's"
            " shell.baud"
        )
    return clocks


def library(graph: Graph | None = None) -> Iterator[tuple[str, str]]:
    """The parameterised modules that `graph` uses, or all: file name, text."""
    spared: frozenset[str] = frozenset()
    if graph is not None:
        spared |= frozenset() if waits(graph) else WAITING
        spared |= frozenset() if streams(graph) else STREAMING
    for path in sorted((data_dir("templates") / "verilog" / "lib").glob("*.v")):
        if path.name not in spared:
            yield path.name, path.read_text(encoding="utf-8")


def node_module(graph: Graph, node: Node, banner: dict[str, str], fabric: Fabric) -> str:
    """The module of one node: its template's, or the cells that it is made of."""
    op, wires = node.op, graph.inputs_of(node)
    template = f"verilog/{op.kind}.v.j2"
    values = {**banner, "module": f"{graph.name}_{node.name}", "x": wires}
    if has_template(template):
        return render(template, **values, op=_plain(op), y=graph.wires[node.name], zip=zip)
    if type(op).cells is Op.cells:
        raise GraphError(
            f"graph {graph.name!r}: no Verilog for operator {op.kind!r}:"
            f" templates/{template} does not exist, and it has no cells"
        )
    try:
        cells = built(op, fabric, wires)
    except GraphError as error:
        place = f"graph {graph.name!r}: node {node.name!r} ({op.kind})"
        raise GraphError(f"{place} {error}") from None
    about = (type(op).__doc__ or "").partition("\n")[0]
    made = instances(cells, fabric, wires)
    return render("verilog/cells.v.j2", **values, **made, y=graph.wires[node.name], about=about)


def _plain(op: Op) -> SimpleNamespace:
    """The operator's constants as Python numbers and lists, which templates index quickly."""
    values: dict[str, Any] = {}
    for item in dataclasses.fields(op):
        value = getattr(op, item.name)
        values[item.name] = value.tolist() if isinstance(value, np.ndarray) else value
    return SimpleNamespace(**values)


def _ports(graph: Graph) -> Iterator[SimpleNamespace]:
    """What the core's template needs to know of each node."""
    lsb = 0
    for node in graph.nodes:
        wire = graph.wires[node.name]
        port = SimpleNamespace(
            name=node.name, inputs=node.inputs, wire=wire, clocked=node.op.latency > 0
        )
        if not node.inputs:
            port.lsb, port.msb = lsb, lsb + wire.width_bits - 1
            lsb += wire.width_bits
        yield port
