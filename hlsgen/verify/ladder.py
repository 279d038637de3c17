"""`hlsgen verify`: the files of a build folder against the interpreter, rung by rung."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from hlsgen.emit import framing
from hlsgen.emit.render import render
from hlsgen.errors import CheckFailed, ConfigError, GraphError
from hlsgen.graph import load
from hlsgen.graph.graphio import DAMAGED_NPZ
from hlsgen.graph.ir import Graph, Values
from hlsgen.paths import write_atomic
from hlsgen.tools import TOOLS
from hlsgen.tools.verilator import build, simulate
from hlsgen.verify.bits import Field, Packed, from_bits, pack, unpack
from hlsgen.verify.sources import rtl_digest, sources
from hlsgen.verify.vectors import Check, beats, bits_of, core_check, nodes_check
from hlsgen.verify.verdict import Rung, Verdict

_SHOWN = 10
# The tests of hlsgen.verify.benches.
_TESTS = ("nodes", "core", "stream")
_NODE_SAMPLES = 64
_CORE_SAMPLES = 1000
_STREAM_CLOCKS = 20_000
_PORTS = (
    *("clk", "rst", "nodes_x", "nodes_y", "core_x", "core_probe"),
    *("s_axis_tdata", "s_axis_tvalid", "s_axis_tready", "s_axis_tlast"),
    *("m_axis_tdata", "m_axis_tvalid", "m_axis_tready", "m_axis_tlast"),
)


@dataclass(frozen=True)
class Checks:
    """Everything one simulation compares."""

    nodes: Check
    core: Check
    send: np.ndarray
    expect: np.ndarray


def verify(folder: Path, width: int, *, seed: int = 1) -> Verdict:
    """Check the graph and the Verilog that lie in build folder `folder`.

    Args:
        folder: has graph/final.json, graph/samples.npz and rtl/.
        width: bits of a beat of the AXI-Stream shell there.
        seed: of the random vectors.

    Returns:
        The verdict, also written to verify/verdict.json.

    Raises:
        CheckFailed: something differs; the message names layer and lane. The verdict is written.
        ConfigError, GraphError: a file is missing or damaged.
        ToolMissing, ToolFailed: Verilator or the compiler.
    """
    graph = load(folder / "graph" / "final")
    samples = load_samples(folder / "graph" / "samples.npz")
    verilog = sources(folder, graph)
    rtl = rtl_digest(folder, graph)
    checks = _checks(graph, samples, width, seed)
    simulated = folder / "sim"
    logs = folder / "logs"
    write_atomic(simulated / "bench.v", _bench(graph, checks, width))
    write_atomic(simulated / "public.vlt", _public(graph))
    _save_vectors(simulated / "vectors.npz", graph, checks, width)
    for name in ("nodes", "core"):
        (simulated / f"got_{name}.npy").unlink(missing_ok=True)
    files = ["public.vlt", "bench.v", *(f"../{name}" for name in verilog)]
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
    verdict = Verdict(graph.digest, tuple(_rungs(folder, graph, checks, failed)), rtl)
    verdict.save(folder / "verify" / "verdict.json")
    if not verdict.ok:
        reasons = [f"{rung.name}: {rung.reason}" for rung in verdict.rungs if rung.failed]
        raise CheckFailed("\n".join([f"{folder}: verification failed", *reasons]))
    return verdict


def load_samples(path: Path) -> Values:
    """Input words [n, 1, features] of the samples in a build folder.

    Raises:
        ConfigError: the file is missing or damaged.
    """
    try:
        # From memory: numpy leaves the file open when it turns out to be damaged.
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            return np.asarray(arrays["x"], dtype=np.int64)[:, None, :]
    except (OSError, LookupError, *DAMAGED_NPZ) as error:
        raise ConfigError(f"{path}: no samples here ({error}); run the stage export") from error


def _checks(graph: Graph, samples: Values, width: int, seed: int) -> Checks:
    feeds = graph.feeds()
    if len(feeds) != 1:
        raise GraphError(f"graph {graph.name!r}: samples fit one input, it has {len(feeds)}")
    rng = np.random.default_rng(seed)
    data = bits_of(graph, {feeds[0].name: samples[:_CORE_SAMPLES]})
    few = {name: value[:_NODE_SAMPLES] for name, value in data.items()}
    nodes = nodes_check(graph, few, rng)
    frames = max(16, _STREAM_CLOCKS // framing(graph, width).in_beats)
    send, expect = beats(graph, {name: value[:frames] for name, value in data.items()}, width)
    return Checks(nodes, core_check(graph, data, rng), send, expect)


def _bench(graph: Graph, checks: Checks, width: int) -> str:
    frame = framing(graph, width)
    inputs = {field.node: field for field in checks.nodes.inputs}
    outputs = {field.node: field for field in checks.nodes.fields}
    nodes = [
        SimpleNamespace(
            name=node.name,
            clocked=node.op.latency > 0,
            output=outputs.get(node.name),
            inputs=[
                (f"x{i}" if len(node.inputs) > 1 else "x", inputs[f"{node.name}:{i}"])
                for i in range(len(node.inputs))
            ],
        )
        for node in graph.nodes
    ]
    return render(
        "verify/bench.v.j2",
        name=graph.name,
        nodes=nodes,
        nodes_in=checks.nodes.inputs[-1].msb + 1,
        nodes_out=checks.nodes.fields[-1].msb + 1,
        in_bits=frame.in_bits,
        out_bits=frame.out_bits,
        probe_bits=checks.core.fields[-1].msb + 1,
        width=width,
    )


def _public(graph: Graph) -> str:
    modules = [f"{graph.name}_{node.name}" for node in graph.nodes if node.inputs]
    modules.append(f"{graph.name}_core")
    return render("verify/public.vlt.j2", ports=_PORTS, modules=modules)


def _save_vectors(path: Path, graph: Graph, checks: Checks, width: int) -> None:
    frame = framing(graph, width)
    buffer = io.BytesIO()
    np.savez(
        buffer,
        nodes_drive=checks.nodes.drive,
        nodes_expect=checks.nodes.expect,
        nodes_mask=checks.nodes.mask,
        core_drive=checks.core.drive,
        core_expect=checks.core.expect,
        core_mask=checks.core.mask,
        stream_send=pack(checks.send),
        stream_expect=pack(checks.expect),
        in_beats=frame.in_beats,
        out_beats=frame.out_beats,
    )
    write_atomic(path, buffer.getvalue())


def _rungs(folder: Path, graph: Graph, checks: Checks, failed: list[str]) -> Iterator[Rung]:
    """The verdict of each rung from what the simulation saw and from results.xml."""
    yield _rung0(folder)
    found = TOOLS["verilator"].find()
    tool = f"cocotb, Verilator {found.version}"
    by_test = dict(line.split(": ", 1) for line in failed)
    for name, title, check, what in (
        ("nodes", "operators", checks.nodes, "each node alone: every table entry, and samples"),
        ("core", "layers", checks.core, "every node inside the core on samples, with bubbles"),
    ):
        differences = list(_differences(folder, graph, name, check))
        message = by_test.get(name, "")
        yield Rung(
            1,
            title,
            "failed" if differences or message else "passed",
            what,
            checked=int(np.bitwise_count(check.mask).sum()),
            failed=len(differences) or int(bool(message)),
            tool=tool,
            reason="; ".join(differences[:_SHOWN]) or message,
        )
    message = by_test.get("stream", "")
    yield Rung(
        1,
        "shell",
        "failed" if message else "passed",
        "frames through the AXI-Stream shell under random stalls and back-pressure",
        checked=len(checks.expect),
        failed=int(bool(message)),
        tool=tool,
        reason=message,
    )
    later = "not part of this version of hlsgen"
    yield Rung(2, "equivalence by SAT", "not run", "graph = RTL = netlist", reason=later)
    yield Rung(3, "routed netlist", "not run", "netlist after routing = graph", reason=later)
    yield Rung(4, "HLS C++", "not run", "C++ = graph", reason="this build emits Verilog only")


def _rung0(folder: Path) -> Rung:
    """The comparison with PyTorch that the stage export made and wrote down."""
    path = folder / "graph" / "export_check.json"
    what = "PyTorch module = interpreter, every sample, every layer"
    if not path.is_file():
        return Rung(0, "PyTorch", "not run", what, reason="the graph was not exported here")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        checked, failed, tool = record["checked"], record["failed"], record["tool"]
    except (ValueError, KeyError) as error:
        raise ConfigError(f"{path}: damaged ({error}); run the stage export") from error
    good = checked and not failed
    return Rung(0, "PyTorch", "passed" if good else "failed", what, checked, failed, tool)


def _differences(folder: Path, graph: Graph, name: str, check: Check) -> Iterator[str]:
    """Each lane that differs, at the first row where it does."""
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
            seen, wanted = (_field(bits[row], field)[0, 0, lane] for bits in (got, check.expect))
            place = f"lane {lane}"
            if name == "nodes":
                node = graph.by_name[field.node]
                driven = check.drive[row - node.op.latency]
                inputs = {item.node: item for item in check.inputs}
                values = (
                    _field(driven, inputs[f"{node.name}:{i}"]) for i in range(len(node.inputs))
                )
                place = node.op.explain(int(lane), *values)
            yield f"layer {field.node}, {place}: expected {wanted}, got {seen}"


def _field(row: Packed, field: Field) -> Values:
    """One row's values [1, 1, lanes] of a field."""
    return from_bits(field.of(unpack(row[None], field.msb + 1)), field.wire)[:, None, :]
