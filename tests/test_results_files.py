"""The results' files: rows, data, runs that were kept; a real row from training to the page."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from results_cases import WHOLE, results_of, row_of, run_of
from rich.console import Console

from benchmarks.peers.variant import NotRun
from benchmarks.results import datasets
from benchmarks.results.gather import finished
from benchmarks.results.measure import Task
from benchmarks.results.peers import load_peers
from benchmarks.results.pool import Outcome, _Board, _hear, _Job
from benchmarks.results.record import Document, Missing, save_run
from benchmarks.results.rows import DataFile, load_rows, project_of
from benchmarks.results.write import load_document, merged, write
from hlsgen.errors import ConfigError

ROOT = Path(__file__).parents[1]


def test_the_rows_are_projects() -> None:
    rows = load_rows()
    for row in rows.row:
        project = project_of(row, row.seeds[-1], Path("data.npz"))
        assert project.seed == row.seeds[-1]
        assert project.data.source == f"npz:{Path('data.npz').resolve()}"


def test_published_rows_say_what_they_are() -> None:
    peers = load_peers().peer
    assert all(bool(row.lut) != bool(row.size) for row in peers)
    assert {row.mark for row in peers} == {"S", "R"}
    assert all((row.stage == "size of the network") == bool(row.size) for row in peers)
    assert len({(row.group, row.system, row.dataset) for row in peers}) == len(peers)


ROWS = """
[data.d]
title = "D"
[[row]]
id = "a"
project = "examples/digits"
data = "d"
group = "G"
seeds = [1]
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('id = "a"', 'id = "A b"', "row.0.id is 'A b'"),
        ('data = "d"', 'data = "e"', "row a: data is 'e'; .data. has d"),
        ("seeds = [1]", "seeds = [1, 1]", "each seed may be listed once"),
        ("seeds = [1]", "seeds = []", "row.0.seeds"),
        ("seeds = [1]", "seeds = [1]\ngoal = { accuracy = 97.7 }", "row.0.goal.accuracy is 97.7"),
        ("seeds = [1]", "seeds = [1]\ngoal.fewer.b = 2.0", "goal.fewer: 'b' and it need a layer"),
        ("[[row]]", ROWS[ROWS.index("[[row]]") :] + "[[row]]", "row.id 'a' is taken twice"),
        ('title = "D"', 'title = "D"\ntrain = "x.npz"', "give `file`, or both"),
    ],
)
def test_mistakes_in_rows_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    file = tmp_path / "rows.toml"
    file.write_text(ROWS.replace(old, new, 1))
    with pytest.raises(ConfigError, match=message):
        load_rows(file)


def test_overrides_are_keys_of_the_project() -> None:
    row = row_of(overrides={"train": {"epochs": 2}, "model": {"layers": [40]}})
    project = project_of(row, 7, None)
    assert (project.train.epochs, project.model.layers, project.seed) == (2, (40,), 7)
    assert project.model.fan_in == project_of(row_of(), 1, None).model.fan_in == 4
    with pytest.raises(ConfigError, match=r"row net: overrides: train.epoch is 2"):
        project_of(row_of(overrides={"train": {"epoch": 2}}), 1, None)


