"""Proofs of the blocks that hold state: no beat lost, none invented, order kept.

Yosys makes an AIGER model of each block of the build folder and its specification
(templates/formal); ABC proves it for all times by property directed reachability (Een,
Mishchenko and Brayton, "Efficient implementation of property directed reachability", FMCAD 2011),
or, where that takes too long, for as many clocks as it can.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from hlsgen.emit import Framing, framing, places
from hlsgen.emit.render import render
from hlsgen.errors import ToolFailed
from hlsgen.graph.ir import Graph
from hlsgen.graph.ops import Pad, Tiled, Waiting, Window
from hlsgen.graph.parts import streams
from hlsgen.graph.segments import waits
from hlsgen.plan import Plan
from hlsgen.tools import TOOLS

_HERE = "prove/control"
# Bounded model checking stops there; clocks it must reach, or nothing was learnt.
_DEEPEST, _SHALLOWEST = 100, 10
# Seconds that a tool may overrun the limit it was given before it is ended.
_GRACE_S = 30.0
_TRACED_CLOCKS = 12
# Seconds to find out which assertion it is that fails.
_FIND_S = 20
# Bits of a beat in the proofs that follow whole beats.
_WIDE = 8
# Words of a memory of rows in its proof, and slots of a word at most.
_ROW, _SLOTS = 6, 64
# Beats of a frame whose counters are proved in full.
_BORDER = 200
# Tiles of a beat whose counters are proved at full length.
_TILES = 100
# Blocks of designs that stream, those of engines, and all.
STREAMING = ("position", "whole", "spread", "discard", "steps", "line")
WAITING = ("tiles", "border")
KINDS = (
    *("gather", "scatter", "credit", "fifo", "idle", "uart"),
    *(*STREAMING, *WAITING, "stage", "axis"),
)
# These hold other blocks.
_COMPOSED = ("stage", "axis")
_STREAM, _UART = "rtl/hlsgen_stream.v", "rtl/hlsgen_uart.v"
_FRAMES, _WINDOW = "rtl/hlsgen_frames.v", "rtl/hlsgen_window.v"
_WAIT = "rtl/hlsgen_waiting.v"

Status = Literal["proved", "bounded", "refuted", "unknown"]


@dataclass(frozen=True)
class ControlProof:
    """What became of one block.

    Args:
        name: block and sizes, such as "gather WIDTH=1 BEATS=40".
        status: "proved" for all times; "bounded" for the first `depth` clocks after power-up.
        properties: assertions that must hold together.
        depth: clocks looked at, or the clock (from 0) of the counterexample; None if proved.
        time_s: seconds spent, Yosys and ABC.
        reason: the assertion that fails, its clock and the inputs that lead there; why unknown.
    """

    name: str
    status: Status
    properties: int
    depth: int | None
    time_s: float
    reason: str = ""


@dataclass(frozen=True)
class _Problem:
    """One specification (a template of templates/formal) with sizes or values filled in."""

    kind: str
    sources: tuple[str, ...]
    parameters: Mapping[str, int] = field(default_factory=dict)
    values: Mapping[str, object] = field(default_factory=dict)
    note: str = ""

    @property
    def name(self) -> str:
        """Kind and sizes, for people."""
        sizes = [f"{key}={value}" for key, value in self.parameters.items()]
        return " ".join([self.kind, *sizes, *([self.note] if self.note else [])])

    @property
    def stem(self) -> str:
        """The same as a file name."""
        return re.sub(r"\W+", "_", self.name.lower())


@dataclass(frozen=True)
class _Answer:
    """What ABC said: `frames` it has finished, and for a counterexample its output and clock."""

    status: Literal["proved", "refuted", "undecided"]
    frames: int
    output: int = 0
    clock: int = 0


def prove_control(
    folder: Path,
    graph: Graph,
    width: int,
    *,
    uart: bool,
    time_limit_s: float = 60,
    kinds: Collection[str] = KINDS,
) -> list[ControlProof]:
    """Prove the control blocks in rtl/ of the build folder `folder`, as they lie there.

    Args:
        folder: build folder with the Verilog of `graph`; gets prove/control and logs.
        graph: the graph that the Verilog was made of: sizes and latency.
        width: bits of a beat of the AXI-Stream shell.
        uart: whether the UART's blocks are wanted too.
        time_limit_s: seconds for all proofs together; what one leaves, the next may use.
        kinds: the blocks to prove, of `KINDS`.

    Returns:
        One result a block and size, whatever its status.

    Raises:
        ToolMissing: yosys or yosys-abc is missing.
        ToolFailed: the Verilog is not accepted, or ABC's answer is not understood.
    """
    problems = [p for p in _problems(graph, width, uart=uart) if p.kind in kinds]
    end = time.monotonic() + time_limit_s
    found: list[ControlProof] = []
    for i, problem in enumerate(problems):
        wrong = [proof.name for proof in found if proof.status == "refuted"]
        if wrong and problem.kind in _COMPOSED:
            # What is made of a wrong block is wrong, or hides it: long to find, nothing to learn.
            reason = f"not tried, since {wrong[0]} is refuted"
            found.append(ControlProof(problem.name, "unknown", 0, None, 0.0, reason))
            continue
        left = max(end - time.monotonic(), 0.0)
        # Most proofs take less than a second: a hard one may use nearly two shares of what is left.
        found.append(_prove(folder, problem, 2 * left / (len(problems) - i + 1)))
    return found


def _problems(graph: Graph, width: int, *, uart: bool) -> Iterator[_Problem]:
    """Each block in the sizes the design uses, and with wide words in small ones.

    A block treats all bits of a beat alike, so one bit is followed at full length.
    """
    frame, latency = framing(graph, width), graph.latency[graph.outputs[0]]
    depth = places(graph) if streams(graph) else latency + 2
    stream = (_STREAM,)
    # Lanes of a beat are alike: a few tell whether they are kept apart.
    wide = min(width, _WIDE)
    # Of a frame of many beats each beat is gathered by itself.
    gathered = -(-frame.slot // width) if streams(graph) else frame.in_beats
    yield _Problem("gather", stream, {"WIDTH": 1, "BEATS": gathered})
    yield _Problem("gather", stream, {"WIDTH": wide, "BEATS": 3})
    yield _Problem("scatter", stream, {"WIDTH": 1, "BEATS": frame.out_beats})
    yield _Problem("scatter", stream, {"WIDTH": wide, "BEATS": 3})
    yield _Problem("credit", stream, {"PLACES": depth})
    yield _Problem("fifo", stream, {"WIDTH": 1, "DEPTH": depth})
    yield _Problem("fifo", stream, {"WIDTH": _WIDE, "DEPTH": 3})
    if streams(graph):
        yield from _streaming(graph, frame, depth)
    if waits(graph):
        yield from _waiting(graph)
    if uart:
        yield _Problem("idle", (_UART,), {"CLOCKS": 5})
        yield _Problem("idle", (_UART,), {"CLOCKS": 32})
        yield _Problem("uart", (_UART,), {"CLOCKS_PER_BIT": 4})
    if streams(graph):
        return
    values = {
        "name": graph.name,
        "width": width,
        "in_bits": frame.in_bits,
        "out_bits": frame.out_bits,
        "in_beats": frame.in_beats,
        "out_beats": frame.out_beats,
        "latency": latency,
        # An answer comes this many clocks after its frame, or after the one before, at the latest.
        "stall": latency + 3,
        "refuse": latency + 4 + frame.out_beats,
    }
    stage, axis = (f"rtl/{graph.name}_{part}.v" for part in ("stage", "axis"))
    ends = {"first bits": (0, 0), "last bits": (frame.in_bits - 1, frame.out_bits - 1)}
    for note, (src, pos) in ends.items():
        here = values | {"src": src, "pos": pos}
        yield _Problem("stage", (_STREAM, stage), {}, here | {"most": depth}, note)
        yield _Problem("axis", (_STREAM, stage, axis), {}, here | {"most": depth + 1}, note)


def _streaming(graph: Graph, frame: Framing, depth: int) -> Iterator[_Problem]:
    """The blocks of a design that streams; `depth` places for frames in its core."""
    frames, window = (_STREAM, _FRAMES), (_WINDOW,)
    yield _Problem("position", frames, {"BEATS": frame.frame_beats})
    yield _Problem("whole", frames, {"WIDTH": 1, "BEATS": frame.in_beats})
    yield _Problem("whole", frames, {"WIDTH": _WIDE, "BEATS": 3})
    slots = min(max(1, frame.width // frame.slot), _SLOTS)
    yield _Problem("spread", frames, {"WIDTH": slots, "SLOT": 1, "BEATS": frame.frame_beats})
    yield _Problem("spread", frames, {"WIDTH": 6, "SLOT": 2, "BEATS": 5})
    yield _Problem("discard", frames, {"WIDTH": 1, "DEPTH": depth + 3})
    yield _Problem("discard", frames, {"WIDTH": _WIDE, "DEPTH": 3})
    windows = [node.op for node in graph.nodes if isinstance(node.op, Window)]
    sides = {(op.height, op.kernel_height, op.stride_y) for op in windows}
    sides |= {(op.width, op.kernel_width, op.stride_x) for op in windows}
    for length, kernel, stride in sorted(sides):
        yield _Problem("steps", window, {"LENGTH": length, "KERNEL": kernel, "STRIDE": stride})
    # A row of the image is as many words of a memory; all such memories are alike.
    yield _Problem("line", window, {"WIDTH": 1, "DEPTH": _ROW})
    yield _Problem("line", window, {"WIDTH": 1, "DEPTH": _ROW - 1, "SHALLOW": 2})
    yield _Problem("line", window, {"WIDTH": _WIDE, "DEPTH": 3})


def _waiting(graph: Graph) -> Iterator[_Problem]:
    """The blocks of engines, and their FIFOs."""
    engines = [node.op for node in graph.nodes if isinstance(node.op, Tiled)]
    for rows, columns in sorted({op.tiles for op in engines if op.fold <= _TILES} | {(3, 4)}):
        yield _Problem("tiles", (_WAIT,), {"ROWS": rows, "COLUMNS": columns})
    for size in sorted({_sides(node.op) for node in graph.nodes if isinstance(node.op, Pad)}):
        yield _Problem("border", (_WAIT,), dict(size))
    waiting = [node.op for node in graph.nodes if isinstance(node.op, Waiting)]
    for depth in sorted({depth for op in waiting for depth in op.depths}):
        yield _Problem("credit", (_STREAM,), {"PLACES": depth})
        yield _Problem("fifo", (_STREAM,), {"WIDTH": 1, "DEPTH": depth})


def _sides(pad: Pad) -> tuple[tuple[str, int], ...]:
    """The sizes of a frame; of a large one those of a small one, as its rows are all alike."""
    names = ("height", "width", "top", "bottom", "left", "right")
    sizes = {name.upper(): int(getattr(pad, name)) for name in names}
    if pad.shape[0] * pad.shape[1] > _BORDER:
        sizes |= {"HEIGHT": 3, "WIDTH": 4}
    return tuple(sizes.items())


def _prove(folder: Path, problem: _Problem, limit_s: float) -> ControlProof:
    """For all times, else as deep as the rest of the time allows."""
    start = time.monotonic()
    properties, inputs = _model(folder, problem)
    status: Status = "unknown"
    depth, reason = None, f"no proof for all times within {limit_s:.0f} s"
    seconds = int(limit_s * 0.7)
    answer, step = _Answer("undecided", 0), "prove"
    if seconds:
        answer = _abc(folder, problem, step, f"orpos; pdr -s -f -T {seconds}", seconds)
    if seconds and answer.status == "undecided":
        rest, step = max(int(limit_s * 0.3), 1), "bound"
        answer = _abc(folder, problem, step, f"orpos; bmc3 -F {_DEEPEST} -T {rest}", rest)
    if answer.status == "proved":
        status, reason = "proved", ""
    elif answer.status == "refuted":
        status = "refuted"
        depth, reason = _counterexample(folder, problem, step, answer.clock, properties, inputs)
    elif answer.frames >= _SHALLOWEST:
        status, depth = "bounded", answer.frames
    spent = time.monotonic() - start
    return ControlProof(problem.name, status, len(properties), depth, spent, reason)


def _model(folder: Path, problem: _Problem) -> tuple[list[str], list[str]]:
    """Make the AIGER model; the names of its assertions in order, and of the block's inputs."""
    stem = f"{_HERE}/{problem.stem}"
    checker = render(f"formal/{problem.kind}.sv.j2", **problem.values)
    top = f"check_{problem.kind}"
    script = render(
        "formal/problem.ys.j2",
        sources=problem.sources,
        checker=f"{stem}.sv",
        top=top,
        parameters=problem.parameters,
        stem=stem,
    )
    Plan({f"{stem}.sv": checker, f"{stem}.ys": script}).write(folder)
    makes = [f"{stem}.aig", f"{stem}.json"]
    log_file = folder / "logs" / f"prove_control_{problem.stem}.log"
    TOOLS["yosys"].run(
        ["-s", f"{stem}.ys"], cwd=folder, makes=makes, log_file=log_file, timeout_s=120
    )
    paths = json.loads((folder / makes[1]).read_text(encoding="utf-8"))["asserts"]
    properties = [path[-1].removeprefix("\\") for path in paths]
    header = (folder / makes[0]).read_bytes().split(b"\n", 1)[0].split()
    # aig M I L O A B C J F: assertions are B; nothing may be assumed (C).
    wanted = sorted(re.findall(r"^\s*(\w+): assert", checker, re.MULTILINE))
    if sorted(properties) != wanted or header[6:8] != [b"%d" % len(properties), b"0"]:
        raise ToolFailed(f"yosys kept {properties} of the assertions {wanted}; see {log_file}")
    return properties, re.findall(r"^    input wire (?:\[.*\] )?(\w+)", _module(checker, top), re.M)


