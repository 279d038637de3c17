"""Rung 2: proofs by SAT that optimised graph, Verilog and netlist are the exported graph."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from hlsgen.errors import CheckFailed, ConfigError, ToolFailed
from hlsgen.graph import load
from hlsgen.graph.ir import Graph, Values
from hlsgen.graph.parts import feeds_of, split
from hlsgen.paths import write_atomic
from hlsgen.proof.circuits import Circuit, mapped, proofs, verilog, write_aiger
from hlsgen.proof.equivalence import Counterexample, Proof, prove_opt
from hlsgen.proof.families import FAMILIES
from hlsgen.proof.sweep import BUDGET
from hlsgen.sat import Budget
from hlsgen.tools import TOOLS
from hlsgen.verify.replay import replay_netlist, replay_verilog
from hlsgen.verify.sources import sources
from hlsgen.verify.verdict import Rung, Timer, what

_STATUS = {"proved": "passed", "refuted": "failed", "unknown": "unknown"}
_SOLVER = "hlsgen's own bit-blasting, Glucose 4"


@dataclass(frozen=True)
class Listener:
    """Told of each circuit, of each proof that begins, and of each that ends."""

    circuit: Callable[[str], None] = lambda name: None
    begin: Callable[[str], None] = lambda name: None
    end: Callable[[Proof], None] = lambda proof: None


def optimisation(folder: Path, graph: Graph, samples: Values, budget: Budget = BUDGET) -> Rung:
    """The graph that was emitted against the one that was exported (see `reference`)."""
    path = reference(folder)
    if path is None:
        return Rung(2, "optimisation", "not run", what("optimisation"),
                    reason="no exported graph in this folder")  # fmt: skip
    timer = Timer()
    found = list(_optimised(load(path), graph, samples, budget))
    reason = "; ".join(proof.reason for proof in found if proof.reason)
    return _rung("optimisation", found, timer, _SOLVER, reason)


def _optimised(before: Graph, after: Graph, samples: Values, budget: Budget) -> Iterator[Proof]:
    """Each part of the optimised graph against the same part of the one before."""
    old, new = ({node.name: node.op.unfolded() for node in graph.nodes if node.op.streams}
                for graph in (before, after))  # fmt: skip
    if old != new:
        raise CheckFailed(
            f"graph {after.name!r}: streaming operators {sorted(new)} are not those of the"
            f" exported graph, {sorted(old)}; this is a bug in hlsgen, please report it"
        )
    parts = split(before)
    inputs = parts_with(before, samples)
    for (part, values), made in zip(inputs, split(after), strict=True):
        proof = prove_opt(part, made.graph, values, budget)
        named = proof.name if len(parts) == 1 else f"{proof.name}, {part.name}"
        yield replace(proof, name=named)


def parts_with(graph: Graph, samples: Values) -> Iterator[tuple[Graph, Values]]:
    """The parts of a graph, and what the samples bring to each: int64 [n, 1, lanes]."""
    parts = split(graph)
    feeds = feeds_of(graph, parts, {graph.feeds()[0].name: samples})
    for part, values in zip(parts, feeds, strict=True):
        yield part.graph, values[part.graph.feeds()[0].name]


def reference(folder: Path) -> Path | None:
    """The graph that the optimised one must equal: the export, or what approximations made of it.

    The stage opt writes graph/reference where the project allows changes of the function; their
    accuracy is in graph/opt.json.
    """
    paths = (folder / "graph" / name for name in ("reference", "export"))
    return next((path for path in paths if path.with_suffix(".json").is_file()), None)


def of_verilog(
    folder: Path,
    graph: Graph,
    samples: Values,
    budget: Budget = BUDGET,
    listener: Listener = Listener(),
) -> Rung:
    """The Verilog in rtl/, each layer and the core."""
    timer, files = Timer(), sources(folder, graph)
    circuit = verilog(folder, graph, files)
    found, reason = _prove(
        folder, graph, circuit, samples, budget, listener, _again_verilog(folder, files)
    )
    return _rung("Verilog", found, timer, _tool(), reason or _beside(graph))


def of_netlist(
    folder: Path, graph: Graph, samples: Values, netlist: Path, family: str, budget: Budget = BUDGET
) -> Rung:
    """The core in the synthesised netlist of the board's build."""
    timer = Timer()
    circuit, again = Circuit(family, None, netlist), _again_netlist(folder, netlist, family)
    found, reason = _prove(folder, graph, circuit, samples, budget, Listener(), again)
    return _rung("netlist", found, timer, _tool(), reason or _beside(graph))


def _beside(graph: Graph) -> str:
    """What the proofs leave out of a graph that streams."""
    windows = [node.name for node in graph.nodes if node.op.streams]
    return f"without {', '.join(windows)}, which rung 1 simulates" if windows else ""


