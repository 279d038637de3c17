"""Engines: what lies in their memories, what they refuse, and the clocks of what waits."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlsgen.errors import GraphError
from hlsgen.graph import Graph, Node, Wire, check
from hlsgen.graph.ops import Pixels, Tiled, Window
from hlsgen.graph.schedule import arrivals, pace, starts
from hlsgen.graph.segments import exits, ways
from hlsgen.passes.fold import sized

SEEDS = st.integers(0, 2**32 - 1)


def circuit(op: Tiled, wire: Wire, x: list[int]) -> list[int]:
    """One beat as the circuit computes it, from the words of its memories, tile by tile."""
    down, across = op.tiles
    weights, levels = list(op.weight_words()), list(op.level_words(wire))
    bits, made, out = op.sum_bits(wire), op.made(wire), []
    for row in range(down):
        for p in range(op.pe):
            total = 0
            for column in range(across):
                word = weights[row * across + column]
                for s in range(op.simd):
                    v = x[column * op.simd + s]
                    positive = word >> (p * op.simd + s) & 1
                    total += v if positive else 1 - v if wire == bit(wire) else -v - 1
            assert made.lo <= total < max(made.hi, 1)
            found = []
            for i in range(max(op.steps, 1)):
                level = levels[row] >> (p * max(op.steps, 1) + i) * bits & (1 << bits) - 1
                if (made.signed or not op.steps) and level >> bits - 1:
                    level -= 1 << bits
                found.append(level)
            out.append(sum(total >= level for level in found) if op.steps else total + found[0])
    return out


def bit(wire: Wire) -> Wire:
    return Wire(wire.lanes, 0, 1, wire.beats)


@given(SEEDS)
def test_the_memories_hold_what_the_circuit_needs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    op, (wire,) = Tiled.example(rng)
    assert isinstance(op, Tiled)
    x = rng.integers(wire.lo, wire.hi + 1, (1, 1, wire.lanes))
    wanted = op.eval(x)[0, 0].tolist()
    got = circuit(op, wire, x[0, 0].tolist())
    width = (1 << op.infer(wire).bits) - 1
    assert [v & width for v in got] == [v & width for v in wanted]
    sizes = [
        (op.fold, op.pe * op.simd),
        (op.tiles[0], op.pe * op.sum_bits(wire) * max(op.steps, 1)),
    ]
    assert op.memories(wire) == tuple(sizes)


def engine(rows: int = 4, columns: int = 6, **changed: object) -> Tiled:
    rng = np.random.default_rng(1)
    weight = rng.choice([-1, 1], (rows, columns))
    values = {"pe": 2, "simd": 3, "places": 2, "weight": weight, "threshold": np.zeros((rows, 1))}
    return Tiled(**values | changed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "lanes", "said"),
    [
        ({"pe": 3}, 6, "has pe 3: its 4 rows need one of 1, 2, 4"),
        ({"simd": 4}, 6, "has simd 4: its 6 columns need one of 1, 2, 3, 6"),
        ({"pe": 0}, 6, "has pe 0"),
        ({"places": 1}, 6, "has a FIFO of 1 places, must be 2 or more"),
        ({}, 5, "has 6 columns, its input has 5 lanes"),
        ({"weight": np.full((4, 6), 2)}, 6, "has a weight 2, allowed are -1 and 1"),
        ({"weight": np.zeros((4, 6))}, 6, "has a weight 0, allowed are -1 and 1"),
        ({"weight": np.ones(4)}, 6, "needs weights"),
        ({"threshold": np.zeros((3, 1))}, 6, "needs thresholds"),
        ({"threshold": np.array([[1, 0]] * 4)}, 6, "needs ascending thresholds"),
    ],
)
def test_refused(changed: dict[str, object], lanes: int, said: str) -> None:
    with pytest.raises(GraphError, match=said):
        engine(**changed).infer(Wire(lanes, 0, 1))


def test_sums_that_are_too_wide_are_refused() -> None:
    with pytest.raises(GraphError, match="has sums of 34 bits"):
        engine(threshold=np.zeros((4, 0))).infer(Wire(6, 0, 2**30))


def chain(*ops: Tiled | Window, image: tuple[int, int] = (1, 4)) -> Graph:
    nodes = [Node("x", Pixels(1, np.zeros(6), np.ones(6), image[0] * image[1]))]
    for i, op in enumerate(ops):
        nodes.append(Node(f"n{i}", op, (nodes[-1].name,)))
    return check(Graph("net", tuple(nodes), (nodes[-1].name,)))


def test_an_engine_takes_its_clocks_and_the_next_beat_waits() -> None:
    op = engine()  # 2 x 2 tiles, one level of sums
    assert (op.fold, op.depth, op.delay) == (4, 1, 7)
    found = starts(chain(op), np.arange(4))
    # The FIFO shows a beat one clock after it came; two beats have places.
    assert found["n0"].tolist() == [1, 5, 9, 13]
    # The third one enters when the first has left its place, behind clock 4.
    assert found[""].tolist() == [0, 1, 5, 9]
    assert arrivals(chain(op), np.arange(4))["n0"].tolist() == [8, 12, 16, 20]
    assert pace(chain(op)).interval == 16


def test_more_places_let_beats_in_earlier_and_change_no_more() -> None:
    few, many = chain(engine()), chain(engine(places=4))
    assert starts(many, np.arange(4))[""].tolist() == [0, 1, 2, 3]
    assert starts(many, np.arange(4))["n0"].tolist() == starts(few, np.arange(4))["n0"].tolist()


def test_a_slow_engine_holds_up_the_one_before() -> None:
    fast = engine(rows=6, pe=6, simd=6, threshold=np.zeros((6, 1)))
    slow = engine(rows=4, pe=1, simd=1)
    found = starts(chain(fast, slow), np.zeros((3, 4), dtype=np.int64))
    # At its own pace, 24 clocks a beat.
    assert set(np.diff(found["n1"].ravel()).tolist()) == {24}
    assert np.diff(found["n0"].ravel())[3:].tolist() == [24] * 8
    assert pace(chain(fast, slow)).interval == 4 * 24


def test_only_beats_that_reach_a_fifo_need_a_place() -> None:
    window = Window.whole((1, 4), (1, 4), (1, 1), 6)
    wide = engine(columns=24, pe=1, simd=1, places=2)
    found = starts(chain(window, wide), np.zeros((4, 4), dtype=np.int64))
    # 96 clocks a frame; all pixels of a frame but the last one enter without a place.
    first, last = found[""][3, 0], found[""][3, 3]
    assert first - found[""][2, 3] == 1
    assert last == found["n1"][1, 0] + 96
    (behind,) = exits(chain(window, wide))[""]
    assert behind.way.beats.tolist() == [3]
    assert behind.way.windows == ("n0",)


def random_chain(rng: np.random.Generator) -> Graph:
    """Up to three engines, with windows or without."""
    ops: list[Tiled | Window] = []
    lanes, side = 6, 4
    for _ in range(int(rng.integers(1, 4))):
        if side > 2 and rng.random() < 0.5:
            ops.append(Window.whole((side, side), (2, 2), (1, 1), lanes))
            side, lanes = side - 1, 4 * lanes
        rows = int(rng.integers(1, 4))
        simd = int(rng.choice([n for n in range(1, lanes + 1) if lanes % n == 0]))
        ops.append(
            engine(rows, lanes, pe=1, simd=simd, places=int(rng.integers(2, 5)),
                   threshold=np.zeros((rows, 1)))
        )  # fmt: skip
        lanes = rows
    return chain(*ops, image=(4, 4))


@given(SEEDS)
def test_the_pace_is_that_of_a_long_run(seed: int) -> None:
    graph = random_chain(np.random.default_rng(seed))
    assert max(intervals(graph)) == pace(graph).interval
    # With FIFOs that are deep enough it is always the same.
    deep = sized(graph)
    assert set(intervals(deep)) == {pace(deep).interval}


def intervals(graph: Graph, frames: int = 60) -> list[int]:
    """Clocks between the last of many frames that follow each other without a gap."""
    last = ways(graph)[graph.outputs[0]]
    begun = starts(graph, np.arange(frames * 16).reshape(frames, 16))[last.head]
    return np.diff(begun[-20:, last.beats[-1]]).tolist()


@given(SEEDS)
def test_no_fifo_ever_holds_more_than_its_places(seed: int) -> None:
    """At every clock: beats that entered towards a FIFO, less those that left it."""
    rng = np.random.default_rng(seed)
    graph = random_chain(rng)
    offers = np.cumsum(rng.geometric(0.5, (3, 16))).reshape(3, 16)
    found, way = starts(graph, offers), ways(graph)
    assert (found[""] >= offers).all()
    for head, behind in exits(graph).items():
        for each in behind:
            entered = found[head][:, each.way.beats].ravel()
            reader = graph.by_name[each.reader].op
            assert isinstance(reader, Tiled)
            begun = found[each.reader].ravel()
            assert (begun > entered + way[each.node].delay).all()
            freed = begun + reader.fold
            late = entered[each.places :]
            assert (late >= freed[: len(late)]).all()
            assert (np.diff(begun) >= reader.fold).all()


def test_an_engine_differs_from_itself_in_other_tiles_only_there() -> None:
    op = engine()
    folded = dataclasses.replace(op, pe=1, simd=6, places=9)
    assert folded != op
    assert folded.unfolded() == op.unfolded()
    assert dataclasses.replace(op, threshold=np.ones((4, 1))).unfolded() != op.unfolded()
