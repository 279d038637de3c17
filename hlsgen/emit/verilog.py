"""Verilog: literals, lanes, and the module of each node, of the core and of the shells."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from hlsgen import __version__
from hlsgen.emit.cells import instances
from hlsgen.emit.render import has_template, render
from hlsgen.errors import ConfigError, GraphError
from hlsgen.graph.fabric import Fabric
from hlsgen.graph.ir import Graph, Node, Op, built
from hlsgen.paths import data_dir
from hlsgen.plan import Plan

# Modules that the core and its shells are called, so no node may be.
RESERVED = frozenset({"core", "stage", "axis", "uart", "top", "pll"})

# The receiver must meet the middle of each bit.
_FEWEST_CLOCKS = 4
_BAUD_ERROR = 0.02


@dataclasses.dataclass(frozen=True)
class Framing:
    """How frames travel: beats of `width` bits, least significant first."""

    width: int
    in_bits: int
    out_bits: int

    @property
    def in_beats(self) -> int:
        """Beats of one input frame."""
        return -(-self.in_bits // self.width)

    @property
    def out_beats(self) -> int:
        """Beats of one answer."""
        return -(-self.out_bits // self.width)


def framing(graph: Graph, width: int) -> Framing:
    """The frame and the answer of `graph` in beats of `width` bits."""
    in_bits = sum(graph.wires[node.name].width_bits for node in graph.feeds())
    out_bits = sum(graph.wires[name].width_bits for name in graph.outputs)
    return Framing(width, in_bits, out_bits)


def emit_verilog(graph: Graph, width: int, fabric: Fabric) -> Plan:
    """One module a node, the core, and the AXI-Stream shell with beats of `width` bits.

    Args:
        graph: a checked graph whose outputs all have the same latency of at least one cycle.
        width: bits of a beat, a multiple of eight.
        fabric: the family whose cells the modules are made of.

    Returns:
        A plan of files below rtl/; the same graph gives the same bytes.

    Raises:
        GraphError: a name is taken, an operator has no template, or the graph is not pipelined.
    """
    latencies = {graph.latency[name] for name in graph.outputs}
    if len(latencies) > 1 or 0 in latencies:
        raise GraphError(
            f"graph {graph.name!r}: outputs have latencies {sorted(latencies)}, must be one and"
            " at least 1: run the stage opt first"
        )
    banner = {"version": __version__, "digest": graph.digest}
    files = {f"rtl/{name}": text for name, text in library()}
    for node in graph.nodes:
        if node.name in RESERVED:
            raise GraphError(f"graph {graph.name!r}: a node may not be called {node.name!r}")
        if node.inputs:
            files[f"rtl/{graph.name}_{node.name}.v"] = node_module(graph, node, banner, fabric)
    frame = framing(graph, width)
    latency = latencies.pop()
    values: dict[str, object] = {
        **banner,
        "name": graph.name,
        "latency": latency,
        "in_bits": frame.in_bits,
        "out_bits": frame.out_bits,
    }
    shell = values | {"width": width, "in_beats": frame.in_beats, "out_beats": frame.out_beats}
    ports = {"nodes": list(_ports(graph)), "outputs": list(graph.outputs)}
    # Two places more than the pipeline has stages keep it full while answers leave at full speed.
    depth = {"depth": latency + 2}
    files[f"rtl/{graph.name}_core.v"] = render("verilog/core.v.j2", **values, **ports)
    files[f"rtl/{graph.name}_stage.v"] = render("verilog/stage.v.j2", **values, **depth)
    files[f"rtl/{graph.name}_axis.v"] = render("verilog/axis.v.j2", **shell)
    return Plan(files)


def emit_uart(graph: Graph, clock_mhz: float, baud: int, idle_ms: float = 100.0) -> Plan:
    """The UART shell around the same stage, for a clock of `clock_mhz`.

    Raises:
        ConfigError: no whole number of clocks makes a bit of `baud`.
    """
    frame = framing(graph, 8)
    text = render(
        "verilog/uart.v.j2",
        version=__version__,
        digest=graph.digest,
        name=graph.name,
        width=8,
        in_bits=frame.in_bits,
        out_bits=frame.out_bits,
        in_beats=frame.in_beats,
        out_beats=frame.out_beats,
        clocks_per_bit=_clocks_per_bit(clock_mhz, baud),
        idle_clocks=round(clock_mhz * 1e3 * idle_ms),
    )
    return Plan({f"rtl/{graph.name}_uart.v": text})


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


def library() -> Iterator[tuple[str, str]]:
    """The parameterised modules that every design uses: file name, text."""
    for path in sorted((data_dir("templates") / "verilog" / "lib").glob("*.v")):
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
