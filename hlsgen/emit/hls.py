"""Vitis HLS C++: a function for each node, the core that joins them, and the kernel around it.

It says what each operator computes, word by word, and leaves registers and mapping to the tool;
docs/hls.md tells the forms and their limits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

from hlsgen import __version__
from hlsgen.emit.hls_bench import bench
from hlsgen.emit.hls_nodes import LAYERS
from hlsgen.emit.hls_steps import STEPS, steps_of
from hlsgen.emit.hls_words import LIMIT, Words
from hlsgen.emit.render import has_template, render
from hlsgen.emit.verilog import framing
from hlsgen.errors import GraphError
from hlsgen.graph.fabric import Fabric
from hlsgen.graph.ir import Graph, Node, Wire
from hlsgen.graph.ops import Register
from hlsgen.graph.parts import split
from hlsgen.paths import data_dir
from hlsgen.plan import Plan

# Operators that have no file of their own, and why none is needed.
WITHOUT_FILE = {
    "input": "it is a stream of the core",
    "pixels": "it is a stream of the core",
    "port": "it stands for the value of another node",
    "register": "a wire: the tool itself decides where registers are",
}
# Files that the core and what is around it take.
RESERVED = frozenset({"core", "kernel", "types", "inside", "hls"})
# A FIFO in front of an operator: at least so many places, and so many more than the graph says,
# because a process holds a beat on either side of it.
_PLACES, _MORE_PLACES = 2, 2
# A frame of so few beats is taken in one go, so that the next one follows without a gap.
_MOST_UNROLLED = 16
# Frames that may be on their way beside one in each process.
_MORE_FRAMES = 4


@dataclass(frozen=True)
class Fifo:
    """A stream between processes: its name, the node whose beats it carries, its places."""

    name: str
    type: str
    count: int
    depth: int = _PLACES


@dataclass(frozen=True)
class Call:
    """A node in a process: what it reads, and the numbers of the nodes whose value it is."""

    name: str
    reads: str
    probes: tuple[int, ...]


@dataclass(frozen=True)
class Process:
    """A loop over the clocks of a frame: an operator with a state, and the nodes behind it."""

    name: str
    head: str
    steps: int
    reads: list[Fifo]
    writes: list[Fifo]
    values: list[str]
    calls: list[Call]


def emit_hls(graph: Graph, width: int, fabric: Fabric) -> Plan:
    """A header a node, the core, the kernel `<name>_kernel` with beats of `width` bits, a bench.

    Args:
        graph: a checked graph.
        width: bits of a beat of the kernel's streams, a multiple of eight.
        fabric: not looked at: the tool maps to the family.

    Returns:
        A plan of files below hls/; the same graph gives the same bytes.

    Raises:
        GraphError: a name is taken, an operator has no template, or something exceeds the limits.
    """
    banner = {"version": __version__, "digest": graph.digest, "graph": graph.name}
    for node in graph.nodes:
        if node.name in RESERVED:
            raise GraphError(f"graph {graph.name!r}: a node may not be called {node.name!r}")
    nodes = nodes_of(graph)
    files = {f"hls/{path.name}": path.read_text(encoding="utf-8") for path in library()}
    types = {
        node.name: Words.of(graph.wires[node.name]).check(f"graph {graph.name!r}: {node.name!r}")
        for node in graph.nodes
        if not isinstance(node.op, Register)
    }
    files[f"hls/{graph.name}_types.h"] = render("hls/types.h.j2", **banner, types=types)
    for node in nodes:
        files[f"hls/{graph.name}_{node.name}.h"] = node_header(graph, node, banner)
    files[f"hls/{graph.name}_core.h"] = _core(graph, banner, [node.name for node in nodes])
    files[f"hls/{graph.name}_kernel.cpp"] = _kernel(graph, width, banner)
    files |= {f"hls/{name}": text for name, text in bench(graph, width, banner).items()}
    return Plan(files)


def library() -> list[Path]:
    """The headers that all generated code includes."""
    return sorted((data_dir("templates") / "hls" / "lib").glob("*.h"))


def nodes_of(graph: Graph) -> list[Node]:
    """The nodes that have a file: neither wires nor parts of the graph that nobody reads."""
    used = {node.name for part in split(graph) for node in part.graph.nodes if node.inputs}
    return [
        node
        for node in graph.nodes
        if node.op.kind not in WITHOUT_FILE and (node.op.streams or node.name in used)
    ]


def files_of(graph: Graph) -> list[str]:
    """Names of the files that `emit_hls` makes of a design, without the vendor's test bench."""
    own = [*(node.name for node in nodes_of(graph)), "types", "core"]
    names = [path.name for path in library()]
    names += [f"{graph.name}_{name}.h" for name in own]
    return [f"hls/{name}" for name in [*names, f"{graph.name}_kernel.cpp"]]


