"""The command line: what it prints, what it does, and its exit codes."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from report_folder import record
from typer.testing import CliRunner

from hlsgen import __version__, checks, cli, flow, screen
from hlsgen.boards import board_names
from hlsgen.errors import CheckFailed, ToolFailed
from hlsgen.passes import Record
from hlsgen.tools import TOOLS
from hlsgen.verify import Verdict

COMMANDS = ("train", "export", "opt", "emit", "verify", "sim", "fold", "prove", "mutate", "build",
            "bitstream", "report", "boards", "doctor")  # fmt: skip


def hlsgen(*args: object, code: int = 0) -> Any:
    """Run `hlsgen ARGS` here; it must end with `code` and without a traceback."""
    result = CliRunner().invoke(cli.app, [str(arg) for arg in args])
    assert isinstance(result.exception, SystemExit | None), repr(result.exception)
    assert result.exit_code == code, result.output
    return result


def words(result: Any) -> str:
    """Everything printed, with runs of white space as one space."""
    return " ".join((result.stdout + result.stderr).split())


def files(folder: Path) -> dict[str, float]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.fixture
def board_clock(project: Path, tmp_path: Path) -> Path:
    """The tiny project at the oscillator's clock, which needs no generator."""
    text = (project / "project.toml").read_text().replace("clock_mhz = 50", "clock_mhz = 25")
    folder = tmp_path / "slow"
    folder.mkdir()
    (folder / "project.toml").write_text(text)
    (folder / "data.npz").write_bytes((project / "data.npz").read_bytes())
    return folder


# --- help -------------------------------------------------------------------------------------


def test_help_lists_the_commands_and_the_exit_codes() -> None:
    text = words(hlsgen("--help"))
    for name in COMMANDS:
        assert f" {name} " in text
    assert "Exit codes: 0 good, 1 check failed, 2 bad project" in text


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    assert f"hlsgen {command}" in words(hlsgen(command, "--help")).replace("root", "hlsgen")


def test_no_argument_shows_the_help() -> None:
    assert "Usage" in words(hlsgen(code=2))


def test_version() -> None:
    assert hlsgen("--version").stdout == f"hlsgen {__version__}\n"
    assert hlsgen("-V").stdout == f"hlsgen {__version__}\n"


def test_the_module_is_the_program() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "hlsgen", "--version"], capture_output=True, text=True, check=True
    )
    assert run.stdout == f"hlsgen {__version__}\n"


# --- bad options: 2 ---------------------------------------------------------------------------


def test_an_unknown_project_ends_with_2(tmp_path: Path) -> None:
    result = hlsgen("emit", tmp_path, code=2)
    assert result.stdout == ""
    expected = f"error: {tmp_path}: no project here (looked for {tmp_path}/project.toml)\n"
    assert result.stderr == expected


def test_an_unknown_board_ends_with_2_and_the_known_ones(project: Path) -> None:
    result = hlsgen("emit", project, "--board", "u9", code=2)
    known = ", ".join(board_names())
    assert result.stderr == f"error: unknown board 'u9'; known boards: {known}\n"


def test_a_mistake_in_the_project_ends_with_2(tmp_path: Path) -> None:
    (tmp_path / "project.toml").write_text("name = 3\n[model]\nlayers = [1]\n")
    lines = hlsgen("train", tmp_path, code=2).stderr.splitlines()
    assert len(lines) == 2  # name, data
    assert lines[0].startswith("error: ")


@pytest.mark.parametrize("args", [("emit",), ("fly",), ("emit", "x", "--speed", "3")], ids=str)
def test_a_wrong_command_line_ends_with_2(args: tuple[str, ...]) -> None:
    assert "Usage" in hlsgen(*args, code=2).stderr


# --- runs -------------------------------------------------------------------------------------


def test_training_shows_its_progress_and_stages_are_told(project: Path, tmp_path: Path) -> None:
    text = words(hlsgen("emit", project, "-o", tmp_path))
    for stage in ("train", "export", "opt", "emit"):
        assert stage in text
    assert "epoch 2/2" in text
    assert "validation" in text
    again = words(hlsgen("emit", project, "-o", tmp_path))
    expected = "train: up to date export: up to date opt: up to date emit: up to date"
    assert again == expected


def test_opt_explains_its_passes(project: Path, root: Path) -> None:
    result = hlsgen("opt", project, "-o", root, "--explain")
    assert "opt: up to date" in result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].strip() == "passes that changed the graph"
    for head in ("pass", "LUTs", "LUT levels", "registers", "cycles", "ms"):
        assert head in lines[2]
    steps = Record.load(root / "tiny-ulx3s" / "graph" / "opt.json").steps
    shown = [line.split()[1] for line in lines if line.startswith("│")]
    assert shown == [*(step.name for step in steps), "all"]
    assert "no pass changed what the network computes" in result.stdout
    assert result.stdout != hlsgen("opt", project, "-o", root).stdout == ""


