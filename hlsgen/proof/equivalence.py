"""A graph against another graph, or against a netlist: each layer, and the whole core."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from hlsgen.errors import ConfigError
from hlsgen.graph.aig import FALSE, TRUE, Aig, Word, extend
from hlsgen.graph.blast import blast, columns, in_range, words_of
from hlsgen.graph.interp import random_feeds, run
from hlsgen.graph.ir import Graph, Node, Rows, Values, Wire
from hlsgen.netlist import Flat, Pipeline
from hlsgen.passes.pipeline import remove_registers
from hlsgen.proof.fraig import Fraig
from hlsgen.proof.sums import whole_sums
from hlsgen.proof.sweep import BUDGET, Pair, Stage, Sweep, Swept
from hlsgen.sat import Budget, Model

_RANDOM_SAMPLES, _REAL_SAMPLES = 512, 512
# Inputs of other clocks and undriven nets that a message shows.
_SHOWN = 8


@dataclass(frozen=True)
class Counterexample:
    """Inputs for which a circuit differs from the graph.

    Args:
        inputs: input node (or `<node>:<input>` of a single layer) -> its lanes' values.
        output: the bit that differs: node, lane and bit.
        wanted: what the graph makes of it.
        got: what the circuit makes of it.
        elsewhere: what else must be so: inputs of other clocks, undriven nets.
    """

    inputs: dict[str, list[int]]
    output: str
    wanted: int
    got: int
    elsewhere: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        sample = "; ".join(f"{name} = {values}" for name, values in self.inputs.items())
        text = f"{self.output}: expected {self.wanted}, got {self.got} for {sample}"
        if self.elsewhere:
            shown = [f"{what} = {bit}" for what, bit in self.elsewhere.items()]
            more = [f"{len(shown) - _SHOWN} more"] if len(shown) > _SHOWN else []
            text += f", where {', '.join(shown[:_SHOWN] + more)}"
        return text


@dataclass(frozen=True)
class Proof:
    """What became of one proof; `outputs` are the bits that must be equal.

    `inside` counts for each layer the values that were found in the circuit, of how many; `wrong`
    names the outputs that differ.
    """

    name: str
    status: Literal["proved", "refuted", "unknown"]
    outputs: int
    proved: int
    time_s: float
    reason: str = ""
    counterexample: Counterexample | None = None
    inside: dict[str, tuple[int, int]] = field(default_factory=dict)
    wrong: tuple[str, ...] = ()


def prove_opt(before: Graph, after: Graph, samples: Values, budget: Budget = BUDGET) -> Proof:
    """That `after` (registers as wires) computes what `before` computes.

    Lanes that are equal become one literal, layer by layer, and sums of the same lanes one sum,
    however they are added. Mostly the answers are then the same literal; else they are swept.
    """
    start = time.perf_counter()
    aig = Aig()
    old, new = whole_sums(before), whole_sums(after)
    feeds, drive = _feeds(aig, before, samples)
    count = _RANDOM_SAMPLES + min(len(samples), _REAL_SAMPLES)
    care = aig.all(in_range(aig, old.wires[name], words) for name, words in feeds.items())
    with Fraig(aig, drive, count, care, budget) as fraig:
        one, two = fraig.blast(old, feeds), fraig.blast(new, feeds)
    # A sum that was dissolved may be narrower than the wire that carries it.
    seen = [
        [extend(word, wire.bits, signed=two.wires[name].signed) for word in two.words[name]]
        for name in new.outputs
        for wire in (remove_registers(after).wires[name],)
    ]
    pairs = list(_pairs(old, one.words, seen, "optimised graph"))
    stages = _stages(old, one.words, _ranges(aig, one.wires, one.words))
    if all(pair.circuit == pair.wanted for pair in pairs):
        result = Swept(_shared(stages, two.words), proved=pairs)
    else:
        result = Sweep(aig, drive, count, budget).run(stages, pairs, care)
    return _proof("optimised graph", result, pairs, start, feeds, before, {}, aig)


def prove_core(graph: Graph, flat: Flat, samples: Values, budget: Budget = BUDGET) -> Proof:
    """That the core `flat` answers what the graph computes, a frame a clock, at its latency.

    The answer at clock `latency` must be the function of the frame at clock 0 and of nothing
    else; valid_out must be valid_in delayed by as much, and 0 after a clock of reset.
    """
    start = time.perf_counter()
    aig = Aig()
    feeds, drive = _feeds(aig, graph, samples)
    words = blast(graph, aig, feeds)
    ranges = _ranges(aig, graph.wires, words)
    latency = graph.latency[graph.outputs[0]]
    frame = [bit for node in graph.feeds() for word in feeds[node.name] for bit in word]
    _match(flat, {"x": len(frame), "y": _width(graph), "valid_in": 1, "valid_out": 1, "rst": 1})
    valid = aig.input()
    ports = {("x", i): bit for i, bit in enumerate(frame)} | {("valid_in", 0): valid}
    running = Pipeline(aig, flat, ports, fixed={"rst": 0}, depth=latency + 1)
    reset = Pipeline(aig, flat, ports | {("rst", 0): TRUE}, depth=latency + 1)
    answer = running.output("y", latency)
    pairs = list(_pairs(graph, words, _cut(graph, answer), "answer"))
    pairs.append(Pair("valid_out", running.output("valid_out", latency)[0], valid))
    pairs.append(Pair("valid_out after reset", reset.output("valid_out", 1)[0], FALSE))
    free = running.free | reset.free
    rng = np.random.default_rng(2)
    count = _RANDOM_SAMPLES + min(len(samples), _REAL_SAMPLES)
    for literal in [valid, *free]:
        drive[literal] = int.from_bytes(rng.bytes(-(-count // 8)), "little") & ((1 << count) - 1)
    result = Sweep(aig, drive, count, budget).run(_stages(graph, words, ranges), pairs)
    return _proof("core", result, pairs, start, feeds, graph, free, aig)


def prove_node(graph: Graph, node: Node, flat: Flat, budget: Budget = BUDGET) -> Proof:
    """That the module of one node computes the node's operator, for all inputs in range."""
    start = time.perf_counter()
    aig = Aig()
    wires, wire = graph.inputs_of(node), graph.wires[node.name]
    names = [f"x{i}" if len(wires) > 1 else "x" for i in range(len(wires))]
    rows = node.op.stimuli(np.random.default_rng(1), *wires)
    inputs: list[list[Word]] = []
    drive: dict[int, int] = {}
    ports: dict[tuple[str, int], int] = {}
    widths = {"y": wire.width_bits}
    for name, source, values in zip(names, wires, rows, strict=True):
        words = words_of(aig, source)
        inputs.append(words)
        drive |= _driven(words, values, source)
        ports |= {(name, i): bit for i, bit in enumerate(b for word in words for b in word)}
        widths[name] = source.width_bits
    _match(flat, widths)
    care = TRUE
    for words, source in zip(inputs, wires, strict=True):
        care = aig.conj(care, in_range(aig, source, words))
    wanted = node.op.logic(aig, wires, tuple(inputs))
    pipeline = Pipeline(aig, flat, ports, depth=node.op.latency + 1)
    seen = pipeline.output("y", node.op.latency)
    pairs = [
        Pair(f"layer {node.name}, lane {i // wire.bits}, bit {i % wire.bits}", got, want)
        for i, (got, want) in enumerate(zip(seen, (b for w in wanted for b in w), strict=True))
    ]
    result = Sweep(aig, drive, len(rows[0]), budget).run([], pairs, care)
    labelled = {f"{node.name}:{i}": words for i, words in enumerate(inputs)}
    of = dict(zip(labelled, wires, strict=True))
    proof = _proof(node.name, result, pairs, start, labelled, of, pipeline.free, aig)
    if result.refuted:
        proof = replace(proof, reason=_placed(node, wire, pairs, proof))
    return proof


