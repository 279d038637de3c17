"""The ladder's strength: every fault that matters is found, and every rung is needed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hlsgen.boards import Board, load_board
from hlsgen.build import board_plan, run_step
from hlsgen.emit import emit
from hlsgen.errors import CheckFailed
from hlsgen.graph import Graph, load, random_feeds, run, save
from hlsgen.mutate import Campaign, Outcome, Work, netlists, verilogs
from hlsgen.samples import load_samples
from hlsgen.verify import Verdict, verify_part
from hlsgen.verify.equivalence import of_netlist
from hlsgen.verify.sources import netlist_of
from rtl_tests.designs import ECP5, random_network, with_latency, write_build

pytestmark = [pytest.mark.verilator, pytest.mark.yosys, pytest.mark.nextpnr]

# One of each sort: a simulation takes its time.
KINDS = {"bypassed register", "valid early", "library table"}


@pytest.fixture(scope="module")
def board() -> Board:
    """Few clocks a bit, so that the simulated line is quick."""
    made = load_board("ulx3s")
    return made.model_copy(update={"shell": made.shell.model_copy(update={"baud": 3_125_000})})


@pytest.fixture(scope="module")
def built(folder: Path, board: Board) -> Path:
    """A small network through place and route and packing."""
    network = random_network(84, features=5, classes=4, layers=(20, 16))
    save(network, folder / "graph" / "export")
    graph = with_latency(network, 2)
    write_build(folder, graph, 8)
    samples = load_samples(folder / "graph" / "samples.npz")
    plan = board_plan(graph, board, emit(graph, 8, ECP5), 25.0, 1, samples)
    plan.write(folder)
    for step in plan.steps:
        run_step(step, folder)
    return folder


def agrees_with(export: Graph) -> Iterator[object]:
    """Stands for PyTorch: every layer on random samples and on every table entry."""
    feeds = random_feeds(export, 4096, np.random.default_rng(3))
    names = [node.name for node in export.nodes]
    wanted = run(export, feeds, names)

    def agrees(graph: Graph) -> bool:
        seen = run(graph, feeds, names)
        return all((seen[name] == wanted[name]).all() for name in names)

    yield agrees


def test_every_fault_that_matters_is_found_and_every_rung_is_needed(
    built: Path, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = tuple(entry for entry in verilogs._STRUCTURAL if entry[0] in KINDS)
    monkeypatch.setattr(verilogs, "_STRUCTURAL", few)
    monkeypatch.setattr("hlsgen.mutate.campaign._BITSTREAMS", 1)
    before = {path: path.read_bytes() for path in (built / "rtl").iterdir()}
    agrees = next(agrees_with(load(built / "graph" / "export")))
    samples = load_samples(built / "graph" / "samples.npz")
    told: list[Outcome] = []
    score = Campaign(Work(built, board, samples, agrees), 3, seed=1).run(told.append)  # type: ignore[arg-type]
    assert score.survivors == []
    assert tuple(told) == score.outcomes
    assert {"export", "optimisation", "Verilog", "netlist", "routed", "bitstream"} == {
        outcome.level for outcome in score.outcomes
    }
    for rung in range(4):
        assert score.found(without=rung) < score.found(), rung
    # The folder itself stays as it was.
    assert {path: path.read_bytes() for path in (built / "rtl").iterdir()} == before
    score.save(built / "mutate" / "score.json")
    document = json.loads((built / "mutate" / "score.json").read_text())
    assert document["caught"] == document["total"] == len(score.counted)


def test_the_whole_ladder_is_green(built: Path, board: Board) -> None:
    for part in ("netlist", "routed", "bitstream"):
        assert verify_part(built, board, part).ok


def wrong_init(built: Path, board: Board, graph: Graph) -> tuple[Path, Verdict]:
    """The netlist with a table bit flipped that changes an answer, and what verify says of it."""
    path = netlist_of(built, graph, board)
    good = path.read_bytes()
    core = f"{graph.name}_core"
    try:
        for kind, _, document in netlists.faults(path, core, 40, np.random.default_rng(7)):
            path.write_text(json.dumps(document))
            if kind == "table bit":
                try:
                    verify_part(built, board, "netlist")
                except CheckFailed:
                    return path, Verdict.load(built / "verify" / "verdict.json")
    finally:
        path.write_bytes(good)
    raise AssertionError("no table bit matters")


def test_a_wrong_init_is_found_with_a_sample_that_also_fails_in_simulation(
    built: Path, board: Board
) -> None:
    graph = load(built / "graph" / "final")
    _, verdict = wrong_init(built, board, graph)
    assert verdict.ok is False
    (complaint,) = verdict.complaints
    feed = graph.feeds()[0].name
    assert "core: reproduced in simulation" in complaint
    found = re.search(rf"for {feed} = \[([\d, ]+)\]", complaint)
    assert found, complaint
    example = json.loads((built / "prove" / "counterexample.json").read_text())
    assert example["inputs"][feed] == [int(word) for word in found[1].split(",")]
    wanted = run(graph, {feed: np.array([[example["inputs"][feed]]])})[graph.outputs[0]]
    assert f"the interpreter says {wanted[0, 0].tolist()}" in complaint


def test_a_netlist_of_another_graph_is_refuted(built: Path, board: Board) -> None:
    """Same name, same ports, other tables."""
    graph = load(built / "graph" / "final")
    other = with_latency(random_network(95, features=5, classes=4, layers=(20, 16)), 2)
    samples = load_samples(built / "graph" / "samples.npz")
    rung = of_netlist(built, other, samples, netlist_of(built, graph, board), board.fabric)
    assert rung.status == "failed"
