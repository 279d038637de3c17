"""The report on a build folder made by hand: provenance, gaps, damage, limits, the page."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from hlsgen.errors import ConfigError, GraphError
from hlsgen.graph import Graph, Node, run, save
from hlsgen.graph.ops import Argmax, Input, Lut, Register, Sum, Thermometer
from hlsgen.report import MISSING, Number, Report, area, collect, make_report, measure, summary
from hlsgen.report.evidence import Stat
from hlsgen.verify.verdict import Rung, Verdict

FEATURES, CLASSES, SAMPLES = 8, 4, 60

PROJECT = {
    "name": "tiny",
    "title": "a <b>tiny</b> net",
    "seed": 3,
    "data": {"source": "digits"},
    "model": {"layers": [32]},
    "hardware": {"clock_mhz": 50.0},
}
BOARD = {
    "name": "ulx3s",
    "title": "Radiona ULX3S",
    "vendor": "Radiona",
    "part": "LFE5U-85F",
    "fabric": "ecp5",
    "flow": "nextpnr",
    "clock": {"source_mhz": 25.0, "max_mhz": 200.0},
    "resources": {"lut": 83640, "ff": 83640},
    "shell": {"kind": "uart", "baud": 115200},
    "nextpnr": {"device": "85k", "package": "CABGA381", "speed": 6},
    "source": {"part": "a", "clock": "b", "resources": "c"},
}
# Cut from what Yosys 0.70 and nextpnr-ecp5 wrote for a design with one kept module.
STAT = {
    "creator": "Yosys 0.70 (git sha1 28ba3cb92, Release)",
    "modules": {
        "\\tiny_sums": {"num_cells_by_type": {"CCU2C": 8, "LUT4": 16, "TRELLIS_FF": 16}},
        "\\top": {
            "num_cells_by_type": {
                "L6MUX21": 3,
                "LUT4": 12,
                "PFUMX": 4,
                "TRELLIS_FF": 32,
                "tiny_sums": 1,
            }
        },
    },
    "design": {
        "num_cells_by_type": {
            "CCU2C": 8,
            "L6MUX21": 3,
            "LUT4": 28,
            "PFUMX": 4,
            "TRELLIS_FF": 48,
            "tiny_sums": 1,
        }
    },
}
ROUTE = {
    "critical_paths": [],
    "fmax": {
        "$glbnet$clk_25mhz$TRELLIS_IO_IN": {"achieved": 402.5, "constraint": 25},
        "$glbnet$clk_core": {"achieved": 91.25, "constraint": 50},
    },
    "utilization": {
        "TRELLIS_COMB": {"available": 83640, "used": 50},
        "TRELLIS_FF": {"available": 83640, "used": 48},
    },
}


def network(fan_in: int = 6) -> Graph:
    rng = np.random.default_rng(7)
    luts = Lut.of(
        rng.integers(0, 24, (32, 6)),
        np.full(32, fan_in),
        rng.integers(0, 2**64, 32, dtype=np.uint64),
    )
    encoder = Thermometer(np.arange(24) % FEATURES, rng.integers(1, 15, 24))
    sums = Sum.of(np.arange(32), np.full(CLASSES, 8), np.zeros(CLASSES))
    return Graph(
        "tiny",
        (
            Node("x", Input(4, np.zeros(FEATURES), np.ones(FEATURES))),
            Node("encoder", encoder, ("x",)),
            Node("luts", luts, ("encoder",)),
            Node("luts_q", Register(), ("luts",)),
            Node("sums", sums, ("luts_q",)),
            Node("cls", Argmax(), ("sums",)),
            Node("cls_q", Register(), ("cls",)),
        ),
        ("cls_q",),
    )


def write(path: Path, document: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))


def look(folder: Path) -> Report:
    """The report without its page, which takes longest."""
    return measure(collect(folder))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A whole build folder; three of the labels disagree with the network."""
    graph = network(fan_in=4)
    x = np.random.default_rng(1).integers(0, 16, (SAMPLES, FEATURES))
    y = run(graph, {"x": x})["cls_q"][:, 0, 0].copy()
    y[:3] = (y[:3] + 1) % CLASSES
    save(graph, tmp_path / "graph/final")
    save(network(), tmp_path / "graph/export")
    np.savez(tmp_path / "graph/samples.npz", x=x, y=y)
    write(
        tmp_path / "graph/metrics.json",
        {"test_accuracy": 57 / 60, "dataset": "digits", "samples": {"train": 1221, "test": 60}},
    )
    write(tmp_path / "project.json", PROJECT)
    write(tmp_path / "board.json", BOARD)
    write(tmp_path / "synth/stat.json", STAT)
    write(tmp_path / "route/report.json", ROUTE)
    Verdict(
        graph.digest,
        (
            Rung(0, "torch = graph", "passed", "every layer", 360, 0, "hlsgen"),
            Rung(2, "graph = netlist", "not run", "SAT proof", reason="not asked for"),
        ),
    ).save(tmp_path / "verify/verdict.json")
    return tmp_path


