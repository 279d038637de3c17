"""A red verdict stops the build before the bitstream, unless the user insists."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hlsgen import flow
from hlsgen.boards import Board, load_board
from hlsgen.errors import CheckFailed
from hlsgen.flow import STAGES, Job, Listener
from hlsgen.project import load_project
from hlsgen.report import Report
from hlsgen.verify import Verdict


@pytest.fixture
def job(project: Path, root: Path) -> Job:
    """The clock of the oscillator, so that no generator is needed."""
    loaded = load_project(project)
    hardware = loaded.hardware.model_copy(update={"clock_mhz": 25.0})
    slow = loaded.model_copy(update={"hardware": hardware}).at(project)
    return Job(slow, load_board("ulx3s"), root)


def everything(job: Job) -> Report:
    """The report of a run of all stages."""
    reports: list[Report] = []
    flow.run(job, STAGES, Listener(report=reports.append))
    return reports[0]


@pytest.mark.usefixtures("stand_ins")
@pytest.mark.parametrize("red", ["rtl", "netlist", "routed", "bitstream"])
def test_no_bitstream_behind_a_red_verdict(
    job: Job, monkeypatch: pytest.MonkeyPatch, red: str
) -> None:
    good = flow.verify_part

    def judged(folder: Path, board: Board, part: str, *, accept: bool = False) -> Verdict:
        verdict = good(folder, board, part)
        if part != red:
            return verdict
        rungs = tuple(replace(rung, status="failed", reason="x") for rung in verdict.rungs)
        verdict = replace(verdict, rungs=rungs, accepted=accept)
        verdict.save(folder / "verify" / f"{part}.json")
        if not accept:
            raise CheckFailed(f"{part} is red")
        return verdict

    monkeypatch.setattr(flow, "verify_part", judged)
    with pytest.raises(CheckFailed, match=f"{red} is red"):
        everything(job)
    assert not (job.folder / "tiny.bit").exists()
    report = everything(replace(job, accept=True))
    assert (job.folder / "tiny.bit").is_file()
    assert report.verified is False
    assert any("--accept-failed-verification" in note for note in report.notes)
    # Without the flag the same files are refused again.
    with pytest.raises(CheckFailed):
        everything(job)
    assert not (job.folder / "tiny.bit").exists()
