"""Open boards of all families: clocks, files for the tools, what fits, what loads bitstreams."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from hlsgen import clocks
from hlsgen.boards import Board, load_board
from hlsgen.build import board_plan, board_state, fit, run_step, tools_of
from hlsgen.build.nextpnr import FAMILIES
from hlsgen.cli import app
from hlsgen.emit import emit
from hlsgen.errors import ConfigError, ToolFailed, ToolMissing
from hlsgen.graph import Graph, Node, check, save
from hlsgen.graph.ops import Input, Lut
from hlsgen.passes import opt
from hlsgen.plan import Plan, Step
from hlsgen.programming import command_of, program
from hlsgen.project import Project, load_project
from hlsgen.tools import TOOLS

GOLDEN = Path(__file__).parent / "golden" / "open"
# A board of each family, and the clock that a project for 50 MHz gets there.
BOARDS = {
    "ulx3s": 50.0,
    "colorlight_i5": 50.0,
    "ice40_hx8k": 49.5,
    "icebreaker": 24.0,
    "tang_nano_9k": 49.5,
    "tang_nano_20k": 49.5,
    "crosslink_nx_evn": 12.0,
}


def plan(small: Graph, board: Board, clock_mhz: float) -> Plan:
    graph = opt(small, board.logic, clock_mhz)
    samples = np.random.default_rng(0).integers(0, 8, (130, 1, 2))
    rtl = emit(graph, board.shell.width_bits, board.logic)
    return board_plan(graph, board, rtl, clock_mhz, 7, samples)


# --- clocks -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "clock_mhz"), BOARDS.items())
def test_the_clock_of_a_project_for_50_mhz(name: str, clock_mhz: float) -> None:
    assert clocks.clock_for(load_board(name), 50.0) == clock_mhz


@pytest.mark.parametrize("source_mhz", [10.0, 12.0, 25.0, 100.0])
def test_every_ice40_setting_keeps_the_ranges_and_makes_its_clock(source_mhz: float) -> None:
    found = list(clocks.ice40_settings(source_mhz))
    assert len(found) > 50
    for setting in found:
        of = dict(setting.dividers)
        detector = source_mhz / (of["DIVR"] + 1)
        oscillator = detector * (of["DIVF"] + 1)
        assert 10 <= detector <= 133
        assert 533 <= oscillator <= 1066
        assert setting.mhz == pytest.approx(oscillator / 2 ** of["DIVQ"])
        assert 16 <= setting.mhz <= 275
        assert 0 <= of["DIVR"] < 16 and 0 <= of["DIVF"] < 128 and 1 <= of["DIVQ"] < 7


@pytest.mark.parametrize("family", clocks.GOWIN_LIMITS)
def test_every_gowin_setting_keeps_the_ranges_and_makes_its_clock(family: str) -> None:
    found, limits = list(clocks.gowin_settings(27.0, family)), clocks.GOWIN_LIMITS[family]
    assert len({setting.mhz for setting in found}) > 100
    for setting in found:
        of = dict(setting.dividers)
        detector = 27.0 / (of["IDIV_SEL"] + 1)
        assert limits.detector[0] <= detector <= limits.detector[1]
        assert setting.mhz == pytest.approx(detector * (of["FBDIV_SEL"] + 1))
        assert limits.oscillator[0] <= setting.mhz * of["ODIV_SEL"] <= limits.oscillator[1]
        assert of["ODIV_SEL"] in (2, 4, 8, 16, 32, 48, 64, 80, 96, 112, 128)
        assert of["IDIV_SEL"] < 64 and of["FBDIV_SEL"] < 64


@pytest.mark.parametrize("name", ["ice40_hx8k", "icebreaker", "tang_nano_9k", "tang_nano_20k"])
@pytest.mark.parametrize("wish_mhz", [13.0, 18.0, 33.3, 47.9, 100.0])
def test_the_clock_is_the_fastest_that_is_not_above_the_wish(name: str, wish_mhz: float) -> None:
    board = load_board(name)
    got = clocks.clock_for(board, wish_mhz)
    bound = min(wish_mhz, board.clock.reach_mhz or wish_mhz)
    made = {round(one.mhz, 9) for one in clocks.settings(board) or ()} | {board.clock.source_mhz}
    assert got <= bound * (1 + 1e-6)
    assert not [mhz for mhz in made if got + 1e-6 < mhz <= bound]
    if got != board.clock.source_mhz:
        assert clocks.setting_for(board, got).mhz == pytest.approx(got)


def test_clocks_out_of_range_are_refused_with_what_is_allowed() -> None:
    with pytest.raises(ConfigError) as caught:
        clocks.clock_for(load_board("ice40_hx8k"), 5.0)
    assert str(caught.value) == (
        "hardware.clock_mhz is 5: board ice40_hx8k allows 12 MHz, its own clock, and 16.125 to 270"
        " MHz by its generator, near it 16.125"
    )
    with pytest.raises(
        ConfigError, match=r"^hardware.clock_mhz is 500: board ulx3s allows at most"
    ):
        clocks.clock_for(load_board("ulx3s"), 500.0)
    with pytest.raises(ConfigError, match=r"is 6: board crosslink_nx_evn allows 12 MHz, its own"):
        clocks.clock_for(load_board("crosslink_nx_evn"), 6.0)
    with pytest.raises(ConfigError, match=r"near it 49.5 and 50.1429"):
        clocks.setting_for(load_board("tang_nano_9k"), 50.0)


def project(clock_mhz: float) -> Project:
    loaded = load_project(Path(__file__).parents[1] / "examples" / "digits")
    hardware = loaded.hardware.model_copy(update={"clock_mhz": clock_mhz})
    return loaded.model_copy(update={"hardware": hardware})


def test_a_changed_clock_is_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    changed = clocks.clocked(project(50.0), load_board("icebreaker"))
    assert changed.hardware.clock_mhz == 24.0
    assert caplog.messages == [
        "board icebreaker runs at 24 MHz, not at the 50 MHz that hardware.clock_mhz asks for"
        " (networks reach 24 MHz there as a rule)"
    ]
    caplog.clear()
    kept = project(50.0)
    assert clocks.clocked(kept, load_board("ulx3s")) is kept
    assert not caplog.messages


def test_a_slow_device_is_pipelined_more() -> None:
    slow, quick = load_board("icebreaker"), load_board("ice40_hx8k")
    assert slow.logic.lut_ns == pytest.approx(slow.delay_factor * quick.logic.lut_ns)
    assert slow.logic.table_luts == quick.logic.table_luts


# --- files for the tools ----------------------------------------------------------------------


@pytest.mark.parametrize(("name", "clock_mhz"), BOARDS.items())
def test_plan_of_each_family(small: Graph, name: str, clock_mhz: float) -> None:
    board = load_board(name)
    made = plan(small, board, clock_mhz)
    family = FAMILIES[board.fabric]
    assert {step.tool for step in made.steps} <= set(tools_of(board)) <= TOOLS.keys()
    assert made.steps[-1].makes == (f"small.{board.product}",)
    known = set(made.files)
    for step in made.steps:
        assert set(step.reads) <= known
        known |= set(step.makes)
    assert "route/report.json" in known
    script = str(made.files["synth/synth.ys"])
    assert f"read_verilog -D{family.macro} " in script
    top = str(made.files["synth/small_top.v"])
    assert ("small_pll" in top) == (clock_mhz != board.clock.source_mhz)
    assert top.count("= ~led[") == (len(board.lamps) if board.leds_active_low else 0)
    constraints = str(made.files[f"route/{family.constraints}"])
    for port, site in board.pins.items():
        assert [line for line in constraints.splitlines() if port in line and site in line], port


@pytest.mark.parametrize("name", [name for name in BOARDS if name != "colorlight_i5"])
def test_constraints_and_generator_as_before(small: Graph, name: str) -> None:
    made = plan(small, load_board(name), BOARDS[name])
    family = FAMILIES[load_board(name).fabric]
    names = (f"route/{family.constraints}", "synth/small_pll.v")
    for file in (file for file in names if file in made.files):
        golden = GOLDEN / name / Path(file).name
        if os.environ.get("UPDATE_GOLDEN"):
            golden.parent.mkdir(parents=True, exist_ok=True)
            golden.write_text(str(made.files[file]))
        assert str(made.files[file]) == golden.read_text(), f"UPDATE_GOLDEN=1 writes {golden}"


def test_a_clock_that_the_board_cannot_make_is_refused(small: Graph) -> None:
    with pytest.raises(
        ConfigError, match=r"is 50: board ice40_hx8k allows 12 MHz.* 49.5 and 50.25"
    ):
        plan(small, load_board("ice40_hx8k"), 50.0)
    board = load_board("crosslink_nx_evn")
    faster = board.model_copy(update={"clock": board.clock.model_copy(update={"max_mhz": 100.0})})
    with pytest.raises(ConfigError, match=r"^hardware.clock_mhz is 25: .* allows 12 MHz, its own"):
        plan(small, faster, 25.0)


def test_a_board_without_lamps(small: Graph) -> None:
    board = load_board("icebreaker")
    pins = {port: site for port, site in board.pins.items() if not port.startswith("led")}
    top = str(plan(small, board.model_copy(update={"pins": pins}), 12.0).files["synth/small_top.v"])
    assert "led0" not in top
    assert "output wire uart_txd\n" in top


# --- what fits --------------------------------------------------------------------------------


def wide(luts: int) -> Graph:
    """`luts` random tables of six inputs, which read 40 lanes."""
    rng = np.random.default_rng(0)
    tables = Lut.of(
        rng.integers(0, 40, (luts, 6)),
        np.full(luts, 6),
        rng.integers(0, 2**63, luts, dtype=np.uint64),
    )
    source = Input(1, np.zeros(40), np.ones(40))
    return check(Graph("wide", (Node("x", source), Node("y", tables, ("x",))), ("y",)))


def test_a_network_that_is_too_large_is_told_by_how_much_and_where_it_fits() -> None:
    board, graph = load_board("icebreaker"), wide(1000)
    needed = fit.needs(graph, board)["lut"]
    assert needed == 7 * 1000
    with pytest.raises(ConfigError) as caught:
        fit.check_fit(graph, board)
    said = str(caught.value)
    assert said.startswith(
        "wide does not fit icebreaker: its core alone needs, by estimate, 7,000 LUTs, the device"
        " has 5,280: 1,720 too many. Use a smaller network, or another board (boards that it fits,"
        " smallest first: "
    )
    # 4,000 LUTs of Gowin's are enough, and the HX8K has too few to be roomy.
    assert "first: tang_nano_9k, tang_nano_20k, colorlight_i5" in said
    assert "ice40_hx8k" not in said


def test_a_network_that_fits_nothing() -> None:
    assert fit.larger(wide(500), load_board("icebreaker"))[0] == "ice40_hx8k"
    huge = {"lut": 10**9, "ff": 1}
    assert [lack.needed for lack in fit.lacking(huge, load_board("u280"))] == [10**9]
    assert "1,000,000,000 LUTs" in str(fit.lacking(huge, load_board("u280"))[0])


# As nextpnr-ice40 0.11 prints it.
TOO_BIG = """\
Info: Device utilisation:
Info: \t         ICESTORM_LC:    9463/   7680   123%
Info: \t        ICESTORM_RAM:      40/     32   125%
ERROR: Unable to place cell 'a', no BELs remaining to implement cell type 'ICESTORM_LC'
"""


def mock(folder: Path, monkeypatch: pytest.MonkeyPatch, tool: str, body: str) -> Path:
    """`tool` becomes a Python script that knows its version and then does `body`."""
    script = folder / f"mock_{tool}"
    script.write_text(
        f"#!{sys.executable}\nimport sys, pathlib\n"
        "if {'--version', '--Version', '--help', '-version'} & set(sys.argv):\n"
        "    print('Version 0.11 openFPGALoader v0.12 xc7frames2bit fasm2frames nextpnr-0.11')\n"
        "    sys.exit(0)\n"
        f"{body}\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv(TOOLS[tool].variable, str(script))
    return script


@pytest.mark.usefixtures("fresh_tools")
def test_a_failed_route_says_which_boards_would_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mock(tmp_path, monkeypatch, "nextpnr-ice40", f"print({TOO_BIG!r}); sys.exit(1)")
    save(wide(50), tmp_path / "graph" / "final")
    (tmp_path / "board.json").write_text(load_board("ice40_hx8k").model_dump_json())
    with pytest.raises(ToolFailed) as caught:
        run_step(Step("nextpnr-ice40", (), ("a",), log="route"), tmp_path)
    first = str(caught.value).splitlines()[0]
    assert first.startswith(
        "the design does not fit: it needs 9,463 LUTs, the device has 7,680: 1,783 too many; 40"
        " block memories, the device has 32: 8 too many. Use a smaller network, or another board"
    )
    assert "icebreaker" not in first, "it is smaller than the board that was too small"


# --- loading bitstreams -----------------------------------------------------------------------


@pytest.fixture
def built(tmp_path: Path, small: Graph) -> Path:
    """A build folder of an iCEBreaker with a bitstream."""
    folder = tmp_path / "small-icebreaker"
    save(small, folder / "graph" / "final")
    (folder / "board.json").write_text(load_board("icebreaker").model_dump_json())
    (folder / "small.bin").write_text("bits")
    return folder


@pytest.mark.usefixtures("fresh_tools")
def test_program_gives_the_board_its_bitstream(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = "pathlib.Path('seen').write_text(' '.join([*sys.argv[1:], open(sys.argv[-1]).read()]))"
    mock(tmp_path, monkeypatch, "openFPGALoader", body)
    result = CliRunner().invoke(app, ["program", str(built)])
    assert result.exit_code == 0, result.output
    assert (built / "seen").read_text() == "-b ice40_generic small.bin bits"


@pytest.mark.usefixtures("fresh_tools")
def test_program_without_a_bitstream_a_board_or_the_program(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = load_board("icebreaker")
    monkeypatch.setenv("PATH", str(tmp_path))
    command = f"The command is, in {built}: openFPGALoader -b ice40_generic small.bin"
    with pytest.raises(ToolMissing) as missing:
        program(built, board)
    assert "apt install openfpgaloader" in str(missing.value)
    assert str(missing.value).endswith(command)
    TOOLS["openFPGALoader"].find.__func__.__globals__["_find"].cache_clear()
    mock(
        tmp_path, monkeypatch, "openFPGALoader", "print('unable to open ftdi device'); sys.exit(1)"
    )
    with pytest.raises(ToolFailed, match="unable to open ftdi device") as failed:
        program(built, board)
    assert str(failed.value).endswith(command)
    (built / "small.bin").unlink()
    with pytest.raises(ConfigError, match="no bitstream here; run the stage build"):
        program(built, board)
    with pytest.raises(ConfigError, match="no way to program board u280: XRT loads"):
        command_of(load_board("u280"), "a")
    with pytest.raises(ConfigError, match="program starts with 'hammer'; known: make"):
        command_of(board.model_copy(update={"program": ("hammer", "{file}")}), "a")


def test_dry_run_shows_the_command(built: Path) -> None:
    result = CliRunner().invoke(app, ["program", str(built), "--dry-run"])
    assert result.output.strip() == "openFPGALoader -b ice40_generic small.bin"
    assert result.exit_code == 0


# --- openXC7 ----------------------------------------------------------------------------------

PRODUCTS = {
    "nextpnr-xilinx": "pathlib.Path(sys.argv[sys.argv.index('--fasm') + 1]).write_text('fasm')",
    "fasm2frames": "pathlib.Path(sys.argv[-1]).write_text(open(sys.argv[-2]).read() + ' frames')",
    "xc7frames2bit": "a = sys.argv; pathlib.Path(a[a.index('--output_file') + 1]).write_text("
    "open(a[a.index('--frm_file') + 1]).read() + ' bit')",
}


@pytest.fixture
def openxc7(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_tools: None) -> Path:
    """openXC7 as mocks, with databases that are empty files."""
    for tool, body in PRODUCTS.items():
        mock(tmp_path, monkeypatch, tool, body)
    part = tmp_path / "rays" / "artix7" / "xc7a100tcsg324-1"
    part.mkdir(parents=True)
    (part / "part.yaml").write_text("")
    (tmp_path / "xc7a100tcsg324.bin").write_text("")
    monkeypatch.setenv("CHIPDB", str(tmp_path))
    monkeypatch.setenv("PRJXRAY_DB_DIR", str(tmp_path / "rays"))
    return tmp_path


def test_openxc7_is_taken_where_it_is_and_vivado_is_not(small: Graph, openxc7: Path) -> None:
    board = load_board("arty_a7_100t")
    assert tools_of(board) == ("yosys", "nextpnr-xilinx", "fasm2frames", "xc7frames2bit")
    assert board_state(board) == "builds here"
    made = plan(small, board, 50.0)
    assert tuple(step.tool for step in made.steps) == ("yosys", *tools_of(board))
    folder = openxc7 / "build"
    made.write(folder)
    (folder / "route" / "small_top.json").write_text("{}")
    for step in made.steps[2:]:
        run_step(step, folder)
    assert (folder / "small.bit").read_text() == "fasm frames bit"
    script = str(made.files["route/synth.ys"])
    assert "read_verilog -DHLSGEN_XILINX -DHLSGEN_XC7 rtl/hlsgen_lut.v\n" in script
    assert "vivado/hlsgen_lut.v" not in script
    assert "set_property LOC E3 [get_ports clk]\n" in str(made.files["route/pins.xdc"])


def test_openxc7_without_its_databases(
    small: Graph, openxc7: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRJXRAY_DB_DIR", "/nowhere")
    with pytest.raises(ToolMissing, match=r"set PRJXRAY_DB_DIR to the folder"):
        plan(small, load_board("arty_a7_100t"), 50.0)
    (openxc7 / "xc7a100tcsg324.bin").unlink()
    with pytest.raises(ToolMissing, match=r"no chip database of nextpnr-xilinx; set CHIPDB"):
        plan(small, load_board("arty_a7_100t"), 50.0)


def test_vivado_is_preferred(openxc7: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = openxc7 / "mock_vivado"
    script.write_text(f"#!{sys.executable}\nprint('Vivado v2024.1 (64-bit)')\n")
    script.chmod(0o755)
    monkeypatch.setenv(TOOLS["vivado"].variable, str(script))
    assert "vivado" in tools_of(load_board("arty_a7_100t"))
