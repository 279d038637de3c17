"""The U280 flow without AMD's tools: golden files, Tcl with recorded commands, a card in C++."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlsgen.boards import Board, load_board
from hlsgen.build.vitis import pack_frames, plan
from hlsgen.errors import ConfigError, ToolFailed, ToolMissing
from hlsgen.plan import Plan, Step
from hlsgen.tools import TOOLS

HERE = Path(__file__).parent
GOLDEN = HERE / "golden" / "vitis"
MOCKS = HERE / "mock_tools"
FRAME_BEATS = 2
FRAME_BYTES = FRAME_BEATS * 64
RTL = ("rtl/digits_axis.v", "rtl/digits_l0.v")


def u280() -> Board:
    return load_board("u280")


def digits(**changed: object) -> Plan:
    values = {"frame_beats": FRAME_BEATS, "result_bits": 4, "clock_mhz": 250.0, "rtl_files": RTL}
    return plan("digits", u280(), **(values | changed))  # type: ignore[arg-type]


def shown(made: Plan) -> dict[str, str]:
    return {**made.files, "steps.txt": "\n".join(map(str, made.steps)) + "\n"}


# --- the plan ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(shown(digits())))
def test_golden(name: str) -> None:
    content, golden = shown(digits())[name], GOLDEN / name.removeprefix("vitis/")
    if os.environ.get("UPDATE_GOLDEN") == "1":
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(content, encoding="utf-8")
    assert content == golden.read_text(encoding="utf-8"), "UPDATE_GOLDEN=1 rewrites"


def test_golden_has_no_stray_files() -> None:
    there = {str(path.relative_to(GOLDEN)) for path in GOLDEN.rglob("*") if path.is_file()}
    assert there == {name.removeprefix("vitis/") for name in shown(digits())}


def test_plan_is_deterministic_and_follows_its_arguments() -> None:
    assert digits().digest == digits().digest
    for changed in ({"frame_beats": 3}, {"result_bits": 5}, {"clock_mhz": 251.0},
                    {"rtl_files": RTL[:1]}):  # fmt: skip
        assert digits(**changed).digest != digits().digest


def test_no_absolute_path_and_no_trailing_space() -> None:
    for name, content in shown(digits()).items():
        assert not re.search(r"/home|/work|/tmp", content), name
        assert not re.search(r"[ \t]+$", content, re.MULTILINE), name


def test_every_step_reads_what_the_plan_or_an_earlier_step_makes() -> None:
    made = digits()
    there = {*made.files, *RTL}
    for step in made.steps:
        assert set(step.reads) <= there, step
        assert set(step.reads) <= set(re.findall(r"\S+", " ".join(step.args))) | {
            *RTL,
            "vitis/kernel.v",  # the Tcl script names these
        }
        there.update(step.makes)
    assert made.steps[-1].makes == ("digits.xclbin",)
    assert all(step.tool in TOOLS and step.log for step in made.steps)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"frame_beats": 0}, "a frame of 0 beats cannot be sent, must be at least 1"),
        (
            {"result_bits": 33},
            "an answer has 33 bits, but the Vitis host program takes 1 to 32: let the network end"
            " in an argmax",
        ),
        (
            {"clock_mhz": 301.0},
            "hardware.clock_mhz is 301, must be a whole number of MHz from 1 to 300 on u280",
        ),
        (
            {"clock_mhz": 62.5},
            "hardware.clock_mhz is 62.5, must be a whole number of MHz from 1 to 300 on u280",
        ),
    ],
)
def test_out_of_range(changed: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        digits(**changed)
    assert str(caught.value) == message


def test_other_flow() -> None:
    other = u280().model_copy(update={"name": "other", "flow": "nextpnr", "vitis": None})
    with pytest.raises(ConfigError, match="board other cannot be built with Vitis: flow is"):
        plan("digits", other, frame_beats=1, result_bits=4, clock_mhz=100.0, rtl_files=RTL)


# --- samples ----------------------------------------------------------------------------------


def test_pack_frames_by_hand() -> None:
    values = np.array([[1, 2, 3], [-1, 0, 7]])
    # 4-bit values, value 0 in the low bits: 0x321 and 0x70f, in beats of 16 bits
    assert pack_frames(values, 4, 16) == bytes.fromhex("2103 0f07")
    # the same values need two beats of 8 bits, zeros on top
    assert pack_frames(values, 4, 8) == bytes.fromhex("2103 0f07")
    assert pack_frames(values, 4, 512) == b"".join(
        bytes.fromhex(frame) + bytes(62) for frame in ("2103", "0f07")
    )


@given(st.integers(1, 16), st.data())
def test_pack_frames_can_be_unpacked(bits: int, data: st.DataObject) -> None:
    rows = st.lists(st.integers(0, 2**bits - 1), min_size=7, max_size=7)
    values = np.array(data.draw(st.lists(rows, min_size=1, max_size=3)))
    raw = pack_frames(values, bits, 32)
    size = -(-7 * bits // 32) * 4
    assert len(raw) == len(values) * size
    for i, row in enumerate(values):
        word = int.from_bytes(raw[i * size : (i + 1) * size], "little")
        assert [word >> (bits * j) & (2**bits - 1) for j in range(7)] == row.tolist()
        assert word >> (7 * bits) == 0


# --- the packaging script ---------------------------------------------------------------------

_RECORDED = """create_project add_files set_property update_compile_order current_fileset
ipx::package_project ipx::current_core ipx::infer_bus_interface ipx::get_bus_interfaces
ipx::associate_bus_interfaces ipx::add_bus_parameter ipx::create_xgui_files ipx::update_checksums
ipx::check_integrity ipx::save_core package_xo close_project""".split()


def run_tcl(folder: Path, script: str, missing_stream: str = "") -> list[list[str]]:
    """Commands that the script ran, in order; an unknown one is a Tcl error."""
    tkinter = pytest.importorskip("tkinter", reason="this Python has no tkinter, so no Tcl")
    tcl, calls = tkinter.Tcl(), []

    def record(*words: str) -> str:
        calls.append(list(words))
        return "" if words[:2] == ("ipx::get_bus_interfaces", missing_stream) else f"<{words[0]}>"

    tcl.createcommand("record", record)
    tcl.eval("namespace eval ipx {}")
    for name in _RECORDED:
        tcl.eval(f"proc {name} args {{ return [record {name} {{*}}$args] }}")
    tcl.eval(f"cd {{{folder}}}")
    tcl.eval("rename exec {}; rename open {}; rename socket {}")  # it needs none of them
    tcl.eval(script)
    return calls


def test_package_script_runs_these_commands(tmp_path: Path) -> None:
    old = tmp_path / "vitis" / "ip" / "component.xml"
    old.parent.mkdir(parents=True)
    old.touch()
    calls = run_tcl(tmp_path, digits().files["vitis/package_kernel.tcl"])
    assert not old.exists(), "an IP packaged earlier must not leak into this one"
    core, clock = "<ipx::current_core>", "<ipx::get_bus_interfaces>"
    nested = {"ipx::current_core", "current_fileset", "ipx::get_bus_interfaces",
              "ipx::add_bus_parameter"}  # fmt: skip
    assert [call for call in calls if call[0] not in nested] == [
        ["create_project", "-force", "package", "vitis/package", "-part", "xcu280-fsvh2892-2L-e"],
        ["add_files", "-norecurse", " ".join([*RTL, "vitis/kernel.v"])],
        ["set_property", "top", "digits_kernel", "<current_fileset>"],
        ["update_compile_order", "-fileset", "sources_1"],
        ["ipx::package_project", "-root_dir", "vitis/ip", "-vendor", "hlsgen", "-library",
         "kernel", "-taxonomy", "/KernelIP", "-import_files", "-set_current", "true"],
        ["ipx::infer_bus_interface", "ap_clk", "xilinx.com:signal:clock_rtl:1.0", core],
        ["ipx::infer_bus_interface", "ap_rst_n", "xilinx.com:signal:reset_rtl:1.0", core],
        ["ipx::associate_bus_interfaces", "-busif", "in_frames", "-clock", "ap_clk", core],
        ["ipx::associate_bus_interfaces", "-busif", "out_answers", "-clock", "ap_clk", core],
        ["ipx::associate_bus_interfaces", "-clock", "ap_clk", "-reset", "ap_rst_n", core],
        ["set_property", "value", "-1", "<ipx::add_bus_parameter>"],
        ["set_property", "ipi_drc", "ignore_freq_hz true", core],
        ["set_property", "sdx_kernel", "true", core],
        ["set_property", "sdx_kernel_type", "rtl", core],
        ["set_property", "vitis_drc", "ctrl_protocol ap_ctrl_none", core],
        ["ipx::create_xgui_files", core],
        ["ipx::update_checksums", core],
        ["ipx::check_integrity", core],
        ["ipx::save_core", core],
        ["package_xo", "-force", "-xo_path", "vitis/digits_kernel.xo", "-kernel_name", "digits_kernel",
         "-ctrl_protocol", "ap_ctrl_none", "-ip_directory", "vitis/ip"],
        ["close_project"],
    ]  # fmt: skip
    assert ["ipx::add_bus_parameter", "FREQ_TOLERANCE_HZ", clock] in calls


@pytest.mark.parametrize("stream", ["in_frames", "out_answers"])
def test_package_script_stops_without_a_stream(tmp_path: Path, stream: str) -> None:
    with pytest.raises(Exception, match=f"found no AXI4-Stream interface {stream} on digits_ker"):
        run_tcl(tmp_path, digits().files["vitis/package_kernel.tcl"], missing_stream=stream)


def test_names_agree_between_the_files() -> None:
    files = digits().files
    ports = set(re.findall(r"(\w+)_tdata", files["vitis/kernel.v"]))
    joined = re.findall(r"^stream_connect=(\w+)\.(\w+):(\w+)\.(\w+)$", files["vitis/link.cfg"],
                        re.MULTILINE)  # fmt: skip
    assert {joined[0][3], joined[1][1]} <= ports
    assert joined[0][:2] == ("mm2s_1", "to_net") and "& to_net)" in files["vitis/mm2s.cpp"]
    assert joined[1][2:] == ("s2mm_1", "from_net") and "& from_net)" in files["vitis/s2mm.cpp"]
    for mover, memory in (("mm2s", "frames"), ("s2mm", "answers")):
        assert f"sp={mover}_1.{memory}:HBM[" in files["vitis/link.cfg"]
        assert f"m_axi port = {memory} " in files[f"vitis/{mover}.cpp"]
    assert "kernel_frequency=0:250\n" in files["vitis/link.cfg"]
    assert "nk=digits_kernel:1:net_1" in files["vitis/link.cfg"]


# --- host program and data movers, run against a card in software ------------------------------


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the plan's files, the compiled host and an (empty) xclbin."""
    compiler = shutil.which("g++")
    assert compiler, "g++ is needed to build hlsgen's simulations anyway"
    folder = tmp_path_factory.mktemp("card")
    digits().write(folder)
    vitis, fake = folder / "vitis", HERE / "fake_xrt"
    sources = [
        vitis / "host/host.cpp",
        vitis / "mm2s.cpp",
        vitis / "s2mm.cpp",
        fake / "fake_xrt.cpp",
    ]
    flags = ["-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas"]
    subprocess.run(
        [compiler, *flags, f"-I{fake}", f"-I{HERE / 'fake_hls'}", "-o", folder / "host", *sources],
        check=True,
    )
    (folder / "digits.xclbin").touch()
    return folder


