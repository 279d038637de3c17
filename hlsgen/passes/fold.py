"""How many rows and columns each engine works off at a time, and how deep its FIFO is.

An engine of R x C weights with tiles of `pe` x `simd` takes (R / pe) * (C / simd) clocks for each
of its beats. The slowest one sets the clocks from frame to frame (Umuroglu et al., "FINN", FPGA
2017, section 4.4); all others are made as small as they may be. Which tiles are chosen is an
integer program: one of an engine's tiles each, LUTs and block memories added up.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp

from hlsgen.errors import ConfigError, GraphError
from hlsgen.graph import memory
from hlsgen.graph.fabric import Fabric
from hlsgen.graph.ir import Graph, Node
from hlsgen.graph.ops import Tiled, Waiting
from hlsgen.graph.ops.waiting import FEWEST
from hlsgen.graph.schedule import pace
from hlsgen.graph.segments import waits

# What LUTs weigh beside clocks where the fewest clocks are wanted: less than one clock in all.
_GAP = 1e-3
# More places than this in every FIFO make nothing faster.
_DEEPEST = 1024
# LUTs that a block memory weighs as much as, where fewer of both are wanted: about the ratio of
# both on the devices.
_BLOCK_LUTS = 300
# A slower fold is shown if it takes at most this share of the LUTs of the one before.
_SAVES = 0.98


@dataclass(frozen=True)
class Tile:
    """One way to fold an engine; estimates.

    Args:
        pe, simd: rows and columns at a time.
        clocks: for all beats of a frame.
        luts, blocks: what it takes, estimated.
    """

    pe: int
    simd: int
    clocks: int
    luts: int
    blocks: int


@dataclass(frozen=True)
class Point:
    """What all engines take together, and the clocks from frame to frame."""

    clocks: int
    luts: int
    blocks: int


@dataclass(frozen=True)
class Limits:
    """What a fold may take at most; None where nothing is known."""

    luts: int | None = None
    blocks: int | None = None


def interval_of(clock_mhz: float, frames_per_s: float) -> int:
    """Clocks from frame to frame, at most, for so many frames a second."""
    return max(1, int(clock_mhz * 1e6 / frames_per_s))


def engines(graph: Graph) -> tuple[Node, ...]:
    """The nodes that can be folded."""
    return tuple(node for node in graph.nodes if isinstance(node.op, Tiled))


def tile(graph: Graph, node: Node, fabric: Fabric) -> Tile:
    """How an engine is folded in the graph, and what it takes."""
    op, (x,) = node.op, graph.inputs_of(node)
    if not isinstance(op, Tiled):
        raise TypeError(f"{node.name} is no engine")
    blocks = sum(memory.blocks(fabric.name, *size) for size in op.memories(x))
    return Tile(op.pe, op.simd, op.fold * x.beats, op.area(fabric, x).lut, blocks)


def tiles(graph: Graph, node: Node, fabric: Fabric) -> tuple[Tile, ...]:
    """The ways to fold an engine that no other one beats in all respects, the fastest first."""
    op = node.op
    if not isinstance(op, Tiled):
        raise TypeError(f"{node.name} is no engine")
    found = [
        tile(graph, dataclasses.replace(node, op=dataclasses.replace(op, pe=pe, simd=simd)), fabric)
        for pe in _divisors(op.rows)
        for simd in _divisors(op.columns)
    ]
    found.sort(key=lambda way: (way.clocks, way.luts, way.blocks))
    kept: list[Tile] = []
    for way in found:
        if not any(k.luts <= way.luts and k.blocks <= way.blocks for k in kept):
            kept.append(way)
    return tuple(kept)


def fold(
    graph: Graph, fabric: Fabric, interval: int | None = None, limits: Limits = Limits()
) -> Graph:
    """The graph with tiles of its engines chosen anew, and FIFOs no deeper than they need to be.

    Args:
        graph: checked; where clocks of FIFOs shall be right, pipelined.
        fabric: the family.
        interval: clocks from frame to frame at most; None for as few as the limits allow.
        limits: of all engines together.

    Raises:
        ConfigError: no fold is as fast or as small; the message says how far off.
    """
    nodes = engines(graph)
    if not nodes:
        return sized(graph) if waits(graph) else graph
    beats = max(graph.wires[node.name].beats for node in graph.feeds())
    if interval is not None and interval < beats:
        raise ConfigError(
            f"graph {graph.name!r}: a frame has {beats} beats and they enter at one a clock; a"
            f" frame each {interval} clocks cannot be reached"
        )
    choices = {node.name: tiles(graph, node, fabric) for node in nodes}
    chosen = _choose(graph.name, choices, beats, interval, limits)
    return sized(with_tiles(graph, chosen))


def with_tiles(graph: Graph, chosen: Mapping[str, Tile]) -> Graph:
    """The graph with these tiles."""
    nodes = [
        dataclasses.replace(
            node,
            op=dataclasses.replace(node.op, pe=chosen[node.name].pe, simd=chosen[node.name].simd),
        )
        if node.name in chosen and isinstance(node.op, Tiled)
        else node
        for node in graph.nodes
    ]
    return dataclasses.replace(graph, nodes=tuple(nodes))


def curve(graph: Graph, fabric: Fabric, limits: Limits = Limits()) -> tuple[Point, ...]:
    """What the engines of a graph take at several paces, the fastest within the limits first.

    Each further one takes twice the clocks, up to where that saves no LUTs.

    Raises:
        ConfigError: nothing fits the limits.
    """
    beats = max(graph.wires[node.name].beats for node in graph.feeds())
    choices = {node.name: tiles(graph, node, fabric) for node in engines(graph)}
    slowest = max(max(tile.clocks for tile in found) for found in choices.values())
    points: list[Point] = []
    interval: int | None = None
    while interval is None or interval < 2 * slowest:
        chosen = _choose(graph.name, choices, beats, interval, limits).values()
        clocks = max([beats, *(tile.clocks for tile in chosen)])
        luts, blocks = (sum(getattr(tile, name) for tile in chosen) for name in ("luts", "blocks"))
        if points and luts >= points[-1].luts * _SAVES:
            break
        points.append(Point(clocks, luts, blocks))
        interval = 2 * (clocks if interval is None else interval)
    return tuple(points)


def _choose(
    name: str,
    choices: Mapping[str, tuple[Tile, ...]],
    least: int,
    interval: int | None,
    limits: Limits,
) -> dict[str, Tile]:
    """One tile for each engine: the fewest LUTs at `interval`, or the fewest clocks."""
    flat = [(engine, way) for engine, found in choices.items() for way in found]
    luts, blocks, clocks = (
        np.array([getattr(tile, field) for _, tile in flat], dtype=np.float64)
        for field in ("luts", "blocks", "clocks")
    )
    owner = [[float(engine == known) for engine, _ in flat] for known in choices]
    # The last variable is the interval; a block memory counts as much as some LUTs.
    weight = np.append(luts + blocks * _BLOCK_LUTS, 0.0)
    if interval is None:
        weight = np.append(weight[:-1] * _GAP / max(weight.sum(), 1.0), 1.0)
    rows = [LinearConstraint(np.array([[*row, 0.0] for row in owner]), 1, 1)]
    rows.append(LinearConstraint(
        np.array([[*(np.array(row) * clocks), -1.0] for row in owner]), -np.inf, 0
    ))  # fmt: skip
    for used, most in ((luts, limits.luts), (blocks, limits.blocks)):
        if most is not None:
            rows.append(LinearConstraint(np.append(used, 0.0)[None], -np.inf, most))
    upper = np.append(np.ones(len(flat)), np.inf if interval is None else interval)
    lower = np.append(np.zeros(len(flat)), least)
    kinds = np.append(np.ones(len(flat)), 0.0)
    answer = milp(weight, constraints=rows, bounds=Bounds(lower, upper), integrality=kinds)
    if answer.x is None:
        raise ConfigError(_why(name, choices, interval, limits))
    return _taken(flat, answer.x)


def _taken(flat: list[tuple[str, Tile]], values: NDArray[np.float64]) -> dict[str, Tile]:
    return {
        engine: tile for (engine, tile), value in zip(flat, values, strict=False) if value > 0.5
    }


def _why(
    name: str, choices: Mapping[str, tuple[Tile, ...]], interval: int | None, limits: Limits
) -> str:
    """Why there is no fold."""
    fastest = {engine: found[0] for engine, found in choices.items()}
    slow = max(fastest, key=lambda engine: fastest[engine].clocks)
    if interval is not None and fastest[slow].clocks > interval:
        return (
            f"graph {name!r}: {slow} takes {fastest[slow].clocks} clocks a frame even when all its"
            f" weights are used at once; {interval} are asked for: ask for fewer frames a second"
        )
    least = {
        field: sum(min(getattr(tile, field) for tile in found) for found in choices.values())
        for field in ("luts", "blocks")
    }
    bound = {"luts": limits.luts, "blocks": limits.blocks}
    for field, what in (("luts", "LUTs"), ("blocks", "block memories")):
        most = bound[field]
        if most is not None and least[field] > most:
            return (
                f"graph {name!r}: its engines need {least[field]:,} {what} at least, {most:,} are"
                " there: choose a larger board or a smaller network"
            )
    within = " and ".join(
        f"{'any number of' if most is None else f'{most:,}'} {what}"
        for most, what in ((limits.luts, "LUTs"), (limits.blocks, "block memories"))
    )
    wanted = "" if interval is None else f" reaches {interval} clocks a frame"
    return (
        f"graph {name!r}: no fold{wanted} within {within}; ask for fewer frames a second, or choose"
        " a larger board"
    )


def sized(graph: Graph) -> Graph:
    """The graph with FIFOs as shallow as its slowest part allows.

    All begin with two places. Where that makes frames slower than the slowest operator or the
    input, or stops them altogether, all get more, and then each gives back what it does not need,
    the widest first.

    Raises:
        GraphError: no depth lets beats go on.
    """
    wanted = max(graph.wires[node.name].beats * node.op.fold for node in graph.nodes)
    width = {
        (node.name, i): wire.width_bits
        for node in graph.nodes
        if isinstance(node.op, Waiting)
        for i, wire in enumerate(graph.inputs_of(node))
    }
    depth = FEWEST
    places = dict.fromkeys(width, depth)
    while depth < _DEEPEST and _interval(graph, places) > wanted:
        depth *= 2
        places = dict.fromkeys(width, depth)
    if depth > FEWEST:
        reached = pace(with_places(graph, places)).interval
        _give_back(graph, places, sorted(width, key=lambda fifo: -width[fifo]), reached)
    return with_places(graph, places)


def _give_back(
    graph: Graph, places: dict[tuple[str, int], int], fifos: list[tuple[str, int]], interval: int
) -> None:
    """Take places from FIFOs that do not need them: from all at once, else from either half."""
    if _interval(graph, places | dict.fromkeys(fifos, FEWEST)) <= interval:
        places |= dict.fromkeys(fifos, FEWEST)
    elif len(fifos) > 1:
        half = len(fifos) // 2
        _give_back(graph, places, fifos[:half], interval)
        _give_back(graph, places, fifos[half:], interval)
    else:
        (fifo,) = fifos
        low, high = FEWEST + 1, places[fifo]
        while low < high:
            middle = (low + high) // 2
            if _interval(graph, places | {fifo: middle}) <= interval:
                high = middle
            else:
                low = middle + 1
        places[fifo] = high


def _interval(graph: Graph, places: Mapping[tuple[str, int], int]) -> float:
    """Clocks from frame to frame; no end of them where a FIFO is so shallow that beats stop."""
    try:
        return pace(with_places(graph, places)).interval
    except GraphError:
        return math.inf


def with_places(graph: Graph, places: Mapping[tuple[str, int], int]) -> Graph:
    """The graph with so many places in the FIFO of each operator's input."""
    nodes = []
    for node in graph.nodes:
        op = node.op
        for number in range(len(node.inputs)):
            if isinstance(op, Waiting) and (node.name, number) in places:
                op = op.deeper(number, places[node.name, number])
        nodes.append(dataclasses.replace(node, op=op))
    return dataclasses.replace(graph, nodes=tuple(nodes))


def _divisors(n: int) -> list[int]:
    return [d for d in range(1, n + 1) if n % d == 0]
