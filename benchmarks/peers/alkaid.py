"""The network as alkaid writes it, from comparisons to argmax in its own arithmetic.

alkaid (LGPL-3) is called in its own environment, through its public interface; nothing of it is
copied. Of its two ways to a sum it gets the smaller one on the digits example: `np.sum`, a tree
of adders, needs 6 % fewer LUTs than a product with ones, of which it makes tables of six bits.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.peers.behavioural import Box, behavioural, value
from benchmarks.peers.environment import environment, run_script, version
from benchmarks.peers.variant import NotRun, Variant
from hlsgen.graph.ir import Graph
from hlsgen.paths import write_atomic

_SCRIPT = Path(__file__).with_name("alkaid_script.py")


def alkaid(graph: Graph, exported: Path, folder: Path, peers: Path) -> Variant:
    """The Verilog that alkaid makes, in `folder`.

    Args:
        graph: the exported graph.
        exported: its file.
        folder: where the Verilog goes.
        peers: where the environments lie.

    Raises:
        NotRun: the environment cannot be made, or alkaid refuses the network.
    """
    python = environment(peers / "alkaid", Path(sys.executable), [["alkaid==0.8.*"]])
    run_script(python, _SCRIPT, exported.with_suffix(""), folder)
    ports = json.loads((folder / "ports.json").read_text(encoding="utf-8"))
    if len(graph.outputs) != 1 or len(graph.feeds()) != 1:
        raise NotRun("is called for graphs of one input and one output")
    (answer,) = graph.outputs
    text = behavioural(graph, {answer: _instance(graph, answer, ports)})
    write_atomic(folder / "core.v", text)
    sources = (folder / "core.v", *sorted((folder / "src").rglob("*.v")))
    kept = tuple(path for path in sources if not path.name.endswith("_wrapper.v"))
    return Variant(f"alkaid {version(python, 'alkaid')}", kept)


def _instance(graph: Graph, name: str, ports: dict[str, list[list[int]]]) -> Box:
    """The instance: of each word the bits that it takes, of each output lane those it gives.

    `ports` has for each word and each lane the lowest bit and the number of bits.
    """
    (feed,) = graph.feeds()
    bits, wire = graph.wires[feed.name].bits, graph.wires[name]
    taken = [
        f"{value(feed.name)}[{i * bits + low} +: {width}]"
        for i, (low, width) in enumerate(ports["inputs"])
        if width
    ]
    given, outputs, at = [], ports["outputs"], 0
    for low, width in outputs:
        below, above = [f"{low}'b0"] * (low > 0), wire.bits - low - width
        here = [f"alkaid_y[{at} +: {width}]"] * (width > 0)
        given.append(", ".join([f"{above}'b0"] * (above > 0) + here + below))
        at += width
    text = (
        f"wire [{at - 1}:0] alkaid_y;\n"
        f"    alkaid_net net(.model_inp({{{', '.join(reversed(taken))}}}), .model_out(alkaid_y));\n"
        f"    assign {value(name)} = {{{', '.join(reversed(given))}}};"
    )
    return Box(text, (feed.name,))