def samples(folder: Path, count: int) -> np.ndarray:
    """Write `count` random frames; return the answers that the software network gives."""
    frames = np.random.default_rng(7).integers(0, 256, (count, FRAME_BYTES), dtype=np.uint8)
    (folder / "samples.bin").write_bytes(frames.tobytes())
    answers = (frames.sum(axis=1, dtype=np.int64) % 10).astype("<u4")
    (folder / "expected.bin").write_bytes(answers.tobytes())
    return answers


def host(folder: Path, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [folder / "host", *args], cwd=folder, env={**os.environ, **env}, text=True,
        capture_output=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("batch", ["1", "7", "10", "20", "1000"])
def test_host_counts_no_mismatch_on_right_answers(card: Path, batch: str) -> None:
    samples(card, 20)
    result = host(card, "--batch", batch)
    assert result.returncode == 0, result.stderr
    assert re.fullmatch(
        r"frames       20\nmismatches   0\nkernels      \d+\.\d{6} s  \d+ frames/s\n"
        r"with copies  \d+\.\d{6} s  \d+ frames/s\n",
        result.stdout,
    )


@pytest.mark.parametrize("wrong", [[0], [19], [3, 4, 17], list(range(20))])
def test_host_counts_every_mismatch(card: Path, wrong: list[int]) -> None:
    answers = samples(card, 20)
    bad = answers.copy()
    bad[wrong] += 1
    (card / "expected.bin").write_bytes(bad.tobytes())
    result = host(card, "--batch", "6")
    assert result.returncode == 1
    assert f"mismatches   {len(wrong)}\n" in result.stdout
    assert result.stderr.splitlines() == [
        f"frame {i}: answer {answers[i]}, expected {bad[i]}" for i in wrong[:5]
    ]


def test_host_notices_a_missing_answer(card: Path) -> None:
    samples(card, 20)
    result = host(card, FAKE_XRT="stall")
    assert result.returncode == 2
    assert result.stderr == "host: s2mm did not finish in 10 s (state 8)\n"


def test_host_help(card: Path) -> None:
    result = host(card, "--help")
    assert result.returncode == 0
    assert result.stdout.startswith("Usage: host [OPTION VALUE]...")
    for option in ("--xclbin", "--samples", "--expected", "--device", "--batch"):
        assert option in result.stdout


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--samples", "none.bin"], "cannot read none.bin"),
        (["--samples", "expected.bin"], "expected.bin has 80 bytes, must be a multiple of 128"),
        (["--expected", "samples.bin"], "samples.bin has 2560 bytes, must have 80: 4 a frame"),
        (["--xclbin", "none.xclbin"], "no such xclbin none.xclbin"),
        (["--device", "1"], "no such device 1"),
        (["--device", "-1"], "--device is '-1', must be a whole number"),
        (["--batch", "0"], "--batch is 0, must be at least 1"),
        (["--batch"], "--batch needs a value; see --help"),
        (["--speed", "9"], "unknown option --speed; see --help"),
    ],
)
def test_host_refuses(card: Path, args: list[str], message: str) -> None:
    samples(card, 20)
    result = host(card, *args)
    assert (result.returncode, result.stderr) == (2, f"host: {message}\n")


