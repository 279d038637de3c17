"""Board builds: what is planned, and what a user is told when a program fails."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from hlsgen.boards import Board, load_board
from hlsgen.build import FLOW_TOOLS, board_plan, run_step, tools_of
from hlsgen.emit import emit
from hlsgen.errors import ConfigError, HlsgenError, ToolFailed, ToolMissing
from hlsgen.graph import Graph, run
from hlsgen.graph.fabric import FABRICS
from hlsgen.passes import opt
from hlsgen.plan import Plan, Step
from hlsgen.tools import TOOLS


def board(**changes: object) -> Board:
    return load_board("ulx3s").model_copy(update=changes)


def plan(small: Graph, board: Board, clock_mhz: float = 50.0) -> Plan:
    graph = opt(small, board.logic, clock_mhz)
    samples = np.random.default_rng(0).integers(0, 8, (130, 1, 2))
    rtl = emit(graph, board.shell.width_bits, board.logic)
    return board_plan(graph, board, rtl, clock_mhz, 7, samples)


# --- plans ------------------------------------------------------------------------------------


def test_an_open_board_goes_from_verilog_to_bitstream(small: Graph) -> None:
    made = plan(small, board())
    assert [step.tool for step in made.steps] == ["ecppll", "yosys", "nextpnr-ecp5", "ecppack"]
    assert {step.tool for step in made.steps} <= set(tools_of(board())) <= TOOLS.keys()
    assert made.steps[-1].makes == ("small.bit",)
    known = set(made.files)
    for step in made.steps:
        assert set(step.reads) <= known
        known |= set(step.makes)
    script = str(made.files["synth/synth.ys"])
    for source in re.findall(r"read_verilog .* (\S+)", script):
        assert source in known
    route = made.steps[2].args
    assert route[route.index("--freq") + 1] == "50"
    assert route[route.index("--seed") + 1] == "7"


def test_the_oscillators_own_clock_needs_no_generator(small: Graph) -> None:
    made = plan(small, board(), clock_mhz=25.0)
    assert [step.tool for step in made.steps] == ["yosys", "nextpnr-ecp5", "ecppack"]
    assert "small_pll" not in str(made.files["synth/small_top.v"])
    assert "pll" not in str(made.files["synth/synth.ys"])


def test_the_host_script_gets_the_frame_and_known_answers(small: Graph) -> None:
    made = plan(small, board())
    interface = json.loads(str(made.files["host/interface.json"]))
    test = interface.pop("self_test")
    digest = interface.pop("graph")
    assert interface == {
        "version": 1, "name": "small", "board": "ulx3s", "product": "small.bit",
        "transport": "uart", "clock_mhz": 50.0, "interval": 1, "width_bits": 8,
        "frame": {"words": 2, "word_bits": 3, "beat_words": 2, "slot_bits": 8, "bytes": 1},
        "answer": {"bytes": 1, "bits": 1, "lanes": 1, "signed": False},
        "offset": [0.0, 0.0], "scale": [1.0, 1.0], "uart": {"baud": 115200},
    }  # fmt: skip
    assert len(digest) == 64
    assert len(test["words"]) == 100
    answers = run(small, {"x": np.array(test["words"])})["y"]
    assert answers[:, 0].tolist() == test["answers"]
    assert set(answers.ravel().tolist()) == {0, 1}
    compile(str(made.files["host/classify.py"]), "classify.py", "exec")


def test_a_vitis_board_gets_its_frames_and_expected_answers(small: Graph) -> None:
    u280 = load_board("u280")
    made = plan(small, u280)
    assert made.steps[0].tool == "yosys"
    assert {step.tool for step in made.steps} == set(FLOW_TOOLS["vitis"])
    width = u280.shell.width_bits // 8
    samples = np.frombuffer(bytes(made.files["vitis/samples.bin"]), np.uint8)  # type: ignore[arg-type]
    expected = np.frombuffer(bytes(made.files["vitis/expected.bin"]), "<u4")  # type: ignore[arg-type]
    words = samples.reshape(130, width)[:, :1] >> np.array([0, 3]) & 7
    answers = run(small, {"x": words.astype(np.int64)})["y"].ravel()
    assert expected.tolist() == answers.tolist()


def test_a_vitis_build_has_every_file_that_its_readme_and_host_name(small: Graph) -> None:
    made = plan(small, load_board("u280"))
    there = {*made.files, *(product for step in made.steps for product in step.makes)}
    there.add("vitis/host/host")  # made by `make -C vitis/host`, the line before it is run
    page, program = (str(made.files[f"vitis/{file}"]) for file in ("README.md", "host/host.cpp"))
    page = re.sub(r"--\w+_dir \S+", "", page)  # folders that v++ makes
    named = re.findall(r"[\w./]*\.(?:bin|xclbin|xo|v|tcl|cpp|cfg|ys|json)\b|\bvitis/host/\w+", page)
    defaults = re.findall(r'std::string \w+ = "(.*)";', program)
    there.add("host/measured.json")  # made by the run
    files = {"vitis/samples.bin", "vitis/expected.bin", "small.xclbin", "host/measured.json"}
    assert set(defaults) == files
    assert set(defaults) < set(named) <= there
    assert all(f"[{default}]" in program for default in defaults), "the help names them too"


REFUSED = {
    "clock": ({}, 500.0, "hardware.clock_mhz is 500.0, board ulx3s allows 400.0"),
    "pins": (
        {"pins": {"clk": "G2"}},
        50.0,
        "board ulx3s: [pins] lacks uart_rxd, uart_txd",
    ),
    "options": (
        {"ecp5": None},
        50.0,
        "board ulx3s: flow nextpnr needs [ecp5], one of ecp5, ice40, gowin, nexus, and a UART"
        " shell",
    ),
}


@pytest.mark.parametrize(("changes", "clock_mhz", "message"), REFUSED.values(), ids=list(REFUSED))
def test_a_board_that_cannot_carry_it_is_refused(
    small: Graph, changes: dict[str, object], clock_mhz: float, message: str
) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        plan(small, board(**changes), clock_mhz)


# --- failures ---------------------------------------------------------------------------------

# As nextpnr-ecp5 0.11 prints it; two spaces and a tab after "Info:" are its own.
TABLE = """\
Info: Logic utilisation before packing:
Info:     Total LUT4s:     {lut:>5}/83640   {percent}%
Info:         logic LUTs:  {lut:>5}/83640   {percent}%
Info:         carry LUTs:    172/83640     0%
Info: Device utilisation:
Info: \t          TRELLIS_IO:      12/    365     3%
Info: \t             EHXPLLL:       1/      4    25%
Info: \t          TRELLIS_FF:     485/  83640     0%
Info: \t        TRELLIS_COMB:  {lut:>6}/  83640   {percent}%
"""
TOO_BIG = TABLE.format(lut=90123, percent=107) + (
    "ERROR: Unable to place cell 'l_LUT4_Z_4', no BELs remaining to implement cell type"
    " 'TRELLIS_COMB'\n"
)
TOO_SLOW = TABLE.format(lut=1950, percent=2) + (
    "Warning: Max frequency for clock '$glbnet$core_clk': 61.10 MHz (FAIL at 200.00 MHz)\n"
    "Info: Max frequency for clock '$glbnet$clk': 300.12 MHz (PASS at 25.00 MHz)\n"
    "ERROR: Max frequency for clock '$glbnet$core_clk': 72.68 MHz (FAIL at 200.00 MHz)\n"
)
OTHER = "ERROR: Failed to open LPF file 'route/pins.lpf'.\n"
ROUTE = Step("nextpnr-ecp5", ("--85k",), ("route/a.config",), log="route")


def mock(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tool: str, says: str, code: int, makes: str = ""
) -> None:
    """`tool` becomes a program that prints `says`, writes `makes` and ends with `code`."""
    program = folder / f"mock_{tool}"
    program.write_text(
        f"#!{sys.executable}\n"
        "import pathlib, sys\n"
        "if {'--version', '--help'} & set(sys.argv):\n"
        "    print('nextpnr-0.11 Version 1.4 Yosys 0.60')\n"
        "    sys.exit(0)\n"
        f"print({says!r})\n"
        f"if {makes!r}: pathlib.Path({makes!r}).write_text('product')\n"
        f"sys.exit({code})\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv(TOOLS[tool].variable, str(program))


def failure(step: Step, folder: Path, kind: type[HlsgenError] = ToolFailed) -> list[str]:
    with pytest.raises(kind) as caught:
        run_step(step, folder)
    return str(caught.value).replace(str(folder), "DIR").splitlines()


@pytest.mark.usefixtures("fresh_tools")
def test_a_design_that_is_too_big_is_told_by_how_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mock(tmp_path, monkeypatch, "nextpnr-ecp5", TOO_BIG, 1)
    advice, what, *_, where = failure(ROUTE, tmp_path)
    assert advice == (
        "the design does not fit: it needs 90,123 LUTs, the device has 83,640: 6,483 too many."
        " Use a smaller network, or a larger board"
    )
    assert what == "nextpnr-ecp5 failed: exit code 1; did not make DIR/route/a.config"
    assert where == "full log: DIR/logs/route.log"


@pytest.mark.usefixtures("fresh_tools")
def test_a_missed_clock_is_told_with_what_was_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mock(tmp_path, monkeypatch, "nextpnr-ecp5", TOO_SLOW, 1, makes="route/a.config")
    advice, what, *_ = failure(ROUTE, tmp_path)
    assert advice == "the routed design reaches 72.68 of 200.00 MHz: lower hardware.clock_mhz"
    assert what == "nextpnr-ecp5 failed: exit code 1"
    assert not (tmp_path / "route/a.config").exists()


@pytest.mark.usefixtures("fresh_tools")
def test_another_failure_is_shown_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mock(tmp_path, monkeypatch, "nextpnr-ecp5", TABLE.format(lut=5, percent=0) + OTHER, 1)
    what, error, *_ = failure(ROUTE, tmp_path)
    assert what == "nextpnr-ecp5 failed: exit code 1; did not make DIR/route/a.config"
    assert error == OTHER.strip()
    mock(tmp_path, monkeypatch, "yosys", TOO_BIG, 1)
    what, *_ = failure(Step("yosys", ("-s", "a"), ("b",)), tmp_path)
    assert what.startswith("yosys failed")


PLL = Step("ecppll", ("--clkout0", "50", "--file", "pll.v"), ("pll.v",), log="pll")


@pytest.mark.usefixtures("fresh_tools")
@pytest.mark.parametrize(("made", "good"), [("50", True), ("50.04", True), ("50.06", False)])
def test_the_clock_that_is_made_is_the_clock_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: str, good: bool
) -> None:
    mock(tmp_path, monkeypatch, "ecppll", f"clkout0 frequency: {made} MHz", 0, makes="pll.v")
    if good:
        run_step(PLL, tmp_path)
        assert (tmp_path / "pll.v").read_text() == "product"
    else:
        assert failure(PLL, tmp_path, ConfigError) == [
            f"hardware.clock_mhz is 50: the board's clock generator makes {made} MHz at the"
            f" nearest, and 0.1 % off is allowed: ask for {made}"
        ]


@pytest.mark.usefixtures("fresh_tools")
def test_a_missing_program_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HLSGEN_NEXTPNR_ECP5", "/nowhere/nextpnr")
    assert failure(ROUTE, tmp_path, ToolMissing) == [
        "$HLSGEN_NEXTPNR_ECP5 is '/nowhere/nextpnr', which is not a program"
    ]


def test_every_fabric_of_a_board_is_known() -> None:
    for name in ("ulx3s", "u280"):
        assert load_board(name).logic in FABRICS.values()
