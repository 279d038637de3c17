"""What the bench drives and expects: every row against the operators, and the memory it takes."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from hlsgen.emit import valids_of
from hlsgen.graph import Graph, Node, check, random_feeds, run
from hlsgen.graph.fabric import FABRICS
from hlsgen.graph.ops import Argmax, Input, Lut, Sum, Thermometer
from hlsgen.graph.schedule import arrivals
from hlsgen.passes import opt
from hlsgen.verify.bits import Field, from_bits, unpack
from hlsgen.verify.vectors import Check, beats, bits_of, core_check, nodes_check
from rtl_tests.designs import streaming_network

SAMPLES = 150  # more than one block of rows


def layer(rng: np.random.Generator, lanes: int, n: int, fan_in: int = 6) -> Lut:
    """Random tables, no pin twice."""
    src = (rng.integers(0, lanes, (n, 1)) + np.arange(fan_in) * 7) % lanes
    return Lut.of(src, np.full(n, fan_in), rng.integers(0, 2**64, n, dtype=np.uint64))


@pytest.fixture(scope="module")
def graph() -> Graph:
    """Three registers deep, with signed sums."""
    rng = np.random.default_rng(5)
    nodes = (
        Node("x", Input(4, np.zeros(5), np.ones(5))),
        Node("code", Thermometer(np.arange(40) % 5, rng.integers(1, 16, 40)), ("x",)),
        Node("luts", layer(rng, 40, 30), ("code",)),
        Node("sums", Sum.of(np.arange(30), np.full(3, 10), np.array([0, -7, 2])), ("luts",)),
        Node("y", Argmax(), ("sums",)),
    )
    return opt(check(Graph("net", nodes, ("y",))), FABRICS["ecp5"], 120.0)


@pytest.fixture(scope="module")
def feeds(graph: Graph) -> dict[str, np.ndarray]:
    return random_feeds(graph, SAMPLES, np.random.default_rng(6))


def values(packed: np.ndarray, field: Field) -> np.ndarray:
    """A field's values [rows, 1, lanes]."""
    return from_bits(field.of(unpack(packed, field.msb + 1)), field.wire)[:, None, :]


def cared(checked: Check, field: Field) -> np.ndarray:
    """The rows in which the field is compared: all of its bits or none."""
    mask = field.of(unpack(checked.mask, field.msb + 1)).astype(bool)
    assert (mask.all(axis=1) == mask.any(axis=1)).all()
    return mask.all(axis=1)


def test_each_node_is_its_operator(graph: Graph, feeds: dict[str, np.ndarray]) -> None:
    checked = nodes_check(graph, bits_of(graph, feeds), np.random.default_rng(7))
    inputs = {field.node: field for field in checked.inputs}
    assert [field.node for field in checked.fields] == [n.name for n in graph.nodes if n.inputs]
    for field in checked.fields:
        node = graph.by_name[field.node]
        late = node.op.latency
        driven = values(checked.drive, inputs[f"{node.name}:0"])[: len(checked.drive) - late]
        seen = values(checked.expect, field)
        assert (seen[late:] == node.op.eval(driven)).all()
        assert cared(checked, field).tolist() == [False] * late + [True] * len(driven)
        if isinstance(node.op, Lut):
            assert node.op.coverage(driven).sum() == (1 << node.op.k.astype(int)).sum()


def test_each_sample_passes_the_core_once(graph: Graph, feeds: dict[str, np.ndarray]) -> None:
    checked = core_check(graph, bits_of(graph, feeds), np.random.default_rng(8))
    wanted = run(graph, feeds, want=[node.name for node in graph.nodes])
    entering = np.flatnonzero(values(checked.drive, checked.inputs[0])[:, 0, 0])
    assert len(entering) == SAMPLES
    assert (values(checked.drive, checked.inputs[1])[entering] == wanted["x"]).all()
    *probes, valid = checked.fields
    for field in probes:
        name = field.node.removeprefix("output ")
        rows = entering + graph.latency[name]
        assert np.flatnonzero(cared(checked, field)).tolist() == rows.tolist()
        assert (values(checked.expect, field)[rows] == wanted[name]).all()
    leaving = entering + graph.latency["y_r1" if "y_r1" in wanted else graph.outputs[0]]
    assert np.flatnonzero(values(checked.expect, valid)).tolist() == leaving.tolist()


def test_beats_hold_frames_and_answers(graph: Graph, feeds: dict[str, np.ndarray]) -> None:
    send, expect = beats(graph, bits_of(graph, feeds), 8)
    weights = 1 << np.arange(8)
    frames = (send @ weights).reshape(SAMPLES, -1)  # five words of four bits in three bytes
    words = feeds["x"][:, 0]
    assert frames.shape == (SAMPLES, 3)
    assert (frames[:, 0] == words[:, 0] + 16 * words[:, 1]).all()
    assert (frames[:, 2] == words[:, 4]).all()
    assert (expect @ weights == run(graph, feeds)[graph.outputs[0]][:, 0, 0]).all()


