"""From evidence to report: every number with the stage, tool and file that it came from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hlsgen.graph import Graph, run
from hlsgen.graph.fabric import Fabric
from hlsgen.graph.ir import Values
from hlsgen.graph.schedule import pace
from hlsgen.passes import fmax_mhz
from hlsgen.report import area, energy
from hlsgen.report.energy import Energy
from hlsgen.report.evidence import Evidence, Samples
from hlsgen.report.limits import check_limits
from hlsgen.report.number import Layer, Number, Optimiser, Part, Pass, Report, Stage, Value
from hlsgen.report.provenance import facts, not_counted, notes
from hlsgen.report.routed import router, used
from hlsgen.report.timing import routed_mhz

_STAT, _ROUTE, _FINAL = "synth/stat.json", "route/report.json", "graph/final.json"
_LAYERS = "synth/layers.json"
_SAMPLES, _METRICS = "graph/samples.npz", "graph/metrics.json"
_HLSGEN = "hlsgen"


def measure(evidence: Evidence) -> Report:
    """The report of one build folder.

    Raises:
        ConfigError: a limit on an unknown number.
        GraphError: the samples do not fit the graph.
    """
    graph, project, board = evidence.final, evidence.project, evidence.board
    classes = None if evidence.samples is None else predict(graph, evidence.samples)
    spent = _energy(evidence)
    layers = _layers(evidence, spent)
    parts = () if board is None else _parts(evidence, board.logic)
    numbers = {
        "accuracy": _accuracy(evidence, classes),
        **_area(evidence, {part.name: part for part in parts}),
        **_timing(evidence),
        **_vendor(evidence),
        **_on_board(evidence),
        "energy_nj": _estimate(
            spent.total_nj if spent else None, "nJ", f"{_SAMPLES}; {energy.SOURCE}"
        ),
        "verified": _verified(evidence),
    }
    numbers |= _derived(evidence, numbers)
    graphs = {"export": evidence.export, "final": graph}
    return Report(
        name=project.name if project else graph.name,
        board=board.name if board else "",
        numbers=numbers,
        parts=parts,
        layers=layers,
        optimiser=_optimiser(evidence),
        rungs=evidence.verdict.rungs if evidence.verdict else (),
        limits=check_limits(project.limits if project else {}, numbers),
        fan_in={name: area.fan_in(part) for name, part in graphs.items() if part},
        confusion=_confusion(evidence, classes),
        labels=evidence.training.labels if evidence.training else (),
        facts=facts(evidence),
        notes=notes(evidence, numbers, spent),
    )


def predict(graph: Graph, samples: Samples) -> NDArray[np.int64] | None:
    """The class of each sample as the hardware decides it; None if the graph ends in no class."""
    output = graph.wires[graph.outputs[-1]]
    if (output.lanes, output.beats) != (1, 1) or len(graph.feeds()) != 1:
        return None
    return run(graph, _feeds(graph, samples))[graph.outputs[-1]][:, 0, 0]


def _feeds(graph: Graph, samples: Samples) -> dict[str, Values]:
    return {graph.feeds()[0].name: samples.x}


def _estimate(value: Value, unit: str, source: str = _FINAL) -> Number:
    return Number(value, unit, "estimate", _HLSGEN, source)


def _accuracy(evidence: Evidence, classes: NDArray[np.int64] | None) -> Number:
    """The interpreter's on the test words; without them what the training measured."""
    if classes is not None and evidence.samples is not None and len(classes):
        share = float(np.mean(classes == evidence.samples.y))
        source = f"graph/final.npz on {_SAMPLES}"
        stage: Stage = "verify" if _verified(evidence).value else "train"
        return Number(share, "fraction", stage, "hlsgen interpreter", source)
    trained = evidence.training.test_accuracy if evidence.training else None
    return Number(trained, "fraction", "train", "torch", _METRICS)


def _parts(evidence: Evidence, fabric: Fabric) -> tuple[Part, ...]:
    parts = area.parts(evidence.final, fabric, evidence.by_module, evidence.stat)
    if evidence.language == "hls":
        # Registers of C++ are where the tool puts them.
        return tuple(replace(part, ff=None) for part in parts)
    return parts