def node_header(graph: Graph, node: Node, banner: Mapping[str, str]) -> str:
    """The file of one node.

    Raises:
        GraphError: its operator has no template, or it exceeds a limit.
    """
    kind = node.op.kind
    describe = (STEPS if node.op.streams else LAYERS).get(kind)
    if describe is None or not has_template(f"hls/{kind}.h.j2"):
        raise GraphError(
            f"graph {graph.name!r}: no HLS C++ for operator {kind!r} of node {node.name!r}:"
            f" templates/hls/{kind}.h.j2 does not exist; use --hdl verilog"
        )
    inputs = [
        SimpleNamespace(name=source(graph, name), words=Words.of(graph.wires[name]))
        for name in node.inputs
    ]
    try:
        values = describe(node.op, graph.inputs_of(node), graph.wires[node.name])
    except GraphError as error:
        raise GraphError(f"graph {graph.name!r}: node {node.name!r} ({kind}) {error}") from None
    return render(
        f"hls/{kind}.h.j2",
        **banner,
        node=node.name,
        about=(type(node.op).__doc__ or "").partition("\n")[0],
        op=node.op,
        x=inputs[0].name,
        x_words=inputs[0].words,
        y_words=Words.of(graph.wires[node.name]),
        inputs=inputs,
        **values,
    )


def source(graph: Graph, name: str) -> str:
    """The node whose value `name` is: registers are wires."""
    while isinstance(graph.by_name[name].op, Register):
        (name,) = graph.by_name[name].inputs
    return name


def processes(graph: Graph) -> list[Process]:
    """The processes of the core in order: that of the inputs, then one for each streaming node."""
    parts = {part.source: part.graph for part in split(graph)}
    heads = ["", *(node.name for node in graph.nodes if node.op.streams)]
    fifos = list(_fifos(graph))
    numbers: dict[str, list[int]] = {}
    for number, node in enumerate(graph.nodes):
        numbers.setdefault(source(graph, node.name), []).append(number)
    made = []
    for head in heads:
        first = [head] if head else [node.name for node in graph.feeds()]
        inner = [
            node
            for node in (parts[head].nodes if head in parts else ())
            if node.inputs and not isinstance(node.op, Register)
        ]
        calls = [Call(name, "", tuple(numbers[name])) for name in first]
        calls += [
            Call(node.name, source(graph, node.inputs[0]), tuple(numbers[node.name]))
            for node in inner
        ]
        values = [call.name for call in calls]
        if head:
            reads = [fifo for reader, fifo in fifos if reader == head]
            steps = steps_of(graph, graph.by_name[head])
        else:
            reads, steps = ports(graph)[0], graph.wires[graph.feeds()[0].name].beats
        writes = [fifo for _, fifo in fifos if fifo.type in values]
        writes += [fifo for fifo in ports(graph)[1] if fifo.type in values]
        made.append(
            Process(f"p_{head}" if head else "inputs", head, steps, reads, writes, values, calls)
        )
    return made


def _fifos(graph: Graph) -> Iterator[tuple[str, Fifo]]:
    """The streaming node that reads each stream inside the core, and the stream."""
    for node in graph.nodes:
        if not node.op.streams:
            continue
        depths = getattr(node.op, "depths", (0,))
        for i, name in enumerate(node.inputs):
            depth = depths[i] + _MORE_PLACES if node.op.waits else _PLACES
            yield node.name, _stream(graph, f"q_{node.name}_{i}", name, depth)


def _stream(graph: Graph, name: str, node: str, depth: int = _PLACES) -> Fifo:
    return Fifo(name, source(graph, node), Words.of(graph.wires[node]).count, depth)


def ports(graph: Graph) -> tuple[list[Fifo], list[Fifo]]:
    """The streams into and out of the core."""
    feeds = [_stream(graph, f"x{i}", node.name) for i, node in enumerate(graph.feeds())]
    return feeds, [_stream(graph, f"y{i}", name) for i, name in enumerate(graph.outputs)]


def _core(graph: Graph, banner: Mapping[str, str], headers: list[str]) -> str:
    feeds, answers = ports(graph)
    return render(
        "hls/core.h.j2",
        **banner,
        headers=headers,
        processes=processes(graph),
        ports=feeds + answers,
        fifos=[fifo for _, fifo in _fifos(graph)],
    )


def _kernel(graph: Graph, width: int, banner: Mapping[str, str]) -> str:
    frame = framing(graph, width)
    words = max(1, frame.slot // width)
    for beats, of in ((words, "a beat of the inputs"), (frame.out_beats, "an answer")):
        if beats > LIMIT:
            raise GraphError(
                f"graph {graph.name!r}: {of} takes {beats:,} beats of {width} bits, HLS C++ takes"
                f" up to {LIMIT:,}"
            )
    feeds, answers = ports(graph)
    return render(
        "hls/kernel.cpp.j2",
        **banner,
        width=width,
        frame=frame,
        words=words,
        shared=max(1, width // frame.slot),
        steps=frame.frame_beats * words,
        most_unrolled=_MOST_UNROLLED,
        feeds=list(_packed(graph, feeds)),
        answers=list(_packed(graph, answers)),
        depth=len(processes(graph)) + _MORE_FRAMES,
    )


def _packed(graph: Graph, streams_of: list[Fifo]) -> Iterator[SimpleNamespace]:
    """Where each word of the beats of these streams lies in a frame or an answer."""
    lsb = 0
    for number, fifo in enumerate(streams_of):
        wire: Wire = graph.wires[fifo.type]
        words = Words.of(wire)
        pieces = [
            SimpleNamespace(
                port=number,
                word=word,
                bits=len(words.lanes_of(word)) * words.bits,
                lsb=lsb + words.lanes_of(word).start * words.bits,
            )
            for word in range(words.count)
        ]
        yield SimpleNamespace(name=fifo.name, type=fifo.type, count=fifo.count, pieces=pieces)
        lsb += wire.width_bits