def test_host_refuses_no_frames(card: Path) -> None:
    samples(card, 0)
    result = host(card)
    assert result.returncode == 2
    assert result.stderr == "host: samples.bin has 0 bytes, must be a multiple of 128\n"


# --- the steps, with mock tools ------------------------------------------------------------------


@pytest.fixture
def mocks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Build folder with the plan's files and RTL; the mock tools are the tools."""
    for tool in ("vivado", "v++"):
        monkeypatch.setenv(TOOLS[tool].variable, str(MOCKS / tool))
    monkeypatch.setenv("MOCK_RECORD", str(tmp_path / "calls.json"))
    for name in RTL:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("module x; endmodule\n")
    digits().write(tmp_path)
    return tmp_path


def run_step(step: Step, folder: Path) -> str:
    log = folder / "logs" / f"{step.log}.log"
    return TOOLS[step.tool].run(step.args, cwd=folder, makes=step.makes, log_file=log)


def test_steps_run_in_order_and_make_the_xclbin(mocks: Path) -> None:
    for step in digits().steps:
        run_step(step, mocks)
    assert (mocks / "digits.xclbin").read_text() == "v++ made this\n"
    calls = [json.loads(line) for line in (mocks / "calls.json").read_text().splitlines()]
    assert calls == [[step.tool, *step.args] for step in digits().steps]


