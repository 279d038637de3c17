"""HLS C++ in C simulation: every operator, streams, engines, whole networks; all bit-exact."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hlsgen.emit import emit, framing
from hlsgen.emit.hls import WITHOUT_FILE
from hlsgen.emit.hls_words import LIMIT, Words
from hlsgen.graph import OPS, Graph, Node, Op, Wire, check, random_feeds
from hlsgen.graph.ops import (
    Argmax,
    Input,
    Merge,
    Pad,
    Pixels,
    Serialize,
    Sum,
    Thermometer,
    Tiled,
    Window,
)
from hlsgen.passes import opt
from hlsgen.paths import data_dir
from hlsgen.tools.csim import headers
from hlsgen.verify.csim import CSimulated, simulate_cpp
from rtl_tests.designs import (
    ECP5,
    random_lut,
    random_network,
    random_window,
    streaming_network,
    with_latency,
)
from rtl_tests.engines import convolutional, random_engines, residual, slow_and_wide
from rtl_tests.test_ops import LANES, WORD, cases, source_of, wide_cases

pytestmark = pytest.mark.verilator

EXAMPLES = 14


def simulated(folder: Path, graph: Graph, width: int, samples: int, seed: int = 1) -> CSimulated:
    """Emit, compile, run, compare."""
    emit(graph, width, ECP5, "hls").write(folder)
    feed = graph.feeds()[0].name
    x = random_feeds(graph, samples, np.random.default_rng(seed))[feed]
    return simulate_cpp(folder, graph, x, width, seed, frames=samples)


def all_compared(seen: CSimulated) -> None:
    """Nothing differs, and nothing was left out."""
    assert [str(each) for each in seen.differences] == []
    graph = seen.graph
    inside = {name for check, name in seen.compared if check == "core"}
    assert inside == set(graph.by_name)
    alone = {name for check, name in seen.compared if check == "alone"}
    kinds = {node.name for node in graph.nodes if node.op.kind not in WITHOUT_FILE}
    assert alone == {name for name in kinds if not graph.by_name[name].op.streams}
    for name, wire in graph.wires.items():
        assert seen.compared["core", name] == seen.frames * wire.beats * wire.width_bits
    assert min(seen.compared.values()) > 0


# --- operators ----------------------------------------------------------------------------------


def examples() -> Iterator[tuple[str, Op, tuple[Wire, ...]]]:
    """Examples of every operator without a state, whatever a family of FPGAs has for it."""
    rng = np.random.default_rng(15)
    for kind, known in sorted(OPS.items()):
        for i in range(EXAMPLES if known.arity and not known.streams else 0):
            yield f"{kind}{i}", *known.example(rng)
    yield from wide_cases(rng)


def side_by_side() -> Graph:
    """All examples, each behind a sum that makes its wire."""
    rng = np.random.default_rng(16)
    words = Input(WORD.bit_length(), np.zeros(LANES), np.ones(LANES))
    bits = Thermometer(np.arange(4 * LANES) % LANES, rng.integers(1, WORD + 1, 4 * LANES))
    nodes, outputs = [Node("x", words), Node("bits", bits, ("x",))], []
    for name, op, (wire,) in examples():
        source, reads = source_of(wire, rng)
        nodes += [Node(f"{name}_in", source, (reads,)), Node(name, op, (f"{name}_in",))]
        outputs.append(name)
    return Graph("zoo", tuple(nodes), tuple(outputs))


def test_every_operator_without_a_state(tmp_path: Path) -> None:
    graph = side_by_side()
    kinds = {node.op.kind for node in graph.nodes if node.inputs}
    assert kinds == {kind for kind, op in OPS.items() if op.arity and not op.streams}
    assert {name for name, *_ in wide_cases(np.random.default_rng(5))} <= set(graph.by_name)
    assert len(graph.nodes) > len(list(cases()))
    all_compared(simulated(tmp_path, graph, 64, 200))


def image_operators(seed: int) -> Graph:
    """Each operator with a state in many shapes, side by side on one image, signed and not."""
    rng = np.random.default_rng(seed)
    image, lanes = (4, 6), 3
    nodes = [Node("x", Pixels(2, np.zeros(lanes), np.ones(lanes), 24))]
    less = Sum.of(np.arange(lanes), np.ones(lanes, dtype=int), np.array([-2, -3, 0]))
    nodes.append(Node("signed", less, ("x",)))
    ends: list[tuple[str, tuple[int, int], int]] = []

    def add(name: str, op: Op, reads: tuple[str, ...], shape: tuple[int, int], lanes: int) -> None:
        nodes.append(Node(name, op, reads))
        ends.append((name, shape, lanes))

    for i in range(4):
        source = ("x", "signed")[i % 2]
        kernel = tuple(int(n) for n in rng.integers(1, (5, 7)))
        strides = [
            [step for step in (1, 2, 3) if not (whole - part) % step]
            for whole, part in zip(image, kernel, strict=True)
        ]
        stride = tuple(int(rng.choice(fits)) for fits in strides)
        window = random_window(rng, image, (kernel[0], kernel[1]), (stride[0], stride[1]), lanes,
                               int(rng.integers(1, 80)))  # fmt: skip
        add(f"window{i}", window, (source,), window.shape, len(window.row))
        sides = [int(n) for n in rng.integers(0, 3, 4)]
        pad = Pad(2, *image, *sides, int(rng.integers(-3, 4)))
        add(f"pad{i}", pad, (source,), pad.shape, lanes)
        add(f"serial{i}", Serialize(2, (1, 3)[i // 2]), (source,), (4, 6 * (1, 3)[i // 2]),
            lanes // (1, 3)[i // 2])  # fmt: skip
        add(f"merge{i}", Merge(2, 3), (source, "x"), image, 2 * lanes)
        pe, down, steps = (int(n) for n in rng.integers(1, 4, 3))
        weight = rng.choice([-1, 1], (pe * down, lanes))
        level = np.sort(rng.integers(-8, 9, (pe * down, steps - 1)))
        tiled = Tiled(2, pe, int(rng.choice([1, 3])), weight, level)
        add(f"tiled{i}", tiled, (source,), image, pe * down)
    outputs = []
    for name, shape, width in ends:
        flat = Window.whole(shape, shape, (1, 1), width)
        nodes.append(Node(f"{name}_flat", flat, (name,)))
        outputs.append(f"{name}_flat")
    return Graph("net", tuple(nodes), tuple(outputs))


@pytest.mark.parametrize("seed", [1, 2])
def test_every_operator_with_a_state(tmp_path: Path, seed: int) -> None:
    graph = image_operators(seed)
    kinds = {node.op.kind for node in graph.nodes if node.op.streams}
    assert kinds == {kind for kind, op in OPS.items() if op.streams}
    all_compared(simulated(tmp_path, graph, 32, 6))


# --- networks -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "cycles"), [(8, 2), (512, 3)])
def test_a_network_whose_frames_are_beats(tmp_path: Path, width: int, cycles: int) -> None:
    graph = with_latency(random_network(4, features=70, code=90, layers=(70, 66)), cycles)
    all_compared(simulated(tmp_path, graph, width, 300))


def test_a_streaming_network(tmp_path: Path) -> None:
    maps = ((2, 3), (1, 1), 40), ((2, 2), (1, 1), 9)
    graph = streaming_network(3, (6, 7), *maps, bits=3, channels=2, taps=7)
    all_compared(simulated(tmp_path, opt(graph, ECP5, 60.0), 8, 30))


@pytest.mark.parametrize("make", [convolutional, slow_and_wide, residual])
def test_engines(tmp_path: Path, make: object) -> None:
    assert callable(make)
    all_compared(simulated(tmp_path, make(), 64, 12))


@pytest.mark.parametrize("seed", [3, 4])
def test_random_engines(tmp_path: Path, seed: int) -> None:
    all_compared(simulated(tmp_path, random_engines(seed), 16, 8, seed))


def test_what_the_limits_split_is_still_right(tmp_path: Path) -> None:
    """Sums of 3,000 lanes, engines of more rows and columns at a time than one array holds."""
    rng = np.random.default_rng(1)
    side = 1100
    narrow = Tiled(2, 1, 1, rng.choice([-1, 1], (2, side)), np.array([[0, 9], [-5, 6]]))
    tall = Tiled(2, 1, 2, rng.choice([-1, 1], (side, 2)), rng.integers(-3, 4, (side, 1)))
    nodes = (
        Node("x", Pixels(4, np.zeros(3), np.ones(3), 4)),
        Node("code", Thermometer(np.arange(1500) % 3, rng.integers(1, 16, 1500)), ("x",)),
        Node("layer", random_lut(rng, 1500, side, (0, 6)), ("code",)),
        Node("narrow", narrow, ("layer",)),
        Node("tall", tall, ("narrow",)),
        Node("flat", Window.whole((2, 2), (2, 2), (1, 1), side), ("tall",)),
        Node("sums", Sum.of(np.arange(4 * side), np.array([3000, 4 * side - 3000]), np.zeros(2)),
             ("flat",)),
        Node("y", Argmax(), ("sums",)),
    )  # fmt: skip
    all_compared(simulated(tmp_path, check(Graph("net", nodes, ("y",))), 64, 5))


def test_beats_of_more_words_than_an_array_holds(tmp_path: Path) -> None:
    """Words are wider then, lanes lie across numbers of 64 bits, and all that moves them knows."""
    rng = np.random.default_rng(2)
    lanes = LIMIT + 17
    bias = rng.integers(-(1 << 60), 1 << 60, lanes)
    sums = Sum.of(np.arange(lanes) % 3, np.ones(lanes, dtype=int), bias)
    many = Thermometer(np.arange(16_400) % 3, rng.integers(1, 16, 16_400))
    taps = random_window(rng, (2, 2), (2, 1), (1, 1), lanes, 70)
    nodes = (
        Node("x", Pixels(4, np.zeros(3), np.ones(3), 4)),
        Node("wide", sums, ("x",)),
        Node("pad", Pad(2, 2, 2, 1, 0, 0, 1, -3), ("wide",)),
        Node("parts", Serialize(2, 3), ("wide",)),
        Node("both", Merge(2, 2), ("wide", "wide")),
        Node("taps", taps, ("wide",)),
        Node("best", Argmax(), ("wide",)),
        Node("many", many, ("x",)),
        Node("all", Window.whole((2, 2), (2, 2), (1, 1), 16_400), ("many",)),
        Node("luts", random_lut(rng, 65_600, 40, (0, 6)), ("all",)),
    )
    ends = {"pad": (3, 3), "parts": (2, 6), "both": (2, 2), "taps": taps.shape, "best": (2, 2)}
    wires = Graph("net", nodes, tuple(ends)).wires
    for name, shape in ends.items():
        wire = wires[name]
        level = rng.integers(wire.lo, wire.hi, 40, endpoint=True)
        bits = Thermometer(rng.integers(0, wire.lanes, 40), level)
        flat = Window.whole(shape, shape, (1, 1), 40)
        nodes = (*nodes, Node(f"{name}_bits", bits, (name,)), Node(f"{name}_flat", flat,
                 (f"{name}_bits",)))  # fmt: skip
    graph = check(Graph("net", nodes, (*(f"{name}_flat" for name in ends), "luts")))
    counts = {name: Words.of(wire).most for name, wire in graph.wires.items()}
    assert counts["wide"] == counts["pad"] == counts["all"] == 128
    assert counts["both"] == 192 and graph.wires["wide"].bits % 32
    all_compared(simulated(tmp_path, graph, 64, 3))


def test_several_answers_and_beats_of_an_answer(tmp_path: Path) -> None:
    """Two outputs, of which one leaves twice as wide as a beat."""
    graph = with_latency(random_network(5, classes=6), 1)
    sums = next(node.name for node in graph.nodes if node.op.kind == "join")
    wide = dataclasses.replace(graph, outputs=(sums, graph.outputs[0]))
    beats = framing(wide, 8).out_beats
    assert beats > 1
    seen = simulated(tmp_path, wide, 8, 40)
    all_compared(seen)
    assert seen.compared["kernel", f"output {sums}, {graph.outputs[0]}"] == 40 * beats * 8


# --- the vendor's test bench --------------------------------------------------------------------


@pytest.mark.parametrize("width", [8, 128])
def test_the_bench_for_the_vendors_tool_counts_wrong_answers(tmp_path: Path, width: int) -> None:
    """It passes on what was emitted, and fails when an answer in its data is another one."""
    graph = residual()
    emit(graph, width, ECP5, "hls").write(tmp_path)
    stand_in = data_dir("templates") / "hls" / "sim"
    command = ["g++", "-std=c++14", "-O0", "-w", f"-I{stand_in}", "-isystem", str(headers())]
    sources = ["net_tb.cpp", "net_kernel.cpp", "-o", "bench"]
    folder = tmp_path / "hls"
    subprocess.run([*command, *sources], cwd=folder, check=True)
    good = subprocess.run(["./bench"], cwd=folder, capture_output=True, text=True, check=True)
    assert good.stdout == "0 of 4 answers wrong\n"
    data = folder / "net_frames.dat"
    *lines, last = data.read_text().splitlines()
    data.write_text("\n".join([*lines, last.replace(last[0], "7", 1)]) + "\n")
    bad = subprocess.run(["./bench"], cwd=folder, capture_output=True, text=True, check=False)
    assert bad.returncode == 1
    assert bad.stdout.endswith("1 of 4 answers wrong\n")
