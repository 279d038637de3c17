"""Rung 1: the Verilog in simulation against the interpreter."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from hlsgen.emit import framing, modules_of, signals_of, valids_of
from hlsgen.emit.render import render
from hlsgen.errors import GraphError
from hlsgen.graph.ir import Graph, Values
from hlsgen.graph.schedule import pace
from hlsgen.graph.segments import waits
from hlsgen.paths import write_atomic
from hlsgen.tools import TOOLS
from hlsgen.tools.verilator import build, simulate
from hlsgen.verify.bits import Field, Packed, from_bits, pack, unpack
from hlsgen.verify.events import Events, events, steady
from hlsgen.verify.sources import sources
from hlsgen.verify.vectors import Check, beats, bits_of, core_check, nodes_check
from hlsgen.verify.verdict import Rung, Timer, what

_SHOWN = 10
# The tests of hlsgen.verify.benches.
_TESTS = ("nodes", "core", "stream")
_NODE_SAMPLES = 64
_CORE_SAMPLES = 1000
# Of images fewer are sent: those of so many beats, but as many frames at least.
_CORE_BEATS, _FRAMES = 20_000, 16
_STREAM_CLOCKS = 20_000
# Share of clocks in which no beat is offered to a core with engines.
_BUBBLES = 0.25
# Frames through a core with engines: at most so many clocks of them, but as many at least. Then
# the FIFOs are as full as they get.
_WAITING_CLOCKS, _FEW = 60_000, 4
# Rows that are counted at a time.
_ROWS = 1024
_PORTS = (
    *("clk", "rst", "nodes_x", "nodes_y", "core_x", "core_probe"),
    *("s_axis_tdata", "s_axis_tvalid", "s_axis_tready", "s_axis_tlast"),
    *("m_axis_tdata", "m_axis_tvalid", "m_axis_tready", "m_axis_tlast"),
)


@dataclass(frozen=True)
class Checks:
    """Everything one simulation compares."""

    nodes: Check
    core: Check | Events
    send: np.ndarray
    expect: np.ndarray


@dataclass(frozen=True)
class Simulated:
    """What a simulation saw: failed tests by name, and recorded outputs in sim/ of `folder`."""

    folder: Path
    graph: Graph
    checks: Checks
    failed: dict[str, str]

    def wrong_lanes(self) -> set[tuple[str, int]]:
        """Layer and lane of nodes that differ; core and shell as the layer of no name."""
        lanes = {
            (field.node, lane)
            for field, lane, *_ in _wrong(self.folder, "nodes", self.checks.nodes)
        }
        core = self.checks.core
        found = (
            core.wrong(self.folder)
            if isinstance(core, Events)
            else _wrong(self.folder, "core", core)
        )
        rest = any(found)
        return lanes | ({("", 0)} if rest or self.failed else set())

    @property
    def frames(self) -> int:
        """Samples that went through the core."""
        beats = self.graph.wires[self.graph.feeds()[0].name].beats
        core = self.checks.core
        if isinstance(core, Events):
            return len(core.beats) // beats
        return int((core.drive[:, 0] & 1).sum()) // beats

    @property
    def interval(self) -> int | None:
        """Clocks between the last two answers of a core with engines; None of others."""
        path = self.folder / "sim" / "got_core.npz"
        core = self.checks.core
        if not isinstance(core, Events) or not path.is_file():
            return None
        with np.load(path) as got:
            answers = np.flatnonzero(unpack(got["valids"], len(core.valids))[:, -1])
        return int(answers[-1] - answers[-2]) if len(answers) > 1 else None

    @property
    def log(self) -> Path:
        """What the simulator said."""
        return self.folder / "logs" / "simulation.log"

    def layers(self) -> Iterator[tuple[str, int, int]]:
        """What was compared in the core: each signal, how many bits in all, lanes that differ."""
        core = self.checks.core
        wrong: Counter[str]
        if isinstance(core, Events):
            wrong = Counter(label for label, *_ in core.wrong(self.folder))
            for each in core.watched:
                yield each.label, len(each.clocks) * each.wire.width_bits, wrong[each.label]
            return
        wrong = Counter(field.node for field, *_ in _wrong(self.folder, "core", core))
        total = sum(
            unpack(core.mask[i : i + _ROWS], core.fields[-1].msb + 1).sum(axis=0, dtype=np.int64)
            for i in range(0, len(core.mask), _ROWS)
        )
        for field in core.fields:
            yield field.node, int(total[field.lsb : field.msb + 1].sum()), wrong[field.node]


def simulate_rtl(
    folder: Path,
    graph: Graph,
    samples: Values,
    width: int,
    seed: int,
    core_samples: int = _CORE_SAMPLES,
    *,
    frames: int | None = None,
) -> Simulated:
    """Simulate the Verilog that lies in build folder `folder`.

    Args:
        folder: has rtl/; vectors, bench and program go to sim/.
        graph: what the Verilog must compute.
        samples: int64 [n, 1, features], real frames.
        width: bits of a beat of the AXI-Stream shell there.
        seed: of the random vectors.
        core_samples: frames that are sent through the core, at most.
        frames: how many exactly; by default fewer where a frame takes many clocks.

    Raises:
        ToolMissing, ToolFailed: Verilator or the compiler, or the simulation did not end well.
    """
    samples = samples[: frames or min(core_samples, _frames(graph))]
    checks = _checks(graph, samples, width, seed)
    simulated, logs = folder / "sim", folder / "logs"
    write_atomic(simulated / "bench.v", _bench(graph, checks, width))
    write_atomic(simulated / "public.vlt", _public(graph))
    _save_vectors(simulated / "vectors.npz", graph, checks, width)
    for name in ("got_nodes.npy", "got_core.npy", "got_core.npz"):
        (simulated / name).unlink(missing_ok=True)
    files = ["public.vlt", "bench.v", *(f"../{name}" for name in sources(folder, graph))]
    program = build(files, "bench", simulated / "obj", logs)
    failed = simulate(
        program,
        "bench",
        "hlsgen.verify.benches",
        tests=_TESTS,
        results=simulated / "results.xml",
        log_file=logs / "simulation.log",
        env={"HLSGEN_VECTORS": str((simulated / "vectors.npz").resolve())},
        seed=seed,
    )
    by_test = dict(line.split(": ", 1) for line in failed)
    return Simulated(folder, graph, checks, by_test)


def simulation(
    folder: Path,
    graph: Graph,
    samples: Values,
    width: int,
    seed: int,
    core_samples: int = _CORE_SAMPLES,
) -> Iterator[Rung]:
    """Rung 1 on the Verilog in `folder`; see `simulate_rtl`."""
    timer = Timer()
    yield from _rungs(simulate_rtl(folder, graph, samples, width, seed, core_samples), timer.time_s)


def _checks(graph: Graph, samples: Values, width: int, seed: int) -> Checks:
    feeds = graph.feeds()
    if len(feeds) != 1:
        raise GraphError(f"graph {graph.name!r}: samples fit one input, it has {len(feeds)}")
    rng = np.random.default_rng(seed)
    data = bits_of(graph, {feeds[0].name: samples})
    few = {name: value[:: -(-len(value) // _NODE_SAMPLES)] for name, value in data.items()}
    nodes = nodes_check(graph, few, rng)
    frame = framing(graph, width)
    frames = _FRAMES
    if not waits(graph):
        frames = max(frames, _STREAM_CLOCKS // max(frame.in_beats, frame.frame_beats))
    first = {name: value[: frames * graph.wires[name].beats] for name, value in data.items()}
    send, expect = beats(graph, first, width)
    core: Check | Events
    if waits(graph):
        core = events(graph, data, steady(len(samples), frame.frame_beats, rng, _BUBBLES))
    else:
        core = core_check(graph, data, rng)
    return Checks(nodes, core, send, expect)


def _frames(graph: Graph) -> int:
    """How many samples go through the core."""
    if waits(graph):
        return max(_FEW, _WAITING_CLOCKS // pace(graph).interval)
    return max(_FRAMES, _CORE_BEATS // graph.wires[graph.feeds()[0].name].beats)


def _bench(graph: Graph, checks: Checks, width: int) -> str:
    frame = framing(graph, width)
    inputs = {field.node: field for field in checks.nodes.inputs}
    outputs = {field.node: field for field in checks.nodes.fields}
    modules, signals = modules_of(graph), signals_of(graph)
    nodes = [
        SimpleNamespace(
            module=modules[node.name],
            name=node.name,
            clocked=node.op.latency > 0,
            output=outputs.get(node.name),
            inputs=[
                (f"x{i}" if len(node.inputs) > 1 else "x", inputs[f"{node.name}:{i}"])
                for i in range(len(node.inputs))
            ],
        )
        for node in graph.nodes
        if node.name in outputs
    ]
    probes = [f"core.{signals[node.name]}" for node in graph.nodes]
    probes += [f"core.v_{unit}" for unit in valids_of(graph)]
    core = checks.core
    return render(
        "verify/bench.v.j2",
        probes=probes,
        name=graph.name,
        nodes=nodes,
        nodes_in=checks.nodes.inputs[-1].msb + 1,
        nodes_out=checks.nodes.fields[-1].msb + 1,
        in_bits=frame.in_bits,
        out_bits=frame.out_bits,
        probe_bits=0 if isinstance(core, Events) else core.fields[-1].msb + 1,
        valids=core.valids[:-1] if isinstance(core, Events) else (),
        watched=[(each.label, each.signal, each.wire.width_bits) for each in core.watched]
        if isinstance(core, Events)
        else [],
        width=width,
    )


def _public(graph: Graph) -> str:
    modules = [*modules_of(graph).values(), f"{graph.name}_core"]
    ports = (*_PORTS, "core_valids", "probe_*") if waits(graph) else _PORTS
    return render("verify/public.vlt.j2", ports=ports, modules=modules)


def _save_vectors(path: Path, graph: Graph, checks: Checks, width: int) -> None:
    frame = framing(graph, width)
    buffer = io.BytesIO()
    np.savez(
        buffer,
        nodes_drive=checks.nodes.drive,
        nodes_expect=checks.nodes.expect,
        nodes_mask=checks.nodes.mask,
        **_core_vectors(checks.core),
        stream_send=pack(checks.send),
        stream_expect=pack(checks.expect),
        in_beats=frame.in_beats,
        out_beats=frame.out_beats,
        clocks_per_beat=-(-pace(graph).interval // frame.in_beats),
    )
    write_atomic(path, buffer.getvalue())


def _core_vectors(core: Check | Events) -> dict[str, Any]:
    if isinstance(core, Events):
        return core.vectors()
    return {"core_drive": core.drive, "core_expect": core.expect, "core_mask": core.mask}


def _rungs(seen: Simulated, time_s: float) -> Iterator[Rung]:
    """The verdict of each part from what the simulation saw and from results.xml."""
    found = TOOLS["verilator"].find()
    tool = f"cocotb, Verilator {found.version}"
    checks, by_test = seen.checks, seen.failed
    for name, title, check in (
        ("nodes", "operators", checks.nodes),
        ("core", "layers", checks.core),
    ):
        differences = list(_differences(seen.folder, seen.graph, name, check))
        compared = check.compared if isinstance(check, Events) else _compared(check)
        message = by_test.get(name, "")
        yield Rung(
            1,
            title,
            "failed" if differences or message else "passed",
            what(title),
            checked=compared,
            failed=len(differences) or int(bool(message)),
            tool=tool,
            time_s=time_s,
            reason="; ".join(differences[:_SHOWN]) or message,
        )
    message = by_test.get("stream", "")
    yield Rung(
        1,
        "shell",
        "failed" if message else "passed",
        what("shell"),
        checked=len(checks.expect),
        failed=int(bool(message)),
        tool=tool,
        time_s=time_s,
        reason=message,
    )


def _compared(check: Check) -> int:
    return int(np.bitwise_count(check.mask).sum())


def _wrong(folder: Path, name: str, check: Check) -> Iterator[tuple[Field, int, int, Packed]]:
    """Each lane that differs: its field, the lane, the first row where it does, what was seen."""
    path = folder / "sim" / f"got_{name}.npy"
    if not path.is_file():
        return
    got = np.load(path)
    differing = (got ^ check.expect) & check.mask
    if not differing.any():
        return
    wrong = unpack(differing, check.fields[-1].msb + 1)
    for field in check.fields:
        lanes = np.any(field.of(wrong).reshape(len(wrong), field.wire.lanes, -1), axis=2)
        for lane in np.flatnonzero(lanes.any(axis=0)):
            row = int(np.argmax(lanes[:, lane]))
            yield field, int(lane), row, got[row]


def _differences(folder: Path, graph: Graph, name: str, check: Check | Events) -> Iterator[str]:
    """A line for each lane that differs."""
    if isinstance(check, Events):
        for label, lane, clock, seen in check.wrong(folder):
            yield f"layer {label}, lane {lane}, clock {clock}: {seen}"
        return
    inputs = {item.node: item for item in check.inputs}
    for field, lane, row, got in _wrong(folder, name, check):
        seen, wanted = (_field(bits, field)[0, 0, lane] for bits in (got, check.expect[row]))
        place = f"lane {lane}"
        if name == "nodes":
            node = graph.by_name[field.node]
            driven = check.drive[row - node.op.latency]
            values = (_field(driven, inputs[f"{node.name}:{i}"]) for i in range(len(node.inputs)))
            place = node.op.explain(lane, *values)
        yield f"layer {field.node}, {place}: expected {wanted}, got {seen}"


def _field(row: Packed, field: Field) -> Values:
    """One row's values [1, 1, lanes] of a field."""
    return from_bits(field.of(unpack(row[None], field.msb + 1)), field.wire)[:, None, :]
