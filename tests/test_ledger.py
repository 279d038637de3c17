"""The ledger: fresh, edited or stale, and never fooled by a damaged manifest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hlsgen import __version__, ledger
from hlsgen.ledger import Ledger, State, key_of


@pytest.fixture
def product(tmp_path: Path) -> Path:
    """A product of stage `emit`, recorded under key "k"."""
    file = tmp_path / "rtl" / "a.v"
    file.parent.mkdir()
    file.write_text("module a;")
    Ledger(tmp_path).record("emit", "k", [file])
    return file


def state(folder: Path, key: str = "k", stage: str = "emit") -> State:
    return Ledger(folder).state(stage, key)


def test_a_recorded_stage_is_fresh(tmp_path: Path, product: Path) -> None:
    assert product.is_file()
    assert state(tmp_path) is State.FRESH


def test_other_inputs_or_a_stage_never_run_are_stale(tmp_path: Path, product: Path) -> None:
    assert product.is_file()
    assert state(tmp_path, key="other") is State.STALE
    assert state(tmp_path, stage="opt") is State.STALE
    assert state(tmp_path / "elsewhere") is State.STALE


def test_an_edited_product_is_edited_and_a_missing_one_stale(tmp_path: Path, product: Path) -> None:
    text = product.read_text()
    product.write_text("module b;")
    assert state(tmp_path) is State.EDITED
    product.write_text(text)
    assert state(tmp_path) is State.FRESH
    product.unlink()
    assert state(tmp_path) is State.STALE


def test_a_discarded_stage_is_stale_its_files_gone_and_others_stay(
    tmp_path: Path, product: Path
) -> None:
    other = tmp_path / "final.json"
    other.write_text("{}")
    Ledger(tmp_path).record("opt", "k", [other])
    Ledger(tmp_path).discard(["emit", "never"])
    assert state(tmp_path) is State.STALE
    assert not product.exists()
    assert state(tmp_path, stage="opt") is State.FRESH
    assert Ledger(tmp_path).stages == ("opt",)
    assert list(Ledger(tmp_path).products("opt")) == ["final.json"]


def test_the_manifest_can_be_read_by_people_and_moves_with_its_folder(
    tmp_path: Path, product: Path
) -> None:
    assert product.is_file()
    document = json.loads((tmp_path / "manifest.json").read_text())
    assert document["hlsgen"] == __version__
    assert list(document["stages"]["emit"]["products"]) == ["rtl/a.v"]
    assert str(tmp_path) not in json.dumps(document)


DAMAGED = [
    "", "{", "[]", "null", '{"stages": 3}', '{"stages": {"emit": 3}}', '{"stages": {"emit": {}}}',
    '{"stages": {"emit": {"key": "k"}}}', '{"stages": {"emit": {"key": "k", "products": []}}}',
]  # fmt: skip


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_manifest_makes_everything_stale_and_is_repaired(
    tmp_path: Path, product: Path, text: str
) -> None:
    (tmp_path / "manifest.json").write_text(text)
    assert state(tmp_path) is State.STALE
    Ledger(tmp_path).record("emit", "k", [product])
    assert state(tmp_path) is State.FRESH


# --- keys -------------------------------------------------------------------------------------


def test_a_key_follows_values_and_their_order() -> None:
    assert key_of(1, "a") == key_of(1, "a")
    assert len({key_of(1, "a"), key_of("a", 1), key_of(1), key_of("1, a"), key_of()}) == 5


def test_a_key_follows_the_content_of_files(tmp_path: Path) -> None:
    file, other = tmp_path / "a", tmp_path / "b"
    missing = key_of(files=[file])
    file.write_text("1")
    one = key_of(files=[file])
    file.write_text("2")
    assert len({missing, one, key_of(files=[file])}) == 3
    other.write_text("1")
    assert key_of(files=[other]) == one  # the name does not matter


def test_a_key_follows_the_code_that_the_stage_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "graph" / "ops").mkdir(parents=True)
    source = tmp_path / "graph" / "ops" / "lut.py"
    source.write_text("a = 1")
    monkeypatch.setattr(ledger, "_PACKAGE", tmp_path)
    before = key_of(code=["graph"])
    # Python's, and those that numba adds when a kernel runs for the first time.
    (tmp_path / "graph" / "__pycache__").mkdir()
    for name in ("lut.cpython-311.pyc", "lut.cpu-1.py311.nbi", "lut.cpu-1.py311.1.nbc"):
        (tmp_path / "graph" / "__pycache__" / name).write_text("compiled")
    assert key_of(code=["graph"]) == before
    source.write_text("a = 2")
    assert key_of(code=["graph"]) != before


def test_a_key_follows_the_templates_that_the_stage_renders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = tmp_path / "templates" / "verilog" / "lut.v.j2"
    template.parent.mkdir(parents=True)
    template.write_text("1")
    monkeypatch.setattr(ledger, "data_dir", lambda name: tmp_path / name)
    before = key_of(code=["templates/verilog"])
    template.write_text("2")
    assert key_of(code=["templates/verilog"]) != before
