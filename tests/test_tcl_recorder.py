"""The recorder bites: damaged scripts end as they would in the tool."""

from __future__ import annotations

from pathlib import Path

import pytest
import tcl_recorder
from tcl_commands import VIVADO
from tcl_recorder import Command, Recorder, TclFailure, tcl_list
from tcl_vivado import VitisHls, Vivado, modules

from hlsgen.boards import load_board
from hlsgen.build import vivado
from hlsgen.emit import emit
from hlsgen.graph import Graph
from hlsgen.passes import opt
from hlsgen.plan import Plan

HLS = {"hls/small_kernel.cpp": "\n", "hls/small_tb.cpp": "\n"}
COMMANDS = {
    "make": Command("-force -dir=< >file", sets="made"),
    "use": Command("-quick <file extra?", "made"),
    "files": Command("<files*"),
}


def run(folder: Path, text: str) -> Recorder:
    recorder = Recorder(COMMANDS, folder)
    (folder / "script.tcl").write_text(text)
    recorder.run("script.tcl")
    return recorder


# --- any tool -----------------------------------------------------------------------------------


def test_tcl_itself_is_real(tmp_path: Path) -> None:
    text = """
        foreach i {1 2} { make -force "a$i.txt" }
        if {[llength [glob *.txt]] == 2 && [expr {2 ** 70}] > 0} { use a1.txt [string repeat x 3] }
        puts "done, {braces} and \\u00e9"
        files {a1.txt a2.txt} "script.tcl"
        exit
        nothing here is run
    """
    recorder = run(tmp_path, text)
    assert recorder.calls == [
        ["make", "-force", "a1.txt"],
        ["make", "-force", "a2.txt"],
        ["use", "a1.txt", "xxx"],
        ["files", "a1.txt a2.txt", "script.tcl"],
    ]
    assert recorder.output == ["done, {braces} and \u00e9"]
    assert not (tmp_path / ".prelude.tcl").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mkae a", "invalid command name 'mkae'"),
        ("ns::make a", "invalid command name 'ns::make'"),
        ("make -froce a", "make: unknown option -froce"),
        ("make", "make: 0 arguments, takes >file"),
        ("make a b", "make: 2 arguments, takes >file"),
        ("make -dir", "make: option -dir has no value"),
        ("make -dir nowhere a", "make: no such file: nowhere"),
        ("make nowhere/a", "make: no such folder: nowhere"),
        ("use script.tcl", "use: too early, since nothing is made"),
        ("make a; use b", "use: no such file: b"),
        ("files {script.tcl b}", "files: no such file: b"),
        ("set x [expr {1 +}]", "missing operand"),
        ("if {1} {", "missing close-brace"),
        ("exec ls", "invalid command name 'exec'"),
        ("error {own words}", "own words"),
        ("exit 3", "exit code 3"),
    ],
)
def test_what_is_wrong_ends_the_script(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TclFailure) as caught:
        run(tmp_path, text)
    assert message in str(caught.value)


def test_a_caught_error_goes_on(tmp_path: Path) -> None:
    assert run(tmp_path, "catch {mkae a} why; make $why").calls == [
        ["make", "invalid command name 'mkae'"]
    ]