def _module(text: str, name: str) -> str:
    """The text from the head of module `name` on."""
    return text[text.index(f"module {name}") :]


def _abc(folder: Path, problem: _Problem, step: str, command: str, limit_s: float) -> _Answer:
    """Run one ABC command on the model; prove/control/<problem>_<step>.cex is what it finds."""
    stem = f"{_HERE}/{problem.stem}"
    log_file = folder / "logs" / f"prove_control_{problem.stem}_{step}.log"
    cex = f"{stem}_{step}.cex"
    (folder / cex).unlink(missing_ok=True)
    script = f"read_aiger {stem}.aig; {command}; print_status; write_cex -n {cex}"
    output = TOOLS["yosys-abc"].run(
        ["-c", script], cwd=folder, makes=[], log_file=log_file, timeout_s=limit_s + _GRACE_S
    )
    return read_answer(output, log_file)


def read_answer(output: str, log_file: Path) -> _Answer:
    """What ABC's `pdr` or `bmc3`, then `print_status`, say in `output`.

    Raises:
        ToolFailed: anything that is not one of the three known answers, told twice alike.
    """
    status = re.findall(r"^Status = +(-?\d+) +Frames = +(-?\d+) +(.*)$", output, re.MULTILINE)
    said = re.findall(r"^Output (\d+) of miter .* was asserted in frame (\d+)\.", output, re.M)
    proved = re.findall(r"^Property proved\.", output, re.MULTILINE)
    if len(status) == 1:
        code, frames, rest = status[0]
        cex = re.match(r"CEX: Po = +(\d+) +Frame = +(\d+) ", rest, re.IGNORECASE)
        if code == "1" and len(proved) == 1 and not said and not cex:
            return _Answer("proved", int(frames))
        if code == "0" and cex and said == [cex.groups()] and not proved:
            return _Answer("refuted", int(frames), int(cex[1]), int(cex[2]))
        if code == "-1" and not (cex or said or proved) and int(frames) >= -1:
            return _Answer("undecided", max(int(frames), 0))
    raise ToolFailed(f"yosys-abc: its answer is not understood; full log: {log_file}")