def _area(evidence: Evidence, parts: dict[str, Part]) -> dict[str, Number]:
    """LUTs and registers: from the router, else from synthesis, else estimated."""
    unknown = Part("", *(None,) * 8)
    core, whole = parts.get(area.CORE, unknown), parts.get(area.SUM, unknown)
    core_lut, core_ff = _estimate(core.lut, "LUT"), _estimate(core.ff, "FF")
    yosys = evidence.stat.creator.split(" (")[0] if evidence.stat else "Yosys"
    lut_synth = Number(whole.lut_synth, "LUT", "synth", yosys, _STAT)
    ff_synth = Number(whole.ff_synth, "FF", "synth", yosys, _STAT)
    lut_route = used(evidence.route, evidence.board, "lut", "LUT")
    ff_route = used(evidence.route, evidence.board, "ff", "FF")
    deviation = f"(lut_core - lut_core_synth) / lut_core_synth; {_FINAL}, {_LAYERS}"
    return {
        "lut": _first(lut_route, *_built(evidence, "lut", "LUT", lut_synth), core_lut),
        "ff": _first(ff_route, *_built(evidence, "ff", "FF", ff_synth), core_ff),
        "lut_core": core_lut,
        "ff_core": core_ff,
        "lut_core_synth": Number(core.lut_synth, "LUT", "synth", yosys, _LAYERS),
        "lut_core_deviation_percent": Number(
            core.deviation_percent, "%", "synth", _HLSGEN, deviation
        ),
        "lut_synth": lut_synth,
        "ff_synth": ff_synth,
        "memory_bits": _estimate(area.memory_bits(evidence.final) if parts else None, "bits"),
        "memory_blocks": _blocks(evidence, yosys),
    }


def _blocks(evidence: Evidence, yosys: str) -> Number:
    """Block memories, from the router or else from synthesis."""
    if evidence.route:
        return used(evidence.route, evidence.board, "blocks", "blocks")
    found = None
    if evidence.stat and evidence.board:
        found = area.blocks(evidence.board.logic.name, area.cells(evidence.stat))
    return Number(found, "blocks", "synth", yosys, _STAT)


def _built(evidence: Evidence, kind: str, unit: str, yosys: Number) -> tuple[Number, ...]:
    """Cells of the design that Vivado made, by Yosys, and of C++ as Vitis HLS expects them."""
    found = evidence.vendor.cells(kind, unit)
    return (*([found] if found else []), yosys, evidence.vendor.synthesised()[f"{kind}_hls"])


def _vendor(evidence: Evidence) -> dict[str, Number]:
    """What only AMD's tools tell."""
    return {"power_w": evidence.vendor.power_w(), **evidence.vendor.synthesised()}


def _on_board(evidence: Evidence) -> dict[str, Number]:
    """What a board was seen to do with this network; a simulation or a wrong run tells nothing."""
    found, source = evidence.measured, "host/measured.json"
    if found and (found.simulated or found.mismatches or found.graph != evidence.final.digest):
        found = None
    tool = f"host over {found.transport}" if found else "host"
    return {
        name: Number(getattr(found, key) if found else None, unit, "board", tool, source)
        for name, key, unit in (
            ("board_frames_per_s", "throughput_fps", "inferences/s"),
            ("board_latency_us", "latency_us", "us"),
            ("board_power_w", "power_w", "W"),
            ("board_energy_uj", "energy_uj", "uJ"),
        )
    }


def _first(*candidates: Number) -> Number:
    """The first that was measured; the last if none was."""
    return next((number for number in candidates if number.value is not None), candidates[-1])


def _timing(evidence: Evidence) -> dict[str, Number]:
    """Clock, latency and throughput; of C++ they are the tool's to choose."""
    graph, verified = evidence.final, _verified(evidence).value is True
    clock_mhz = evidence.project.hardware.clock_mhz if evidence.project else None
    fmax = _fmax(evidence, clock_mhz)
    if evidence.language == "hls":
        return _timing_hls(evidence, clock_mhz, fmax)
    routed = fmax.value
    modelled = fmax_mhz(graph, evidence.board.logic) if evidence.board else None
    found = pace(graph)
    cycles = found.latency
    stage: Stage = "verify" if verified else "estimate"
    proven = verified and routed is not None and clock_mhz is not None and routed >= clock_mhz
    paced: Stage = "route" if proven else "estimate"
    clock = "project.json: hardware.clock_mhz"
    latency_ns = 1000.0 * cycles / clock_mhz if clock_mhz else None
    per_s = 1e6 * clock_mhz / found.interval if clock_mhz else None
    beats = f"{clock} / beats a frame (the core takes one each cycle)"
    return {
        "fmax_mhz": fmax,
        "fmax_estimate_mhz": _estimate(modelled, "MHz"),
        "latency_cycles": Number(cycles, "cycles", stage, _HLSGEN, _FINAL),
        "latency_ns": Number(latency_ns, "ns", paced, _HLSGEN, f"latency_cycles / {clock}"),
        "throughput_per_s": Number(per_s, "inferences/s", paced, _HLSGEN, beats),
    }


