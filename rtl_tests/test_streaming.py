"""Streaming designs: every window, and whole networks in their exact clocks, against `eval`."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from hlsgen.emit import framing
from hlsgen.graph import OPS, Graph, Node, check
from hlsgen.graph.ops import Pixels, Register, Sum, Window
from hlsgen.passes import opt
from hlsgen.samples import load_samples
from hlsgen.verify.simulation import _wrong, simulate_rtl
from rtl_tests.designs import ECP5, random_window, simulated, streaming_network, write_build

pytestmark = pytest.mark.verilator

Size = tuple[int, int]


class Zoo:
    """Windows side by side and one behind the other; each is probed, the last answer leaves."""

    def __init__(self, seed: int, image: Size, bits: int, lanes: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.lanes = lanes
        half = np.full(lanes, -(1 << bits - 1))
        signed = Sum.of(np.arange(lanes), np.ones(lanes, dtype=np.int64), half)
        source = Pixels(bits, np.zeros(lanes), np.ones(lanes), image[0] * image[1])
        self.nodes = [Node("x", source), Node("sums", signed, ("x",))]
        self.nodes.append(Node("signed", Register(), ("sums",)))
        self.shapes = {"signed": (image, lanes)}

    def window(self, read: str, kernel: Size, stride: Size = (1, 1), taps: int = 0) -> str:
        """A window over what node `read` gives; its name."""
        image, lanes = self.shapes[read]
        name = f"w{len(self.shapes)}"
        op = random_window(self.rng, image, kernel, stride, lanes, taps)
        self.nodes.append(Node(name, op, (read,)))
        self.shapes[name] = op.shape, len(op.row)
        return name

    def some(self, count: int) -> None:
        """Windows of random sizes with a few taps over the image."""
        image, _ = self.shapes["signed"]
        for _ in range(count):
            kernel = [int(self.rng.integers(1, side + 1)) for side in image]
            fits = [
                [s for s in (1, 2, 3) if (side - k) % s == 0]
                for side, k in zip(image, kernel, strict=True)
            ]
            down, across = (int(self.rng.choice(strides)) for strides in fits)
            taps = int(self.rng.integers(1, 12))
            self.window("signed", (kernel[0], kernel[1]), (down, across), taps)

    def graph(self, last: str) -> Graph:
        """All windows; a register behind the last one gives the answer."""
        answer = Node("answer", Register(), (last,))
        return check(Graph("net", (*self.nodes, answer), ("answer",)))


def small_zoo() -> Graph:
    """Kernels from one pixel to the whole image, strides of 2 and 3, rows, columns, one pixel."""
    zoo = Zoo(1, (6, 7), bits=3, lanes=2)
    zoo.window("signed", (1, 1))
    zoo.window("signed", (3, 3), (3, 2))
    zoo.window("signed", (2, 4), (2, 3))
    zoo.window("signed", (2, 7), (2, 1))
    zoo.window("signed", (6, 2), (1, 5))
    zoo.window("signed", (1, 1), (5, 6))
    zoo.window("signed", (6, 7), taps=5)
    column, row = zoo.window("signed", (1, 7), taps=2), zoo.window("signed", (6, 1), taps=2)
    zoo.window(column, (3, 1))
    zoo.window(column, (2, 1), (2, 1), taps=1)
    zoo.window(row, (1, 4), (1, 3))
    zoo.window(row, (1, 7))
    zoo.some(9)
    one = zoo.window(column, (6, 1))
    return zoo.graph(zoo.window(one, (1, 1)))


def wide_zoo() -> Graph:
    """Rows that are kept in blocks of memory, and one that is just not."""
    zoo = Zoo(2, (4, 35), bits=2, lanes=3)
    zoo.window("signed", (4, 3), (1, 2))
    zoo.window("signed", (3, 35), taps=4)
    narrow = zoo.window("signed", (1, 3), taps=2)
    exact = zoo.window("signed", (1, 4), taps=2)
    zoo.window(narrow, (3, 2))
    zoo.window(exact, (2, 2))
    zoo.some(6)
    return zoo.graph(zoo.window(exact, (4, 32), taps=3))


def test_every_operator_that_streams_is_here() -> None:
    kinds = {node.op.kind for node in small_zoo().nodes if node.op.streams}
    assert kinds == {kind for kind, op in OPS.items() if op.streams and not op.waits}


@pytest.mark.parametrize("zoo", [small_zoo, wide_zoo])
def test_windows(zoo, tmp_path: Path) -> None:
    """Each window's beats in their exact clocks, with gaps between the pixels."""
    graph = zoo()
    verdict = simulated(write_build(tmp_path, graph, 8, samples=60), 8)
    checked = {rung.name: rung.checked for rung in verdict.rungs if rung.status == "passed"}
    assert set(checked) == {"operators", "layers", "shell"}
    windows = [node for node in graph.nodes if isinstance(node.op, Window)]
    frames = 60
    bits = sum(graph.wires[node.name].width_bits * graph.wires[node.name].beats for node in windows)
    assert checked["layers"] >= frames * bits


