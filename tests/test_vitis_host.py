"""The host program and the data movers, compiled by g++ and run against a card in software."""

from __future__ import annotations

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
from hlsgen.build.vitis import pack_frames, plan

HERE = Path(__file__).parent
FRAME_BEATS = 2
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


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the plan's files, the compiled host and an (empty) xclbin."""
    compiler = shutil.which("g++")
    assert compiler, "g++ is needed to build hlsgen's simulations anyway"
    folder = tmp_path_factory.mktemp("card")
    made = plan(
        "digits",
        load_board("u280"),
        frame_beats=FRAME_BEATS,
        result_bits=4,
        clock_mhz=250.0,
        rtl_files=["rtl/digits_axis.v"],
    )
    made.write(folder)
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
    (folder / "vitis/samples.bin").write_bytes(frames.tobytes())
    answers = (frames.sum(axis=1, dtype=np.int64) % 10).astype("<u4")
    (folder / "vitis/expected.bin").write_bytes(answers.tobytes())
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
    (card / "vitis/expected.bin").write_bytes(bad.tobytes())
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
        (
            ["--samples", "vitis/expected.bin"],
            "vitis/expected.bin has 80 bytes, must be a multiple of 128",
        ),
        (
            ["--expected", "vitis/samples.bin"],
            "vitis/samples.bin has 2560 bytes, must have 80: 4 a frame",
        ),
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
    assert result.stderr == "host: vitis/samples.bin has 0 bytes, must be a multiple of 128\n"