def test_link_needs_what_came_before(mocks: Path) -> None:
    with pytest.raises(ToolFailed, match=r"ERROR: \[v\+\+\] no such file: vitis/digits_kernel.xo"):
        run_step(digits().steps[-1], mocks)


@pytest.mark.parametrize("mode", ["fail", "silent", "lying"])
def test_yesterdays_xclbin_never_passes(
    mocks: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    *before, link = digits().steps
    for step in before:
        run_step(step, mocks)
    (mocks / "digits.xclbin").write_text("yesterday's")
    monkeypatch.setenv("MOCK_MODE", mode)
    with pytest.raises(ToolFailed, match=r"^v\+\+ failed: "):
        run_step(link, mocks)
    assert not (mocks / "digits.xclbin").exists()


def test_critical_warning_is_no_failure(mocks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOCK_MODE", "warning")
    output = run_step(digits().steps[0], mocks)
    assert "CRITICAL WARNING: [Board 49-71]" in output


@pytest.mark.parametrize("tool", ["vivado", "v++"])
def test_missing_tool_leaves_the_finished_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(TOOLS[tool].variable, raising=False)
    made = digits()
    made.write(tmp_path)
    step = next(step for step in made.steps if step.tool == tool)
    with pytest.raises(ToolMissing) as caught:
        run_step(step, tmp_path)
    assert str(caught.value) == (
        f"{tool} not found (looked at ${TOOLS[tool].variable}, then {tool} on PATH). Install AMD"
        " Vitis 2021.1 or newer (it brings Vivado) with the board's platform, then run `source"
        " <install>/Vitis/<version>/settings64.sh` in this shell."
    )
    assert all((tmp_path / name).is_file() for name in made.files)
