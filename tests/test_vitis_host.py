"""The host program and the data movers, compiled by g++ and run against a card in software."""

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

from hlsgen.boards import load_board
from hlsgen.build.vitis import Core, pack_answers, pack_frames, plan
from hlsgen.tools import TOOLS
from hlsgen.tools.tool import _find

HERE = Path(__file__).parent
FRAME_BEATS, UNITS, BANK_BYTES = 2, 3, 1 << 20
FRAME_BYTES = FRAME_BEATS * 64


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


def test_pack_answers_by_hand() -> None:
    values = np.array([[1, 2, 3], [-1, 0, 7]])
    assert pack_answers(values, 4) == bytes.fromhex("21030000 0f070000")
    assert pack_answers(values[:, :1], 32) == bytes.fromhex("01000000 ffffffff")


FLAGS = ("-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas",
         f"-I{HERE / 'fake_xrt'}", f"-I{HERE / 'fake_hls'}")  # fmt: skip


def compiled(folder: Path, program: str, *others: Path) -> Path:
    """The host program from source text `program`, with the card in software."""
    compiler = shutil.which("g++")
    assert compiler, "g++ is needed to build hlsgen's simulations anyway"
    (folder / "main.cpp").write_text(program)
    sources = (folder / "main.cpp", *others)
    subprocess.run([compiler, *FLAGS, "-o", folder / "program", *sources, "-pthread"], check=True)
    return folder / "program"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the plan's files, the rest of the program, and the link file as the xclbin.

    The banks are small, so that a run that is too large shows.
    """
    folder = tmp_path_factory.mktemp("card")
    board = load_board("u280")
    assert board.vitis
    board = board.model_copy(update={"vitis": board.vitis.model_copy(update={"bank_mib": 1})})
    plan(
        "digits", board, Core(FRAME_BEATS, 4), clock_mhz=250.0, sources=["rtl/digits_axis.v"],
        units=UNITS,
    ).write(folder)  # fmt: skip
    shutil.copy(folder / "vitis/link.cfg", folder / "digits.xclbin")
    compiler = shutil.which("g++")
    assert compiler
    for source in (
        folder / "vitis/mm2s.cpp",
        folder / "vitis/s2mm.cpp",
        HERE / "fake_xrt/fake_xrt.cpp",
    ):
        target = folder / f"{source.stem}.o"
        subprocess.run([compiler, *FLAGS, "-c", "-o", target, source], check=True)
    return folder


def objects(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.o"))


@pytest.fixture(scope="module")
def card(folder: Path) -> Path:
    """Folder with the compiled host as well."""
    compiled(folder, (folder / "vitis/host/host.cpp").read_text(), *objects(folder))
    return folder


def samples(folder: Path, count: int) -> np.ndarray:
    """Write `count` random frames; return the answers that the software network gives."""
    frames = np.random.default_rng(7).integers(0, 256, (count, FRAME_BYTES), dtype=np.uint8)
    (folder / "vitis/samples.bin").write_bytes(frames.tobytes())
    answers = (frames.sum(axis=1, dtype=np.int64) % 10).astype("<u4")
    (folder / "vitis/expected.bin").write_bytes(answers.tobytes())
    return answers


def host(
    folder: Path, *args: str, program: str = "program", **env: str
) -> subprocess.CompletedProcess[str]:
    """Run the host quickly: without power, a latency of three frames."""
    quick = ["--seconds", "0", "--latency", "3"]
    return subprocess.run(
        [folder / program, *quick, *args], cwd=folder, text=True, capture_output=True, check=False,
        timeout=60, env={**os.environ, "FAKE_XRT_BANK": str(BANK_BYTES), **env},
    )  # fmt: skip


def measured(folder: Path) -> dict[str, float | str | None]:
    return dict(json.loads((folder / "host/measured.json").read_text()))


# --- right and wrong answers ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("batch", "passes", "units"), [(1, 1, 3), (7, 3, 3), (20, 2, 2), (64, 9, 1)]
)
def test_every_answer_of_every_phase_is_compared(
    card: Path, batch: int, passes: int, units: int
) -> None:
    samples(card, 20)
    args = ("--batch", str(batch), "--passes", str(passes), "--units", str(units))
    result = host(card, *args)
    assert (result.returncode, result.stderr) == (0, "")
    found = measured(card)
    # Streamed, in both slots of each unit, and one at a time.
    assert found["frames"] == passes * 20 + 2 * units * batch + 3
    assert (found["mismatches"], found["units"], found["batch"]) == (0, units, batch)
    for key in ("throughput_fps", "kernel_fps", "latency_us"):
        assert isinstance(found[key], float), key
        assert found[key] > 0
    assert found["latency_p99_us"] >= found["latency_us"]
    assert found["device"] == "fake_u280"
    assert (found["idle_w"], found["power_w"], found["energy_uj"]) == (None, None, None)
    shown = dict(re.findall(r"^(\w+) +(not measured|\S+)", result.stdout, re.MULTILINE))
    told = {"name", "board", "graph", "transport", "simulated", "device"}
    assert set(shown) == set(found) - told
    assert (found["board"], found["transport"], found["simulated"]) == ("u280", "xrt", False)
    assert shown["mismatches"] == "0"
    assert shown["power_w"] == "not measured"


@pytest.mark.parametrize("wrong", [[0], [19], [3, 4, 17], list(range(20))])
def test_host_counts_every_mismatch(card: Path, wrong: list[int]) -> None:
    answers = samples(card, 20)
    bad = answers.copy()
    bad[wrong] += 1
    (card / "vitis/expected.bin").write_bytes(bad.tobytes())
    result = host(card, "--batch", "6", "--passes", "1", "--latency", "0")
    assert result.returncode == 1
    in_slots = sum(i < 6 for i in wrong) * 2 * UNITS
    assert measured(card)["mismatches"] == len(wrong) + in_slots
    lines = result.stderr.splitlines()
    assert len(lines) == min(5, len(wrong) + in_slots)
    assert lines[0] == f"frame {wrong[0]}: answer {answers[wrong[0]]}, expected {bad[wrong[0]]}"
    assert set(lines) <= {f"frame {i}: answer {answers[i]}, expected {bad[i]}" for i in wrong}


def test_host_notices_wrong_answers_of_one_unit(card: Path) -> None:
    samples(card, 20)
    result = host(card, "--batch", "20", FAKE_XRT="wrong")
    assert result.returncode == 1
    found = measured(card)
    assert 0 < float(found["mismatches"] or 0) < float(found["frames"] or 0) / 10
    assert host(card, "--units", "2", FAKE_XRT="wrong").returncode == 0, "it is the third"


def test_host_notices_a_missing_answer(card: Path) -> None:
    samples(card, 20)
    result = host(card, "--batch", "20", FAKE_XRT="stall")
    assert result.returncode == 2
    assert result.stderr == "host: s2mm_3 did not finish in 10 s (state 8)\n"


# --- what is measured -------------------------------------------------------------------------


def test_power_is_idle_subtracted(card: Path) -> None:
    samples(card, 20)
    assert host(card, "--batch", "50", "--seconds", "1").returncode == 0
    found = measured(card)
    idle, power, rate = (float(found[key] or 0) for key in ("idle_w", "power_w", "kernel_fps"))
    assert idle == 25.5
    assert 25.5 < power <= 40.25
    assert found["energy_uj"] == pytest.approx((power - idle) / rate * 1e6, rel=1e-6)


@pytest.mark.parametrize("mode", ["nosensor", "noreport"])
def test_an_absent_sensor_is_null_and_no_failure(card: Path, mode: str) -> None:
    samples(card, 20)
    result = host(card, "--seconds", "1", FAKE_XRT=mode)
    assert result.returncode == 0
    found = measured(card)
    assert (found["idle_w"], found["power_w"], found["energy_uj"]) == (None, None, None)
    assert float(found["kernel_fps"] or 0) > 0


def test_units_run_at_once_and_copies_overlap_with_them(card: Path) -> None:
    samples(card, 20)
    log = card / "log"
    result = host(card, "--batch", "4", "--passes", "5", FAKE_XRT="slow", FAKE_XRT_LOG=str(log))
    assert result.returncode == 0, result.stderr
    readers, copies = map(int, log.read_text().split())
    assert readers == UNITS
    assert copies >= UNITS, "a unit computes one slot while the other is copied"


def test_two_slots_fit_one_bank(card: Path) -> None:
    samples(card, 20)
    result = host(card, "--batch", "999999999", "--passes", "1", "--units", "1")
    assert (result.returncode, result.stderr) == (0, "")
    assert measured(card)["batch"] == BANK_BYTES // 2 // FRAME_BYTES
    assert host(card, FAKE_XRT_BANK="1000").stderr == "host: std::bad_alloc\n"


def test_a_slow_core_gets_short_runs() -> None:
    """A run takes a tenth of a second at most, far from the host's patience."""
    slow = Core(2, 4, interval=50_000)
    made = plan("digits", load_board("u280"), slow, clock_mhz=100.0, sources=[])
    assert "std::size_t batch = 200;" in str(made.files["vitis/host/host.cpp"])