def test_every_number_has_its_provenance(folder: Path) -> None:
    numbers = look(folder).numbers
    assert numbers["accuracy"] == Number(
        0.95,
        "fraction",
        "verify",
        "hlsgen interpreter",
        "graph/final.npz on graph/samples.npz",
    )
    assert numbers["lut"] == Number(50, "LUT", "route", "nextpnr-ecp5", "route/report.json")
    assert numbers["ff"] == Number(48, "FF", "route", "nextpnr-ecp5", "route/report.json")
    # A carry pair takes two LUTs; wide multiplexers take none: 28 + 2 * 8.
    assert numbers["lut_synth"] == Number(44, "LUT", "synth", "Yosys 0.70", "synth/stat.json")
    assert numbers["ff_synth"] == Number(48, "FF", "synth", "Yosys 0.70", "synth/stat.json")
    assert numbers["fmax_mhz"] == Number(91.25, "MHz", "route", "nextpnr-ecp5", "route/report.json")
    assert numbers["ff_core"].value == 32 + 2
    assert (numbers["latency_cycles"].value, numbers["latency_cycles"].stage) == (2, "verify")
    assert (numbers["latency_ns"].value, numbers["latency_ns"].unit) == (40.0, "ns")
    assert numbers["throughput_per_s"].value == 50e6
    assert numbers["area_delay_lut_ns"].value == 50 * 40.0
    assert numbers["area_delay_lut_ns"].stage == "route"
    assert numbers["lut_used_percent"].value == pytest.approx(100 * 50 / 83640)
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


def test_accuracy_says_whether_it_is_torchs(folder: Path) -> None:
    assert any("equals PyTorch's" in note for note in look(folder).notes)
    write(folder / "graph/metrics.json", {"test_accuracy": 0.9})
    assert any("differs from PyTorch's (90.00 %)" in note for note in look(folder).notes)


def test_accuracy_counts_as_verified_only_with_a_verdict(folder: Path) -> None:
    (folder / "verify/verdict.json").unlink()
    accuracy = look(folder).numbers["accuracy"]
    assert (accuracy.value, accuracy.stage, accuracy.tool) == (0.95, "train", "hlsgen interpreter")


def test_missed_clock_is_said(folder: Path) -> None:
    write(folder / "project.json", PROJECT | {"hardware": {"clock_mhz": 95.0}})
    route = {"fmax": {"clk": {"achieved": 91.25, "constraint": 95}}, "utilization": {}}
    write(folder / "route/report.json", route)
    assert any("misses the clock of 95 MHz" in note for note in look(folder).notes)


