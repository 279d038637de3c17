"""The network as torchlogix exports it: a layered model of two-input gates, and `GroupSum`.

torchlogix (MIT) trains and exports layers of two-input gates ("Export mode currently only supports
lut_rank=2"), so the tables are taken apart into such gates first. Its Verilog ends at the scores
and its `Circuit` reads bits: the comparisons before and the argmax behind are the plain ones.

Its 0.1 releases have no Verilog, and its 0.2 releases are no Python below 3.12 (a nested f-string
in circuit.py): the environment is made of a newer interpreter where this one is older.
"""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.peers.behavioural import Box, behavioural, value
from benchmarks.peers.environment import environment, find_python, run_script, version
from benchmarks.peers.gates import gates, layered
from benchmarks.peers.variant import NotRun, Variant
from hlsgen.graph.ir import Graph
from hlsgen.graph.ops import Sum
from hlsgen.paths import write_atomic

_SCRIPT = Path(__file__).with_name("torchlogix_script.py")
# What it needs to export; its other requirements are for training, some for its own data sets.
_PACKAGES = (("--no-deps", "torchlogix==0.2.*"), ("torch", "numpy"))


def torchlogix(graph: Graph, folder: Path, peers: Path) -> Variant:
    """The Verilog that torchlogix makes, in `folder`.

    Args:
        graph: the exported graph.
        folder: where the Verilog goes.
        peers: where the environments lie.

    Raises:
        NotRun: the environment cannot be made, or the network is not of its kind.
    """
    python = environment(peers / "torchlogix", find_python((3, 12)), _PACKAGES)
    source, net, last = gates(graph, folder)
    total = next((node for node in graph.nodes if node.inputs == (last,)), None)
    if total is None or not isinstance(total.op, Sum) or (total.op.bias < 0).any():
        raise NotRun("is called for LUT layers that sums without negative biases follow")
    ends, src = total.op.offset.tolist(), total.op.src.tolist()
    # A bias is so many lanes that are always 1.
    groups = [
        [net.outputs[lane] for lane in src[start:end]] + [-2] * bias
        for start, end, bias in zip(ends, ends[1:], total.op.bias.tolist(), strict=False)
    ]
    layers, size = layered(net, groups)
    model = {"inputs": net.inputs, "layers": layers, "groups": len(groups)}
    write_atomic(folder / "model.json", json.dumps(model))
    run_script(python, _SCRIPT, folder)
    box = _instance(graph, source, total.name, size)
    write_atomic(folder / "core.v", behavioural(graph, {total.name: box}))
    note = f"from {len(net.gates)} two-input gates; comparisons and argmax are plain"
    tool = f"torchlogix {version(python, 'torchlogix')}"
    sources = (folder / "core.v", folder / "circuit.v")
    return Variant(tool, sources, note=note)


def _instance(graph: Graph, source: str, name: str, size: int) -> Box:
    """The instance; a score has 8, 16 or 32 bits, as many as the size of a group needs."""
    wire = graph.wires[name]
    bits = next(bits for bits in (8, 16, 32) if size < 1 << bits)
    scores = ", ".join(f"scores[{i * bits} +: {wire.bits}]" for i in reversed(range(wire.lanes)))
    text = (
        f"wire [{bits * wire.lanes - 1}:0] scores;\n"
        f"    circuit net(.inp({value(source)}), .scores_flat(scores));\n"
        f"    assign {value(name)} = {{{scores}}};"
    )
    return Box(text, (source,))
