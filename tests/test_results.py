"""The results: no ranking mixes conventions, no miss is hidden, what deviates is found."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from results_cases import SETS, WHOLE, peer, results_of, row_of, run_of

from benchmarks.results.compare import deviations, verdict
from benchmarks.results.convention import apart, ranking
from benchmarks.results.gather import Plan, choose, gather
from benchmarks.results.measure import Task
from benchmarks.results.page import page
from benchmarks.results.pool import Outcome
from benchmarks.results.record import Document, Result, spread
from benchmarks.results.rows import Goal, project_of
from hlsgen.errors import ConfigError

ROOT = Path(__file__).parents[1]


def shown(*results: Result, peers=(), missing=()) -> str:
    document = Document(results=results, missing=missing, machine={})
    return page(document, peers, {}, {"net"})


# --- one convention a table -------------------------------------------------------------------

CHANGES = {
    "dataset": {"dataset": "other"},
    "stage": {"stage": "place and route"},
    "tool": {"tool": "Vivado"},
    "family": {"family": "xcvu9p"},
    **{
        part: {"counted": WHOLE.model_copy(update={part: "not stated"})}
        for part in ("quantiser", "encoder", "head", "argmax")
    },
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_ranking_of_two_conventions_is_refused(name: str) -> None:
    rows = [peer(), peer(system="other", **CHANGES[name])]
    with pytest.raises(ConfigError, match=rf"'other' and 'peer': they differ in {name} "):
        ranking(rows)
    assert [[row.name for row in table] for table in apart(rows)] == [["peer"], ["other"]]
    assert rows[0].convention.differs(rows[1].convention) == (name,)


def test_files_and_numbers_of_test_samples_are_part_of_the_convention() -> None:
    one, two = results_of(
        run_of("a"), run_of("b", samples={"train": 1, "validation": 1, "test": 9})
    )
    with pytest.raises(ConfigError, match="tests '50' and '9'"):
        ranking([one, two])
    other = two.model_copy(
        update={"convention": one.convention.model_copy(update={"digest": "cd"})}
    )
    with pytest.raises(ConfigError, match="digest 'ab12' and 'cd'"):
        ranking([one, other])
    with pytest.raises(ConfigError, match="digest '' and 'ab12'"):
        ranking([one, peer()])


def test_small_ones_come_first_then_accurate_ones() -> None:
    rows = [peer(system="c", lut=None), peer(system="b"), peer(system="a", accuracy=0.91)]
    assert [row.name for row in ranking([*rows, peer(system="d", lut=8)])] == list("dabc")


def test_the_page_keeps_conventions_apart() -> None:
    ours = results_of(run_of("a"), run_of("b", counted=WHOLE.model_copy(update={"encoder": "no"})))
    text = shown(*ours, peers=[peer(), peer(system="routed", stage="place and route")])
    tables = [block for block in text.split("\n\n") if block.startswith("|")]
    names = [[line.split("|")[1].strip() for line in t.splitlines()[2:]] for t in tables]
    assert names == [["a"], ["b"], ["peer"], ["routed"]]
    assert "Not comparable with the rows above, as these differ: stage." in text


# --- goals, misses, what was not run ------------------------------------------------------------


@pytest.mark.parametrize(
    ("goal", "text"),
    [
        ({}, ""),
        ({"accuracy": 0.95, "lut6": 500}, "reached"),
        ({"accuracy": 0.9512}, "missed by 0.12 points"),
        ({"lut6": 499}, "missed by 1 LUT"),
        ({"accuracy": 0.97, "lut6": 100}, "missed by 2.00 points and 400 LUT"),
    ],
)
def test_a_goal_is_reached_or_missed_by_how_much(goal, text: str) -> None:
    (result,) = results_of(run_of(accuracy=0.95), goal=Goal(**goal))
    assert verdict(result, {}) == text
    assert (f"| **{text}** |" in shown(result)) == text.startswith("missed")


FEWER = Goal(fewer={"big": 1.5})


@pytest.mark.parametrize(
    ("accuracy", "layer", "text"),
    [
        (0.95, 100, "reached"),
        (0.948, 100, "reached"),
        (0.97, 100, "reached"),
        (0.9479, 100, "missed by 0.01 points of big"),
        (0.95, 102, "missed by 0.03 x of big"),
        (0.94, 150, "missed by 0.50 x of big and 0.80 points of big"),
    ],
)
def test_a_layer_is_compared_at_equal_accuracy(accuracy: float, layer: int, text: str) -> None:
    (big,) = results_of(run_of("big", layer=150, accuracy=0.95, lut=900))
    (small,) = results_of(run_of("small", layer=layer, accuracy=accuracy), goal=FEWER)
    assert verdict(small, {"big": big, "small": small}) == text
    assert verdict(small, {"small": small}) == "not compared with big"
    page = shown(small, big)
    assert f"| {f'**{text}**' if text != 'reached' else text} |" in page
    points = f"({100 * (accuracy - 0.95):+.2f} points of accuracy)."
    assert f"its layer is {150 / layer:.2f} x smaller than big's {points}" in page
    assert "| layer 1.5 x smaller than big's, as accurate |" in page


def columns(page: str) -> list[str]:
    return [line for line in page.splitlines() if line.startswith("| Row |")]


def test_layers_and_blocks_have_columns_only_where_there_are_such() -> None:
    (plain,) = columns(shown(*results_of(run_of())))
    assert "Layer" not in plain and "Blocks" not in plain
    streaming = WHOLE.model_copy(update={"windows": "yes"})
    page = shown(*results_of(run_of(layer=40, blocks=1.5, counted=streaming)))
    (wide,) = columns(page)
    assert "| Layer | LUT |" in wide and "| Blocks | Cycles |" in wide
    assert "argmax counted, windows counted." in page
    assert "| 40 | 500 |" in page and "| 5 | 1.5 | 1 |" in page


def test_streams_are_no_row_of_a_table_of_whole_samples() -> None:
    streaming = WHOLE.model_copy(update={"windows": "yes"})
    with pytest.raises(ConfigError, match="they differ in windows 'none' and 'yes'"):
        ranking(results_of(run_of("a"), run_of("b", counted=streaming)))


def test_a_row_without_all_its_seeds_is_no_result() -> None:
    rows = [row_of("net"), row_of("gone"), row_of("whole", (1,))]
    made = Plan((), {"gone": "not run: no file"})
    made = Plan(
        tuple(Task(row.id, project_of(row, 1, None), "", Path()) for row in rows), made.reasons
    )
    runs = {("net", 1): run_of(), ("whole", 1): run_of("whole")}
    outcome = Outcome(runs, {("net", 2): f"{ROOT}/x: diverged"})
    results, missing = gather(rows, SETS, made, outcome, "c")
    assert [result.id for result in results] == ["whole"]
    text = shown(*results, missing=missing)
    assert "**net** failed: seed 2: x: diverged" in text
    assert "**gone** not run: no file" in text


def test_older_runs_and_changed_functions_are_told() -> None:
    (result,) = results_of(run_of(trained_accuracy=0.96), code="new")
    text = shown(result)
    assert "| net ⚡ † |" in text
    assert "changed the function: 96.00 % before. † measured with another state" in text


def test_spread() -> None:
    found = spread([0.9, 0.92, 0.97])
    assert (found.min, found.max) == (0.9, 0.97)
    assert found.mean == pytest.approx(0.93)
    assert found.sd == pytest.approx(np.std([0.9, 0.92, 0.97], ddof=1))
    assert spread([4]).sd == 0.0


# --- FAST=1 -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("run", "found"),
    [
        ({"accuracy": 0.9529, "lut": 515}, ""),
        ({"accuracy": 0.9531}, "net, seed 1: accuracy 95.31 %, stated 95.00 ± 0.30 %"),
        ({"accuracy": 0.9469}, "accuracy 94.69 %"),
        ({"lut": 516}, "net, seed 1: 516 LUT, stated 500 ± 15"),
        ({"lut": 484}, "484 LUT"),
        ({"row": "new"}, "new: no stated result"),
        (
            {"counted": WHOLE.model_copy(update={"head": "no"})},
            "another convention than stated: head",
        ),
    ],
)
def test_values_outside_the_stated_spread_are_found(run, found: str) -> None:
    stated = Document(results=tuple(results_of(run_of())), missing=(), machine={})
    sentences = deviations(results_of(run_of(**run)), stated)
    assert len(sentences) == bool(found)
    assert found in "".join(sentences)


def test_seeds_that_differ_widen_the_spread() -> None:
    runs = [run_of(accuracy=0.94, lut=480), run_of(seed=2, accuracy=0.96, lut=520)]
    stated = Document(results=tuple(results_of(*runs)), missing=(), machine={})
    sd = spread([0.94, 0.96]).sd, spread([480, 520]).sd
    edge = run_of(accuracy=0.95 - 2.99 * sd[0], lut=int(500 + 2.99 * sd[1]))
    assert deviations(results_of(edge), stated) == []
    over = run_of(accuracy=0.95 - 3.01 * sd[0], lut=int(501 + 3.01 * sd[1]))
    assert len(deviations(results_of(over), stated)) == 2


def test_fast_is_one_seed_of_the_fast_rows() -> None:
    rows = SimpleNamespace(row=(row_of("a"), row_of("b", (4, 5), fast=True)))
    assert [(row.id, row.seeds) for row in choose(rows, (), fast=True)] == [("b", (4,))]
    assert [row.id for row in choose(rows, ["a"], fast=False)] == ["a"]
    with pytest.raises(ConfigError, match="no row is left"):
        choose(rows, ["a"], fast=True)
    with pytest.raises(ConfigError, match="no such row; there are a, b"):
        choose(rows, ["c"], fast=False)
