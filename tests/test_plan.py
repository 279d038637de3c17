"""Plans: values until they are written; and writing that leaves nothing half done."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from hlsgen.paths import data_dir, file_digest, write_atomic
from hlsgen.plan import Plan, Step

STEP = Step("yosys", ("-s", "a.ys"), ("out/a.json", "out/b.json"), ("a.ys",), log="synth")


@pytest.mark.parametrize("name", ["/etc/passwd", "../a", "a/../../b", "a/.."])
def test_a_plan_stays_below_its_folder(name: str) -> None:
    with pytest.raises(ValueError, match=f"^plan file {name!r} must lie below the build folder$"):
        Plan({name: ""})


def test_a_plan_is_written_where_it_says(tmp_path: Path) -> None:
    plan = Plan({"a.txt": "ä\n", "deep/er/b.bin": b"\x00\xff"}, (STEP,))
    plan.write(tmp_path)
    assert (tmp_path / "a.txt").read_bytes() == b"\xc3\xa4\n"
    assert (tmp_path / "deep/er/b.bin").read_bytes() == b"\x00\xff"
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["a.txt", "b.bin"]


def test_only_what_changed_is_written(tmp_path: Path) -> None:
    Plan({"same": "1", "other": "1"}).write(tmp_path)
    for name in ("same", "other"):
        os.utime(tmp_path / name, (1, 1))
    Plan({"same": "1", "other": b"2"}).write(tmp_path)
    assert (tmp_path / "same").stat().st_mtime == 1
    assert (tmp_path / "other").stat().st_mtime > 1
    assert (tmp_path / "other").read_text() == "2"


def test_plans_join_with_steps_in_order() -> None:
    last = Step("ecppack", ("x",), ("x.bit",))
    both = Plan({"a": "1", "b": "1"}, (STEP,)) | Plan({"b": "2"}, (last,))
    assert both == Plan({"a": "1", "b": "2"}, (STEP, last))


def test_show_tells_what_would_happen() -> None:
    assert list(Plan({"a.txt": "ä\n"}, (STEP,)).show()) == [
        "write a.txt (3 bytes)",
        "run   yosys -s a.ys  ->  out/a.json, out/b.json",
    ]


# --- files ------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["write_bytes", "replace"])
def test_a_full_disk_leaves_the_old_file_and_no_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")

    def full(path: Path, content: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(Path, method, full)
    with pytest.raises(OSError, match="No space left on device"):
        write_atomic(target, "new")
    monkeypatch.undo()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_the_digest_of_a_file_is_sha_256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert file_digest(tmp_path / "a") == expected


def test_the_data_folders_are_there() -> None:
    assert (data_dir("templates") / "verilog" / "core.v.j2").is_file()
    assert (data_dir("boards") / "ulx3s.toml").is_file()
