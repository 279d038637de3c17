"""Random networks, and build folders made of them."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import numpy as np

from hlsgen.emit import emit
from hlsgen.errors import CheckFailed
from hlsgen.graph import Graph, Node, check, load, random_feeds, save
from hlsgen.graph.fabric import FABRICS
from hlsgen.graph.ops import Argmax, Input, Lut, Pixels, Sum, Thermometer, Window
from hlsgen.passes import opt, pipeline, split_head
from hlsgen.paths import write_atomic
from hlsgen.samples import load_samples
from hlsgen.verify import Verdict, rtl_digest
from hlsgen.verify.simulation import simulation

ECP5 = FABRICS["ecp5"]


def random_lut(rng: np.random.Generator, lanes: int, n: int, fan_in: tuple[int, int]) -> Lut:
    """`n` fully random tables of fan_in[0]..fan_in[1] inputs among `lanes` lanes."""
    return Lut.of(
        rng.integers(0, lanes, (n, 6)),
        rng.integers(fan_in[0], fan_in[1] + 1, n),
        rng.integers(0, 2**64, n, dtype=np.uint64),
    )


def random_network(
    seed: int,
    *,
    features: int = 4,
    bits: int = 4,
    code: int = 20,
    layers: tuple[int, ...] = (30, 24),
    classes: int = 3,
    fan_in: tuple[int, int] = (0, 6),
) -> Graph:
    """Words, thermometer code, layers of random tables, one sum a class, argmax: as exported."""
    rng = np.random.default_rng(seed)
    source = Input(bits, rng.normal(size=features), rng.random(features) + 0.5)
    thermometer = Thermometer(rng.integers(0, features, code), rng.integers(0, 2**bits + 1, code))
    nodes = [Node("x", source), Node("code", thermometer, ("x",))]
    for i, n in enumerate(layers):
        lanes = layers[i - 1] if i else code
        nodes.append(Node(f"layer{i}", random_lut(rng, lanes, n, fan_in), (nodes[-1].name,)))
    sizes = np.full(classes, layers[-1] // classes)
    sums = Sum.of(rng.permutation(layers[-1])[: sizes.sum()], sizes, rng.integers(-2, 3, classes))
    nodes += [Node("sums", sums, (nodes[-1].name,)), Node("answer", Argmax(), ("sums",))]
    return check(Graph("net", tuple(nodes), ("answer",)))


def with_latency(graph: Graph, cycles: int) -> Graph:
    """`graph` optimised for the slowest clock that needs so many register stages."""
    slow = opt(graph, ECP5, 5)
    if slow.latency[slow.outputs[0]] == cycles:
        return slow
    for clock_mhz in range(10, 900, 5):
        # What depends on the clock; the rest of the passes takes long.
        sketch = pipeline(ECP5, clock_mhz)(split_head(ECP5, clock_mhz)(slow))
        if sketch.latency[sketch.outputs[0]] == cycles:
            final = opt(graph, ECP5, clock_mhz)
            assert final.latency[final.outputs[0]] == cycles
            return final
    raise AssertionError(f"no clock pipelines this graph into {cycles} stages")


def write_build(folder: Path, graph: Graph, width: int, samples: int = 200) -> Path:
    """A build folder as the stages up to emit leave it, with `samples` random samples."""
    save(graph, folder / "graph" / "final")
    feed = graph.feeds()[0].name
    x = random_feeds(graph, samples, np.random.default_rng(1))[feed]
    buffer = io.BytesIO()
    np.savez(buffer, x=(x[:, 0] if x.shape[1] == 1 else x).astype(np.uint16))
    write_atomic(folder / "graph" / "samples.npz", buffer.getvalue())
    emit(graph, width, ECP5).write(folder)
    return folder


def simulated(folder: Path, width: int) -> Verdict:
    """Rung 1 alone on a build folder: the verdict, which is written too.

    Raises:
        CheckFailed: a check failed.
    """
    graph = load(folder / "graph" / "final")
    samples = load_samples(folder / "graph" / "samples.npz")
    rungs = tuple(simulation(folder, graph, samples, width, 1))
    verdict = Verdict(graph.digest, rungs, rtl_digest(folder, graph))
    verdict.save(folder / "verify" / "verdict.json")
    if verdict.complaints:
        raise CheckFailed("\n".join(verdict.complaints))
    return verdict


def random_window(
    rng: np.random.Generator,
    image: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    lanes: int,
    taps: int = 0,
) -> Window:
    """A window with so many random taps, or with all of them."""
    whole = Window.whole(image, kernel, stride, lanes)
    if not taps:
        return whole
    some = rng.integers(0, len(whole.row), taps)
    kept = {name: getattr(whole, name)[some] for name in ("row", "column", "lane")}
    return dataclasses.replace(whole, **kept)


def streaming_network(
    seed: int,
    image: tuple[int, int],
    *maps: tuple[tuple[int, int], tuple[int, int], int],
    bits: int = 1,
    channels: int = 1,
    taps: int = 0,
    classes: int = 3,
    name: str = "net",
) -> Graph:
    """Pixels, for each map a window and random tables, all of the last one at once, and a head.

    Args:
        seed: of tables, taps and scales.
        image: height and width.
        maps: for each window its kernel, its stride, and the tables that read it.
        bits: of a pixel's words; a thermometer code follows if more than one.
        channels: words of a pixel.
        taps: of each window but the last; 0: all.
        classes: of the answer; 0: the tables of the head leave.
        name: of the graph.
    """
    rng = np.random.default_rng(seed)
    source = Pixels(
        bits, rng.normal(size=channels), rng.random(channels) + 0.5, image[0] * image[1]
    )
    nodes, lanes = [Node("x", source)], channels
    if bits > 1:
        lanes = 2 * channels
        levels = rng.integers(1, 2**bits, lanes)
        nodes.append(Node("code", Thermometer(np.arange(lanes) % channels, levels), ("x",)))
    for i, (kernel, stride, luts) in enumerate(maps):
        window = random_window(rng, image, kernel, stride, lanes, taps)
        nodes.append(Node(f"window{i}", window, (nodes[-1].name,)))
        nodes.append(
            Node(f"map{i}", random_lut(rng, len(window.row), luts, (1, 6)), (f"window{i}",))
        )
        image, lanes = window.shape, luts
    nodes.append(Node("flat", Window.whole(image, image, (1, 1), lanes), (nodes[-1].name,)))
    count = 4 * max(classes, 1)
    inputs = image[0] * image[1] * lanes
    nodes.append(Node("head", random_lut(rng, inputs, count, (1, 6)), ("flat",)))
    if classes:
        sums = Sum.of(np.arange(count), np.full(classes, 4), np.zeros(classes))
        nodes += [Node("sums", sums, ("head",)), Node("answer", Argmax(), ("sums",))]
    return check(Graph(name, tuple(nodes), (nodes[-1].name,)))
