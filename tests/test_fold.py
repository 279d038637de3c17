"""Folding: every plan keeps its promise, and is the smallest that does."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hlsgen.errors import ConfigError
from hlsgen.graph import Graph, Node, Wire, check, memory
from hlsgen.graph.fabric import FABRICS
from hlsgen.graph.ops import Input, Pixels, Tiled, Window
from hlsgen.graph.schedule import pace
from hlsgen.passes.fold import (
    Limits,
    curve,
    engines,
    fold,
    interval_of,
    sized,
    tile,
    tiles,
    with_places,
    with_tiles,
)

XCUP = FABRICS["xcup"]


def net(*sizes: tuple[int, int], image: tuple[int, int] = (3, 4), seed: int = 1) -> Graph:
    """Engines of so many rows behind windows of so many pixels (or none) each way."""
    rng = np.random.default_rng(seed)
    nodes = [Node("x", Pixels(2, np.zeros(3), np.ones(3), image[0] * image[1]))]
    lanes = 3
    for i, (rows, kernel) in enumerate(sizes):
        if kernel:
            op = Window.whole(image, (kernel, kernel), (1, 1), lanes)
            nodes.append(Node(f"w{i}", op, (nodes[-1].name,)))
            image, lanes = op.shape, len(op.row)
        weight = rng.choice([-1, 1], (rows, lanes))
        made = Tiled(2, 1, 1, weight, np.zeros((rows, 1)))
        nodes.append(Node(f"e{i}", made, (nodes[-1].name,)))
        lanes = rows
    return check(Graph("net", tuple(nodes), (nodes[-1].name,)))


GRAPH = net((4, 2), (6, 2), (5, 0))


def taken(graph: Graph) -> tuple[int, int]:
    found = [tile(graph, node, XCUP) for node in engines(graph)]
    return sum(way.luts for way in found), max(way.clocks for way in found)


def test_each_way_to_fold_is_worth_it_and_none_is_left_out() -> None:
    node = GRAPH.by_name["e1"]
    kept = tiles(GRAPH, node, XCUP)
    every = [
        tile(with_tiles(GRAPH, {"e1": way}), with_tiles(GRAPH, {"e1": way}).by_name["e1"], XCUP)
        for pe, simd in itertools.product((1, 2, 3, 6), (1, 2, 4, 8, 16))
        for way in [dataclasses.replace(kept[0], pe=pe, simd=simd)]
    ]
    assert {(way.pe, way.simd) for way in kept} <= {(way.pe, way.simd) for way in every}
    for way in every:
        assert any(
            k.luts <= way.luts and k.blocks <= way.blocks and k.clocks <= way.clocks for k in kept
        )
    for one, other in itertools.pairwise(kept):
        assert one.clocks < other.clocks and (one.luts > other.luts or one.blocks > other.blocks)


@pytest.mark.parametrize("interval", [12, 20, 48, 96, 144, 500])
def test_the_smallest_fold_of_all(interval: int) -> None:
    """Against every combination of tiles."""
    folded = fold(GRAPH, XCUP, interval)
    assert pace(folded).interval <= interval
    weigh = [
        (sum(way.luts + 300 * way.blocks for way in ways), max(way.clocks for way in ways))
        for ways in itertools.product(*(tiles(GRAPH, node, XCUP) for node in engines(GRAPH)))
    ]
    assert taken(folded)[0] == min(luts for luts, clocks in weigh if clocks <= interval)


def test_the_fastest_fold_within_limits() -> None:
    luts, clocks = taken(fold(GRAPH, XCUP, 48))
    found = fold(GRAPH, XCUP, limits=Limits(luts=luts))
    assert taken(found)[1] <= clocks and taken(found)[0] <= luts
    # Without limits a pixel enters each clock.
    assert pace(fold(GRAPH, XCUP)).interval == 12


def test_folding_keeps_the_function() -> None:
    folded = fold(GRAPH, XCUP, 20)
    before, after = ([node.op.unfolded() for node in graph.nodes] for graph in (GRAPH, folded))
    assert before == after
    assert folded.digest != GRAPH.digest


@pytest.mark.parametrize(
    ("interval", "limits", "said"),
    [
        (11, Limits(), "a frame has 12 beats and they enter at one a clock; a frame each 11"),
        (20, Limits(luts=30), r"its engines need \d+ LUTs at least, 30 are there"),
        (12, Limits(luts=250), "no fold reaches 12 clocks a frame within 250 LUTs and any number"),
    ],
)
def test_what_cannot_be(interval: int, limits: Limits, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        fold(GRAPH, XCUP, interval, limits)


def test_weights_that_do_not_fit_the_memories_are_refused() -> None:
    big = net((512, 0), (512, 0), image=(1, 1))
    said = "no fold reaches 262144 clocks a frame within 3,000 LUTs and 1 block memories"
    with pytest.raises(ConfigError, match=said):
        fold(big, XCUP, 512 * 512, Limits(3000, 1))
    assert pace(fold(big, XCUP, 512 * 512, Limits(3000, 20))).interval <= 512 * 512


def test_a_graph_without_engines_stays() -> None:
    plain = Graph("net", (Node("x", Input(1, np.zeros(1), np.ones(1))),), ("x",))
    assert fold(plain, XCUP, 1) is plain


def test_a_frame_rate_in_clocks() -> None:
    assert interval_of(50.0, 1000.0) == 50_000
    assert interval_of(300.0, 7.0) == 42_857_142
    assert interval_of(1.0, 1e9) == 1


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_fifos_are_as_shallow_as_they_may_be(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = [(int(rng.integers(1, 7)), int(rng.integers(0, 3))) for _ in range(3)]
    sizes[1:] = [(rows, min(kernel, 1)) for rows, kernel in sizes[1:]]
    graph = net(*sizes, seed=seed)
    chosen = {
        node.name: found[int(rng.integers(len(found)))]
        for node in engines(graph)
        for found in [tiles(graph, node, XCUP)]
    }
    graph = sized(with_tiles(graph, chosen))
    reached = pace(graph).interval
    assert reached == max(12, *(way.clocks for way in chosen.values()))
    for node in engines(graph):
        assert isinstance(node.op, Tiled)
        if node.op.places > 2:
            fewer = with_places(graph, {(node.name, 0): node.op.places - 1})
            assert pace(fewer).interval > reached


def test_the_curve_falls_from_the_fastest_on() -> None:
    points = curve(GRAPH, XCUP, Limits(luts=5000))
    assert points[0].clocks == 12 and points[0].luts <= 5000
    for one, other in itertools.pairwise(points):
        assert other.clocks > one.clocks and other.luts < one.luts


def test_memories() -> None:
    assert memory.blocks("xcup", 1024, 36) == 1
    assert memory.blocks("xcup", 1025, 36) == 2
    assert memory.blocks("xcup", 64, 2304) == 0
    assert memory.blocks("ecp5", 16384, 1) == 1
    assert memory.rom_luts("xcup", 6, 64, 10) == 10
    assert memory.rom_luts("xcup", 6, 1, 10) == memory.rom_luts("xcup", 6, 2000, 10) == 0
    assert memory.ram_luts("ecp5", 16, 8) == 8
    assert memory.ram_luts("ecp5", 17, 8) == 16 + 8
    assert memory.ram_luts("ice40", 16, 8) == 0
    assert memory.blocks("xc7", 1025, 36) == 2
    assert memory.blocks("gowin", 300, 40) == memory.blocks("nexus", 300, 40) == 2
    assert memory.ram_luts("xc7", 32, 14) == 12
    assert memory.ram_luts("gowin", 32, 8) == 4 * 8 + 8
    assert memory.ram_luts("nexus", 32, 8) == 4 * 4 + 8


def test_area_grows_with_what_is_done_at_a_time() -> None:
    (x,) = GRAPH.inputs_of(GRAPH.by_name["e1"])
    assert isinstance(x, Wire)
    ways = sorted(tiles(GRAPH, GRAPH.by_name["e1"], XCUP), key=lambda way: way.pe * way.simd)
    assert ways[-1].luts > 2 * ways[0].luts