def test_warnings_and_changes_of_function_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    screen.print_passes(record())
    text = " ".join(capsys.readouterr().out.split())
    assert "90 -> 80" in text
    assert "0 -> 2" in text
    assert "accuracy on 200 validation samples was 96.00 % and is 95.50 %" in text
    assert "warning: luts: kept as it is, since mapping it anew failed: <timed out>" in text
    assert "no pass changed" not in text


def test_only_opt_explains(project: Path) -> None:
    assert "No such option" in hlsgen("emit", project, "--explain", code=2).stderr


@pytest.mark.parametrize("command", ["train", "emit", "verify", "build", "bitstream", "report"])
def test_a_dry_run_writes_nothing(command: str, project: Path, tmp_path: Path) -> None:
    result = hlsgen(command, project, "-o", tmp_path / "[b]", "--dry-run")
    assert list(tmp_path.iterdir()) == []
    first, second, *_ = result.stdout.splitlines()
    assert first == f"folder {tmp_path}/[b]/tiny-ulx3s"
    assert second == "stage train"


def test_a_dry_run_shows_the_files_and_commands_of_a_build(project: Path, root: Path) -> None:
    before = files(root)
    text = hlsgen("bitstream", project, "-o", root, "--dry-run").stdout
    assert files(root) == before
    assert "  write synth/tiny_top.v (" in text
    made = "synth/tiny_top.json, synth/layers.json, synth/stat.json"
    assert f"  run   yosys -s synth/synth.ys  ->  {made}" in text
    assert text.splitlines()[-1] == "stage report"


def test_an_edited_file_is_told(
    project: Path, root: Path, stand_ins: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Another ABC than the one that `root` was made with would do the stage opt again.
    monkeypatch.delenv(TOOLS["yosys-abc"].variable)
    core = root / "tiny-ulx3s" / "rtl" / "tiny_core.v"
    core.write_text(core.read_text() + "// mine\n")
    result = hlsgen("verify", project, "-o", root)
    assert "emit: its files were edited by hand and are kept; `hlsgen emit` makes them" in words(
        result
    )
    assert "operators" in result.stdout
    assert core.read_text().endswith("// mine\n")
    assert stand_ins == ["verify"]


def test_bitstream_ends_with_the_report_and_the_file(
    board_clock: Path, root: Path, stand_ins: list[str]
) -> None:
    result = hlsgen("bitstream", board_clock, "-o", root)
    folder = root / "tiny-ulx3s"
    assert result.stdout.splitlines()[-2:] == [
        f"bitstream: {folder / 'tiny.bit'}",
        f"load it: hlsgen program {folder}",
    ]
    assert f"report: {folder / 'report' / 'report.html'}" in result.stdout
    assert "area by part" in result.stdout
    assert (folder / "tiny.bit").is_file()
    order = ["verify", "yosys", "netlist", "nextpnr-ecp5", "routed", "ecppack", "bitstream"]
    assert stand_ins == order


def test_a_build_folder_is_verified_and_reported_as_it_is(root: Path, stand_ins: list[str]) -> None:
    folder = root / "tiny-ulx3s"
    assert "operators" in hlsgen("verify", folder).stdout
    assert stand_ins == ["verify"]
    assert "tiny on ulx3s" in hlsgen("report", folder).stdout


def test_a_build_folder_without_its_board_ends_with_2(root: Path) -> None:
    board = root / "tiny-ulx3s" / "board.json"
    board.write_text("{")
    expected = f"error: {board}: damaged; remove it and run the stage export\n"
    assert hlsgen("verify", board.parent, code=2).stderr == expected
    board.unlink()
    expected = f"error: {board}: missing; run the stage export\n"
    assert hlsgen("verify", board.parent, code=2).stderr == expected


# --- tools: 3 and 4 ---------------------------------------------------------------------------


@pytest.mark.usefixtures("fresh_tools")
def test_a_missing_simulator_ends_with_3(
    project: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HLSGEN_VERILATOR", "/nowhere/verilator")
    result = hlsgen("verify", project, "-o", root, code=3)
    expected = "error: $HLSGEN_VERILATOR is '/nowhere/verilator', which is not a program"
    assert result.stderr.splitlines()[-1] == expected


@pytest.mark.usefixtures("fresh_tools")
def test_a_compiler_that_is_not_on_path_ends_with_3(
    project: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stand_ins: list[str]
) -> None:
    monkeypatch.delenv("HLSGEN_G__")
    monkeypatch.setenv("PATH", str(tmp_path))
    text = words(hlsgen("verify", project, "-o", root, code=3))
    assert "error: g++ not found (looked at $HLSGEN_G__, then g++ on PATH). Install it:" in text
    assert stand_ins == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--family", "spartan"), "unknown family 'spartan'; known: xcup, ecp5, ice40, xc7,"),
        (("--netlist", "n.json"), "--netlist needs one --family: that of its cells"),
        (("--netlist", "n.json", "--family", "ecp5"), "n.json: no netlist here, or a damaged one"),
    ],
)
def test_proofs_of_what_is_not_there_end_with_2(
    root: Path, options: tuple[str, ...], message: str
) -> None:
    result = hlsgen("prove", root / "tiny-ulx3s", *options, code=2)
    assert f"error: {message}" in result.stderr


