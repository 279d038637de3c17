"""Tables that share a dual-output LUT: every pair fits, and few that could be are missed."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlsgen.graph import OPS, Wire
from hlsgen.graph.cells import Builder, Cells, Table
from hlsgen.graph.fabric import FABRICS
from hlsgen.graph.ops import Duel, Lut
from hlsgen.graph.pairing import SHARED_INPUTS, mates

XCUP, ECP5 = FABRICS["xcup"], FABRICS["ecp5"]
SEEDS = st.integers(0, 2**32 - 1)


def random_tables(
    rng: np.random.Generator, n: int, lanes: int, most: int = 6
) -> tuple[np.ndarray, np.ndarray]:
    """Signals on the pins, all different, and inputs, of `n` tables."""
    k = rng.integers(0, most + 1, n).astype(np.uint8)
    src = rng.permuted(np.tile(np.arange(lanes, dtype=np.int32), (n, 1)), axis=1)[:, :6].copy()
    src[np.arange(6) >= k[:, None]] = -1
    return src, k


def pins_of(src: np.ndarray, i: int) -> set[int]:
    return set(src[i, src[i] >= 0].tolist())


def fit(src: np.ndarray, k: np.ndarray, a: int, b: int) -> bool:
    """Whether two tables can share a LUT."""
    together = len(pins_of(src, a) | pins_of(src, b))
    return min(k[a], k[b]) >= 1 and max(k[a], k[b]) <= 5 and together <= SHARED_INPUTS


@given(seed=SEEDS, lanes=st.sampled_from([6, 8, 12, 40]))
def test_every_pair_fits_and_is_one_of_two(seed: int, lanes: int) -> None:
    rng = np.random.default_rng(seed)
    src, k = random_tables(rng, int(rng.integers(0, 40)), lanes)
    mate = mates(src, k)
    assert mate.shape == k.shape
    for i in np.flatnonzero(mate >= 0):
        assert mate[i] != i
        assert mate[mate[i]] == i
        assert fit(src, k, int(i), int(mate[i]))
    again = mates(src.copy(), k.copy())
    np.testing.assert_array_equal(mate, again)


def test_a_lut_of_six_inputs_and_a_constant_stay_alone() -> None:
    src = np.array([[0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5], [-1] * 6, [0, -1, -1, -1, -1, -1]])
    assert mates(src.astype(np.int32), np.array([6, 6, 0, 1], np.uint8)).tolist() == [-1] * 4


def test_equal_signals_come_first() -> None:
    rows = [[0, 1, 2, 3, 4], [0, 1, 2], [0, 1, 2, 3, 4], [0, 1, 2], [7, 8]]
    src = np.array([row + [-1] * (6 - len(row)) for row in rows], dtype=np.int32)
    k = np.array([len(row) for row in rows], dtype=np.uint8)
    assert mates(src, k).tolist() == [2, 3, 0, 1, -1]


def test_a_signal_on_two_pins_counts_once() -> None:
    src = np.array([[0, 0, 1, 1, 2, -1], [3, 3, 4, 4, 4, -1]], dtype=np.int32)
    assert mates(src, np.array([5, 5], np.uint8)).tolist() == [1, 0]


@pytest.mark.parametrize("lanes", [6, 8, 12, 20])
def test_at_least_nine_of_ten_possible_pairs_are_found(lanes: int) -> None:
    rng = np.random.default_rng(lanes)
    found = most = 0
    for _ in range(60):
        src, k = random_tables(rng, int(rng.integers(2, 24)), lanes)
        graph = nx.Graph()
        n = len(k)
        graph.add_edges_from((a, b) for a in range(n) for b in range(a) if fit(src, k, a, b))
        best = len(nx.max_weight_matching(graph, maxcardinality=True))
        pairs = int((mates(src, k) >= 0).sum()) // 2
        assert pairs <= best
        found, most = found + pairs, most + best
    assert most > 100
    assert found >= 0.9 * most


def test_a_signal_of_many_readers_is_no_problem() -> None:
    """All read one signal: the search stays short, and still finds most of the pairs."""
    rng = np.random.default_rng(1)
    src = np.full((20_000, 6), -1, dtype=np.int32)
    src[:, 0], src[:, 1:3] = 0, rng.integers(1, 5000, (20_000, 2))
    mate = mates(src, np.full(20_000, 3, np.uint8))
    assert (mate >= 0).mean() > 0.99


# --- pairs of cells ---------------------------------------------------------------------------


def loops(cells: Cells) -> bool:
    """Whether a LUT of two functions reads itself, if only through others."""
    lut = {}
    for i, (table, mate) in enumerate(zip(cells.tables, cells.mates, strict=True)):
        lut[table.out] = f"lut{min(i, mate) if mate >= 0 else i}"
    graph = nx.DiGraph()
    for i, cell in enumerate(cells.cells):
        if isinstance(cell, Table):
            graph.add_edges_from((lut[pin], lut[cell.out]) for pin in cell.pins if pin in lut)
            continue
        pins = [cell.carry, *(pin for link in cell.links for pin in link.pins)]
        graph.add_edges_from((lut[pin], f"row{i}") for pin in pins if pin in lut)
        lut |= dict.fromkeys([*(link.out for link in cell.links), cell.carry_out], f"row{i}")
        lut.pop(0, None)
    return not nx.is_directed_acyclic_graph(graph)


@pytest.mark.parametrize("kind", sorted(OPS))
def test_no_lut_reads_itself(kind: str) -> None:
    rng = np.random.default_rng(8)
    for _ in range(100):
        op, wires = OPS[kind].example(rng)
        cells = op.cells(XCUP, *wires)
        assert cells is None or not loops(cells)


def test_a_table_and_its_reader_are_no_pair() -> None:
    builder = Builder(4)
    first = builder.table(0b0110, (2, 3))
    second = builder.table(0b1000, (first, 4))
    other = builder.table(0b1110, (2, 5))
    assert builder.cells([second, other]).mates == (2, -1, 0)


def test_pairs_of_a_duel_are_counted_and_never_on_a_family_without() -> None:
    wire = Wire(2, 0, 15)
    duel = Duel(2).area(XCUP, wire)
    assert (duel.lut, duel.pairs) == (3, 2)
    assert Duel(2).area(ECP5, wire).pairs == 0


@given(seed=SEEDS)
def test_a_layer_knows_its_area_without_making_cells(seed: int) -> None:
    op, wires = Lut.example(np.random.default_rng(seed))
    for fabric in FABRICS.values():
        cells = op.cells(fabric, *wires)
        assert cells is not None
        assert op.area(fabric, *wires).lut == cells.luts(fabric)
