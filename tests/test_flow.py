"""Stages: run once, redone when something changed, and never half done."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from hlsgen import flow
from hlsgen.boards import load_board
from hlsgen.build import board_state
from hlsgen.errors import CheckFailed, HlsgenError, ToolFailed, ToolMissing
from hlsgen.flow import STAGES, Job, Listener
from hlsgen.graph import load, run
from hlsgen.ledger import Ledger, State
from hlsgen.plan import Step
from hlsgen.project import Range, load_project
from hlsgen.report import Report
from hlsgen.samples import load_samples

FRESH, EDITED, STALE = State.FRESH, State.EDITED, State.STALE
EMIT = STAGES[:4]


@pytest.fixture
def job(project: Path, root: Path) -> Job:
    """The tiny project, emitted in a folder of this test's own."""
    return Job(load_project(project), load_board("ulx3s"), root)


def states(job: Job, last: str = "emit") -> dict[str, State]:
    """Run up to `last`; the state in which each stage was found."""
    seen: dict[str, State] = {}
    stages = STAGES[: STAGES.index(last) + 1]
    flow.run(job, stages, Listener(stage=seen.__setitem__))
    return seen


def changed(job: Job, part: str, **values: object) -> Job:
    """The job with other values in one table of its project."""
    table = getattr(job.project, part).model_copy(update=values)
    return Job(job.project.model_copy(update={part: table}), job.board, job.root)


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# --- from data to Verilog ---------------------------------------------------------------------


def test_a_first_run_makes_everything_a_second_nothing(project: Path, tmp_path: Path) -> None:
    job = Job(load_project(project), load_board("ulx3s"), tmp_path)
    assert states(job) == dict.fromkeys(EMIT, STALE)
    before = content(tmp_path)
    assert states(job) == dict.fromkeys(EMIT, FRESH)
    assert content(tmp_path) == before
    assert {"tiny/train/model.pt", "tiny-ulx3s/rtl/tiny_core.v"} <= before.keys()
    assert not [name for name in before if name.endswith(".part")]


def test_what_was_trained_is_what_is_emitted(job: Job) -> None:
    """The exported and the optimised graph agree, and classify far better than chance."""
    folder = job.folder / "graph"
    x = load_samples(folder / "samples.npz")
    export, final = (load(folder / name) for name in ("export", "final"))
    answers = [
        run(graph, {graph.feeds()[0].name: x})[graph.outputs[0]] for graph in (export, final)
    ]
    np.testing.assert_array_equal(*answers)
    with np.load(folder / "samples.npz") as arrays:
        assert np.mean(answers[0].ravel() == arrays["y"]) > 0.6
    assert final.latency[final.outputs[0]] >= 1


def test_the_same_project_gives_the_same_verilog(
    project: Path, emitted: Path, tmp_path: Path
) -> None:
    job = Job(load_project(project), load_board("ulx3s"), tmp_path)
    states(job)
    assert content(job.folder / "rtl") == content(emitted / "tiny-ulx3s" / "rtl")


def test_boards_share_the_training(project: Path, root: Path) -> None:
    other = Job(load_project(project), load_board("u280"), root)
    assert states(other) == {"train": FRESH, "export": STALE, "opt": STALE, "emit": STALE}
    assert (root / "tiny-u280" / "rtl" / "tiny_axis.v").is_file()


# --- what is redone ---------------------------------------------------------------------------


def test_another_clock_only_pipelines_anew(job: Job) -> None:
    found = states(changed(job, "hardware", clock_mhz=200.0))
    assert (found["train"], found["opt"], found["emit"]) == (FRESH, STALE, STALE)


def test_another_seed_or_other_data_train_anew(job: Job, tmp_path: Path) -> None:
    seed = Job(job.project.model_copy(update={"seed": 4}), job.board, job.root)
    assert states(seed, "train")["train"] is STALE
    with np.load(job.project.folder / "data.npz") as arrays:
        np.savez(tmp_path / "data.npz", x=arrays["x"] + 1, y=arrays["y"])
    moved = Job(job.project.at(tmp_path), job.board, job.root)
    assert states(moved, "train")["train"] is STALE


def test_a_title_does_not_train_anew(job: Job) -> None:
    titled = Job(job.project.model_copy(update={"title": "new"}), job.board, job.root)
    found = states(titled)
    assert (found["train"], found["opt"]) == (FRESH, FRESH)
    assert '"title": "new"' in (job.folder / "project.json").read_text()


@pytest.mark.parametrize(
    ("name", "stage"),
    [("graph/export.npz", "export"), ("graph/final.json", "opt"), ("rtl/tiny_core.v", "emit")],
)
def test_a_deleted_product_is_made_again(job: Job, name: str, stage: str) -> None:
    before = (job.folder / name).read_bytes()
    (job.folder / name).unlink()
    found = states(job)
    assert {key for key, state in found.items() if state is STALE} == {stage}
    assert (job.folder / name).read_bytes() == before


