"""The circuits of a build folder that a graph is proved equal to, made by Yosys where needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hlsgen.graph.aig import Aig
from hlsgen.graph.blast import blast, words_of
from hlsgen.graph.ir import Graph, Values
from hlsgen.netlist import Design, read_design
from hlsgen.paths import write_atomic
from hlsgen.plan import Plan
from hlsgen.proof.equivalence import Proof, prove_core, prove_node
from hlsgen.proof.families import Family, family_plan, rtl_plan
from hlsgen.proof.sweep import BUDGET
from hlsgen.sat import Budget
from hlsgen.tools import TOOLS


@dataclass(frozen=True)
class Circuit:
    """Netlists of one core: `layers` has each node's module alone, `core` the whole."""

    name: str
    layers: Path | None
    core: Path


def verilog(folder: Path, graph: Graph, sources: Sequence[str]) -> Circuit:
    """The emitted Verilog as gates: prove/rtl.json, layers and core in one file."""
    _run(rtl_plan(graph, sources), folder)
    return Circuit("Verilog", folder / "prove/rtl.json", folder / "prove/rtl.json")


def mapped(folder: Path, graph: Graph, sources: Sequence[str], family: Family) -> Circuit:
    """The core synthesised for a family, each layer alone and all as one."""
    _run(family_plan(graph, sources, family), folder)
    layers, core = (folder / f"prove/{family.name}_{part}.json" for part in ("layers", "core"))
    return Circuit(family.name, layers, core)


def proofs(
    graph: Graph,
    circuit: Circuit,
    samples: Values,
    budget: Budget = BUDGET,
    begin: Callable[[str], None] = lambda name: None,
) -> Iterator[Proof]:
    """Prove each layer that stands alone in the circuit, then the whole core.

    Raises:
        ConfigError: the netlist is damaged, or one of another graph.
    """
    design: Design | None = None
    if circuit.layers:
        design = read_design(circuit.layers)
        for node in graph.nodes:
            if node.inputs:
                begin(node.name)
                yield prove_node(graph, node, design.flatten(f"{graph.name}_{node.name}"), budget)
    begin("core")
    if design is None or circuit.core != circuit.layers:
        design = read_design(circuit.core)
    yield prove_core(graph, design.flatten(f"{graph.name}_core"), samples, budget)


def write_aiger(graph: Graph, path: Path) -> None:
    """The graph as binary AIGER, for other tools: one frame in, the answer out, no registers."""
    aig = Aig()
    feeds = {node.name: words_of(aig, graph.wires[node.name]) for node in graph.feeds()}
    words = blast(graph, aig, feeds)
    frame = [bit for node in graph.feeds() for word in feeds[node.name] for bit in word]
    answer = [bit for name in graph.outputs for word in words[name] for bit in word]
    write_atomic(path, aig.aiger(frame, answer))


def _run(plan: Plan, folder: Path) -> None:
    plan.write(folder)
    for step in plan.steps:
        log_file = folder / "logs" / f"{step.log}.log"
        TOOLS[step.tool].run(step.args, cwd=folder, makes=step.makes, log_file=log_file)