# Graph and width of the shell's beats: pixels narrower, as wide, wider; slots with padding.
NETWORKS = {
    "bits, several to a byte": (
        streaming_network(1, (7, 6), ((3, 3), (1, 1), 5), ((2, 2), (1, 2), 4)),
        8,
    ),
    "as wide as a byte": (
        streaming_network(2, (5, 5), ((2, 2), (1, 1), 3), bits=4, channels=2, taps=5),
        8,
    ),
    "two lanes in a slot of four bits, a last byte not full": (
        streaming_network(3, (5, 3), ((2, 1), (1, 1), 4), bits=2, channels=2, classes=0),
        8,
    ),
    "wider than a byte": (
        streaming_network(4, (4, 4), ((2, 2), (2, 2), 6), bits=3, channels=3),
        8,
    ),
    "padded slots in 16 bits": (
        streaming_network(5, (4, 6), ((1, 3), (1, 1), 4), ((4, 1), (1, 1), 5), bits=3),
        16,
    ),
    "several pixels to 64 bits": (
        streaming_network(6, (6, 6), ((3, 3), (3, 3), 7), channels=5, taps=7),
        64,
    ),
    "one pixel": (streaming_network(7, (1, 1), ((1, 1), (1, 1), 6), channels=7), 16),
}


def test_slots_are_what_the_names_say() -> None:
    sizes = {
        name: (frame.in_bits, frame.slot, frame.in_beats)
        for name, (graph, width) in NETWORKS.items()
        for frame in (framing(graph, width),)
    }
    assert list(sizes.values()) == [
        *((1, 1, 6), (8, 8, 25), (4, 4, 8), (9, 16, 32), (3, 4, 6), (5, 8, 5), (7, 8, 1)),
    ]


@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name: str, tmp_path: Path) -> None:
    """Every layer of an optimised network in its exact clocks, and the shell."""
    graph, width = NETWORKS[name]
    final = opt(graph, ECP5, 150.0)
    verdict = simulated(write_build(tmp_path, final, width, samples=100), width)
    assert {rung.name for rung in verdict.rungs if rung.status == "passed"} == {
        *("operators", "layers", "shell"),
    }