# --- graphs that stream -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def stream() -> Graph:
    """Images of 5 x 3 pixels of 4 bits, two to a byte: the last byte of a frame is half full."""
    network = streaming_network(3, (5, 3), ((2, 2), (1, 1), 4), bits=2, channels=2)
    return opt(network, FABRICS["ecp5"], 250.0)


IMAGES = 30


def test_each_beat_passes_the_core_in_its_clock(stream: Graph) -> None:
    feeds = random_feeds(stream, IMAGES, np.random.default_rng(6))
    checked = core_check(stream, bits_of(stream, feeds), np.random.default_rng(8))
    names = [node.name for node in stream.nodes]
    wanted = run(stream, feeds, want=names)
    entering = np.flatnonzero(values(checked.drive, checked.inputs[0])[:, 0, 0])
    assert len(entering) == IMAGES * 15
    assert (np.diff(entering) > 1).any()
    clocks = arrivals(stream, entering.reshape(IMAGES, 15))
    units = valids_of(stream)
    assert [field.node for field in checked.fields] == [
        *(*names, *(f"valid {unit}" for unit in units), f"output {names[-1]}", "valid_out"),
    ]
    for field in checked.fields:
        kind, _, name = field.node.rpartition(" ")
        if kind == "valid" or name == "valid_out":
            # It is compared in every clock, and high where a beat is.
            assert cared(checked, field).all()
            rows = clocks[units[name] if kind else names[-1]].ravel()
            assert np.flatnonzero(values(checked.expect, field)).tolist() == rows.tolist()
            continue
        rows = clocks[name].ravel()
        assert np.flatnonzero(cared(checked, field)).tolist() == rows.tolist()
        lanes = wanted[name].shape[-1]
        assert (values(checked.expect, field)[rows, 0] == wanted[name].reshape(-1, lanes)).all()


def test_only_nodes_without_a_state_are_driven_alone(stream: Graph) -> None:
    feeds = random_feeds(stream, 3, np.random.default_rng(6))
    checked = nodes_check(stream, bits_of(stream, feeds), np.random.default_rng(7))
    alone = [node.name for node in stream.nodes if node.inputs and not node.op.streams]
    assert [field.node for field in checked.fields] == alone


def test_beats_hold_pixels_in_their_slots(stream: Graph) -> None:
    feeds = random_feeds(stream, IMAGES, np.random.default_rng(6))
    send, expect = beats(stream, bits_of(stream, feeds), 8)
    weights = 1 << np.arange(8)
    frames = (send @ weights).reshape(IMAGES, 8)
    pixels = feeds["x"][:, :, 0] + 4 * feeds["x"][:, :, 1]
    assert (frames[:, :7] == pixels[:, :14:2] + 16 * pixels[:, 1::2]).all()
    assert (frames[:, 7] == pixels[:, 14]).all()
    assert (expect @ weights == run(stream, feeds)[stream.outputs[0]][:, 0, 0]).all()


# --- memory -----------------------------------------------------------------------------------


def peak_mib(graph: Graph, samples: int) -> float:
    """Of the vectors of `graph`."""
    feeds = random_feeds(graph, samples, np.random.default_rng(1))
    tracemalloc.start()
    try:
        data = bits_of(graph, feeds)
        nodes_check(graph, data, np.random.default_rng(2))
        core_check(graph, data, np.random.default_rng(3))
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


def test_vectors_of_a_wide_layer_stay_small() -> None:
    """All nodes' values as integers would take 122 MiB for each copy."""
    rng = np.random.default_rng(0)
    nodes = (
        Node("x", Input(1, np.zeros(20), np.ones(20))),
        Node("a", layer(rng, 20, 8_000, 1), ("x",)),
        Node("b", layer(rng, 8_000, 8_000, 2), ("a",)),
    )
    graph = check(Graph("wide", nodes, ("b",)))
    assert peak_mib(graph, 1000) < 160


def test_coverage_of_a_wide_layer_stays_small() -> None:
    """100,000 LUTs took 2.5 GiB once."""
    rng = np.random.default_rng(0)
    wide = layer(rng, 2000, 20_000)
    rows = rng.integers(0, 2, (1024, 1, 2000), np.int8)
    tracemalloc.start()
    try:
        assert wide.coverage(rows).mean() > 0.999
        assert tracemalloc.get_traced_memory()[1] < 150 * 2**20
    finally:
        tracemalloc.stop()
