"""What a reader must know before a number is quoted or compared."""

from __future__ import annotations

import math
from collections.abc import Iterator

from hlsgen.boards import Board
from hlsgen.graph import Graph
from hlsgen.passes.record import Change
from hlsgen.report.area import COUNTED
from hlsgen.report.energy import COEFFICIENTS, Energy
from hlsgen.report.evidence import Evidence, Training
from hlsgen.report.number import Number
from hlsgen.verify import Verdict


def not_counted(board: Board | None, used: Number) -> str:
    """What of a board's design is not in a count of its cells; empty where nothing is missing.

    Yosys sees the network's own Verilog alone, Vitis HLS the kernel, Vivado the design.
    """
    if board is None or board.flow == "nextpnr":
        return ""
    by = next((tool for tool in ("Vivado", "Vitis HLS") if used.tool.startswith(tool)), "Yosys")
    if board.flow == "vitis":
        return {
            "Vivado": "The platform",
            "Vitis HLS": "Data movers and the platform",
            "Yosys": "Kernel wrapper, data movers and the platform",
        }[by]
    if by == "Vivado":
        return ""
    return "DMA and interconnect" if board.shell.kind == "axis" else "UART and clock generator"


def facts(evidence: Evidence) -> dict[str, str]:
    """Provenance: data, split, seed, what the LUT number counts, device, graph."""
    project, board = evidence.project, evidence.board
    training = evidence.training or Training()
    found: dict[str, object] = {
        "data set": training.dataset or (project and project.data.source),
        "data digest": (training.digest or "")[:16],
        "samples": ", ".join(f"{name} {count}" for name, count in training.samples.items()),
        "classes": _classes(training.labels),
        "model selected on": _selection(training),
        "seed": project.seed if training.seed is None and project else training.seed,
        "method": training.method or (project and project.model.method),
        "clock": project and f"{project.hardware.clock_mhz:g} MHz",
        **_counted(evidence.final),
        "LUTs counted": board and COUNTED[board.fabric],
        "board": board and f"{board.title}, {board.part}",
        "graph": evidence.final.digest[:16],
    }
    return {name: str(value) for name, value in found.items() if value not in (None, "")}


def _classes(labels: tuple[str, ...]) -> str:
    """Names by class number; nothing where the numbers are the names."""
    if all(label == str(i) for i, label in enumerate(labels)):
        return ""
    return ", ".join(f"{i} = {label}" for i, label in enumerate(labels))


def _selection(training: Training) -> str:
    """Which samples chose the epoch that was kept."""
    if training.epoch is None or training.validation_accuracy is None:
        return ""
    share = 100 * training.validation_accuracy
    return f"validation split: epoch {training.epoch}, {share:.2f} % there"


def _counted(graph: Graph) -> dict[str, str]:
    """Which parts the LUT number holds; published numbers differ in this (docs/report.md)."""
    kinds = {node.op.kind for node in graph.nodes}
    return {
        "encoder counted": "yes" if "thermometer" in kinds else "no: none in the graph",
        "argmax counted": "yes" if kinds & {"argmax", "duel"} else "no: none in the graph",
        "input quantiser counted": "no: the host makes the integer words",
    }


def notes(evidence: Evidence, numbers: dict[str, Number], spent: Energy | None) -> tuple[str, ...]:
    """Sentences for the reader, most important first."""
    return tuple(
        note
        for note in (
            _about_verdict(evidence),
            _about_accuracy(evidence, numbers["accuracy"]),
            *_about_optimiser(evidence),
            _about_area(evidence, numbers["lut"]),
            _about_clock(evidence, numbers["fmax_mhz"]),
            _about_throughput(numbers["throughput_per_s"]),
            _about_power(evidence, numbers["power_w"]),
            _about_energy(evidence, spent),
        )
        if note
    )


def _about_verdict(evidence: Evidence) -> str:
    if evidence.verdict is None:
        return "Not verified: this folder holds no verdict. Run hlsgen verify on it."
    if evidence.verdict.graph != evidence.final.digest:
        return (
            "The verdict in this folder is about another graph and does not count."
            " Run hlsgen verify on it again."
        )
    if not evidence.verdict.rtl:
        return (
            "The verdict in this folder does not say which Verilog it is about and does not count."
            " Run hlsgen verify on it again."
        )
    if evidence.verdict.rtl != evidence.rtl:
        source = "C++" if evidence.language == "hls" else "Verilog"
        return (
            f"The {source} in this folder was edited after it was verified, so the verdict does not"
            " count. Run hlsgen verify on it again."
        )
    return _about_outcome(evidence.verdict)