def test_without_a_tcl_the_tests_fail(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tcl_recorder.interpreter.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(tcl_recorder.sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError, match="apt install tcl"):
        tcl_recorder.interpreter()
    monkeypatch.undo()
    tcl_recorder.interpreter.cache_clear()
    assert tcl_recorder.interpreter()


def test_tkinter_serves_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tkinter", reason="this Python has none; another Tcl runs the other tests")
    monkeypatch.setattr(tcl_recorder.shutil, "which", lambda name: None)
    tcl_recorder.interpreter.cache_clear()
    try:
        assert tcl_recorder.interpreter()[0] == tcl_recorder.sys.executable
        assert run(tmp_path, "make a; use a; puts $argc").output == ["0"]
        with pytest.raises(TclFailure, match="invalid command name 'mkae'"):
            run(tmp_path, "mkae")
        with pytest.raises(TclFailure, match="exit code 3"):
            run(tmp_path, "exit 3")
    finally:
        tcl_recorder.interpreter.cache_clear()


def test_lists() -> None:
    assert tcl_list("a {b c} {}  {d {e f}}\n\tg") == ["a", "b c", "", "d {e f}", "g"]


def test_modules_of_verilog() -> None:
    text = """
        module a #(parameter N = 1, parameter [3:0] M = 4'd2) (
            (* X = "q, r" *) input wire clk, // the clock, it ticks
            output reg [N-1:0] q
        );
        module b (input x, y);
    """
    assert modules(text) == {"a": (["N", "M"], ["clk", "q"]), "b": ([], ["x", "y"])}


# --- Vivado and Vitis HLS -------------------------------------------------------------------------


def written(small: Graph, name: str, folder: Path, language: str = "verilog") -> None:
    board = load_board(name)
    graph = opt(small, board.logic, 100.0)
    sources = Plan(HLS) if language == "hls" else emit(graph, board.shell.width_bits, board.logic)
    (sources | vivado.plan(graph, board, sources, 125.0)).write(folder)


# Board, file, what stands there, what is put in its place, Vivado's answer.
BUILD, PINS, OVERLAY = "vivado/build.tcl", "vivado/pins.xdc", "vivado/overlay.tcl"
DAMAGE = {
    "route before place": ("u280_bare", BUILD, "place_design\nphys_opt_design\nroute_design",
                           "route_design\nplace_design\nphys_opt_design", "nothing is placed"),
    "bitstream before route": ("u280_bare", BUILD, "phys_opt_design\nroute_design",
                               "write_bitstream -force small.bit", "nothing is routed"),
    "timing before route": ("u280_bare", BUILD, "\nroute_design", "", "nothing is routed"),
    "no optimisation": ("u280_bare", BUILD, "\nopt_design", "", "nothing is optimised"),
    "no constraints": ("u280_bare", BUILD, "read_xdc vivado/pins.xdc", "", "is constrained"),
    "option": ("u280_bare", BUILD, "-report_unconstrained", "-report_all", "option -report_all"),
    "command": ("u280_bare", BUILD, "report_power", "report_energy", "'report_energy'"),
    "source": ("u280_bare", BUILD, "rtl/small_core.v", "rtl/core.v", "no such file: rtl/core.v"),
    "read twice": ("u280_bare", BUILD, "rtl/small_core.v", "vivado/hlsgen_lut.v", "again in"),
    "top": ("u280_bare", BUILD, "-top small_top", "-top top", "no module 'top'"),
    "report's folder": ("u280_bare", BUILD, "file mkdir reports", "", "no such folder: reports"),
    "port": ("u280_bare", PINS, "get_ports uart_txd", "get_ports txd", "no port 'txd'"),
    "pin": ("u280_bare", PINS, "set_property PACKAGE_PIN A28 [get_ports uart_rxd]", "",
            "port uart_rxd has no PACKAGE_PIN"),
    "standard": ("u280_bare", PINS, "set_property IOSTANDARD LVDS [get_ports clk_n]", "",
                 "port clk_n has no IOSTANDARD"),
    "property": ("u280_bare", PINS, "CFGBVS", "CFGVBS", "unknown property CFGVBS"),
    "no clock": ("u280_bare", PINS, "create_clock -period 10.000 -name source [get_ports clk_p]",
                 "", "no clock"),
    "connect before create": (
        "zcu104", OVERLAY, "create_bd_cell -type module -reference small_kernel net\n", "",
        "no such pin: net/in_frames",
    ),
    "no block design": ("zcu104", OVERLAY, "create_bd_design system", "", "nothing is drawn"),
    "module": ("zcu104", OVERLAY, "-reference small_kernel", "-reference kernel",
               "no module 'kernel'"),
    "parameter": ("zcu104", OVERLAY, "CONFIG.BEATS", "CONFIG.FRAME", "no property CONFIG.FRAME"),
    "IP's parameter": ("pynq_z2", OVERLAY, "CONFIG.PCW_USE_S_AXI_HP0", "CONFIG.PCW_USE_HP0",
                       "no property CONFIG.PCW_USE_HP0"),
    "open pin": ("zcu104", OVERLAY, " net/ap_clk", "", "net has open ap_clk"),
    "open stream": ("zcu104", OVERLAY, "    net/out_answers batch/from_net\n", "",
                    "batch has open from_net"),
    "joined twice": ("zcu104", OVERLAY, "batch/to_host dma/S_AXIS_S2MM",
                     "batch/to_net dma/S_AXIS_S2MM", "batch/to_net is connected already"),
    "pin's name": ("zcu104", OVERLAY, "memory/aresetn", "memory/resetn", "no such pin: memory/res"),
    "no addresses": ("zcu104", OVERLAY, "assign_bd_address", "", "nothing is addressed"),
    "not saved": ("zcu104", OVERLAY, "save_bd_design", "", "no file system.bd"),
    "wrapper too early": ("zcu104", OVERLAY, "generate_target all $design", "", "is generated"),
    "no synthesis": ("zcu104", OVERLAY, "launch_runs synth_1 -jobs 4", "",
                     "synth_1 was not launched in its turn"),
    "not waited": ("zcu104", OVERLAY, "wait_on_run impl_1", "", "place and route failed"),
    "not opened": ("zcu104", OVERLAY, "open_run impl_1", "", "nothing is synthesised"),
}  # fmt: skip


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_script_fails(small: Graph, case: str, tmp_path: Path) -> None:
    board, file, old, new, message = DAMAGE[case]
    written(small, board, tmp_path)
    text = (tmp_path / file).read_text()
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new, 1))
    with pytest.raises(TclFailure) as caught:
        Vivado(tmp_path).run(BUILD if board == "u280_bare" else OVERLAY)
    assert message in str(caught.value)
    assert not (tmp_path / "small.bit").exists()


