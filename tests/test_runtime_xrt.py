"""The driver of XRT cards, against XRT's Python module with a card in software."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from boards_in_software import configuration, host_folder, samples_of, scores

from hlsgen.boards import Board, Shell, load_board
from hlsgen.build import interface
from hlsgen.graph import Graph, Node, check, random_feeds, run
from hlsgen.graph.ops import Lut
from hlsgen.runtime import BadInput, Device, DeviceError, connect, measure, read_interface
from hlsgen.runtime import measure as measuring
from hlsgen.runtime.xrt import XrtDevice
from rtl_tests.designs import random_network

FAKE = Path(__file__).parent / "fake_pyxrt"
ROOT = FAKE.parents[1]


def u280(units: int) -> Board:
    board = load_board("u280")
    assert board.vitis is not None
    return board.model_copy(update={"vitis": board.vitis.model_copy(update={"units": units})})


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FAKE))
    monkeypatch.delitem(sys.modules, "pyxrt", raising=False)


Card = Callable[..., Path]


@pytest.fixture
def card(small: Graph, tmp_path: Path) -> Card:
    """A function that makes a build folder with so many units, and what is on the card."""

    def make(units: int = 3, graph: Graph = small, loaded: Graph | None = None) -> Path:
        host_folder(graph, u280(units), tmp_path)
        configuration(loaded or graph, tmp_path, f"{graph.name}.xclbin", units=units)
        return tmp_path

    return make


@pytest.mark.parametrize("units", [1, 3, 16])
@pytest.mark.parametrize("count", [1, 2, 100])
def test_all_units_share_the_frames(
    card: Card, small: Graph, units: int, count: int,
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:  # fmt: skip
    log = tmp_path / "log"
    monkeypatch.setenv("FAKE_PYXRT_LOG", str(log))
    words = samples_of(small, count)
    with connect(card(units)) as board:
        assert (board.transport, board.simulated) == ("xrt", False)
        got = board.run_words(words[:, 0])
    assert got.tolist() == run(small, {"x": words})["y"].ravel().tolist()
    started = [line.split() for line in log.read_text().splitlines()]
    busy = min(units, count)
    names = [f"{role}_{n}" for n in range(1, busy + 1) for role in ("s2mm", "mm2s")]
    assert [name for name, _ in started] == names
    # One beat of 512 bits a frame, so both movers count alike.
    shares = [int(number) for _, number in started]
    assert sum(shares) == 2 * count
    assert max(shares) - min(shares) <= 1


def test_more_frames_than_fit_at_once(card: Card, small: Graph) -> None:
    words = samples_of(small, 50)
    with connect(card(3)) as board:
        assert board.at_once == 3 * 65536
        board._batch, board.at_once = 4, 12  # type: ignore[attr-defined]
        got = board.run_words(words[:, 0])
        assert got.tolist() == run(small, {"x": words})["y"].ravel().tolist()
        # Buffers that are larger than the frames keep old bytes behind them.
        assert board.run_words(words[:2, 0]).tolist() == got[:2].tolist()


@pytest.mark.parametrize(("size", "frames"), [(640, 10), (16 << 30, 65536)])
def test_a_bank_bounds_the_frames_at_once(card: Card, size: int, frames: int) -> None:
    folder = card(1)
    path = folder / "host" / "interface.json"
    raw = json.loads(path.read_text())
    raw["xrt"]["bank_bytes"] = size
    path.write_text(json.dumps(raw))
    with connect(folder) as board:
        assert board.at_once == frames


def test_a_slow_core_gets_short_runs(card: Card) -> None:
    """A tenth of a second each, or a core that works would be taken for one that hangs."""
    folder = card(2)
    path = folder / "host" / "interface.json"
    raw = json.loads(path.read_text())
    assert (raw["clock_mhz"], raw["interval"]) == (50.0, 1)
    path.write_text(json.dumps(raw | {"interval": 500_000}))
    with connect(folder) as board:
        assert board.at_once == 2 * 10


def test_scores_of_a_network_without_argmax(card: Card, small: Graph) -> None:
    graph = scores(small)
    words = samples_of(graph, 9)
    with connect(card(2, graph)) as board:
        got = board.run(words[:, 0].astype(float))
    assert got.tolist() == run(graph, {"x": words})["counts"][:, 0].tolist()


@pytest.mark.parametrize("fault", ["late", "running"])
def test_a_card_that_takes_its_time(
    card: Card, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setenv("FAKE_PYXRT", fault)
    with connect(card(1)) as board:
        assert board.run_words(np.array([[1, 2]])).shape == (1,)


def test_a_mover_that_fails_is_not_waited_for(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_PYXRT", "error")
    with (
        connect(card(1), timeout_s=1000) as board,
        pytest.raises(
            DeviceError, match=r"^frames 0 to 0: s2mm_1 failed \(state ERT_CMD_STATE_ERR"
        ),
    ):
        board.run_words(np.array([[1, 2]]))


def test_a_card_that_was_given_back(card: Card) -> None:
    board = connect(card(1))
    board.close()
    board.close()
    assert board.power_w() is None
    with pytest.raises(DeviceError, match="the card was given back: connect again"):
        board.run_words(np.array([[1, 2]]))


def test_a_core_that_does_not_answer(
    card: Card, small: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_PYXRT", "stall")
    with connect(card(3), timeout_s=0.2) as board:
        with pytest.raises(DeviceError) as caught:
            board.run_words(samples_of(small, 9)[:, 0])
        assert str(caught.value).startswith(
            "frames 0 to 2: s2mm_1 did not finish in 0.2 s (state ERT_CMD_STATE_TIMEOUT)"
        )
        assert "`xrt-smi reset`) frees the card" in str(caught.value)
        with pytest.raises(DeviceError, match=r"the card still waits since s2mm_1 did not finish"):
            board.run_words(samples_of(small, 9)[:, 0])


def test_the_frames_of_the_unit_that_hangs_are_named(
    card: Card, small: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_PYXRT", "stall_2")
    with (
        connect(card(3), timeout_s=0.1) as board,
        pytest.raises(DeviceError, match=r"^frames 3 to 5: s2mm_2 did not finish in 0\.1 s"),
    ):
        board.run_words(samples_of(small, 9)[:, 0])


def test_frames_of_several_beats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = random_network(5, features=40, classes=4)
    board = u280(2).model_copy(update={"shell": Shell(kind="axis", width_bits=64)})
    words = random_feeds(graph, 11, np.random.default_rng(1))["x"]
    answers = run(graph, {"x": words})["answer"]
    interface.plan(graph, board, words, answers, 250.0).write(tmp_path)
    configuration(graph, tmp_path, "net.xclbin", units=2)
    monkeypatch.setenv("FAKE_PYXRT_LOG", str(tmp_path / "log"))
    with connect(tmp_path) as device:
        assert device.run_words(words[:, 0]).tolist() == answers.ravel().tolist()
    # 160 bits are three beats.
    assert (tmp_path / "log").read_text().split()[1::2] == ["6", "18", "5", "15"]


REFUSED: list[tuple[str, dict[str, Any], type[DeviceError], str]] = [
    ("busy", {}, DeviceError, "card 0 is in use: end the other program that works on it"),
    ("", {"device": 3}, BadInput, "card 3: Could not open device with index '3'; `xbutil examine`"
     " (newer XRT: `xrt-smi examine`) lists the cards"),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "options", "kind", "message"), REFUSED)
def test_a_card_that_cannot_be_opened(
    card: Card, monkeypatch: pytest.MonkeyPatch,
    fault: str, options: dict[str, Any], kind: type[DeviceError], message: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("FAKE_PYXRT", fault)
    with pytest.raises(DeviceError) as caught:
        connect(card(), **options)
    assert type(caught.value) is kind
    assert message in str(caught.value)


def test_a_damaged_xclbin(card: Card) -> None:
    folder = card()
    (folder / "small.xclbin").write_text("no xclbin")
    with pytest.raises(DeviceError, match=r"card 0 does not take .*small\.xclbin: .*platform"):
        connect(folder)


def test_fewer_units_than_the_build_has(card: Card, small: Graph) -> None:
    folder = card(3)
    configuration(small, folder, "small.xclbin", units=2)
    with pytest.raises(DeviceError, match=r"No such kernel 'mm2s:\{mm2s_3\}'"):
        connect(folder)


# --- power --------------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second of idling and three of work are long in a test."""
    module = sys.modules[measuring.__module__]
    monkeypatch.setattr(module, "_IDLE_S", 0.15)
    monkeypatch.setattr(module, "_BUSY_S", 0.3)


