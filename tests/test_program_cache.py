"""Compiled simulations are found again by what they were compiled from, and by nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hlsgen.tools import program_cache
from hlsgen.tools.program_cache import ProgramCache


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stand_ins: list[str]) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "a.v").write_text("module a; endmodule\n")
    (tmp_path / "simulation").write_text("program")
    return tmp_path


def test_a_program_is_fetched_for_the_same_bytes_only(folder: Path) -> None:
    got = folder / "obj" / "simulation"
    assert not ProgramCache(folder, ["a.v"], ["-O3"]).fetch(got)
    ProgramCache(folder, ["a.v"], ["-O3"]).keep(folder / "simulation")
    assert ProgramCache(folder, ["a.v"], ["-O3"]).fetch(got)
    assert got.read_text() == "program"
    assert not ProgramCache(folder, ["a.v"], ["-O2"]).fetch(got)
    (folder / "a.v").write_text("module b; endmodule\n")
    assert not ProgramCache(folder, ["a.v"], ["-O3"]).fetch(got)


def test_the_programs_not_wanted_for_longest_go(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program_cache, "_KEPT", 2)
    caches = [ProgramCache(folder, ["a.v"], [str(i)]) for i in range(3)]
    for age, cache in zip((30, 20, 10), caches, strict=True):
        cache.keep(folder / "simulation")
        os.utime(cache._path, (age, age))
    # The newest time stamp is the file's own: a fetch makes it new again.
    caches[2].keep(folder / "simulation")
    assert [cache.fetch(folder / "x") for cache in caches].count(True) == 2
