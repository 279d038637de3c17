"""Networks with engines: every beat in its exact clock, and faults that must be found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hlsgen.graph.ops import Tiled
from hlsgen.graph.segments import exits
from hlsgen.samples import load_samples
from hlsgen.verify.simulation import simulate_rtl
from rtl_tests.designs import simulated, write_build
from rtl_tests.engines import (
    at_once,
    convolutional,
    crowded,
    random_engines,
    residual,
    slow_and_wide,
)

pytestmark = pytest.mark.verilator


@pytest.mark.parametrize("network", [convolutional, crowded, at_once, slow_and_wide, residual])
def test_networks(network, tmp_path: Path) -> None:
    """Every layer, every word of every memory, ready and all valids, in exact clocks."""
    graph = network()
    verdict = simulated(write_build(tmp_path, graph, 8, samples=40), 8)
    checked = {rung.name: rung.checked for rung in verdict.rungs if rung.status == "passed"}
    assert set(checked) == {"operators", "layers", "shell"}
    engines = [node for node in graph.nodes if isinstance(node.op, Tiled)]
    memories = sum(node.op.memory_bits(graph.inputs_of(node)[0]) for node in engines)
    assert checked["layers"] > memories


@pytest.mark.parametrize("seed", range(4))
def test_random_networks(seed: int, tmp_path: Path) -> None:
    graph = random_engines(seed)
    verdict = simulated(write_build(tmp_path, graph, 8, samples=8), 8)
    assert all(rung.status == "passed" for rung in verdict.rungs)


# File, a pattern in it, what is written instead: in `crowded`.
FAULTS = {
    "a weight": ("net_tiled6", r"weights\[11\] = (\S+);", r"weights[11] = 1 ^ \1;"),
    "a threshold": ("net_tiled6", r"levels\[2\] = (\S+);", r"levels[2] = 1 ^ \1;"),
    "rows in the wrong order": ("net_tiled6", r"\{ found, (y\[\S+\]) \}", r"{ \1, found }"),
    "sums not begun anew": ("net_tiled6", r"first \? \S+ : total", "total"),
    "more instead of as much": ("net_tiled6", r"total >= l1", "total > l1"),
    "valid too early": ("net_tiled6", r"valid_out <= ended", "valid_out <= ended | close"),
    "products without sign": ("net_tiled2", r"\{ 4\{~weight\[0\]\} \}", "4'd0"),
    "pops at once": (
        "net_tiled6",
        r"(hlsgen_tiles #.*?)\.pop\(pop\)",
        r"assign pop = enter; \1.pop()",
    ),
    "a place too few": ("net_core", r"credit #\(\.PLACES\(3\)\)", "credit #(.PLACES(2))"),
    "a place too many": ("net_core", r"credit #\(\.PLACES\(3\)\)", "credit #(.PLACES(4))"),
    "takes a place for each beat": ("net_core", r"take\(e_tiled2 & \w+\)", "take(e_tiled2)"),
    "waits where nothing comes": ("net_core", r"\(free_tiled2_0 \| ~\w+\)", "free_tiled2_0"),
    "counts what never entered": ("net_core", r"\.beat\(e_ & 1'b1\)", ".beat(valid_in)"),
    "enters without a place": ("net_core", r"valid_in & go_;", "valid_in;"),
    "begins without a place": ("hlsgen_waiting", r"valid & go & ", "valid & "),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults(name: str, tmp_path: Path) -> None:
    """Each is seen in the core already, before an answer is wrong."""
    place, old, new = FAULTS[name]
    graph = crowded()
    write_build(tmp_path, graph, 8, samples=8)
    path = tmp_path / "rtl" / f"{place}.v"
    text, count = re.subn(old, new, path.read_text(), count=1, flags=re.DOTALL)
    assert count, name
    path.write_text(text)
    samples = load_samples(tmp_path / "graph" / "samples.npz")
    seen = simulate_rtl(tmp_path, graph, samples, 8, 1)
    assert "core" in seen.failed
    assert any(seen.checks.core.wrong(tmp_path)) and seen.wrong_lanes()


def test_every_fifo_has_its_places() -> None:
    graph = convolutional()
    places = {each.reader: each.places for found in exits(graph).values() for each in found}
    assert sorted(places.values()) == [2, 2, 3]