@pytest.mark.parametrize(
    ("board", "options", "families"),
    [
        ("ulx3s", (), ["ecp5", "xcup", "ice40"]),
        ("tang_nano_9k", (), ["gowin", "xcup", "ecp5", "ice40"]),
        ("ulx3s", ("--family", "nexus", "--family", "xc7"), ["nexus", "xc7"]),
    ],
)
def test_proofs_are_for_the_boards_family_and_some_more(
    project: Path,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    board: str,
    options: tuple[str, ...],
    families: list[str],
) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(checks, "prove", lambda _, names, *rest, **more: asked.append(names))
    hlsgen("prove", project, "--board", board, "-o", root, *options)
    hlsgen("prove", root / f"tiny-{board}", *options)
    assert asked == [families, families]


def test_a_tool_that_fails_ends_with_4(
    board_clock: Path, root: Path, stand_ins: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise ToolFailed(
            "yosys failed: exit code 1\n[red]ERROR: no [b]such[/b] module\nfull log: x"
        )

    monkeypatch.setattr(flow, "run_step", fails)
    result = hlsgen("build", board_clock, "-o", root, code=4)
    # Markup in a tool's output is shown, not obeyed.
    assert "error: yosys failed: exit code 1\n[red]ERROR: no [b]such[/b] module" in result.stderr
    assert stand_ins == ["verify"]


def test_a_full_disk_ends_with_4(
    project: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "a.v")

    (root / "tiny-ulx3s" / "rtl" / "tiny_core.v").unlink()
    monkeypatch.setattr(flow, "emit", full)
    result = hlsgen("emit", project, "-o", root, code=4)
    assert "could not be read or written: [Errno 28] No space left on device" in result.stderr


def test_a_folder_that_cannot_be_written_ends_with_4(project: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert (
        "could not be read or written: [Errno"
        in hlsgen("train", project, "-o", tmp_path / "file", code=4).stderr
    )


# --- graph, checks, interruption: 5, 1, 130 ---------------------------------------------------


def test_a_damaged_graph_ends_with_5(root: Path) -> None:
    file = root / "tiny-ulx3s" / "graph" / "final.npz"
    file.write_bytes(file.read_bytes()[:100])
    assert f"error: {file}: damaged" in hlsgen("report", root / "tiny-ulx3s", code=5).stderr


def test_a_failed_check_ends_with_1(
    root: Path, project: Path, stand_ins: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def differs(*_: object, **__: object) -> Verdict:
        raise CheckFailed("layer lut0, LUT 3, table entry 5: expected 1, got 0")

    monkeypatch.setattr(flow, "verify_part", differs)
    result = hlsgen("verify", project, "-o", root, code=1)
    expected = "error: layer lut0, LUT 3, table entry 5: expected 1, got 0"
    assert result.stderr.splitlines()[-1] == expected
    assert stand_ins == []


def test_an_interruption_ends_with_130_and_the_next_run_goes_on(
    project: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    (root / "tiny-ulx3s" / "graph" / "final.npz").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(flow, "optimise_files", interrupted)
        result = hlsgen("emit", project, "-o", root, code=130)
    assert "interrupted; the next run goes on from the last finished stage" in words(result)
    assert words(hlsgen("emit", project, "-o", root)).startswith("train: up to date export: up")


# --- boards and tools -------------------------------------------------------------------------


@pytest.mark.usefixtures("stand_ins")
def test_boards_tells_what_builds_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen.out, "width", 200)
    monkeypatch.setenv("HLSGEN_VIVADO", "/nowhere")
    text = words(hlsgen("boards"))
    assert "ulx3s" in text
    assert "builds here" in text
    assert "prepares the build; vivado" in text


@pytest.mark.usefixtures("stand_ins")
def test_doctor_is_content_with_all_tools_and_without_the_optional_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(screen.out, "width", 200)
    assert "missing" not in words(hlsgen("doctor"))
    monkeypatch.setenv("HLSGEN_VIVADO", "/nowhere")
    text = words(hlsgen("doctor"))
    assert "missing, optional" in text
    assert "$HLSGEN_VIVADO is '/nowhere', which is not a program" in text


@pytest.mark.usefixtures("stand_ins")
def test_doctor_ends_with_3_where_a_needed_tool_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HLSGEN_YOSYS", "/nowhere")
    result = hlsgen("doctor", code=3)
    assert "$HLSGEN_YOSYS is '/nowhere', which is not a program" in result.stdout
    assert result.stderr == "error: the default flow lacks a tool; see the table above\n"
