"""The report on a build folder made by hand: provenance, gaps, damage, limits."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from report_folder import LAYERS, PROJECT, ROUTE, network, record, write, write_folder

from hlsgen.boards import load_board
from hlsgen.errors import ConfigError, GraphError
from hlsgen.graph import save
from hlsgen.passes import PARTS
from hlsgen.report import MISSING, Number, Report, collect, make_report, measure, summary
from hlsgen.verify import Rung, Verdict


def look(folder: Path) -> Report:
    """The report without its page, which takes longest."""
    return measure(collect(folder))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path)


def test_every_number_has_its_provenance(folder: Path) -> None:
    numbers = look(folder).numbers
    assert numbers["accuracy"] == Number(
        0.95,
        "fraction",
        "verify",
        "hlsgen interpreter",
        "graph/final.npz on graph/samples.npz",
    )
    assert numbers["lut"] == Number(99, "LUT", "route", "nextpnr-ecp5", "route/report.json")
    assert numbers["ff"] == Number(48, "FF", "route", "nextpnr-ecp5", "route/report.json")
    # A carry pair takes two LUTs; wide multiplexers take none: 76 + 2 * 9.
    assert numbers["lut_synth"] == Number(94, "LUT", "synth", "Yosys 0.70", "synth/stat.json")
    assert numbers["ff_synth"] == Number(48, "FF", "synth", "Yosys 0.70", "synth/stat.json")
    core = Number(80, "LUT", "synth", "Yosys 0.70", "synth/layers.json")
    assert numbers["lut_core_synth"] == core
    off = 100 * (numbers["lut_core"].value - 80) / 80
    assert numbers["lut_core_deviation_percent"].value == pytest.approx(off)
    assert numbers["fmax_mhz"] == Number(91.25, "MHz", "route", "nextpnr-ecp5", "route/report.json")
    assert numbers["ff_core"].value == 32 + 2
    assert (numbers["latency_cycles"].value, numbers["latency_cycles"].stage) == (2, "verify")
    assert (numbers["latency_ns"].value, numbers["latency_ns"].unit) == (40.0, "ns")
    assert (numbers["throughput_per_s"].value, numbers["throughput_per_s"].stage) == (5e7, "route")
    assert numbers["latency_ns"].stage == "route"
    assert numbers["area_delay_lut_ns"].value == 99 * 40.0
    assert numbers["area_delay_lut_ns"].stage == "route"
    assert numbers["lut_used_percent"].value == pytest.approx(100 * 99 / 83640)
    assert numbers["energy_nj"].stage == "estimate"
    assert numbers["energy_nj"].value > 0
    assert numbers["verified"].value is True


def test_json_holds_the_numbers_as_objects_and_loads_back(folder: Path) -> None:
    report = make_report(folder)
    path = folder / "report/report.json"
    document = json.loads(path.read_text())
    assert document["format"] == 1
    latency = ["latency_cycles", "latency_ns"]
    for name in ["accuracy", "lut", "ff", "fmax_mhz", *latency, "energy_nj", "verified"]:
        assert list(document[name]) == ["value", "unit", "stage", "tool", "source"]
    assert Report.load(path) == report


def test_two_runs_write_the_same_bytes(folder: Path) -> None:
    files = [folder / "report/report.json", folder / "report/report.html"]
    make_report(folder)
    first = [file.read_bytes() for file in files]
    make_report(folder)
    assert [file.read_bytes() for file in files] == first
    assert str(folder) not in "".join(file.read_text() for file in files)


def test_a_folder_with_only_a_graph_shows_dashes_and_no_zero(tmp_path: Path) -> None:
    save(network(), tmp_path / "graph/final")
    report = make_report(tmp_path)
    known = {name for name, number in report.numbers.items() if number.value is not None}
    assert known == {"latency_cycles"}
    document = json.loads((tmp_path / "report/report.json").read_text())
    assert document["fmax_mhz"]["value"] is None
    assert {row.value for row in summary(report) if row.label == "Fmax"} == {MISSING}
    assert "Not run" in (tmp_path / "report/report.html").read_text()
    assert any("Not verified" in note for note in report.notes)


@pytest.mark.parametrize(
    ("gone", "name", "stage"),
    [
        ("route/report.json", "lut", "synth"),
        ("route/report.json", "fmax_mhz", None),
        ("graph/samples.npz", "accuracy", "train"),
        ("graph/samples.npz", "energy_nj", None),
        ("verify/verdict.json", "verified", None),
        ("verify/verdict.json", "latency_ns", "estimate"),
    ],
)
def test_what_a_missing_file_leaves(folder: Path, gone: str, name: str, stage: str | None) -> None:
    (folder / gone).unlink()
    number = look(folder).numbers[name]
    if stage is None:
        assert (number.value, str(number)) == (None, MISSING)
    else:
        assert number.value is not None
        assert number.stage == stage


def test_without_tools_the_area_is_an_estimate(folder: Path) -> None:
    (folder / "route/report.json").unlink()
    (folder / "synth/stat.json").unlink()
    numbers = look(folder).numbers
    assert numbers["lut"] == numbers["lut_core"]
    assert numbers["lut"].stage == "estimate"
    assert numbers["lut_synth"].value is None


@pytest.mark.parametrize(
    "name",
    [
        "project.json",
        "board.json",
        "graph/metrics.json",
        "graph/samples.npz",
        "verify/verdict.json",
        "synth/stat.json",
        "synth/layers.json",
        "graph/opt.json",
        "route/report.json",
    ],
)
def test_a_truncated_file_is_refused_by_name(folder: Path, name: str) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ConfigError, match=re.escape(str(path))):
        make_report(folder)
    assert not (folder / "report").exists()


def test_a_file_of_another_shape_is_refused(folder: Path) -> None:
    write(folder / "route/report.json", ROUTE | {"fmax": {"clk": {"achieved": "fast"}}})
    with pytest.raises(ConfigError, match=r"report\.json.*fmax\.clk\.achieved"):
        make_report(folder)


def test_a_truncated_graph_is_refused(folder: Path) -> None:
    path = folder / "graph/final.npz"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(GraphError, match=r"final\.npz"):
        make_report(folder)


def test_a_verdict_about_another_graph_does_not_count(folder: Path) -> None:
    Verdict("0" * 64, (Rung(0, "a", "passed", "b", 1),)).save(folder / "verify/verdict.json")
    report = look(folder)
    assert report.numbers["verified"].value is None
    assert any("another graph" in note for note in report.notes)


@pytest.mark.parametrize("how", ["edited", "removed"])
def test_a_verdict_about_other_verilog_does_not_count(folder: Path, how: str) -> None:
    path = folder / "rtl/tiny_luts.v"
    if how == "edited":
        path.write_text(path.read_text().replace("'h", "'h1", 1))
    else:
        path.unlink()
    report = make_report(folder)
    assert report.numbers["verified"].value is None
    assert any("edited after it was verified" in note for note in report.notes)
    assert "does not count" in (folder / "report/report.html").read_text()


def test_verilog_that_no_one_verifies_may_change(folder: Path) -> None:
    (folder / "rtl/tiny_uart.v").write_text("// the board's shell")
    assert look(folder).numbers["verified"].value is True


def test_an_old_verdict_without_its_verilog_does_not_count(folder: Path) -> None:
    path = folder / "verify/verdict.json"
    document = json.loads(path.read_text())
    del document["rtl"]
    write(path, document)
    report = look(folder)
    assert report.numbers["verified"].value is None
    assert any("which Verilog" in note for note in report.notes)


@pytest.mark.parametrize(("status", "verified"), [("passed", True), ("failed", False)])
def test_whether_it_is_verified(folder: Path, status: str, verified: bool) -> None:
    path = folder / "verify/verdict.json"
    path.write_text(path.read_text().replace('"passed"', f'"{status}"'))
    assert look(folder).verified is verified
    path.unlink()
    assert look(folder).verified is None


def test_accuracy_says_whether_it_is_torchs(folder: Path) -> None:
    assert any("equals PyTorch's" in note for note in look(folder).notes)
    write(folder / "graph/metrics.json", {"test_accuracy": 0.9})
    assert any("differs from PyTorch's (90.00 %)" in note for note in look(folder).notes)


def test_accuracy_counts_as_verified_only_with_a_verdict(folder: Path) -> None:
    (folder / "verify/verdict.json").unlink()
    accuracy = look(folder).numbers["accuracy"]
    assert (accuracy.value, accuracy.stage, accuracy.tool) == (0.95, "train", "hlsgen interpreter")


def test_time_at_a_clock_that_no_route_reached_is_an_estimate(folder: Path) -> None:
    (folder / "route/report.json").unlink()
    report = look(folder)
    numbers = report.numbers
    assert numbers["latency_cycles"].stage == "verify"
    for name in ("latency_ns", "throughput_per_s", "area_delay_lut_ns"):
        assert numbers[name].value is not None
        assert numbers[name].stage == "estimate"
    assert any("No routed design shows that 50 MHz" in note for note in report.notes)


def test_the_area_says_what_it_is_of(folder: Path) -> None:
    assert any("the whole design: core and I/O shell" in note for note in look(folder).notes)
    write(folder / "board.json", json.loads(load_board("u280").model_dump_json()))
    (folder / "route/report.json").unlink()
    report = look(folder)
    assert report.numbers["lut"].stage == "synth"
    (note,) = (note for note in report.notes if note.startswith("LUTs and registers"))
    assert "tiny_axis alone" in note
    assert "data movers" in note
    assert "whole design" not in note
    assert "data movers" in report.numbers["lut_used_percent"].source


def test_missed_clock_is_said(folder: Path) -> None:
    write(folder / "project.json", PROJECT | {"hardware": {"clock_mhz": 95.0}})
    route = {"fmax": {"clk": {"achieved": 91.25, "constraint": 95}}, "utilization": {}}
    write(folder / "route/report.json", route)
    report = look(folder)
    assert any("misses the clock of 95 MHz" in note for note in report.notes)
    assert report.numbers["latency_ns"].stage == "estimate"


def test_limits(folder: Path) -> None:
    limits = {"accuracy": {"min": 0.9}, "lut": {"max": 40.0}, "fmax_mhz": {"min": 1.0}}
    write(folder / "project.json", PROJECT | {"limits": limits})
    write(folder / "route/report.json", ROUTE | {"fmax": {}})
    report = look(folder)
    assert [limit.status for limit in report.limits] == ["kept", "broken", "not measured"]
    assert [str(limit) for limit in report.broken] == ["lut is 99, must be <= 40"]


def test_a_limit_on_an_unknown_number_lists_the_known_ones(folder: Path) -> None:
    write(folder / "project.json", PROJECT | {"limits": {"luts": {"max": 1.0}}})
    with pytest.raises(ConfigError, match=r"'luts'.*accuracy, lut, ff"):
        look(folder)


def test_layers_hold_the_estimate_and_what_synthesis_counted(folder: Path) -> None:
    rows = {row.name: row for row in look(folder).layers}
    assert (rows["luts"].lut, rows["luts"].lut_synth, rows["luts"].part) == (32, 32, "tables")
    assert rows["sums"].lut_synth == 16 + 2 * 8
    assert (rows["luts_q"].ff, rows["luts_q"].ff_synth) == (32, 32)
    assert rows["x"].lut_synth is None  # a port, no module


def test_parts_hold_the_estimate_beside_what_synthesis_counted(folder: Path) -> None:
    report = look(folder)
    parts = {part.name: part for part in report.parts}
    assert list(parts) == [*PARTS, "core", "shell", "sum"]
    tables = parts["tables"]
    assert (tables.lut, tables.lut_synth, tables.deviation_percent) == (32, 32, 0.0)
    assert parts["popcount"].carry_synth == 8
    # The valid bits of the core, which are in no layer, go with the registers.
    assert (parts["registers"].ff, parts["registers"].ff_synth) == (34, 36)
    assert (parts["shell"].lut, parts["shell"].lut_synth, parts["shell"].ff_synth) == (None, 14, 12)
    for what in ("lut", "ff", "carry"):
        counts = [
            getattr(parts[name], f"{what}_synth") for name in [*PARTS, "core", "shell", "sum"]
        ]
        *layers, core, shell, whole = counts
        assert sum(layers) == core
        assert core + shell == whole
    assert report.numbers["lut_core"].value == sum(parts[name].lut for name in PARTS)
    assert report.numbers["lut_synth"].value == parts["sum"].lut_synth
    assert all(part.pairs is None for part in report.parts), "no such LUTs on ECP5"
    assert "CCU2C) two" in report.facts["LUTs counted"]


@pytest.mark.parametrize("gone", ["layers", "stat", "a module"])
def test_parts_that_were_not_counted_are_no_zero(folder: Path, gone: str) -> None:
    if gone == "a module":
        kept = {name: entry for name, entry in LAYERS["modules"].items() if "tiny_cls" not in name}
        write(folder / "synth/layers.json", LAYERS | {"modules": kept})
    else:
        (folder / f"synth/{gone}.json").unlink()
    parts = {part.name: part for part in look(folder).parts}
    whole = parts.pop("sum")
    assert (whole.lut_synth is None) == (gone == "stat")
    assert parts["shell"].lut_synth is None
    known = [part.lut_synth is not None for name, part in parts.items() if name != "shell"]
    assert known == [gone == "stat"] * (len(PARTS) + 1)
    assert parts["argmax"].lut is not None


def test_dual_output_luts_are_counted_once_and_said(folder: Path) -> None:
    write(folder / "board.json", json.loads(load_board("u280").model_dump_json()))
    report = look(folder)
    parts = {part.name: part for part in report.parts}
    assert parts["encoder"].pairs is not None
    assert parts["core"].pairs == sum(parts[name].pairs or 0 for name in PARTS)
    assert "dual-output pair is one LUT" in report.facts["LUTs counted"]


def test_what_the_optimiser_did_is_told(folder: Path) -> None:
    report = look(folder)
    assert report.optimiser is not None
    first, second = report.optimiser.passes
    assert (first.name, first.lut_before, first.lut) == ("dead", 90, 80)
    assert (second.levels, second.latency_cycles) == (5, 2)
    assert report.optimiser.warnings == tuple(record().warnings)
    told = " ".join(report.notes)
    assert "two tables became constants" in told
    assert "200 validation samples was 96.00 % and is 95.50 %" in told
    assert "mapping it anew failed" in told
    (folder / "graph/opt.json").unlink()
    assert look(folder).optimiser is None


def test_facts_say_what_the_lut_number_counts(folder: Path) -> None:
    facts = look(folder).facts
    assert facts["encoder counted"] == facts["argmax counted"] == "yes"
    assert facts["input quantiser counted"].startswith("no")
    assert (facts["data set"], facts["samples"]) == ("digits", "train 1221, test 60")
    assert facts["seed"] == "3"