def _placed(node: Node, wire: Wire, pairs: list[Pair], proof: Proof) -> str:
    """The first difference in the operator's own words, such as LUT and table entry."""
    example = proof.counterexample
    if example is None:
        return proof.reason
    lane = [pair.name for pair in pairs].index(example.output) // wire.bits
    row = (np.array([[values]]) for values in example.inputs.values())
    return (
        f"{len(proof.wrong)} of {len(pairs)} bits differ; layer {node.name},"
        f" {node.op.explain(lane, *row)}: expected {example.wanted}, got {example.got}"
    )


def _feeds(aig: Aig, graph: Graph, samples: Values) -> tuple[dict[str, list[Word]], dict[int, int]]:
    """Inputs of the graph, and for each of their literals some real and some random samples."""
    random = random_feeds(graph, _RANDOM_SAMPLES, np.random.default_rng(1))
    feeds: dict[str, list[Word]] = {}
    drive: dict[int, int] = {}
    for node in graph.feeds():
        wire = graph.wires[node.name]
        feeds[node.name] = words_of(aig, wire)
        rows = np.concatenate([samples[:_REAL_SAMPLES], random[node.name]])
        drive |= _driven(feeds[node.name], rows, wire)
    return feeds, drive


def _driven(words: list[Word], rows: Rows, wire: Wire) -> dict[int, int]:
    return {
        literal: bits
        for word, lane in zip(words, columns(rows, wire), strict=True)
        for literal, bits in zip(word, lane, strict=True)
    }


def _ranges(aig: Aig, wires: Mapping[str, Wire], words: Mapping[str, list[Word]]) -> dict[str, int]:
    return {name: in_range(aig, wires[name], words[name]) for name in words}