def _counterexample(
    folder: Path,
    problem: _Problem,
    step: str,
    clock: int,
    properties: list[str],
    inputs: list[str],
) -> tuple[int, str]:
    """First clock at which an assertion fails, and which one, with the inputs that lead there.

    `step` has found that one of them fails at `clock`.
    """
    # Again with the assertions apart; there may be a shorter way.
    command = f"bmc3 -F {clock + 2} -T {_FIND_S}"
    found = _abc(folder, problem, "find", command, _FIND_S)
    if found.status == "refuted" and found.output < len(properties):
        name, clock, step = properties[found.output], found.clock, "find"
    else:
        # Refuted all the same: the model checker has replayed its counterexample.
        name = f"one of {', '.join(sorted(properties))}"
    trace = (folder / f"{_HERE}/{problem.stem}_{step}.cex").read_text(encoding="utf-8")
    shown = "; ".join(_trace(trace, inputs, clock))
    return clock, f"{name} fails at clock {clock}; {shown}"


def _trace(text: str, inputs: list[str], last: int) -> Iterator[str]:
    """The inputs, other than 0, of each clock up to `last`, as ABC wrote them to `text`."""
    values: dict[tuple[int, str], int] = {}
    for names, clock, bit in re.findall(r"^(.+)@(\d+)=([01])$", text, re.MULTILINE):
        for name, index in re.findall(r"(?:^| )(\w+)(?:\[(\d+)\])?(?= |$)", names):
            if name in inputs and name != "clk":
                key = int(clock), name
                values[key] = values.get(key, 0) | int(bit) << int(index or 0)
    for clock in range(max(0, last + 1 - _TRACED_CLOCKS), last + 1):
        here = [f"{name}={values[clock, name]:#x}" for name in inputs if values.get((clock, name))]
        yield f"{clock}: {' '.join(here) or 'all 0'}"
