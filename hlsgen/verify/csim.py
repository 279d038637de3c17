"""Rung 4: the HLS C++ in C simulation against the interpreter.

The same C++ that the vendor's tool gets is compiled by g++ with openly licensed headers: each layer
on its own, and frames through the kernel with every node watched, beat by beat.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hlsgen.emit import framing
from hlsgen.emit.hls import nodes_of, source
from hlsgen.emit.hls_words import WORD, Words
from hlsgen.emit.render import render
from hlsgen.errors import GraphError, ToolFailed
from hlsgen.graph.interp import run
from hlsgen.graph.ir import Graph, Rows, Values, Wire
from hlsgen.graph.parts import split
from hlsgen.graph.schedule import pace
from hlsgen.graph.segments import waits
from hlsgen.paths import data_dir, write_atomic
from hlsgen.plan import Plan
from hlsgen.tools.csim import compile_program, identity, run_program
from hlsgen.verify.bits import Bits, pack, to_bits
from hlsgen.verify.sources import sources
from hlsgen.verify.vectors import beats
from hlsgen.verify.verdict import Rung, Timer, what

_SHOWN = 10
_NODE_SAMPLES = 64
# Frames through the kernel: at most so many, of images those of so many beats, with engines those
# of so many clocks, but as many at least.
_FRAMES, _BEATS, _CLOCKS = 1000, 20_000, 60_000
_FEW_IMAGES, _FEW = 16, 4
# Before each so many-th frame, one that ends too early is sent.
_BROKEN = 7

U64 = NDArray[np.uint64]


@dataclass(frozen=True)
class Difference:
    """A lane that differs: in which check, of which layer, and a sentence on the first row."""

    check: str
    layer: str
    lane: int
    text: str

    def __str__(self) -> str:
        return f"layer {self.layer}, {self.text}"


@dataclass
class CSimulated:
    """What a C simulation saw.

    Args:
        folder: the build folder.
        graph: what was to be computed.
        frames: whole frames that went through the kernel.
        compared: for each check and layer the bits compared; checks are `alone` and `core`, and
            `kernel`, whose layer is the answer.
        differences: what was wrong.
    """

    folder: Path
    graph: Graph
    frames: int
    compared: dict[tuple[str, str], int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)

    @property
    def log(self) -> Path:
        """What the program said."""
        return self.folder / "logs" / "csim.log"

    def layers(self) -> Iterator[tuple[str, int, int, int]]:
        """For each layer, bits compared alone and in the core, and lanes that differ."""
        wrong = Counter((each.check, each.layer) for each in self.differences)
        for node in self.graph.nodes:
            alone, core = (self.compared.get((check, node.name), 0) for check in ("alone", "core"))
            if alone or core:
                lanes = wrong["alone", node.name] + wrong["core", node.name]
                yield node.name, alone, core, lanes


def simulate_cpp(
    folder: Path, graph: Graph, samples: Values, width: int, seed: int, *, frames: int | None = None
) -> CSimulated:
    """Compile and run the C++ that lies in build folder `folder`.

    Args:
        folder: has hls/; vectors, bench and program go to sim/.
        graph: what the C++ must compute.
        samples: int64 [n, beats, features], real frames.
        width: bits of a beat of the kernel there.
        seed: of the random vectors.
        frames: how many exactly; by default as many as `_frames` says.

    Raises:
        GraphError: more than one input.
        ToolMissing, ToolFailed: the compiler, or the simulation did not end well.
    """
    feeds = graph.feeds()
    if len(feeds) != 1:
        raise GraphError(f"graph {graph.name!r}: samples fit one input, it has {len(feeds)}")
    samples = samples[: frames or _frames(graph)]
    rng = np.random.default_rng(seed)
    simulated = folder / "sim"
    nodes = [node for node in nodes_of(graph) if not node.op.streams]
    values = run(graph, {feeds[0].name: samples}, [node.name for node in graph.nodes])
    stimuli = {node.name: _stimuli(graph, node.name, values, rng) for node in nodes}
    send, expect = _beats(graph, values, width)
    vectors = [
        piece
        for node in nodes
        for piece in (
            [len(stimuli[node.name])],
            to_words(stimuli[node.name][:, 0], Words.of(graph.inputs_of(node)[0])).ravel(),
        )
    ]
    vectors += _frames_sent(_rows_of(send, width), len(samples))
    write_atomic(simulated / "vectors.bin", _joined(vectors).tobytes())
    _write_bench(simulated, graph, width, [(node.name, node.inputs[0]) for node in nodes])
    made = [f"../{name}" for name in sources(folder, graph, "hls")]
    reads = [*made, "ap_axi_sdata.h"]
    program = compile_program("csim.cpp", reads, ("../hls", "."), simulated, folder / "logs")
    run_program(program, "got.bin", folder / "logs" / "csim.log")
    got = np.frombuffer((simulated / "got.bin").read_bytes(), dtype="<u8").astype(np.uint64)
    seen = CSimulated(folder, graph, len(samples))
    reader = _Reader(got)
    _compare(seen, reader, stimuli, values)
    _compare_answers(seen, reader, _rows_of(expect, width), width)
    return seen


def rung(folder: Path, graph: Graph, samples: Values, width: int, seed: int) -> Rung:
    """Rung 4 on the C++ in `folder`; see `simulate_cpp`."""
    timer = Timer()
    seen = simulate_cpp(folder, graph, samples, width, seed)
    wrong = seen.differences
    return Rung(
        4,
        "HLS C++",
        "failed" if wrong else "passed",
        what("HLS C++"),
        checked=sum(seen.compared.values()),
        failed=len(wrong),
        tool=identity(),
        reason="; ".join(map(str, wrong[:_SHOWN])),
        time_s=timer.time_s,
        details=tuple(
            f"{name}: {alone:,} bits alone, {core:,} in the core, {lanes} lanes differ"
            for name, alone, core, lanes in seen.layers()
        ),
    )


def _frames(graph: Graph) -> int:
    """How many samples go through the kernel."""
    if waits(graph):
        return max(_FEW, _CLOCKS // pace(graph).interval)
    return min(_FRAMES, max(_FEW_IMAGES, _BEATS // graph.wires[graph.feeds()[0].name].beats))


def to_words(values: Rows, words: Words) -> U64:
    """Lanes [rows, lanes] as the words of `hlsgen::Beat`, each as one or more of 64 bits."""
    packed = np.zeros((len(values), _numbers(words)), dtype=np.uint64)
    mask = np.uint64((1 << words.bits) - 1)
    for lane, (at, shift) in enumerate(_places(words)):
        bits = values[:, lane].astype(np.int64).view(np.uint64) & mask
        packed[:, at] |= bits << np.uint64(shift)
        if shift + words.bits > WORD:
            packed[:, at + 1] |= bits >> np.uint64(WORD - shift)
    return packed


def from_words(packed: U64, words: Words) -> Values:
    """The inverse of `to_words`, int64 [rows, lanes]."""
    values = np.empty((len(packed), words.lanes), dtype=np.int64)
    up = np.uint64(WORD - words.bits)
    for lane, (at, shift) in enumerate(_places(words)):
        here = packed[:, at] >> np.uint64(shift)
        if shift + words.bits > WORD:
            here |= packed[:, at + 1] << np.uint64(WORD - shift)
        # Up to the highest bit and down again: the sign comes along.
        here <<= up
        values[:, lane] = (here.view(np.int64) if words.signed else here) >> up.astype(
            np.int64 if words.signed else np.uint64
        )
    return values


def _numbers(words: Words) -> int:
    """Numbers of 64 bits that hold the words of a beat."""
    return words.count * -(-words.width // WORD)


def _places(words: Words) -> Iterator[tuple[int, int]]:
    """For each lane the number that its lowest bit lies in, and where there."""
    each = _numbers(words) // words.count
    for lane in range(words.lanes):
        word, place = divmod(lane, words.per)
        at, shift = divmod(place * words.bits, WORD)
        yield word * each + at, shift


def _stimuli(
    graph: Graph, name: str, values: Mapping[str, Values], rng: np.random.Generator
) -> Rows:
    """Rows [n, 1, lanes] for a node on its own: its operator's, then those of some samples."""
    node = graph.by_name[name]
    (wire,) = graph.inputs_of(node)
    (made,) = node.op.stimuli(rng, wire)
    real = values[node.inputs[0]].reshape(-1, 1, wire.lanes)
    real = real[:: -(-len(real) // _NODE_SAMPLES)]
    return np.concatenate([made, real.astype(made.dtype)])


def _beats(graph: Graph, values: Mapping[str, Values], width: int) -> tuple[Bits, Bits]:
    """Beats into the kernel and of its answers, [frames * beats, width]."""
    data = {}
    for name in (*(node.name for node in graph.feeds()), *graph.outputs):
        wire = graph.wires[name]
        data[name] = pack(to_bits(values[name].reshape(-1, 1, wire.lanes), wire))
    return beats(graph, data, width)


def _frames_sent(rows: U64, frames: int) -> list[Any]:
    """Frames for the bench from the words of all beats; some of them end too early."""
    shaped = rows.reshape(frames, -1, rows.shape[1])
    count = shaped.shape[1]
    pieces: list[Any] = []
    total = 0
    for i, frame in enumerate(shaped):
        if i % _BROKEN == 0 and count > 1:
            cut = 1 + i // _BROKEN % (count - 1)
            pieces += [[0, cut], frame[:cut].ravel()]
            total += 1
        pieces += [[1, count], frame.ravel()]
        total += 1
    return [[total], *pieces]


def _rows_of(bits: NDArray[np.uint8], width: int) -> U64:
    """Rows of bits [rows, width] as words of 64 bits [rows, width / 64, rounded up]."""
    padded = np.zeros((len(bits), -(-width // WORD) * WORD), dtype=np.uint8)
    padded[:, :width] = bits
    return np.packbits(padded, axis=1, bitorder="little").view("<u8").astype(np.uint64)


def _joined(pieces: Sequence[Any]) -> NDArray[np.uint64]:
    return np.concatenate([np.asarray(piece, dtype=np.uint64) for piece in pieces]).astype("<u8")


def _write_bench(
    simulated: Path, graph: Graph, width: int, nodes: Sequence[tuple[str, str]]
) -> None:
    text = render(
        "hls/sim/bench.cpp.j2",
        graph=graph.name,
        width=width,
        probes=len(graph.nodes),
        nodes=[SimpleNamespace(name=name, reads=source(graph, read)) for name, read in nodes],
    )
    stand_in = data_dir("templates") / "hls" / "sim" / "ap_axi_sdata.h"
    Plan({"csim.cpp": text, stand_in.name: stand_in.read_bytes()}).write(simulated)


class _Reader:
    """What the bench wrote, from the front."""

    def __init__(self, words: U64) -> None:
        self._words, self._at = words, 0

    def take(self, count: int) -> U64:
        """The next words."""
        found = self._words[self._at : self._at + count]
        if len(found) != count:
            raise ToolFailed("C simulation: got.bin is too short")
        self._at += count
        return found

    def number(self) -> int:
        """The next word as a number."""
        return int(self.take(1)[0])


def _compare(
    seen: CSimulated,
    got: _Reader,
    stimuli: Mapping[str, Rows],
    values: Mapping[str, Values],
) -> None:
    """Fill in what was compared and what differs."""
    graph = seen.graph
    for name, rows in stimuli.items():
        op, wire = graph.by_name[name].op, graph.wires[name]
        wanted = op.eval(rows.astype(np.int64))[:, 0]
        count = _numbers(Words.of(wire))
        found = got.take(len(rows) * count).reshape(-1, count)
        seen.compared["alone", name] = len(rows) * wire.width_bits
        for lane, row, text in _wrong(found, wanted, wire):
            place = op.explain(lane, rows[row][None])
            seen.differences.append(Difference("alone", name, lane, f"{place}: {text}"))
    watched = {node.name for part in split(graph) for node in part.graph.nodes}
    for node in graph.nodes:
        found = got.take(got.number())
        if node.name not in watched and not node.op.streams and node.inputs:
            continue
        wire = graph.wires[node.name]
        wanted = values[node.name].reshape(-1, wire.lanes)
        _compare_beats(seen, node.name, found, wanted, wire)


def _compare_beats(seen: CSimulated, name: str, found: U64, wanted: Values, wire: Wire) -> None:
    """A node inside the core: its beats over all frames."""
    count = _numbers(Words.of(wire))
    seen.compared["core", name] = wanted.size * wire.bits
    if len(found) != len(wanted) * count:
        text = f"gave {len(found) / count:g} beats, expected {len(wanted)}"
        seen.differences.append(Difference("core", name, 0, text))
        return
    for lane, row, text in _wrong(found.reshape(-1, count), wanted, wire):
        sample, beat = divmod(row, wire.beats)
        place = f"lane {lane}, sample {sample}, beat {beat}"
        seen.differences.append(Difference("core", name, lane, f"{place}: {text}"))


def _wrong(found: U64, wanted: Values, wire: Wire) -> Iterator[tuple[int, int, str]]:
    """Each lane that differs, the first row where it does, and a sentence."""
    words = Words.of(wire)
    if np.array_equal(found, to_words(wanted, words)):
        return
    shown = from_words(found, words)
    # Both as the wire holds them: beyond its range values are cut off.
    expected = from_words(to_words(wanted, words), words)
    wrong = shown != expected
    for lane in np.flatnonzero(wrong.any(axis=0)).tolist():
        row = int(np.argmax(wrong[:, lane]))
        yield lane, row, f"expected {expected[row, lane]}, got {shown[row, lane]}"
    if not wrong.any():
        yield 0, 0, "bits behind the last lane are set"


def _compare_answers(seen: CSimulated, got: _Reader, rows: U64, width: int) -> None:
    """The kernel's answers; those of frames that broke off must not be there."""
    graph, frame = seen.graph, framing(seen.graph, width)
    step = rows.shape[1] + 1
    wanted = rows.reshape(seen.frames, frame.out_beats, -1)
    layer = f"output {', '.join(graph.outputs)}"
    seen.compared["kernel", layer] = len(rows) * width

    def differs(text: str) -> None:
        seen.differences.append(Difference("kernel", layer, 0, text))

    for i, answer in enumerate(wanted):
        if i % _BROKEN == 0 and frame.in_beats > 1 and (count := got.number()):
            got.take(count * step)
            differs(f"before frame {i}: a frame that broke off was answered")
        if (count := got.number()) != frame.out_beats:
            got.take(count * step)
            differs(f"frame {i}: {count} beats, expected {frame.out_beats}")
            continue
        rows = got.take(count * step).reshape(count, step)
        if rows[:, -1].tolist() != [0] * (count - 1) + [1]:
            differs(f"frame {i}: tlast is {rows[:, -1].tolist()}")
        if not np.array_equal(rows[:, :-1], answer):
            differs(f"frame {i}: expected {_hex(answer)}, got {_hex(rows[:, :-1])}")


def _hex(rows: U64) -> str:
    """The words of an answer, the lowest first."""
    return " ".join(f"{int(word):#x}" for word in rows.ravel())