def test_parts_are_joined_and_groups_stay_together(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.random((200, 3)), np.arange(200) % 2
    group = np.arange(200) // 4
    np.savez(tmp_path / "one.npz", x=x, y=y, group=group)
    np.savez(tmp_path / "two.npz", x=x[:50], y=y[:50])
    both = DataFile(title="", train="one.npz", test="two.npz")
    made = datasets.prepare(both, tmp_path, tmp_path / "made")
    with np.load(made) as arrays:
        assert (arrays["x_train"] == x).all() and (arrays["y_test"] == y[:50]).all()
    split = DataFile(title="", file="one.npz", groups="group")
    target = datasets.prepare(split, tmp_path, tmp_path / "made")
    with np.load(target) as arrays:
        known = {tuple(row): g for row, g in zip(x, group, strict=True)}
        parts = [[known[tuple(row)] for row in arrays[f"x_{part}"]] for part in ("train", "test")]
    assert sum(map(len, parts)) == 200 and len(parts[1]) == 40
    assert not set(parts[0]) & set(parts[1])
    assert datasets.prepare(split, tmp_path, tmp_path / "made") == target
    assert datasets.digest(both, tmp_path) != datasets.digest(split, tmp_path)


def test_data_that_are_not_there_are_told(tmp_path: Path) -> None:
    data = DataFile(title="", file="x.npz")
    with pytest.raises(NotRun, match=r"x\.npz is not in the folder of --data"):
        datasets.prepare(data, tmp_path, tmp_path)
    assert datasets.prepare(data, None, tmp_path) is None


def test_only_runs_of_the_same_settings_and_source_are_kept(tmp_path: Path) -> None:
    task = Task("net", project_of(row_of(), 1, None), "", tmp_path)
    assert finished([task], "c", keep=True) == {}
    run = run_of(settings=task.settings)
    save_run(run, task.record)
    assert finished([task], "c", keep=False) == {("net", 1): run}
    assert finished([task], "new", keep=False) == {}
    assert finished([task], "new", keep=True) == {("net", 1): run}
    other = project_of(row_of(overrides={"train": {"epochs": 2}}), 1, None)
    for changed in (Task("net", other, "", tmp_path), Task("net", task.project, "ab", tmp_path)):
        assert finished([changed], "c", keep=True) == {}
    task.record.write_text("{")
    assert finished([task], "c", keep=True) == {}


def test_the_folder_of_a_data_file_changes_nothing(tmp_path: Path) -> None:
    tasks = [Task("net", project_of(row_of(), 1, Path(f"/{x}.npz")), "ab", tmp_path) for x in "xy"]
    assert tasks[0].settings == tasks[1].settings


def test_what_is_written_is_read_and_written_again(tmp_path: Path) -> None:
    results = results_of(run_of("a"), run_of("a", 2, lut=510), run_of("b", lut=900))
    missing = Missing(id="c", group="Other", reason="not run: no file")
    document = Document(results=tuple(results), missing=(missing,), machine={"cores": "2"})
    (tmp_path / "results_gone.svg").touch()
    seen = []
    for _ in range(2):
        write(tmp_path, document, load_peers().peer, {"a"})
        seen.append({path.name: path.read_bytes() for path in tmp_path.iterdir()})
        assert load_document(tmp_path / "results.json") == document
    assert seen[0] == seen[1]
    assert set(seen[0]) == {"results.md", "results.json", "results_digits.svg"}
    assert b"](results_digits.svg)" in seen[0]["results.md"]
    with pytest.raises(ConfigError, match="no results here"):
        load_document(tmp_path / "results.md")


def test_rows_are_put_into_a_page_that_is_there() -> None:
    """Those of another state of the source than the page are marked; others stay as they are."""
    old = results_of(run_of("a"), run_of("b", lut=900), run_of("gone"))
    failed = Missing(id="c", group="Digits", reason="failed")
    stated = Document(results=tuple(old), missing=(failed,), machine={"cores": "1"})
    new = results_of(run_of("b", lut=800), run_of("c", code="other"), code="other")
    added = Document(results=tuple(new), missing=(), machine={"cores": "2"})
    made = merged(stated, added, ["c", "b", "a"])
    assert [(row.id, row.lut.mean, row.older) for row in made.results] == [
        ("c", 500, True), ("b", 800, False), ("a", 500, False),
    ]  # fmt: skip
    assert made.missing == ()
    lost = Document(results=(), missing=(failed.model_copy(update={"id": "a"}),), machine={})
    again = merged(made, lost, ["a", "b", "c"])
    assert [row.id for row in again.results] == ["b", "c"]
    assert [row.id for row in again.missing] == ["a"]


def test_the_page_is_what_the_records_say(tmp_path: Path) -> None:
    document = load_document(ROOT / "docs" / "results.json")
    write(tmp_path, document, load_peers().peer, {row.id for row in load_rows().row if row.fast})
    for path in tmp_path.iterdir():
        written = (ROOT / "docs" / path.name).read_bytes()
        assert written == path.read_bytes(), "run: python -m benchmarks.results --page"


# --- processes ---------------------------------------------------------------------------------


def test_a_process_that_is_killed_is_a_failure() -> None:
    mine, theirs = multiprocessing.get_context("spawn").Pipe(duplex=False)
    theirs.send(("train", 0.5))
    theirs.close()
    process = SimpleNamespace(join=lambda: None, exitcode=-9)
    job, outcome = _Job(("net", 1), process, mine), Outcome({}, {})
    with _Board(Console(quiet=True), {("net", 1): 1.0}) as board:
        assert not _hear(job, outcome, board)
        assert _hear(job, outcome, board)
    assert outcome == Outcome({}, {("net", 1): "its process ended with exit code -9"})


REAL = """
[data.digits]
title = "Digits"
[data.gone]
title = "Gone"
file = "gone.npz"
[[row]]
id = "bad"
project = "examples/digits"
data = "digits"
group = "Digits"
seeds = [1]
[row.overrides.data]
source = "npz:nowhere.npz"
[[row]]
id = "tiny"
project = "examples/digits"
data = "digits"
group = "Digits"
seeds = [1]
fast = true
[row.overrides.train]
epochs = 2
[row.overrides.model]
layers = [40]
[[row]]
id = "gone"
project = "examples/digits"
data = "gone"
group = "Digits"
seeds = [1]
"""
STREAM = """
[[row]]
id = "stream"
project = "examples/digits"
data = "digits"
group = "Digits"
seeds = [1]
layer = "window0"
[row.overrides.data]
image = [8, 8]
[row.overrides.train]
epochs = 1
[row.overrides.opt]
narrow_words = false
[row.overrides.model]
method = "convolution"
layers = [20]
convolutions = [{ filters = 4, kernel = 3, pool = 2 }]
"""


@pytest.mark.yosys
def test_a_row_from_training_to_the_page(tmp_path: Path) -> None:
    (tmp_path / "rows.toml").write_text(REAL)
    options = ["--rows", tmp_path / "rows.toml", "--data", tmp_path, "--jobs", "1"]
    options += ["--build", tmp_path / "build", "--out", tmp_path / "docs"]
    command = [sys.executable, "-m", "benchmarks.results", *map(str, options)]
    pages = []
    for text in ("tiny, seed 1:", "1 of 2 runs are there already"):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 1, done.stdout + done.stderr
        assert text in done.stdout
        assert "failed: bad, seed 1" in done.stdout
        pages.append((tmp_path / "docs" / "results.md").read_bytes())
    assert pages[0] == pages[1]
    document = load_document(tmp_path / "docs" / "results.json")
    assert [row.id for row in document.missing] == ["bad", "gone"]
    (result,) = document.results
    (run,) = result.runs
    graph = tmp_path / "build" / "tiny" / "seed1" / "digits-u280" / "graph"
    assert run.trained_accuracy == json.loads((graph / "metrics.json").read_text())["test_accuracy"]
    assert run.samples["test"] == result.convention.tests == 360
    assert 0.3 < run.accuracy < 1 and 20 < run.sites <= run.lut < 300
    assert run.script == "synth_xilinx -family xcup -noiopad -flatten"
    assert result.convention.counted == WHOLE


@pytest.mark.yosys
def test_a_row_that_streams_is_added_to_the_page(tmp_path: Path) -> None:
    (tmp_path / "rows.toml").write_text(REAL[: REAL.index("[[row]]")] + STREAM)
    stated = Document(results=tuple(results_of(run_of("tiny"))), missing=(), machine={})
    write(tmp_path, stated, (), set())
    options = ["--rows", tmp_path / "rows.toml", "--jobs", "1", "--only", "stream", "--add"]
    options += ["--build", tmp_path / "build", "--out", tmp_path]
    command = [sys.executable, "-m", "benchmarks.results", *map(str, options)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (result,) = load_document(tmp_path / "results.json").results
    (run,) = result.runs
    assert result.older
    assert run.words == (64, 5)
    assert 0.1 <= run.accuracy < 1
    assert result.convention.counted == WHOLE.model_copy(update={"windows": "yes"})
    assert 0 < run.layer < run.lut
    assert run.luts["RAM32M16"] >= 8
    assert run.blocks == 0
    assert run.latency_cycles >= 63
    assert run.script.startswith("setattr -mod -set keep_hierarchy 1 LAYER; synth_xilinx ")
