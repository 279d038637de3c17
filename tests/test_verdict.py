"""What a verdict says, and what it never says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hlsgen.boards import load_board
from hlsgen.errors import ConfigError
from hlsgen.verify import Rung, Verdict, assemble, ladder
from hlsgen.verify.verdict import LADDER, whole

BOARD = load_board("ulx3s")


def rung(status: str, name: str = "layers") -> Rung:
    return Rung(1, name, status, "x", 1, reason="why")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("statuses", "ok"),
    [
        ((), None),
        (("not run",), None),
        (("passed", "not run"), True),
        (("passed", "unknown"), None),
        (("unknown",), None),
        (("passed", "failed"), False),
        (("unknown", "failed"), False),
    ],
)
def test_undecided_is_neither_passed_nor_failed(statuses: tuple[str, ...], ok: bool | None) -> None:
    assert Verdict("g", tuple(rung(status) for status in statuses)).ok is ok


def test_a_verdict_survives_the_disk(tmp_path: Path) -> None:
    line = Rung(2, "netlist", "failed", "x", 9, 1, "t", "r", 1.5, ("a", "b"))
    verdict = Verdict("g", (line,), "r", accepted=True)
    verdict.save(tmp_path / "v.json")
    assert Verdict.load(tmp_path / "v.json") == verdict
    assert json.loads((tmp_path / "v.json").read_text())["ok"] is False


@pytest.mark.parametrize("text", ["", "{", "{}", '{"graph": "g", "rungs": [{"number": 1}]}'])
def test_a_damaged_verdict_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "v.json").write_text(text)
    with pytest.raises(ConfigError, match=r"v\.json: not a verdict"):
        Verdict.load(tmp_path / "v.json")


def test_every_line_of_the_ladder_is_there_run_or_not() -> None:
    rungs = whole([rung("passed")], {"netlist": "later"})
    assert [(r.number, r.name) for r in rungs] == [(n, name) for n, name, _ in LADDER]
    assert {r.name: r.status for r in rungs if r.status != "not run"} == {"layers": "passed"}
    assert next(r.reason for r in rungs if r.name == "netlist") == "later"


def test_a_line_that_the_ladder_lacks_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no line of the ladder is called other"):
        whole([rung("passed", "other")], {})


@pytest.mark.parametrize(
    ("board", "parts"),
    [
        ("ulx3s", ["rtl", "netlist", "routed", "bitstream"]),
        ("u280", ["rtl", "netlist"]),
        ("arty_a7_100t", ["rtl", "netlist"]),
        ("zcu104", ["rtl", "netlist"]),
    ],
)
def test_what_was_made_for_amds_devices_is_not_read_back(
    root: Path, monkeypatch: pytest.MonkeyPatch, board: str, parts: list[str]
) -> None:
    """A bitstream and a file of the open router may lie there; no decoder is let loose on them."""
    folder, target = root / "tiny-ulx3s", load_board(board)
    for name in ("synth/tiny_top.json", "synth/tiny_axis.json", "route/tiny_top.json",
                 f"tiny.{target.product}"):  # fmt: skip
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("x")
    judged: list[str] = []
    monkeypatch.setattr(ladder, "verify_part", lambda _, __, part, **___: judged.append(part))
    rungs = {rung.name: rung.reason for rung in ladder.verify(folder, target).rungs}
    assert judged == parts
    assert ("AMD's devices" in rungs["bitstream"]) == (board != "ulx3s")


def test_parts_about_other_files_do_not_count(root: Path) -> None:
    folder = root / "tiny-ulx3s"
    about = assemble(folder, BOARD)
    good = Verdict(about.graph, (rung("passed"),), about.rtl)
    for graph, rtl, ok in (
        (about.graph, about.rtl, True),
        ("0" * 64, about.rtl, None),
        (about.graph, "0" * 64, None),
    ):
        Verdict(graph, good.rungs, rtl).save(folder / "verify" / "rtl.json")
        assert assemble(folder, BOARD).ok is ok
        assert Verdict.load(folder / "verify" / "verdict.json").ok is ok