def prove(
    folder: Path,
    families: Sequence[str],
    samples: Values,
    *,
    budget: Budget = BUDGET,
    listener: Listener = Listener(),
) -> list[tuple[str, list[Proof]]]:
    """`hlsgen prove`: optimisation, Verilog, and the core mapped to each of `families`.

    Everything goes to prove/: scripts, netlists, graph.aig, proof.json, counterexamples.

    Raises:
        CheckFailed: something was refuted (with a counterexample, replayed), or is undecided.
        ConfigError: an unknown family, or a file of the folder is missing.
    """
    if unknown := [name for name in families if name not in FAMILIES]:
        raise ConfigError(f"unknown family {unknown[0]!r}; known: {', '.join(FAMILIES)}")
    graph = load(folder / "graph" / "final")
    files = sources(folder, graph)
    results: list[tuple[str, list[Proof]]] = []
    complaints: list[str] = []
    if path := reference(folder):
        listener.circuit("optimised graph")
        results.append(("optimised graph", []))
        for proof in _optimised(load(path), graph, samples, budget):
            listener.end(proof)
            results[0][1].append(proof)
            if proof.status != "proved":
                complaints.append(f"{proof.name}: {proof.reason}")
    for name in ("Verilog", *families):
        listener.circuit(name)
        if name == "Verilog":
            circuit, again = verilog(folder, graph, files), _again_verilog(folder, files)
        else:
            circuit = mapped(folder, graph, files, FAMILIES[name])
            again = _again_netlist(folder, circuit.core, name)
        found, reason = _prove(folder, graph, circuit, samples, budget, listener, again)
        results.append((name, found))
        if reason:
            complaints.append(f"{name}: {reason}")
    return _end(folder, results, complaints)


def prove_netlist(
    folder: Path,
    netlist: Path,
    family: str,
    samples: Values,
    *,
    budget: Budget = BUDGET,
    listener: Listener = Listener(),
) -> list[tuple[str, list[Proof]]]:
    """`hlsgen prove --netlist`: a netlist that lies in the folder; see `prove`."""
    if family not in FAMILIES:
        raise ConfigError(f"unknown family {family!r}; known: {', '.join(FAMILIES)}")
    graph = load(folder / "graph" / "final")
    listener.circuit(family)
    circuit, again = Circuit(family, None, netlist), _again_netlist(folder, netlist, family)
    found, reason = _prove(folder, graph, circuit, samples, budget, listener, again)
    return _end(folder, [(family, found)], [f"{netlist}: {reason}"] if reason else [])


def _end(
    folder: Path, results: list[tuple[str, list[Proof]]], complaints: list[str]
) -> list[tuple[str, list[Proof]]]:
    record = {name: [asdict(proof) for proof in found] for name, found in results}
    write_atomic(folder / "prove" / "proof.json", json.dumps(record, indent=1) + "\n")
    if complaints:
        raise CheckFailed("\n".join([f"{folder}: not proved", *complaints]))
    return results


# What a counterexample of a core does in simulation.
_Again = Callable[[Graph, Counterexample], str]


def _again_verilog(folder: Path, files: Sequence[str]) -> _Again:
    return lambda graph, example: replay_verilog(folder, graph, example, files)


def _again_netlist(folder: Path, netlist: Path, family: str) -> _Again:
    return lambda graph, example: replay_netlist(folder, graph, example, netlist, family)


def _prove(
    folder: Path,
    graph: Graph,
    circuit: Circuit,
    samples: Values,
    budget: Budget,
    listener: Listener,
    again: _Again,
) -> tuple[list[Proof], str]:
    """Proofs of each part's layers and core, and what was not proved."""
    found, reasons = [], []
    for part, values in parts_with(graph, samples):
        note = "" if part is graph else f"{part.name.removeprefix(f'{graph.name}_')} "
        write_aiger(part, folder / "prove" / ("graph.aig" if part is graph else f"{part.name}.aig"))
        made = []
        for proof in proofs(part, circuit, values, budget, listener.begin):
            made.append(proof)
            named = replace(proof, name=f"{note if proof.name == 'core' else ''}{proof.name}")
            listener.end(named)
            found.append(named)
        if reason := _explain(folder, made, lambda example, part=part: again(part, example)):  # type: ignore[misc]
            reasons.append(f"{note}{reason}")
    return found, "; ".join(reasons)


def _explain(folder: Path, found: Sequence[Proof], again: Callable[[Counterexample], str]) -> str:
    """What was not proved, and what the counterexample of the core does in simulation."""
    broken = [proof for proof in found if proof.status != "proved"]
    lines = [f"{proof.name}: {proof.reason}" for proof in broken]
    for proof in broken:
        if proof.name == "core" and proof.counterexample:
            document = json.dumps(asdict(proof.counterexample), indent=1) + "\n"
            write_atomic(folder / "prove" / "counterexample.json", document)
            try:
                lines.append(f"core: {again(proof.counterexample)}")
            except ToolFailed as error:
                lines.append(f"core: the counterexample could not be simulated: {error}")
    return "; ".join(lines)


def _rung(name: str, found: Sequence[Proof], timer: Timer, tool: str, reason: str) -> Rung:
    worst = next((s for s in ("refuted", "unknown") if any(p.status == s for p in found)), "proved")
    return Rung(
        2,
        name,
        _STATUS[worst],  # type: ignore[arg-type]
        what(name),
        checked=sum(proof.outputs for proof in found),
        failed=sum(proof.outputs - proof.proved for proof in found if proof.status == "refuted"),
        tool=tool,
        reason=reason,
        time_s=timer.time_s,
        details=tuple(detail(proof) for proof in found),
    )


def detail(proof: Proof) -> str:
    """One line about one proof."""
    return f"{proof.name}: {proof.status}, {proof.proved:,} of {proof.outputs:,} bits"


def _tool() -> str:
    return f"Yosys {TOOLS['yosys'].find().version} reads, {_SOLVER}"