# --- the whole chain, and mutants of it -----------------------------------------------------------


def test_from_the_mock_tools_to_the_card(
    card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the mock linker makes of the link file is what the card in software is built from."""
    _find.cache_clear()
    for tool in ("vivado", "v++"):
        monkeypatch.setenv(TOOLS[tool].variable, str(HERE / "mock_tools" / tool))
    monkeypatch.setenv("PLATFORM_REPO_PATHS", str(HERE / "mock_tools/platforms"))
    made = plan("digits", load_board("u280"), Core(FRAME_BEATS, 4), clock_mhz=250.0, sources=[],
                units=UNITS)  # fmt: skip
    made.write(tmp_path)
    for step in made.steps:
        log = tmp_path / "logs" / f"{step.log}.log"
        TOOLS[step.tool].run(step.args, cwd=tmp_path, makes=step.makes, log_file=log)
    samples(tmp_path, 20)
    shutil.copy(card / "program", tmp_path / "program")
    result = host(tmp_path, "--passes", "1", "--batch", "6")
    assert (result.returncode, result.stderr) == (0, "")


MUTANTS = {
    "no wait": (
        "                slot.wait(unit.number);\n                slot.check",
        "                slot.check",
    ),
    "no copy down": (
        "        frames_.sync(XCL_BO_SYNC_BO_TO_DEVICE, count * kFrameBytes, 0);\n",
        "",
    ),
    "no copy up": ("        answers_.sync(XCL_BO_SYNC_BO_FROM_DEVICE, raw.size(), 0);\n", ""),
    "one bank": ("writer.group_id(0)", "reader.group_id(0)"),
    "wrong beats": ("count_ * kFrameBeats)", "count_)"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_of_the_host_fails(folder: Path, tmp_path: Path, name: str) -> None:
    old, new = MUTANTS[name]
    text = (folder / "vitis/host/host.cpp").read_text()
    assert old in text
    compiled(tmp_path, text.replace(old, new), *objects(folder))
    shutil.copytree(folder / "vitis", tmp_path / "vitis")
    shutil.copy(folder / "digits.xclbin", tmp_path)
    samples(tmp_path, 20)
    assert host(tmp_path, "--batch", "6", "--passes", "4", FAKE_XRT="slow").returncode != 0


# --- bad input ------------------------------------------------------------------------------------


def test_host_help(card: Path) -> None:
    result = host(card, "--help")
    assert result.returncode == 0
    assert result.stdout.startswith("Usage: host [OPTION VALUE]...")
    for option in ("xclbin", "samples", "expected", "measured", "device", "units", "batch",
                   "passes", "seconds", "latency"):  # fmt: skip
        assert f"--{option} " in result.stdout


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--samples", "none.bin"], "cannot read none.bin"),
        (
            ["--samples", "vitis/expected.bin"],
            "vitis/expected.bin has 80 bytes, must be a multiple of 128",
        ),
        (
            ["--expected", "vitis/samples.bin"],
            "vitis/samples.bin has 2560 bytes, must have 80: 4 a frame",
        ),
        (["--xclbin", "none.xclbin"], "cannot read none.xclbin"),
        (
            ["--device", "1"],
            "cannot open card 1: Could not open device with index '1' (does `xbutil examine` list"
            " it?)",
        ),
        (["--device", "-1"], "--device is '-1', must be a whole number"),
        (["--batch", "0"], "--batch is 0, must be at least 1"),
        (["--units", "0"], "--units is 0, must be 1 to 3"),
        (["--units", "4"], "--units is 4, must be 1 to 3"),
        (["--batch"], "--batch needs a value; see --help"),
        (["--speed", "9"], "unknown option --speed; see --help"),
    ],
)
def test_host_refuses(card: Path, args: list[str], message: str) -> None:
    samples(card, 20)
    result = host(card, *args)
    assert (result.returncode, result.stderr) == (2, f"host: {message}\n")


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        (
            "busy",
            "the card is busy: another program uses it with another xclbin; end that program and"
            " start again",
        ),
        (
            "nocard",
            "cannot open card 0: Could not open device with index '0' (does `xbutil examine` list"
            " it?)",
        ),
    ],
)
def test_host_says_what_is_wrong_with_the_card(card: Path, mode: str, message: str) -> None:
    samples(card, 20)
    result = host(card, FAKE_XRT=mode)
    assert (result.returncode, result.stderr) == (2, f"host: {message}\n")


def test_host_refuses_an_xclbin_with_other_units(card: Path) -> None:
    samples(card, 20)
    link = (card / "vitis/link.cfg").read_text().replace("s2mm_3", "s2mm_9")
    (card / "other.xclbin").write_text(link)
    result = host(card, "--xclbin", "other.xclbin")
    assert result.returncode == 2
    assert "No compute units satisfy requested kernel 's2mm:{s2mm_3}'" in result.stderr


def test_host_refuses_no_frames(card: Path) -> None:
    samples(card, 0)
    result = host(card)
    assert result.returncode == 2
    assert result.stderr == "host: vitis/samples.bin has 0 bytes, must be a multiple of 128\n"