def test_a_lost_manifest_makes_everything_again(job: Job) -> None:
    (job.folder / "manifest.json").write_text("{")
    found = states(job)
    assert (found["train"], found["export"], found["emit"]) == (FRESH, STALE, STALE)


def test_a_stray_file_does_not_stay_among_the_verilog(job: Job) -> None:
    stray = job.folder / "rtl" / "tiny_old_layer.v"
    stray.write_text("module tiny_old_layer; endmodule\n")
    states(changed(job, "hardware", clock_mhz=200.0))
    assert not stray.exists()


# --- edited by hand ---------------------------------------------------------------------------


@pytest.mark.usefixtures("stand_ins")
def test_an_edited_file_is_kept_for_later_stages_and_judged(job: Job) -> None:
    states(job, "verify")
    core = job.folder / "rtl" / "tiny_core.v"
    core.write_text(core.read_text() + "// mine\n")
    found = states(job, "verify")
    assert found["emit"] is EDITED
    assert found["verify"] is STALE
    assert core.read_text().endswith("// mine\n")


def test_asking_for_the_stage_itself_makes_it_anew(job: Job) -> None:
    core = job.folder / "rtl" / "tiny_core.v"
    before = core.read_text()
    core.write_text(before + "// mine\n")
    assert states(job)["emit"] is STALE
    assert core.read_text() == before


# --- cut short --------------------------------------------------------------------------------


