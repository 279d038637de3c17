"""The host script at a UART board: what it answers, and one line for each thing that goes wrong."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from boards_in_software import answering, host_folder, scores, serial_board

from hlsgen.boards import load_board
from hlsgen.build import interface
from hlsgen.graph import Graph, run

SAMPLES = np.random.default_rng(0).integers(0, 8, (20, 1, 2))


@pytest.fixture
def script(small: Graph, tmp_path: Path) -> Path:
    """classify.py for frames of one byte: two words of three bits."""
    answers = run(small, {"x": SAMPLES})["y"]
    interface.plan(small, load_board("ulx3s"), SAMPLES, answers, 50.0).write(tmp_path)
    return tmp_path / "host" / "classify.py"


@pytest.fixture
def build(small: Graph, tmp_path: Path) -> Path:
    return host_folder(small, "ulx3s", tmp_path)


@pytest.fixture
def board(small: Graph) -> Iterator[str]:
    """A serial port at whose other end the interpreter answers."""
    master, slave = pty.openpty()
    tty.setraw(slave)

    def answer() -> None:
        while frame := os.read(master, 1):
            if frame == b"\xff":  # no frame of six bits: the end
                return
            words = np.array([[[frame[0] & 7, frame[0] >> 3]]])
            os.write(master, bytes([int(run(small, {"x": words})["y"].item())]))

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    yield os.ttyname(slave)
    os.write(slave, b"\xff")
    thread.join(10)
    os.close(slave)
    os.close(master)


def classify(script: Path, *args: object) -> tuple[int, str, str]:
    """Exit code, output and complaints."""
    command = [sys.executable, str(script), *map(str, args)]
    done = subprocess.run(
        command, cwd=script.parent, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_self_test(script: Path, board: str) -> None:
    assert classify(script, "--port", board, "--self-test") == (0, "20 of 20 answers right\n", "")


def test_a_wrong_answer_is_counted(script: Path, board: str) -> None:
    path = script.with_name("interface.json")
    known = json.loads(path.read_text())
    (right,) = known["self_test"]["answers"][7]
    known["self_test"]["answers"][7] = [1 - right]
    path.write_text(json.dumps(known))
    code, output, _ = classify(script, "--port", board, "--self-test")
    assert (code, output.splitlines()[-1]) == (1, "19 of 20 answers right")
    assert output.startswith(f"sample 7: class {right}, expected {1 - right}\n")


def test_a_file_with_blank_lines(script: Path, board: str, small: Graph) -> None:
    """Values are rounded and clipped to the words 0 to 7."""
    (script.parent / "a.csv").write_text("\n0,7.4\n\n -3 ,99\n  \n4.6, 2\n\n")
    words = np.array([[[0, 7]], [[0, 7]], [[5, 2]]])
    wanted = "".join(f"{answer}\n" for answer in run(small, {"x": words})["y"].ravel())
    assert classify(script, "--port", board, "a.csv") == (0, wanted, "")


BAD_FILES = {
    "header": ("x0,x1\n1,2\n", "a.csv: line 1: 'x0' is not a number; remove the header"),
    "text": ("1,2\n3,?\n", "a.csv: line 2: '?' is not a number"),
    "nan": ("1,2\n\nnan,3\n", "a.csv: line 3: 'nan' is not finite; leave this sample out or fill"
            " it in"),
    "infinite": ("1,1e999\n", "a.csv: line 1: '1e999' is not finite; leave this sample out or fill"
                 " it in"),
    "few": ("1,2\n1\n", "a.csv: line 2: 1 values, must be 2, with commas between"),
    "many": ("1,2,3\n", "a.csv: line 1: 3 values, must be 2, with commas between"),
    "empty": ("\n \n", "a.csv: no samples in it; one a line, 2 values each"),
    "binary": (b"\xff\xfe\x00", "a.csv: cannot be read as CSV: "),
}  # fmt: skip


@pytest.mark.parametrize(("content", "message"), BAD_FILES.values(), ids=list(BAD_FILES))
def test_a_bad_file_is_one_line(script: Path, content: str | bytes, message: str) -> None:
    data = content if isinstance(content, bytes) else content.encode()
    (script.parent / "a.csv").write_bytes(data)
    code, output, complaint = classify(script, "--port", "/dev/null", "a.csv")
    assert (code, output) == (2, "")
    assert complaint.startswith(f"classify.py: {message}")
    assert len(complaint.splitlines()) == 1


def complaint(script: Path, *args: object) -> str:
    code, output, text = classify(script, *args)
    assert (code, output) == (2, "")
    assert "Traceback" not in text
    return text.splitlines()[-1]


def test_what_is_not_there_is_one_line(script: Path) -> None:
    missing = complaint(script, "--port", "/dev/nothing", "none.csv")
    assert missing.startswith("classify.py: none.csv: cannot be read as CSV: [Errno 2]")
    port = complaint(script, "--port", "/dev/nothing", "--self-test")
    assert "/dev/nothing" in port
    assert port.endswith("): is the board plugged in?")
    baud = complaint(script, "--port", "/dev/nothing", "--baud", 0, "--self-test")
    assert baud.endswith("--baud is 0, must be at least 1")
    script.with_name("interface.json").write_text("{")
    damaged = complaint(script, "--port", "/dev/nothing", "--self-test")
    assert damaged.endswith("; copy it from the build folder")


def test_a_silent_board_is_waited_for_as_long_as_its_frame_takes(script: Path) -> None:
    """Twice the time of the frame and its answer, and a second."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    path = script.with_name("interface.json")
    port = os.ttyname(slave)
    fast = complaint(script, "--port", port, "--self-test")
    assert fast.endswith("no answer within 1.0 s: is the board configured, is this its port?")
    known = json.loads(path.read_text())
    known["answer"]["bytes"] = 5759
    path.write_text(json.dumps(known))
    slow = complaint(script, "--port", port, "--self-test")
    os.close(slave)
    os.close(master)
    # 5,760 bytes of ten bits take half a second at 115,200 baud.
    assert slow.endswith("no answer within 2.0 s: is the board configured, is this its port?")