def test_limits(folder: Path) -> None:
    limits = {"accuracy": {"min": 0.9}, "lut": {"max": 40.0}, "fmax_mhz": {"min": 1.0}}
    write(folder / "project.json", PROJECT | {"limits": limits})
    write(folder / "route/report.json", ROUTE | {"fmax": {}})
    report = look(folder)
    assert [limit.status for limit in report.limits] == ["kept", "broken", "not measured"]
    assert [str(limit) for limit in report.broken] == ["lut is 50, must be <= 40"]


def test_a_limit_on_an_unknown_number_lists_the_known_ones(folder: Path) -> None:
    write(folder / "project.json", PROJECT | {"limits": {"luts": {"max": 1.0}}})
    with pytest.raises(ConfigError, match=r"'luts'.*accuracy, lut, ff"):
        look(folder)


def test_confusion_and_fan_in(folder: Path) -> None:
    report = look(folder)
    table = np.array(report.confusion)
    assert (table.sum(), np.trace(table)) == (SAMPLES, SAMPLES - 3)
    assert report.fan_in == {"export": (0, 0, 0, 0, 0, 0, 32), "final": (0, 0, 0, 0, 32, 0, 0)}


def test_layers_hold_the_estimate_and_what_synthesis_counted(folder: Path) -> None:
    rows = {row.name: row for row in look(folder).layers}
    assert rows["luts"].lut == 32
    assert rows["luts"].lut_synth is None
    assert rows["sums"].lut_synth == 16 + 2 * 8
    assert rows["luts_q"].ff == 32


def test_facts_say_what_the_lut_number_counts(folder: Path) -> None:
    facts = look(folder).facts
    assert facts["encoder counted"] == facts["argmax counted"] == "yes"
    assert facts["input quantiser counted"].startswith("no")
    assert (facts["data set"], facts["samples"]) == ("digits", "train 1221, test 60")
    assert facts["seed"] == "3"


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [
            value or "" for name, value in attrs if name.split(":")[-1] in {"src", "href"}
        ]


def test_the_page_is_self_contained(folder: Path) -> None:
    make_report(folder)
    text = (folder / "report/report.html").read_text()
    page = _Page()
    page.feed(text)
    assert "script" not in page.tags
    assert page.tags.count("svg") == page.tags.count("figure") == 4
    assert all(link.startswith(("#", "data:")) for link in page.links)
    assert "http" not in text
    assert "@import" not in text
    ids = re.findall(r' id="([^"]*)"', text)
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(ids)


def test_the_page_escapes_what_it_is_given(folder: Path) -> None:
    write(folder / "graph/metrics.json", {"dataset": "<script>alert(1)</script>"})
    make_report(folder)
    assert "<script" not in (folder / "report/report.html").read_text()


def test_cells_multiply_through_the_hierarchy() -> None:
    stat = {
        "modules": {
            "\\leaf": {"num_cells_by_type": {"LUT4": 3}},
            "\\mid": {"num_cells_by_type": {"leaf": 2, "CCU2C": 1}},
        },
        "design": {},
    }
    counts = area.cells(Stat.model_validate(stat), "mid")
    assert counts == {"LUT4": 6, "CCU2C": 1}
    assert area.luts("ecp5", counts) == 8


def test_amd_cells() -> None:
    counts = {"LUT2": 34, "LUT6": 2, "CARRY8": 4, "MUXF7": 9, "FDRE": 40, "FDSE": 8, "IBUF": 2}
    stat = Stat.model_validate({"design": {"num_cells_by_type": counts}})
    assert area.luts("xcup", area.cells(stat)) == 36
    assert area.registers("xcup", area.cells(stat)) == 48


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "nJ", MISSING),
        (0, "FF", "0 FF"),
        (12345, "LUT", "12,345 LUT"),
        (0.95, "fraction", "95.00 %"),
        (91.25, "MHz", "91.25 MHz"),
        (5e7, "inferences/s", "50,000,000 inferences/s"),
        (False, "", "no"),
    ],
)
def test_numbers_in_words(value: float | None, unit: str, text: str) -> None:
    assert str(Number(value, unit, "estimate", "t", "s")) == text