def _fmax(evidence: Evidence, clock_mhz: float | None) -> Number:
    """What the router reached for the clock of the core."""
    if built := evidence.vendor.fmax_mhz(clock_mhz):
        return built
    reached = routed_mhz(evidence.route, clock_mhz) if evidence.route and clock_mhz else None
    return Number(reached, "MHz", "route", router(evidence.board), _ROUTE)


def _timing_hls(evidence: Evidence, clock_mhz: float | None, fmax: Number) -> dict[str, Number]:
    """The kernel's cycles as Vitis HLS expects them; nothing where it was not run."""
    found = evidence.vendor.synthesised()
    cycles, interval = found["latency_hls_cycles"], found["interval_hls_cycles"]
    latency_ns = (
        None if cycles.value is None or not clock_mhz else 1000.0 * cycles.value / clock_mhz
    )
    per_s = 1e6 * clock_mhz / interval.value if interval.value and clock_mhz else None
    clock = "project.json: hardware.clock_mhz"
    return {
        "fmax_mhz": fmax,
        "fmax_estimate_mhz": _estimate(None, "MHz"),
        "latency_cycles": cycles,
        "latency_ns": replace(
            cycles, value=latency_ns, unit="ns", source=f"{cycles.source} / {clock}"
        ),
        "throughput_per_s": replace(
            interval, value=per_s, unit="inferences/s", source=f"{clock} / {interval.source}"
        ),
    }


def _derived(evidence: Evidence, numbers: dict[str, Number]) -> dict[str, Number]:
    """Area-delay product and shares of the device, as good as the numbers they come from."""
    lut, latency = numbers["lut"], numbers["latency_ns"]
    product = Number(
        None if lut.value is None or latency.value is None else lut.value * latency.value,
        "LUT ns",
        "estimate" if latency.stage == "estimate" else lut.stage,
        lut.tool,
        f"lut ({lut.source}) x latency_ns",
    )
    derived = {"area_delay_lut_ns": product}
    for name in ("lut", "ff"):
        used = numbers[name]
        total = getattr(evidence.board.resources, name) if evidence.board else None
        share = None if used.value is None or not total else 100.0 * used.value / total
        source = f"{name} ({used.source}) / board.json: resources.{name}"
        if text := not_counted(evidence.board, used):
            source += f"; {text} not counted"
        derived[f"{name}_used_percent"] = replace(used, value=share, unit="%", source=source)
    return derived


def _verified(evidence: Evidence) -> Number:
    """Whether what was run of the ladder passed, for exactly this graph and this Verilog."""
    verdict, here = evidence.verdict, (evidence.final.digest, evidence.rtl)
    value = verdict.ok if verdict is not None and (verdict.graph, verdict.rtl) == here else None
    return Number(value, "", "verify", _HLSGEN, "verify/verdict.json")


def _energy(evidence: Evidence) -> Energy | None:
    graph, board, samples = evidence.final, evidence.board, evidence.samples
    if board is None or samples is None or len(graph.feeds()) != 1:
        return None
    return energy.estimate(graph, board.logic, _feeds(graph, samples))


def _layers(evidence: Evidence, spent: Energy | None) -> tuple[Layer, ...]:
    if evidence.board is None:
        return ()
    rows = area.layers(evidence.final, evidence.board.logic, evidence.by_module)
    if spent is not None:
        rows = tuple(
            replace(row, toggles=spent.toggles[row.name], energy_nj=spent.energy_nj[row.name])
            for row in rows
        )
    coverage = evidence.coverage
    if coverage is None or coverage.graph != evidence.final.digest:
        return rows
    found = {layer.layer: layer for layer in coverage.layers}
    return tuple(
        replace(row, entries=found[row.name].entries, entries_reached=found[row.name].reached)
        if row.name in found
        else row
        for row in rows
    )


def _optimiser(evidence: Evidence) -> Optimiser | None:
    """The record of `opt` without its times, which say nothing about the circuit."""
    record = evidence.record
    if record is None:
        return None
    passes = (
        Pass(
            step.name,
            step.before.area.lut,
            step.after.area.lut,
            step.after.levels,
            step.after.area.ff,
            step.after.cycles,
        )
        for step in record.steps
    )
    return Optimiser(tuple(passes), tuple(record.changes), tuple(record.warnings))


def _confusion(
    evidence: Evidence, classes: NDArray[np.int64] | None
) -> tuple[tuple[int, ...], ...] | None:
    """Rows are labels, columns are decisions; the training's own where no samples lie there."""
    if classes is None or evidence.samples is None:
        return evidence.training.confusion if evidence.training else None
    labels = evidence.samples.y
    size = int(max(labels.max(initial=0), evidence.final.wires[evidence.final.outputs[-1]].hi)) + 1
    table = np.zeros((size, size), dtype=np.int64)
    np.add.at(table, (labels, classes), 1)
    return tuple(tuple(int(n) for n in row) for row in table)