# --- the host folder alone ---------------------------------------------------------------------


def alone(folder: Path, *args: object) -> tuple[int, str, str]:
    """The script of a host folder, where hlsgen cannot be imported."""
    code = (
        "import runpy, sys; sys.modules['hlsgen'] = None; sys.argv = sys.argv[1:];"
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    command = [sys.executable, "-I", "-c", code, str(folder / "classify.py"), *map(str, args)]
    done = subprocess.run(
        command, cwd=folder, env={}, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_a_copy_needs_no_hlsgen(build: Path, small: Graph, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    (build / "host").rename(copy)
    (copy / "a.csv").write_text("0,7\n5,2\n")
    words = np.array([[[0, 7]], [[5, 2]]])
    wanted = "".join(f"{answer}\n" for answer in run(small, {"x": words})["y"].ravel())
    with serial_board(answering(small)) as port:
        passed = alone(copy, "--port", port, "--self-test")
        assert passed == (0, "40 of 40 answers right\n", "")
        assert alone(copy, "--port", port, "a.csv") == (0, wanted, "")


def test_a_copy_measures(build: Path, small: Graph) -> None:
    """For boards whose own Python runs the driver: the file that the report reads."""
    host = build / "host"
    with serial_board(answering(small)) as port:
        code, output, complaint = alone(host, "--port", port, "--measure")
    assert (code, complaint) == (0, "")
    record = json.loads((host / "measured.json").read_text())
    assert (record["graph"], record["board"]) == (small.digest, "ulx3s")
    assert (record["mismatches"], record["transport"], record["simulated"]) == (0, "uart", False)
    assert record["throughput_fps"] > 0
    assert "power_w          not measured\n" in output
    assert output.endswith(f"written to {host / 'measured.json'}\n")
    with serial_board(lambda data: bytes(1 - byte for byte in answering(small)(data))) as port:
        code, output, _ = alone(host, "--port", port, "--measure")
    assert code == 1
    assert output.startswith("frame 0: answer ")
    assert json.loads((host / "measured.json").read_text())["throughput_fps"] is None


def test_one_thing_at_a_time(script: Path) -> None:
    for args in ((), ("--self-test", "--measure"), ("--measure", "a.csv")):
        message = complaint(script, "--port", "/dev/nothing", *args)
        assert message.endswith("give one of --self-test, --measure and a file of samples")


def test_a_copy_cannot_simulate(build: Path) -> None:
    code = (
        "import sys; sys.modules['hlsgen'] = None; sys.path.insert(0, sys.argv[1]);"
        "import hlsgen_runtime; hlsgen_runtime.connect(sys.argv[1], via='simulation')"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, build / "host"],
        env={}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "DriverMissing: a simulation needs hlsgen and the whole build folder" in done.stderr


def test_scores_of_the_script(small: Graph, tmp_path: Path) -> None:
    graph = scores(small)
    folder = host_folder(graph, "ulx3s", tmp_path) / "host"
    (folder / "a.csv").write_text("3,6\n")
    counts = run(graph, {"x": np.array([[[3, 6]]])})["counts"].ravel()
    with serial_board(answering(graph)) as port:
        assert alone(folder, "--port", port, "a.csv") == (0, f"{counts[0]},{counts[1]}\n", "")
