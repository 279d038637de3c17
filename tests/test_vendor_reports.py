"""Reports of AMD's tools, real ones of several releases, whole and cut anywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hlsgen.errors import ConfigError
from hlsgen.report.vendor import (
    Power,
    Synthesis,
    Timing,
    Use,
    VendorClock,
    read_power,
    read_synthesis,
    read_timing,
    read_units,
    read_utilisation,
)

HERE = Path(__file__).parent / "vendor_reports"
READERS: dict[str, Callable[[Path], object]] = {
    "utilisation": read_utilisation,
    "timing": read_timing,
    "power": read_power,
    "kernel": read_units,
    "csynth": read_synthesis,
}
FILES = sorted(path.name for path in HERE.iterdir() if path.suffix in (".rpt", ".xml"))


def read(path: Path, name: str) -> object:
    return next(reader for kind, reader in READERS.items() if name.startswith(kind))(path)


def test_every_file_has_its_source() -> None:
    page = (HERE / "README.md").read_text()
    assert all(f"`{name}`" in page for name in FILES)


# --- whole reports --------------------------------------------------------------------------------


def test_utilisation_of_two_families_and_three_releases() -> None:
    found = read_utilisation(HERE / "utilisation_2021_2.rpt")
    assert (found.version, found.state) == ("2021.2", "Routed")
    assert found.cells == {
        "lut": Use(429, 70560), "ff": Use(299, 141120), "bram36": Use(0, 216), "dsp": Use(3, 360),
    }  # fmt: skip
    old = read_utilisation(HERE / "utilisation_2018_2.rpt")
    assert (old.version, old.state) == (None, None)
    assert old.cells == {
        "lut": Use(37302, 53200), "ff": Use(51386, 106400), "bram36": Use(140, 140),
        "dsp": Use(32, 220),
    }  # fmt: skip
    synthesised = read_utilisation(HERE / "utilisation_synth.rpt")
    assert (synthesised.version, synthesised.state) == ("2025.2", "Synthesized")
    assert synthesised.cells["lut"] == Use(340, 20800)


def test_timing() -> None:
    found = read_timing(HERE / "timing_2021_2.rpt")
    assert found == Timing("2021.2", 2.221, 0.080, {"clk": VendorClock(5.0, 2.221)})
    assert found.clocks["clk"].mhz == pytest.approx(1000 / (5 - 2.221))


def test_timing_of_several_clocks_some_without_paths(tmp_path: Path) -> None:
    text = (HERE / "timing_2021_2.rpt").read_text()
    # As Vivado shows a clock that is made of another, and one that only has a pulse width.
    clock = "clk    {0.000 2.500}        5.000           200.000         \n"
    row = next(line for line in text.splitlines(keepends=True) if line.startswith("clk     "))
    bare = row.replace("clk", "sys", 1).replace("2.221", "     ").replace("0.080", "     ")
    bare = bare.replace("        0.000                      0                  153", " " * 54, 2)
    made = row.replace("clk    ", "  made ", 1).replace(" 2.221", "-0.310", 1)
    others = clock.replace("clk    ", "  made ", 1) + clock.replace("clk", "sys", 1)
    text = text.replace(clock, clock + others).replace(row, row + made + bare)
    path = tmp_path / "timing.rpt"
    path.write_text(text)
    clocks = read_timing(path).clocks
    assert clocks == {
        "clk": VendorClock(5.0, 2.221),
        "made": VendorClock(5.0, -0.310),
        "sys": VendorClock(5.0, None),
    }
    assert clocks["made"].mhz == pytest.approx(1000 / 5.31)
    assert clocks["sys"].mhz is None


def test_power() -> None:
    assert read_power(HERE / "power_2020.rpt") == Power(None, 1.795, 1.576, 0.219, "Low")


def test_power_beyond_the_limit_is_still_a_number(tmp_path: Path) -> None:
    text = (HERE / "power_2020.rpt").read_text()
    hot = text.replace("| 1.795        |", "| 41.795 (Junction temp exceeded!) |")
    (tmp_path / "power.rpt").write_text(hot)
    assert read_power(tmp_path / "power.rpt").total_w == 41.795


def test_units_of_a_linked_design() -> None:
    found = read_units(HERE / "kernel_util_2023_2.rpt")
    assert found.version == "2023.2"
    assert found.cells["Used Resources"] == {
        "lut": 36901, "ff": 87516, "bram36": 110, "uram": 0, "dsp": 0,
    }  # fmt: skip
    assert found.cells["krnl_proj_split_0"]["lut"] == 5924
    assert found.cells["Platform"]["ff"] == 162782
    assert read_units(HERE / "kernel_util.rpt").cells["ntt_2_24_1"]["dsp"] == 160


def test_synthesis_of_three_layouts() -> None:
    cells = {"lut": 63, "ff": 13, "bram18": 0, "dsp": 0, "uram": 0}
    top = "matcher_engine_1720_16_Pipeline_init_state"
    assert read_synthesis(HERE / "csynth_2023_2.xml") == Synthesis(
        "2023.2", top, 3.33, 2.325, (1722, 1722), (1722, 1722), cells
    )
    old = {"lut": 109157, "ff": 13339, "bram18": 4, "dsp": 2774, "uram": 0}
    assert read_synthesis(HERE / "csynth_2019_1.rpt") == Synthesis(
        "2019.1", "myproject", 5.0, 4.371, (10, 10), (1, 1), old
    )
    summary = read_synthesis(HERE / "csynth_summary_2023_2.rpt")
    assert (summary.top, summary.version) == ("krnl_proj_split", "2023.2")
    assert summary.cells == {"lut": 43478, "ff": 6951, "bram18": 138}


def test_what_hls_cannot_tell_is_none() -> None:
    for name in ("csynth_undef_2023_2.xml", "csynth_2023_2.rpt"):
        found = read_synthesis(HERE / name)
        assert (found.latency, found.interval) == ((None, None), (None, None))
        assert found.estimated_ns == 3.1
        assert found.cells["lut"] in (12975, 13200)


def test_the_text_and_the_xml_of_one_function_agree(tmp_path: Path) -> None:
    text = (HERE / "csynth_2023_2.rpt").read_text()
    row = "    |        ?|        ?|         ?|         ?|    ?|    ?|       no|"
    assert row in text
    known = "    |     1722|     1722|  5.739 us|  5.739 us| 1722| 1723|       no|"
    (tmp_path / "a_csynth.rpt").write_text(text.replace(row, known))
    found = read_synthesis(tmp_path / "a_csynth.rpt")
    assert (found.latency, found.interval) == ((1722, 1722), (1722, 1723))


# --- damage ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_a_report_cut_anywhere_is_refused_or_tells_nothing_wrong(name: str, tmp_path: Path) -> None:
    whole, text = read(HERE / name, name), (HERE / name).read_text()
    refused = 0
    for length in range(0, len(text), 53):
        path = tmp_path / name
        path.write_text(text[:length])
        try:
            found = read(path, name)
        except ConfigError as error:
            assert str(error).startswith(f"{path}: damaged or truncated (")
            refused += 1
            continue
        if isinstance(found, type(whole)) and hasattr(found, "cells"):
            assert all(whole.cells[kind] == use for kind, use in found.cells.items())
        else:
            assert found == whole
    assert refused > 10


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("utilisation_2021_2.rpt", "| CLB LUTs  ", "| CLB Things", "no rows of LUTs and registers"),
        ("utilisation_2021_2.rpt", "4. ARITHMETIC\n--", "--", "'4. ARITHMETIC' is missing"),
        ("utilisation_2021_2.rpt", "|     70560 |  0.61 |\n|   LUT as L", "|\n|   L", "is cut"),
        ("timing_2021_2.rpt", "| Design Timing Summary", "| Other Summary", "no Design Timing"),
        ("timing_2021_2.rpt", "| Timing Details", "| Details", "no Timing Details"),
        ("timing_2021_2.rpt", "2.225        0.000                       0                    26",
         "2.225", "a row of Design Timing Summary is cut"),
        ("power_2020.rpt", "| Total On-Chip", "| Total", "no total power"),
        ("kernel_util.rpt", "|    Used Resources", "|    Resources     ", "no row of used"),
        ("csynth_2023_2.xml", "AreaEstimates", "Area", "it has no AreaEstimates"),
        ("csynth_2023_2.xml", "</Version>", "", "mismatched tag"),
        ("csynth_2023_2.rpt", "Vitis HLS Report", "Report", "it is no report of Vitis HLS"),
        ("csynth_2019_1.rpt", "|Total ", "|Sum   ", "no timing, latency or utilisation"),
        ("csynth_summary_2023_2.rpt", "|+ krnl_proj_split*", "|+ something_else* ",
         "no row of krnl_proj_split"),
    ],
)  # fmt: skip
def test_damage_is_told(name: str, old: str, new: str, message: str, tmp_path: Path) -> None:
    text = (HERE / name).read_text()
    assert old in text
    (tmp_path / name).write_text(text.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        read(tmp_path / name, name)
    assert message in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)
