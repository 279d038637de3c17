"""The serial driver, against boards that answer right, late, wrong, too much or not at all."""

from __future__ import annotations

import json
import os
import pty
import re
import sys
import time
import tty
from pathlib import Path

import numpy as np
import pytest
from boards_in_software import (
    answering,
    host_folder,
    samples_of,
    scores,
    serial_board,
)
from typer.testing import CliRunner

from hlsgen.cli import app
from hlsgen.graph import Graph, run
from hlsgen.runtime import BadInput, DeviceError, connect, measure, read_interface


@pytest.fixture
def build(small: Graph, tmp_path: Path) -> Path:
    return host_folder(small, "ulx3s", tmp_path)


def test_classes_of_words_and_of_real_values(small: Graph, build: Path) -> None:
    words = samples_of(small, 3000)
    expected = run(small, {"x": words})["y"].ravel()
    with serial_board(answering(small)) as port, connect(build, port=port) as board:
        assert (board.transport, board.simulated, board.power_w()) == ("uart", False, None)
        got = board.run_words(words[:, 0])
        assert got.dtype == np.int64
        assert got.tolist() == expected.tolist()
        assert board.run(words[:, 0] + 0.3).tolist() == expected.tolist()
        assert board.run(np.zeros((0, 2))).shape == (0,)


def test_scores_that_are_longer_than_a_frame(small: Graph, tmp_path: Path) -> None:
    """A board that must drain gets the next frame when it has."""
    graph = scores(small)
    words = samples_of(graph, 20)
    path = host_folder(graph, "ulx3s", tmp_path) / "host" / "interface.json"
    raw = json.loads(path.read_text())
    raw["answer"]["bytes"] = 3
    path.write_text(json.dumps(raw))
    seen: list[int] = []
    answer = answering(graph)

    def behaviour(data: bytes) -> bytes:
        seen.append(len(data))
        return b"".join(bytes([byte, 0, 0]) for byte in answer(data))

    with serial_board(behaviour) as port, connect(tmp_path, port=port) as board:
        got = board.run_words(words[:, 0])
    assert got.tolist() == run(graph, {"x": words})["counts"][:, 0].tolist()
    assert seen == [1] * 20


def test_frames_are_under_way_while_answers_come(small: Graph, build: Path) -> None:
    """Some, so that the line is never idle, but never more than buffers hold."""
    outstanding: list[int] = []
    answer = answering(small)
    sent = 0

    def slow(data: bytes) -> bytes:
        nonlocal sent
        back = answer(data)
        outstanding.append(len(data))
        sent += len(back)
        return back

    with serial_board(slow) as port, connect(build, port=port) as board:
        board.run_words(samples_of(small, 5000)[:, 0])
        assert sent == 5000
        assert 1 < max(outstanding) <= 1024
        assert len(outstanding) < 2500


def broken(build: Path, small: Graph, how: object) -> str:
    """What is said to 30 frames at a board that `how` describes."""
    answer, count = answering(small), 0

    def behaviour(data: bytes) -> bytes:
        nonlocal count
        made = answer(data)
        first, count = count, count + len(made)
        if how == "silent" and count > 12:
            return made[: max(0, 12 - first)]
        if how == "too much":
            return made + made[-1:]
        if how == "noise":
            return bytes([made[0] | 0x40]) + made[1:]
        return made

    with (
        serial_board(behaviour) as port,
        connect(build, port=port, timeout_s=0.3) as board,
        pytest.raises(DeviceError) as caught,
    ):
        board.run_words(samples_of(small, 30)[:, 0])
    return str(caught.value)


def test_a_board_that_stops_is_told_with_the_frame(build: Path, small: Graph) -> None:
    assert broken(build, small, "silent") == (
        "frame 12: no answer within 0.3 s: is the board configured, is this its port?"
    )


def test_bytes_too_many_are_out_of_step(build: Path, small: Graph) -> None:
    message = broken(build, small, "too much")
    assert message.startswith("answers are out of step: ")
    assert "bytes more came after the answers to 30 frames" in message
    assert "is the board configured with small.bit, does another program use it?" in message


def test_bits_that_no_answer_has(build: Path, small: Graph) -> None:
    message = broken(build, small, "noise")
    assert re.match(r"frame 0: the answer is 4[01] \(hexadecimal\), of which only the lowest 1 bits"
                    r" may be set: another design is on the board", message)  # fmt: skip


