"""LUT layers as a network of two-input gates, for peers that know nothing wider."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from benchmarks.peers.variant import NotRun
from hlsgen.graph.ir import Graph
from hlsgen.graph.ops import Lut
from hlsgen.netlist import read_design
from hlsgen.paths import write_atomic
from hlsgen.tools import TOOLS

# ABC optimises all tables together; with each table's gates kept apart, the digits example has
# 1.7 times as many of them, and 2 % more LUTs.
_SCRIPT = """\
read_blif -wideports tables.blif
techmap t:$lut
simplemap
abc -lut 2 -script +strash;dc2;dc2;dch,-f;if,-K,2
opt_clean
write_json gates.json
"""


@dataclass(frozen=True)
class Gates:
    """Two-input gates in topological order.

    Signal s is lane s of the input for s < inputs, and gate s - inputs beyond. A gate is
    (a, b, table): bit 2 * a + b of `table` is its output. `outputs` are signals, or -1 and -2 for
    constants 0 and 1.
    """

    inputs: int
    gates: list[tuple[int, int, int]]
    outputs: list[int]


def gates(graph: Graph, folder: Path) -> tuple[str, Gates, str]:
    """The node that the LUT layers read, their gates, and the node that those drive.

    Args:
        graph: its LUT layers must be one chain.
        folder: where Yosys works.

    Raises:
        NotRun: the LUT layers are no chain.
        ToolMissing: Yosys is not there.
        ToolFailed: it fails.
    """
    layers = [node for node in graph.nodes if isinstance(node.op, Lut)]
    apart = any(after.inputs != (before.name,) for before, after in pairwise(layers))
    if not layers or apart:
        raise NotRun("is called for graphs whose LUT layers are one chain")
    source, last = layers[0].inputs[0], layers[-1].name
    write_atomic(folder / "tables.blif", "\n".join(_blif(graph, source, last)) + "\n")
    write_atomic(folder / "gates.ys", _SCRIPT)
    TOOLS["yosys"].run(
        ["-s", "gates.ys"], cwd=folder, makes=["gates.json"], log_file=folder / "gates.log"
    )
    return source, _read(folder / "gates.json"), last


def _blif(graph: Graph, source: str, last: str) -> Iterator[str]:
    """The tables; `$` leads no name, so that Yosys joins the bits of the ports alone."""
    inputs, outputs = graph.wires[source].lanes, graph.wires[last].lanes
    yield ".model tables"
    yield ".inputs " + " ".join(f"x[{i}]" for i in range(inputs))
    yield ".outputs " + " ".join(f"y[{i}]" for i in range(outputs))
    for node in graph.nodes:
        if not isinstance(node.op, Lut):
            continue
        before = "x[{}]" if node.inputs[0] == source else node.inputs[0] + "_{}"
        here = "y[{}]" if node.name == last else node.name + "_{}"
        rows = zip(node.op.src.tolist(), node.op.k.tolist(), node.op.table.tolist(), strict=True)
        for i, (src, k, table) in enumerate(rows):
            yield ".names " + " ".join([*(before.format(lane) for lane in src[:k]), here.format(i)])
            for entry in range(1 << k):
                if table >> entry & 1:
                    cube = "".join(str(entry >> pin & 1) for pin in range(k))
                    yield f"{cube} 1".strip()
    yield ".end"


def _read(path: Path) -> Gates:
    module = read_design(path).flatten("tables")
    x, y = module.ports["x"], module.ports["y"]
    number: dict[int | str, int] = {net: i for i, net in enumerate(x)} | {"0": -1, "1": -2}
    driver = {cell.pins["Y"][0]: cell for cell in module.cells}
    made: list[tuple[int, int, int]] = []
    for net in y:
        stack = [net]
        while stack:
            here = stack[-1]
            if here in number:
                stack.pop()
                continue
            cell = driver[here]
            pins = cell.pins["A"]
            if missing := [pin for pin in pins if pin not in number]:
                stack += missing
                continue
            if cell.type != "$lut" or len(pins) > 2:
                raise ValueError(f"{path}: {cell.type} of {len(pins)} inputs is no two-input gate")
            gate = number[pins[0]], number[pins[-1]], _table(cell.number("LUT"), len(pins))
            number[here] = _enter(made, len(x), *gate)
    return Gates(len(x), made, [number[net] for net in y])


def _enter(made: list[tuple[int, int, int]], inputs: int, a: int, b: int, table: int) -> int:
    """The signal of a gate; a constant on a pin goes into its table, and the other pin there."""
    fixed = {-1: 0, -2: 1}
    entries = [
        table >> (2 * fixed.get(a, high) + fixed.get(b, low)) & 1
        for high in (0, 1)
        for low in (0, 1)
    ]
    if max(a, b) < 0:
        return -1 - entries[0]
    pins = (b if a < 0 else a), (a if b < 0 else b)
    made.append((*pins, sum(bit << i for i, bit in enumerate(entries))))
    return inputs + len(made) - 1


def _table(init: int, width: int) -> int:
    """Bit 2 * a + b, from a table in which pin 0 is a and the last pin b."""
    if width == 1:
        return sum((init >> a & 1) << (2 * a + b) for a in (0, 1) for b in (0, 1))
    return sum((init >> (a + 2 * b) & 1) << (2 * a + b) for a in (0, 1) for b in (0, 1))


def layered(net: Gates, groups: list[list[int]]) -> tuple[list[list[tuple[int, int, int]]], int]:
    """The gates as layers that read only the layer before, and the size of a group.

    What a later layer needs is carried through by gates that copy it, and gates without use are
    added where torchlogix demands that a layer may read everything before it. The last layer holds
    `groups` of `net.outputs`, filled up with zeros to one size.
    """
    level = [0] * net.inputs
    for a, b, _ in net.gates:
        level.append(1 + max(level[a], level[b]))
    depth = 1 + max(level[signal] for signal in net.outputs if signal >= 0)
    until = _last_use(net, level, depth)
    by_level: list[list[int]] = [[] for _ in range(depth)]
    for signal in range(net.inputs, len(level)):
        by_level[level[signal]].append(signal)
    place = {signal: signal for signal in range(net.inputs)}
    layers, before = [], net.inputs
    for here in range(1, depth):
        layer, now = [], {}
        for signal in by_level[here]:
            a, b, table = net.gates[signal - net.inputs]
            now[signal] = len(layer)
            layer.append((place[a], place[b], table))
        for signal, at in place.items():
            if until[signal] > here:
                now[signal] = len(layer)
                layer.append((at, at, 0b1100))
        layer += [(0, 0, 0)] * (-(-before // 2) - len(layer))
        layers.append(layer)
        place, before = now, len(layer)
    size = max(*map(len, groups), -(-before // (2 * len(groups))))
    last = [
        {-1: (0, 0, 0), -2: (0, 0, 15)}.get(signal) or (place[signal], place[signal], 0b1100)
        for group in groups
        for signal in group + [-1] * (size - len(group))
    ]
    return [*layers, last], size


def _last_use(net: Gates, level: list[int], depth: int) -> list[int]:
    """The last layer that reads each signal."""
    until = [0] * len(level)
    for signal, (a, b, _) in enumerate(net.gates, net.inputs):
        for pin in (a, b):
            until[pin] = max(until[pin], level[signal])
    for signal in net.outputs:
        if signal >= 0:
            until[signal] = depth
    return until