def _shared(stages: Sequence[Stage], words: Mapping[str, list[Word]]) -> dict[str, tuple[int, int]]:
    """How many values of each stage are among the words of the other graph, of how many."""
    other = {bit >> 1 for lanes in words.values() for word in lanes for bit in word}
    inner = {stage.name: {bit >> 1 for bit in stage.values if bit > TRUE} for stage in stages}
    return {name: (len(values & other), len(values)) for name, values in inner.items()}


def _stages(
    graph: Graph, words: Mapping[str, list[Word]], ranges: Mapping[str, int]
) -> list[Stage]:
    return [
        Stage(node.name, [bit for word in words[node.name] for bit in word], ranges[node.name])
        for node in graph.nodes
        if node.inputs and not node.op.latency
    ]


def _pairs(
    graph: Graph, words: Mapping[str, list[Word]], seen: list[list[Word]], what: str
) -> Iterator[Pair]:
    """Each bit of each output beside the one that was seen in its place."""
    for name, lanes in zip(graph.outputs, seen, strict=True):
        for lane, (wanted, got) in enumerate(zip(words[name], lanes, strict=True)):
            if len(wanted) != len(got):
                raise ConfigError(
                    f"{what}: output {name} has {len(got)} bits a lane, expected {len(wanted)}"
                )
            for bit, (want, have) in enumerate(zip(wanted, got, strict=True)):
                yield Pair(f"{what}, {name}, lane {lane}, bit {bit}", have, want)


def _width(graph: Graph) -> int:
    return sum(graph.wires[name].width_bits for name in graph.outputs)


def _cut(graph: Graph, bits: Word) -> list[list[Word]]:
    """The bits of the core's answer as lanes of each output."""
    parts, at = [], 0
    for name in graph.outputs:
        wire = graph.wires[name]
        parts.append([bits[at + i * wire.bits :][: wire.bits] for i in range(wire.lanes)])
        at += wire.width_bits
    return parts


def _match(flat: Flat, widths: Mapping[str, int]) -> None:
    """The ports are there and as wide as the graph says."""
    for port, width in widths.items():
        found = len(flat.ports.get(port, ()))
        if found != width:
            raise ConfigError(
                f"{flat.name}: port {port} has {found} bits, the graph's has {width}:"
                " a netlist of another graph?"
            )


def _proof(
    name: str,
    result: Swept,
    pairs: list[Pair],
    start: float,
    feeds: Mapping[str, list[Word]],
    graph: Graph | Mapping[str, Wire],
    free: Mapping[int, str],
    aig: Aig,
) -> Proof:
    wires = graph.wires if isinstance(graph, Graph) else graph
    example, reason = None, ""
    if result.refuted:
        pair, model = result.refuted[0]
        # What the circuit does not depend on is not part of the example.
        needed = aig.support([pair.circuit])
        read = {literal: what for literal, what in free.items() if literal in needed}
        example = _example(pair, model, feeds, wires, read)
        reason = f"{len(result.refuted)} of {len(pairs)} bits differ; {example}"
    elif result.unknown:
        shown = ", ".join(pair.name for pair in result.unknown[:3])
        reason = f"undecided within the solver's budget: {len(result.unknown)} bits ({shown})"
    return Proof(
        name,
        "refuted" if result.refuted else "unknown" if result.unknown else "proved",
        len(pairs),
        len(result.proved),
        time.perf_counter() - start,
        reason,
        example,
        result.inside,
        tuple(pair.name for pair, _ in result.refuted),
    )


def _example(
    pair: Pair,
    model: Model,
    feeds: Mapping[str, list[Word]],
    wires: Mapping[str, Wire],
    free: Mapping[int, str],
) -> Counterexample:
    """The model as values of the inputs; inputs that do not matter are as low as they can be."""
    inputs = {}
    for name, words in feeds.items():
        wire = wires[name]
        values = []
        for word in words:
            value = sum(model.get(bit >> 1, False) << i for i, bit in enumerate(word))
            if wire.signed and value >> (wire.bits - 1):
                value -= 1 << wire.bits
            values.append(min(max(value, wire.lo), wire.hi))
        inputs[name] = values
    wanted = _value(pair.wanted, model)
    elsewhere = {
        what: int(model[literal >> 1]) for literal, what in free.items() if literal >> 1 in model
    }
    return Counterexample(inputs, pair.name, wanted, 1 - wanted, elsewhere)


def _value(literal: int, model: Model) -> int:
    return int(model.get(literal >> 1, False)) ^ literal & 1


def replay(graph: Graph, example: Counterexample) -> dict[str, Values]:
    """What the interpreter makes of a counterexample of the core: the outputs, [1, 1, lanes]."""
    feeds = {name: np.array([[values]]) for name, values in example.inputs.items()}
    return run(graph, feeds)
