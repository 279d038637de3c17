"""From graph to source text. A plan comes out; no file is opened."""

from collections.abc import Callable

from hlsgen.emit.hls import emit_hls
from hlsgen.emit.streaming import kept, modules_of, places, signals_of, valids_of
from hlsgen.emit.verilog import Framing, emit_uart, emit_verilog, framing
from hlsgen.errors import ConfigError
from hlsgen.graph.fabric import Fabric
from hlsgen.graph.ir import Graph
from hlsgen.plan import Plan

# Language -> emitter of a graph with beats of so many bits, for a family.
LANGUAGES: dict[str, Callable[[Graph, int, Fabric], Plan]] = {
    "verilog": emit_verilog,
    "hls": emit_hls,
}

__all__ = [
    "LANGUAGES",
    "Framing",
    "emit",
    "emit_uart",
    "framing",
    "kept",
    "modules_of",
    "places",
    "signals_of",
    "valids_of",
]


def emit(graph: Graph, width: int, fabric: Fabric, language: str = "verilog") -> Plan:
    """The source files of `graph` in `language`, its shell with beats of `width` bits.

    They are made of the cells of `fabric`, whose libraries are behavioural for all other tools.

    Raises:
        ConfigError: unknown language.
        GraphError: the graph cannot be written in it.
    """
    if language not in LANGUAGES:
        raise ConfigError(f"unknown language {language!r}; known: {', '.join(LANGUAGES)}")
    return LANGUAGES[language](graph, width, fabric)