def measured(folder: Path) -> tuple[Device, Any]:
    known, _ = read_interface(folder)
    with connect(folder) as board:
        assert isinstance(board, XrtDevice)
        board._batch, board.at_once = 200, 600
        return board, measure(board, known.known_words, known.known_answers)


def test_power_and_energy_above_idle(card: Card, quick: None) -> None:
    _, seen = measured(card(3))
    assert seen.mismatches == 0
    assert (seen.idle_w, seen.power_w) == (24.5, 32.5)
    assert seen.energy_uj == pytest.approx(8e6 / seen.throughput_fps)
    assert seen.power_source.startswith("XRT, electrical")
    assert seen.frames > 40 + 100 + 2 * 600


@pytest.mark.parametrize("fault", ["no_sensor", "bad_sensor", "zero_sensor"])
def test_a_card_without_sensor(
    card: Card, quick: None, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setenv("FAKE_PYXRT", fault)
    _, seen = measured(card(1))
    assert (seen.idle_w, seen.power_w, seen.energy_uj) == (None, None, None)
    assert seen.power_source == ""
    assert seen.throughput_fps


# --- the command line ----------------------------------------------------------------------------


def selftest(folder: Path, *args: str, **env: str) -> tuple[int, str]:
    """`hlsgen selftest` in a process of its own, with pyxrt on PYTHONPATH."""
    done = subprocess.run(
        [sys.executable, "-m", "hlsgen", "selftest", str(folder), *args],
        cwd=ROOT, env={"PYTHONPATH": str(FAKE), "PATH": "/usr/bin:/bin", "COLUMNS": "200", **env},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def test_selftest(card: Card) -> None:
    code, output = selftest(card(2), FAKE_PYXRT="no_sensor")
    assert code == 0, output
    assert "small on u280, via xrt" in output
    record = json.loads((card(2) / "host" / "measured.json").read_text())
    assert (record["transport"], record["simulated"], record["mismatches"]) == ("xrt", False, 0)


def test_selftest_finds_the_core_of_another_network(card: Card, small: Graph) -> None:
    """Its tables are others, its frames and answers are of the same size."""
    other = other_tables(small)
    code, output = selftest(card(2, loaded=other))
    assert code == 1
    assert "answers of the board are wrong; configure it with small.xclbin" in output


def test_selftest_finds_one_wrong_answer_of_many(card: Card) -> None:
    code, output = selftest(card(1), FAKE_PYXRT="wrong")
    assert code == 1
    assert "frame 39: answer " in output
    assert "1 of 40 answers of the board are wrong" in output


def test_selftest_of_a_busy_card(card: Card) -> None:
    code, output = selftest(card(1), FAKE_PYXRT="busy")
    assert (code, "card 0 is in use" in output) == (4, True)


def other_tables(graph: Graph) -> Graph:
    """The same layers with every table inverted."""

    def changed(node: Node) -> Node:
        if not isinstance(node.op, Lut):
            return node
        used = np.uint64(2) ** (np.uint64(2) ** node.op.k.astype(np.uint64)) - np.uint64(1)
        tables = node.op.table ^ used
        return dataclasses.replace(node, op=dataclasses.replace(node.op, table=tables))

    return check(dataclasses.replace(graph, nodes=tuple(map(changed, graph.nodes))))