def test_an_interrupted_stage_is_not_recorded(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    faster = changed(job, "hardware", clock_mhz=200.0)
    with monkeypatch.context() as patch:
        patch.setattr(flow, "optimise_files", interrupted)
        with pytest.raises(KeyboardInterrupt):
            states(faster)
    assert '"opt"' not in (job.folder / "manifest.json").read_text()
    assert states(faster) == {"train": FRESH, "export": FRESH, "opt": STALE, "emit": STALE}


def test_an_interrupted_training_goes_on(job: Job) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    longer = changed(job, "train", epochs=3)
    with pytest.raises(KeyboardInterrupt):
        flow.run(longer, ("train",), Listener(epoch=interrupted))
    assert not (job.trained / "metrics.json").exists()
    epochs: list[int] = []
    flow.run(longer, ("train",), Listener(epoch=lambda progress: epochs.append(progress.epoch)))
    assert epochs == [2, 3]


def test_a_full_disk_leaves_no_half_product(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bytes = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if "tiny_core.v" in path.name:
            write_bytes(path, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return write_bytes(path, data)

    faster = changed(job, "hardware", clock_mhz=200.0)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="No space left on device"):
            states(faster)
    assert not list(job.folder.rglob("*tiny_core.v*"))
    assert states(faster)["emit"] is STALE
    assert states(faster)["emit"] is FRESH


# --- the whole chain, with stand-ins for simulator and board tools -----------------------------

# Each step of the build is checked before the next.
IN_ORDER = ["verify", "yosys", "netlist", "nextpnr-ecp5", "routed", "ecppack", "bitstream"]


def at_25_mhz(job: Job, **project: object) -> Job:
    """The clock of the oscillator, so that no generator is needed."""
    slow = changed(job, "hardware", clock_mhz=25.0)
    return Job(slow.project.model_copy(update=project), job.board, job.root)


def everything(job: Job) -> tuple[dict[str, State], list[str], list[Report]]:
    seen: dict[str, State] = {}
    steps: list[str] = []
    reports: list[Report] = []
    listener = Listener(
        seen.__setitem__, step=lambda step, _: steps.append(step.tool), report=reports.append
    )
    flow.run(job, STAGES, listener)
    return seen, steps, reports


def test_everything_runs_in_order_and_once(job: Job, stand_ins: list[str]) -> None:
    slow = at_25_mhz(job)
    seen, steps, (report,) = everything(slow)
    assert stand_ins == IN_ORDER
    assert steps == IN_ORDER[1::2]
    steps = ["build:1:synth", "build:2:route", "build:3:pack"]
    both = [name for step in steps for name in (step, f"{step} checked")]
    assert list(seen)[-8:] == ["verify", *both, "report"]
    assert (job.folder / "tiny.bit").is_file()
    assert report.name == "tiny"
    seen, steps, (again,) = everything(slow)
    assert set(seen.values()) == {FRESH}
    assert stand_ins == IN_ORDER
    assert again == report


def test_a_build_goes_on_after_the_step_that_failed(
    job: Job, stand_ins: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    works: Callable[[Step, Path], None] = flow.run_step

    def fails(step: Step, folder: Path) -> None:
        if step.tool == "nextpnr-ecp5":
            raise ToolFailed("no route")
        works(step, folder)

    with monkeypatch.context() as patch:
        patch.setattr(flow, "run_step", fails)
        with pytest.raises(ToolFailed, match="no route"):
            everything(at_25_mhz(job))
    assert stand_ins == ["verify", "yosys", "netlist"]
    everything(at_25_mhz(job))
    assert stand_ins == IN_ORDER


def test_a_missing_board_tool_stops_the_build_but_not_the_report(
    job: Job, stand_ins: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HLSGEN_NEXTPNR_ECP5", "/nowhere/nextpnr")
    with pytest.raises(ToolMissing) as caught:
        everything(at_25_mhz(job))
    assert str(caught.value) == (
        "$HLSGEN_NEXTPNR_ECP5 is '/nowhere/nextpnr', which is not a program\n"
        "Everything that does not need it is done. The build is ready to run in"
        f" {job.folder}; the same command goes on from there once the tool is installed."
    )
    assert stand_ins == ["verify", "yosys", "netlist"]
    assert Report.load(job.folder / "report" / "report.json").name == "tiny"


@pytest.mark.usefixtures("stand_ins")
def test_a_broken_limit_fails_after_the_report_is_written(job: Job) -> None:
    limited = at_25_mhz(job, limits={"accuracy": Range(min=1.5), "lut": Range(max=1e9)})
    with pytest.raises(CheckFailed) as caught:
        everything(limited)
    first, broken = str(caught.value).splitlines()
    assert first == f"{job.folder}: not as the project demands"
    assert "accuracy" in broken
    assert "1.5" in broken
    assert (job.folder / "report" / "report.html").is_file()


@pytest.mark.usefixtures("stand_ins")
def test_an_export_that_differs_from_torch_is_not_recorded(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hlsgen.frontend import export as frontend

    compare = frontend.compare

    def differs(*args: object) -> object:
        first, *rest = compare(*args)  # type: ignore[arg-type]
        return (type(first)(first.layer, first.compared, 3), *rest)

    monkeypatch.setattr(frontend, "compare", differs)
    job = Job(load_project(project), load_board("ulx3s"), tmp_path / "b")
    with pytest.raises(HlsgenError, match="graph 'tiny' differs from PyTorch in 3 of"):
        states(job, "export")
    assert Ledger(job.folder).state("export", "any") is STALE


def test_the_state_of_a_board_names_what_is_missing(
    stand_ins: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stand_ins == []
    assert board_state(load_board("ulx3s")) == "builds here"
    monkeypatch.setenv("HLSGEN_ECPPACK", "/nowhere")
    monkeypatch.setenv("HLSGEN_YOSYS", "/nowhere")
    state = "prepares the build; yosys, ecppack not found"
    assert board_state(load_board("ulx3s")) == state


def test_a_project_is_not_its_folder(job: Job, tmp_path: Path) -> None:
    """The same project in another place is up to date: no absolute path in any key."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "data.npz").write_bytes((job.project.folder / "data.npz").read_bytes())
    moved = job.project.at(elsewhere)
    assert set(states(Job(moved, job.board, job.root)).values()) == {FRESH}


# --- old products beside new ones -------------------------------------------------------------


@pytest.mark.usefixtures("stand_ins")
def test_a_new_network_leaves_no_old_bitstream_or_report(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = at_25_mhz(job)
    everything(slow)
    bitstream, report = job.folder / "tiny.bit", job.folder / "report" / "report.json"
    assert bitstream.is_file()
    assert report.is_file()

    def differs(*_: object, **__: object) -> None:
        raise CheckFailed("layer lut0, LUT 3")

    with monkeypatch.context() as patch:
        patch.setattr(flow, "verify_part", differs)
        with pytest.raises(CheckFailed):
            everything(changed(slow, "hardware", clock_mhz=200.0))
    assert not bitstream.exists()
    assert not report.exists()
    assert not (job.folder / "route" / "report.json").exists()


@pytest.mark.usefixtures("stand_ins")
def test_a_verdict_edited_by_hand_is_made_anew(job: Job) -> None:
    everything(at_25_mhz(job))
    part = job.folder / "verify" / "rtl.json"
    part.write_text(part.read_text().replace('"passed"', '"failed"'))
    assert states(at_25_mhz(job), "verify")["verify"] is STALE
    # The verdict itself is put together from its parts each time.
    verdict = job.folder / "verify" / "verdict.json"
    before = verdict.read_text()
    verdict.write_text(before.replace('"passed"', '"failed"'))
    assert states(at_25_mhz(job), "verify")["verify"] is FRESH
    assert verdict.read_text() == before


def test_a_second_run_waits_for_the_first(job: Job) -> None:
    waited: list[str] = []
    with FileLock(job.root / ".tiny.lock") as lock:

        def wait(name: str) -> None:
            waited.append(name)
            lock.release()

        flow.run(job, ("train",), Listener(wait=wait))
    assert waited == ["tiny"]