HLS_DAMAGE = {
    "top": ("set_top small_kernel", "", "nothing is top"),
    "part": ("set_part xck26-sfvc784-2LV-c", "", "nothing is part"),
    "clock": ("create_clock -period 8.000 -name default", "", "nothing is clock"),
    "source": ("hls/small_kernel.cpp", "hls/kernel.cpp", "no such file: hls/kernel.cpp"),
    "order": ("csynth_design", "", "export_design: too early, since nothing is synthesised"),
    "format": ("-format ip_catalog", "-format xo", "format xo"),
    "option": ("-ipname", "-name", "unknown option -name"),
}


@pytest.mark.parametrize("case", HLS_DAMAGE)
def test_a_damaged_hls_script_fails(small: Graph, case: str, tmp_path: Path) -> None:
    old, new, message = HLS_DAMAGE[case]
    written(small, "kv260", tmp_path, "hls")
    script = tmp_path / "vitis_hls/csynth.tcl"
    comment, body = script.read_text().split("\nopen_project", 1)
    assert old in body
    script.write_text(comment + "\nopen_project" + body.replace(old, new, 1))
    with pytest.raises(TclFailure) as caught:
        VitisHls(tmp_path).run("vitis_hls/csynth.tcl")
    assert message in str(caught.value)


def test_cosimulation_needs_a_synthesis(small: Graph, tmp_path: Path) -> None:
    written(small, "kv260", tmp_path, "hls")
    with pytest.raises(TclFailure, match="no project vitis_hls/project"):
        VitisHls(tmp_path).run("vitis_hls/cosim.tcl")
    for stage in ("csim", "csynth", "cosim"):
        assert VitisHls(tmp_path).run(f"vitis_hls/{stage}.tcl")


def test_the_table_of_commands_is_whole() -> None:
    made = {state for command in VIVADO.values() for state in command.sets.split()}
    needed = {state for command in VIVADO.values() for state in command.needs.split()}
    assert needed <= made
