"""Small networks whose proofs are compared with every input there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from hlsgen.emit import emit
from hlsgen.graph import Graph, random_feeds, run
from hlsgen.graph.aig import Aig, Word
from hlsgen.graph.ir import Node, Values
from hlsgen.netlist import Flat, Pipeline
from hlsgen.proof.circuits import Circuit, proofs
from hlsgen.proof.equivalence import Counterexample, Proof, replay
from hlsgen.sat import Budget
from rtl_tests.designs import ECP5, random_network, with_latency

ENOUGH = Budget(200_000)
ANSWER = re.compile(r"answer, (\w+), lane (\d+), bit (\d+)")
LAYER = re.compile(r"layer (\w+), lane (\d+), bit (\d+)")


def network(seed: int, cycles: int = 2, **sizes: Any) -> Graph:
    """A random network, of the seeds from `seed` on the first whose answer is any class often."""
    sizes = {"features": 2, "bits": 4, "code": 14, "layers": (16, 12), "fan_in": (1, 5)} | sizes
    while True:
        graph = random_network(seed, **sizes)
        answers = run(graph, random_feeds(graph, 256, np.random.default_rng(5)))["answer"]
        if (np.bincount(answers.ravel(), minlength=sizes.get("classes", 3)) > 8).all():
            return with_latency(graph, cycles)
        seed += 100


def sources(folder: Path, graph: Graph) -> list[str]:
    plan = emit(graph, 8, ECP5)
    plan.write(folder)
    return [name for name in plan.files if name.startswith("rtl/") and name.endswith(".v")]


def samples(graph: Graph) -> Values:
    return random_feeds(graph, 20, np.random.default_rng(4))[graph.feeds()[0].name]


def all_inputs(graph: Graph) -> dict[str, Values]:
    (feed,) = graph.feeds()
    wire = graph.wires[feed.name]
    grid = np.indices((wire.hi + 1,) * wire.lanes).reshape(wire.lanes, -1)
    return {feed.name: np.ascontiguousarray(grid.T)[:, None, :].astype(np.int64)}


def bits_of(values: list[int], width: int) -> Word:
    return [value >> i & 1 for value in values for i in range(width)]


def seen(
    flat: Flat, frame: Word, port: str, clock: int, elsewhere: dict[str, int], **fixed: int
) -> Word:
    """A port of the netlist by simulation: the frame at clock 0, and the rest by its name.

    A bit that depends on what the example does not name is -1.
    """
    aig = Aig()
    feeds = {("x", i): bit for i, bit in enumerate(frame)}
    pipeline = Pipeline(aig, flat, feeds, fixed=fixed, depth=clock + 1)
    word = pipeline.output(port, clock)
    read = []
    for other in (0, 1):
        values = {literal: elsewhere.get(what, other) for literal, what in pipeline.free.items()}
        value = aig.simulate(values, 1)
        read.append([value[literal >> 1] ^ literal & 1 for literal in word])
    return [a if a == b else -1 for a, b in zip(*read, strict=True)]


def is_right(graph: Graph, flat: Flat) -> bool:
    """Whether the core answers as the interpreter, for all inputs."""
    inputs = all_inputs(graph)
    ((name, wanted),) = run(graph, inputs).items()
    wire, latency = graph.wires[name], graph.latency[name]
    (feed,) = graph.feeds()
    rows = inputs[feed.name][:, 0]
    width = graph.wires[feed.name].bits
    aig = Aig()
    literals = aig.inputs(rows.shape[1] * width)
    ports = {("x", i): literal for i, literal in enumerate(literals)}
    pipeline = Pipeline(aig, flat, ports, fixed={"rst": 0}, depth=latency + 1)
    word = pipeline.output("y", latency)
    assert not pipeline.free
    columns = np.array([bits_of(row.tolist(), width) for row in rows]).T
    drive = {
        literal: sum(int(bit) << s for s, bit in enumerate(column))
        for literal, column in zip(literals, columns, strict=True)
    }
    value = aig.simulate(drive, len(rows))
    assert len(word) == wire.bits
    got = [
        sum((value[y >> 1] >> s & 1 ^ y & 1) << i for i, y in enumerate(word))
        for s in range(len(rows))
    ]
    return got == wanted[:, 0, 0].tolist()


def confirm_core(graph: Graph, flat: Flat, proof: Proof) -> Counterexample:
    """The interpreter and a simulation of the netlist say what the counterexample says."""
    assert proof.status == "refuted"
    example = proof.counterexample
    assert example is not None
    match = ANSWER.fullmatch(example.output)
    assert match is not None, example.output
    name, bit = match[1], int(match[3])
    assert int(match[2]) == 0
    (feed,) = graph.feeds()
    frame = bits_of(example.inputs[feed.name], graph.wires[feed.name].bits)
    wanted = int(replay(graph, example)[name][0, 0, 0]) >> bit & 1
    got = seen(flat, frame, "y", graph.latency[name], example.elsewhere, rst=0)[bit]
    assert (example.wanted, example.got) == (wanted, got)
    assert wanted != got
    assert str(example) in proof.reason
    return example


def confirm_layer(graph: Graph, node: Node, flat: Flat, proof: Proof) -> Counterexample:
    assert proof.status == "refuted"
    example = proof.counterexample
    assert example is not None
    match = LAYER.fullmatch(example.output)
    assert match is not None
    lane, bit = int(match[2]), int(match[3])
    assert match[1] == node.name
    (wire,), out = graph.inputs_of(node), graph.wires[node.name]
    values = example.inputs[f"{node.name}:0"]
    assert all(wire.lo <= value <= wire.hi for value in values)
    wanted = int(node.op.eval(np.array([[values]]))[0, 0, lane]) >> bit & 1
    word = seen(flat, bits_of(values, wire.bits), "y", node.op.latency, example.elsewhere)
    assert (example.wanted, example.got) == (wanted, word[lane * out.bits + bit])
    assert example.wanted != example.got
    return example


def all_proved(graph: Graph, circuit: Circuit) -> None:
    made = list(proofs(graph, circuit, samples(graph), ENOUGH))
    names = [node.name for node in graph.nodes if node.inputs]
    assert [proof.name for proof in made] == [*names, "core"]
    for proof in made:
        assert (proof.status, proof.reason, proof.counterexample) == ("proved", "", None)
        assert proof.proved == proof.outputs
        if proof.name != "core":
            assert proof.outputs == graph.wires[proof.name].width_bits
    # The answer, valid_out, and valid_out after a reset.
    assert made[-1].outputs == graph.wires[graph.outputs[0]].width_bits + 2


# --- what is right ----------------------------------------------------------------------------
