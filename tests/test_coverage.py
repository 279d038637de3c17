"""Which table entries data reaches: against counting by hand."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np

from hlsgen.graph import Graph, random_feeds, run
from hlsgen.graph.ops import Lut
from hlsgen.verify.coverage import reached, write_coverage
from rtl_tests.designs import streaming_network


def every_sample() -> np.ndarray:
    return np.array(list(itertools.product(range(8), repeat=2)))[:, None, :]


def by_hand(graph: Graph, samples: np.ndarray) -> set[tuple[int, int]]:
    """(LUT, entry) pairs that the samples address."""
    op = graph.by_name["layer"].op
    assert isinstance(op, Lut)
    bits = run(graph, {"x": samples}, ["bits"])["bits"][:, 0]
    return {
        (lut, sum(int(row[op.src[lut, pin]]) << pin for pin in range(op.k[lut])))
        for row in bits
        for lut in range(len(op.k))
    }


def test_entries_are_those_that_samples_address(small: Graph) -> None:
    for samples in (every_sample(), every_sample()[:1], every_sample()[5:9]):
        hit = reached(small, samples)["layer"]
        assert {(int(a), int(b)) for a, b in np.argwhere(hit)} == by_hand(small, samples)


def test_each_beat_of_a_stream_counts() -> None:
    """Tables behind a window see as many addresses as it gives beats."""
    graph = streaming_network(2, (4, 3), ((2, 2), (1, 1), 5))
    samples = random_feeds(graph, 9, np.random.default_rng(0))["x"]
    op = graph.by_name["map0"].op
    assert isinstance(op, Lut)
    wanted = np.zeros((5, 64), dtype=bool)
    for beat in run(graph, {"x": samples}, ["window0"])["window0"].reshape(-1, 4):
        for lut in range(5):
            address = sum(int(beat[op.src[lut, pin]]) << pin for pin in range(op.k[lut]))
            wanted[lut, address] = True
    np.testing.assert_array_equal(reached(graph, samples)["map0"], wanted)


def test_entries_that_no_word_can_reach_are_listed(small: Graph, tmp_path: Path) -> None:
    """A thermometer code never has a higher bit without the lower ones."""
    (row,) = write_coverage(tmp_path, small, every_sample(), "all words")
    document = json.loads((tmp_path / "verify" / "coverage.json").read_text())
    there = by_hand(small, every_sample())
    missed = {tuple(place) for place in document["never_reached"]["layer"]}
    op = small.by_name["layer"].op
    assert isinstance(op, Lut)
    everything = {(lut, e) for lut in range(len(op.k)) for e in range(1 << int(op.k[lut]))}
    assert missed == everything - there
    assert missed
    assert (row.entries, row.reached) == (len(everything), len(there))
    assert document["graph"] == small.digest
    with np.load(tmp_path / "verify" / "coverage.npz") as arrays:
        assert int(arrays["layer"].sum()) == len(there)