def _about_outcome(verdict: Verdict) -> str:
    if verdict.ok is False:
        failed = ", ".join(rung.name for rung in verdict.rungs if rung.status == "failed")
        asked = (
            " The bitstream was written all the same, because it was asked for"
            " (--accept-failed-verification)."
        )
        return f"Verification failed: {failed}.{asked if verdict.accepted else ''}"
    undecided = [rung.name for rung in verdict.rungs if rung.status == "unknown"]
    if undecided:
        return f"Not decided within the solver's budget: {', '.join(undecided)}. It is not passed."
    return ""


def _about_accuracy(evidence: Evidence, accuracy: Number) -> str:
    trained = evidence.training.test_accuracy if evidence.training else None
    if accuracy.value is None:
        return ""
    if accuracy.tool == "torch":
        return "Accuracy is PyTorch's: the folder has no test words to run the circuit's graph on."
    if trained is None:
        return "Accuracy is that of the circuit's graph; PyTorch's own was not recorded."
    if math.isclose(trained, accuracy.value, abs_tol=1e-9):
        return "Accuracy was measured on the circuit's graph and equals PyTorch's."
    return (
        f"Accuracy was measured on the circuit's graph ({accuracy}) and differs from PyTorch's"
        f" ({100 * trained:.2f} %)."
    )


def _about_optimiser(evidence: Evidence) -> Iterator[str]:
    """Changes of what the network computes, and warnings."""
    if evidence.record is None:
        return
    for change in evidence.record.changes:
        yield change_in_words(change)
    yield from (f"Warning of the optimiser: {text}." for text in evidence.record.warnings)


def change_in_words(change: Change) -> str:
    """One sentence on a step of the optimiser that changed what the network computes."""
    return (
        f"The optimiser changed what the network computes ({change.name}: {change.what}):"
        f" accuracy on {change.samples:,} validation samples was {100 * change.before:.2f} % and is"
        f" {100 * change.after:.2f} %."
    )


def _about_area(evidence: Evidence, lut: Number) -> str:
    if lut.stage == "estimate" and evidence.language == "hls":
        return (
            "LUTs are an estimate: what the same network takes in the cells that its Verilog has."
            " Registers, clock, latency and throughput are Vitis HLS's to choose; it was not run."
        )
    if lut.stage == "estimate":
        return (
            "LUTs and registers, and their shares of the device, are estimates from the graph,"
            " without the I/O shell."
        )
    whole = "the whole design: core and I/O shell."
    if evidence.board and evidence.board.vivado and evidence.board.vivado.processor:
        whole = "the whole design: network, DMA and interconnect."
    if text := not_counted(evidence.board, lut):
        whole = f"{evidence.final.name}_axis alone: core and AXI-Stream shell."
        if lut.tool.startswith("Vivado"):
            whole = "all kernels, data movers among them."
        elif lut.tool.startswith("Vitis HLS"):
            whole = "the C++ kernel, as Vitis HLS expects them."
        verb = "is" if text == "The platform" else "are"
        whole += f" {text} {verb} neither in them nor in their shares of the device."
    return (
        f"LUTs and registers are those of {whole}"
        " What is called core is the network alone, without the shell."
    )


def _about_clock(evidence: Evidence, fmax: Number) -> str:
    clock_mhz = evidence.project.hardware.clock_mhz if evidence.project else 0.0
    if fmax.value is None and evidence.language == "hls":
        return ""
    if fmax.value is None and clock_mhz:
        return (
            f"No routed design shows that {clock_mhz:g} MHz are reached: latency in ns and"
            " throughput are estimates for that clock."
        )
    if fmax.value is None or fmax.value >= clock_mhz:
        return ""
    return f"The routed design reaches {fmax} and misses the clock of {clock_mhz:g} MHz."


def _about_power(evidence: Evidence, power: Number) -> str:
    if power.value is None or evidence.vendor.power is None:
        return ""
    confidence = evidence.vendor.power.confidence
    rated = f", whose confidence in it is {confidence.lower()}" if confidence else ""
    return (
        f"Power is an estimate of {power.tool} for the whole implemented device{rated}: static"
        " power is in it, and activity is assumed, not simulated."
    )


def _about_throughput(throughput: Number) -> str:
    if throughput.value is None:
        return ""
    return (
        "Throughput is the core's, which takes a new frame whenever one is offered;"
        " the I/O shell (a UART above all) may feed it far more slowly."
    )


def _about_energy(evidence: Evidence, spent: Energy | None) -> str:
    if evidence.board is None or spent is None:
        return ""
    return (
        "Energy is an estimate, right to an order of magnitude: bit toggles between"
        f" {spent.samples} successive test samples (functional simulation, so without glitches)"
        " times capacitances scaled from a published measurement"
        f" ({COEFFICIENTS[evidence.board.fabric].source}). Static power, the I/O shell and"
        " idle clock cycles are not included."
    )