# In the module of a window, or in its own copy of a module of the library: a pattern, and what is
# written instead.
FAULTS = {
    "none": ("window", "", ""),
    "shifts in bubbles": ("window", r"if \(valid_in\) begin", "begin"),
    "rows shift in bubbles": ("window", r"\.shift\(valid_in\)", ".shift(1'b1)"),
    "counts bubbles": ("window", r"\.beat\(valid_in\)", ".beat(1'b1)"),
    "valid in bubbles": ("window", r"valid_in & hit", "hit"),
    "a register twice": ("window", r"t0_1 <= t0_0", "t0_1 <= x"),
    "a row too short": ("window", r"\.DEPTH\(6\)", ".DEPTH(5)"),
    "a row too long": ("window", r"\.DEPTH\(6\)", ".DEPTH(7)"),
    "taps change places": ("window", r"assign y = \{(\S+), (\S+),", r"assign y = {\2, \1,"),
    "the newest row twice": ("window", r"\bt1_0\b(?=, )", "t0_0"),
    "a stride down": ("window", r"STRIDE_Y\(2\)", "STRIDE_Y(1)"),
    "a stride across": ("window", r"STRIDE_X\(2\)", "STRIDE_X(3)"),
    "a kernel too low": ("window", r"KERNEL_HEIGHT\(3\)", "KERNEL_HEIGHT(2)"),
    "a kernel too wide": ("window", r"KERNEL_WIDTH\(2\)", "KERNEL_WIDTH(3)"),
    "an image too wide": ("window", r"\.WIDTH\(6\), \.K", ".WIDTH(7), .K"),
    "rows and columns change places": ("raster", r"step\(beat & line_end\)", "step(beat)"),
    "hit in the first rows": ("raster", r"across & down", "across"),
    "hit in the first columns": ("raster", r"across & down", "down & line_end"),
    "the next row waits for a stride": ("steps", r"last \? FIRST : ", ""),
    "stops once a row": ("steps", r"stop \? AGAIN", "stop & last ? AGAIN"),
    "position without an end": ("steps", r"last \? NONE : ", ""),
    "the word that was written just now": ("line", r"store\[next\];", "store[place];"),
    "rows without an end": ("line", r"== LAST\) \? NONE", "== LAST) ? ONE"),
}


def faulty_zoo() -> Graph:
    """Equal windows side by side, one for each fault."""
    zoo = Zoo(3, (5, 6), bits=3, lanes=2)
    for _ in FAULTS:
        zoo.window("signed", (3, 2), (2, 2))
    return zoo.graph(zoo.window("signed", (5, 6), taps=3))


def spoil(folder: Path, window: str, name: str) -> None:
    """Put the fault into the window's module; of the library it gets a copy."""
    place, old, new = FAULTS[name]
    path, module = folder / "rtl" / f"net_{window}.v", f"hlsgen_{place}"
    text = path.read_text()
    if place != "window":
        library = (folder / "rtl" / "hlsgen_window.v").read_text()
        (head, _), needed = library.split("// A delay", 1), ("raster", "steps", "line")
        copies = re.findall(r"^module .*?^endmodule\n", library, re.MULTILINE | re.DOTALL)
        spoilt, count = re.subn(old, new, "".join(c for c in copies if f"module {module} " in c))
        assert count, name
        rest = "".join(c for c in copies if f"module {module} " not in c)
        text = head + rest + spoilt + text
        for part in needed:
            text = re.sub(rf"\bhlsgen_{part}\b", f"{window}_{part}", text)
    else:
        text, count = re.subn(old, new, text, count=1)
        assert count or not old, name
    path.write_text(text)


def test_each_fault_is_found_and_nothing_else(tmp_path: Path) -> None:
    graph = faulty_zoo()
    write_build(tmp_path, graph, 8, samples=40)
    windows = dict(zip((f"w{i + 1}" for i in range(len(FAULTS))), FAULTS, strict=True))
    for window, name in windows.items():
        spoil(tmp_path, window, name)
    samples = load_samples(tmp_path / "graph" / "samples.npz")
    seen = simulate_rtl(tmp_path, graph, samples, 8, 1)
    wrong = {
        field.node.removeprefix("valid ")
        for field, *_ in _wrong(tmp_path, "core", seen.checks.core)
    }
    found = {windows.pop(window) for window in wrong & windows.keys()}
    assert wrong <= {f"w{i + 1}" for i in range(len(FAULTS))}
    assert set(FAULTS) - found == {"none"}
    assert set(seen.failed) == {"core"}