def test_half_an_answer(small: Graph, tmp_path: Path) -> None:
    path = host_folder(small, "ulx3s", tmp_path) / "host" / "interface.json"
    raw = json.loads(path.read_text())
    raw["answer"]["bytes"] = 2
    path.write_text(json.dumps(raw))
    with (
        serial_board(answering(small)) as port,
        connect(tmp_path, port=port) as board,
        pytest.raises(DeviceError, match=r"frame 0: only 1 of 2 bytes within 1\.0 s"),
    ):
        board.run_words(np.array([[1, 2]]))


def test_a_late_answer_does_not_stand_for_the_next(build: Path, small: Graph) -> None:
    """After a failure the line is emptied before anything is sent."""
    answer = answering(small)
    late = [0.25]

    def behaviour(data: bytes) -> bytes:
        if late:
            time.sleep(late.pop())
        return answer(data)

    words = samples_of(small, 10)[:, 0]
    expected = run(small, {"x": words[:, None]})["y"].ravel()
    with serial_board(behaviour) as port, connect(build, port=port, timeout_s=0.1) as board:
        with pytest.raises(DeviceError, match=r"frame 0: no answer within 0\.1 s"):
            board.run_words(words)
        assert board.run_words(words).tolist() == expected.tolist()


def test_a_board_that_is_unplugged(build: Path) -> None:
    """Told each time that it is used, until it is connected again."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    with connect(build, port=os.ttyname(slave), timeout_s=0.2) as board:
        os.close(slave)
        os.close(master)
        for _ in range(2):
            with pytest.raises(DeviceError, match=r"; is the board still plugged in\?$"):
                board.run_words(np.array([[1, 2]]))
    with pytest.raises(DeviceError, match=r"the port was closed: connect again"):
        board.run_words(np.array([[1, 2]]))


def test_bytes_that_nobody_asked_for(build: Path, small: Graph) -> None:
    talking = True

    def behaviour(data: bytes) -> bytes:
        return b"hello" if talking else b""

    with serial_board(behaviour) as port, connect(build, port=port, timeout_s=0.2) as board:
        time.sleep(0.1)
        with pytest.raises(DeviceError, match=r"bytes more came before the first frame \(68656c"):
            # A port that was opened talks on.
            board._port.write(b"x")  # type: ignore[attr-defined]
            time.sleep(0.1)
            board.run_words(np.array([[1, 2]]))


def test_a_port_in_use(build: Path, small: Graph) -> None:
    with (
        serial_board(answering(small)) as port,
        connect(build, port=port),
        pytest.raises(DeviceError, match=r"is in use: close the other program that has it open"),
    ):
        connect(build, port=port)


def test_no_port_of_this_name(build: Path) -> None:
    with pytest.raises(BadInput, match=r"no such port.*/dev/nothing"):
        connect(build, port="/dev/nothing")


# --- measuring --------------------------------------------------------------------------------


def test_a_board_is_measured(build: Path, small: Graph) -> None:
    known, _ = read_interface(build)
    seen: list[tuple[int, int]] = []
    with serial_board(answering(small)) as port, connect(build, port=port) as board:
        board.at_once = 60
        measured = measure(
            board, known.known_words, known.known_answers, lambda *done: seen.append(done)
        )
    assert (measured.mismatches, measured.first) == (0, ())
    assert measured.frames == 40 + 100 + 3 * 60
    assert measured.throughput_fps
    assert measured.latency_us
    assert measured.latency_p99_us
    assert measured.latency_p99_us >= measured.latency_us > 10
    assert measured.throughput_fps > 1e6 / measured.latency_us
    assert (measured.idle_w, measured.power_w, measured.energy_uj) == (None, None, None)
    assert seen == [(0, 40), (40, 40)]
    assert not measured.simulated


def test_trouble_in_a_later_part_names_its_sample(build: Path, small: Graph) -> None:
    known, _ = read_interface(build)
    answer, left = answering(small), 12

    def behaviour(data: bytes) -> bytes:
        nonlocal left
        made = answer(data)[:left]
        left -= len(made)
        return made

    with serial_board(behaviour) as port, connect(build, port=port, timeout_s=0.2) as board:
        board.at_once = 10
        with pytest.raises(DeviceError, match=r"^from sample 10 on: frame 2: no answer within"):
            measure(board, known.known_words, known.known_answers)


def test_samples_and_answers_must_be_as_many(build: Path, small: Graph) -> None:
    with serial_board(answering(small)) as port, connect(build, port=port) as board:
        for words, answers in (((0, 2), (0, 1)), ((2, 2), (1, 1)), ((2, 2), (2, 2))):
            with pytest.raises(BadInput, match=r"at least one sample is needed"):
                measure(board, np.zeros(words, int), np.zeros(answers, int))


def wrong_at(small: Graph, *frames: int) -> object:
    answer, count = answering(small), 0

    def behaviour(data: bytes) -> bytes:
        nonlocal count
        made = bytearray(answer(data))
        for frame in frames:
            if count <= frame < count + len(made):
                made[frame - count] ^= 1
        count += len(made)
        return bytes(made)

    return behaviour


def selftest(*args: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["selftest", *map(str, args)])
    return result.exit_code, " ".join(result.output.split())


def test_selftest_passes(build: Path, small: Graph) -> None:
    with serial_board(answering(small)) as port:
        code, output = selftest(build, "--port", port)
    assert code == 0
    assert "small on ulx3s, via uart" in output
    assert "SIMULATION" not in output
    record = json.loads((build / "host" / "measured.json").read_text())
    assert list(record) == [
        "frames", "mismatches", "throughput_fps", "latency_us", "latency_p99_us", "idle_w",
        "power_w", "energy_uj", "power_source", "transport", "simulated", "board", "graph",
    ]  # fmt: skip
    assert (record["mismatches"], record["transport"]) == (0, "uart")
    assert record["simulated"] is False
    assert record["graph"] == small.digest
    assert record["power_w"] is None


def test_selftest_of_a_copy_of_the_host_folder(build: Path, small: Graph) -> None:
    with serial_board(answering(small)) as port:
        code, _ = selftest(build / "host", "--port", port, "--samples", 7)
    assert code == 0
    assert (build / "host" / "measured.json").is_file()


def test_selftest_names_wrong_answers(build: Path, small: Graph) -> None:
    known, _ = read_interface(build)
    with serial_board(wrong_at(small, 3, 9, 10, 11, 12, 13)) as port:  # type: ignore[arg-type]
        code, output = selftest(build, "--port", port)
    assert code == 1
    right = known.known_answers[:, 0].tolist()
    for frame in (3, 9, 10, 11, 12):
        said = f"frame {frame}: answer {1 - right[frame]}, expected {right[frame]}"
        assert said in output
    assert "frame 13:" not in output
    assert "6 of 40 answers of the board are wrong; configure it with small.bit" in output
    record = json.loads((build / "host" / "measured.json").read_text())
    assert (record["frames"], record["mismatches"]) == (40, 6)
    assert record["throughput_fps"] is None
    assert record["latency_us"] is None


def test_selftest_finds_a_single_wrong_answer_at_full_speed(build: Path, small: Graph) -> None:
    """The first pass and the single frames were right."""
    with serial_board(wrong_at(small, 40 + 100 + 77)) as port:  # type: ignore[arg-type]
        code, output = selftest(build, "--port", port)
    assert code == 1
    assert "1 of " in output


SELFTEST_REFUSES: list[tuple[list[str], int, str]] = [
    ([], 2, "no serial port was given"),
    (["--port", "/dev/nothing"], 2, "no such port"),
    (["--via", "pynq"], 2, "was built for ulx3s, which is reached via uart, not via pynq"),
    (["--samples", "41", "--port", "x"], 2, "--samples is 41:"),
]


@pytest.mark.parametrize(("args", "code", "message"), SELFTEST_REFUSES)
def test_selftest_refuses(build: Path, args: list[str], code: int, message: str) -> None:
    found, output = selftest(build, *args)
    assert found == code
    assert message in output
    assert not (build / "host" / "measured.json").exists()


def test_selftest_exit_codes_of_trouble(
    build: Path, small: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serial_board(lambda data: b"") as port:
        code, output = selftest(build, "--port", port, "--timeout", 0.1)
        assert code == 4
        assert "frame 0: no answer within 0.1 s" in output
        monkeypatch.setitem(sys.modules, "serial", None)
        code, output = selftest(build, "--port", port)
        assert code == 3
        assert "pip install pyserial" in output


# --- the page about it -----------------------------------------------------------------------


def test_the_example_of_the_page_runs(build: Path, small: Graph) -> None:
    page = Path(__file__).parents[1] / "docs" / "how-to" / "selftest.md"
    (block,) = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    with serial_board(answering(small)) as port:
        text = block.replace("build/digits-ulx3s", str(build)).replace("/dev/ttyUSB0", port)
        space: dict[str, object] = {}
        exec(text, space)
    assert np.shape(space["classes"]) == (40,)
