"""A network that a board has no room for is refused before its Verilog is written and proved."""

from __future__ import annotations

from pathlib import Path

import pytest

from hlsgen import flow
from hlsgen.boards import Board, load_board
from hlsgen.errors import ConfigError
from hlsgen.flow import STAGES, Job, Listener
from hlsgen.project import load_project


def small_board(luts: int) -> Board:
    """What the tests' project is built for: an ULX3S of so many LUTs."""
    board = load_board("ulx3s")
    few = board.resources.model_copy(update={"lut": luts})
    return board.model_copy(update={"resources": few})


def test_what_does_not_fit_is_told_behind_opt(project: Path, root: Path) -> None:
    job = Job(load_project(project), small_board(3), root)
    seen: list[str] = []
    told = Listener(stage=lambda name, state: seen.append(name))
    with pytest.raises(ConfigError, match=r"tiny does not fit ulx3s: .* LUTs, the device has 3: "):
        flow.run(job, STAGES, told)
    assert seen[-1] == "opt"


def test_it_may_be_emitted_all_the_same(project: Path, root: Path) -> None:
    flow.run(Job(load_project(project), small_board(3), root), STAGES[:4], Listener())
