"""The driver of Zynq boards, against PYNQ with a DMA and a network in software."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from boards_in_software import configuration, host_folder, samples_of, scores

from hlsgen.graph import Graph, run
from hlsgen.runtime import DeviceError, connect, measure, read_interface
from hlsgen.runtime import measure as measuring

FAKE = Path(__file__).parent / "fake_pynq"
BOARDS = ("pynq_z2", "zcu104", "kv260")


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FAKE))
    monkeypatch.delitem(sys.modules, "pynq", raising=False)


Overlay = Callable[..., Path]


@pytest.fixture
def overlay(small: Graph, tmp_path: Path) -> Overlay:
    """A function that makes a build folder with an overlay beside it."""

    def make(
        board: str = "pynq_z2", graph: Graph = small, *,
        batches: bool = True, length_width: int = 26, dma: str = "dma",
    ) -> Path:  # fmt: skip
        folder = host_folder(graph, board, tmp_path)
        settings = {"batches": batches, "length_width": length_width, "dma": dma}
        file = configuration(graph, folder, f"{graph.name}.bit", **settings)
        file.with_suffix(".hwh").touch()
        return folder

    return make


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("batches", [True, False], ids=["tlast of a batch", "tlast of each answer"])
def test_classes(overlay: Overlay, small: Graph, board: str, batches: bool) -> None:
    words = samples_of(small, 60)
    with connect(overlay(board, batches=batches)) as device:
        assert (device.transport, device.simulated) == ("pynq", False)
        got = device.run_words(words[:, 0])
        again = device.run(words[:7, 0] + 0.2)
    assert got.tolist() == run(small, {"x": words})["y"].ravel().tolist()
    assert again.tolist() == got[:7].tolist()


def test_scores(overlay: Overlay, small: Graph) -> None:
    graph = scores(small)
    words = samples_of(graph, 5)
    with connect(overlay(graph=graph)) as device:
        got = device.run_words(words[:, 0])
    assert got.tolist() == run(graph, {"x": words})["counts"][:, 0].tolist()


def test_frames_go_in_parts_where_the_dma_is_small(overlay: Overlay, small: Graph) -> None:
    """63 bytes at once are 7 frames of 8."""
    words = samples_of(small, 30)
    with connect(overlay(length_width=6)) as device:
        assert device.at_once == 7
        got = device.run_words(words[:, 0])
    assert got.tolist() == run(small, {"x": words})["y"].ravel().tolist()


def test_a_slow_core_gets_short_transfers(overlay: Overlay) -> None:
    folder = overlay()
    path = folder / "host" / "interface.json"
    raw = json.loads(path.read_text())
    path.write_text(json.dumps(raw | {"interval": raw["interval"] * 500_000}))
    with connect(folder) as device:
        assert device.at_once == 10
    path.write_text(json.dumps(raw | {"interval": 10**9}))
    with connect(folder) as device:
        assert device.at_once == 1


def test_a_dma_too_small_for_a_frame(overlay: Overlay) -> None:
    with pytest.raises(DeviceError, match=r"its DMA takes 7 bytes at once, a frame has 8"):
        connect(overlay(length_width=3))


def test_a_copy_of_the_host_folder_with_the_bitstream_in_it(
    overlay: Overlay, small: Graph, tmp_path: Path
) -> None:
    folder = overlay()
    host = folder / "host"
    for name in ("small.bit", "small.hwh", "fake"):
        (folder / name).rename(host / name)
    copy = host.rename(tmp_path / "elsewhere")
    with connect(copy) as device:
        assert device.run_words(np.array([[1, 2]])).shape == (1,)


def test_the_description_must_lie_beside(overlay: Overlay) -> None:
    folder = overlay()
    (folder / "small.hwh").unlink()
    with pytest.raises(DeviceError, match=r"there is no small\.hwh, so no board can be configured"):
        connect(folder)


def test_an_overlay_without_the_dma(overlay: Overlay) -> None:
    with pytest.raises(DeviceError, match=r"has no DMA 'dma' .*: it is another network's"):
        connect(overlay(dma="axi_dma_0"))


def test_no_device_here(overlay: Overlay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_PYNQ", "no_device")
    with pytest.raises(DeviceError, match=r"No Devices Found; run this on the board as root"):
        connect(overlay())


FAULTS = [
    ("stall", True, "frame 0: no answer within 0.2 s: is this the design that is loaded?"),
    ("short", False, "frame 8: 7 bytes came, answers have 8 each: another design is loaded"),
    ("error", True, "DMA: DMA Internal Error (transfer length 0?); load the design again"),
]


@pytest.mark.parametrize(("fault", "batches", "message"), FAULTS)
def test_a_board_that_fails(
    overlay: Overlay, small: Graph, monkeypatch: pytest.MonkeyPatch,
    fault: str, batches: bool, message: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("FAKE_PYNQ", fault)
    with (
        connect(overlay(batches=batches), timeout_s=0.2) as device,
        pytest.raises(DeviceError) as caught,
    ):
        device.run_words(samples_of(small, 9)[:, 0])
    assert message in str(caught.value)


def test_after_a_stall_or_its_end_a_device_is_not_used(
    overlay: Overlay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_PYNQ", "stall")
    with connect(overlay(), timeout_s=0.1) as device:
        with pytest.raises(DeviceError, match=r"no answer within 0\.1 s"):
            device.run_words(np.array([[1, 2]]))
        monkeypatch.setenv("FAKE_PYNQ", "")
        with pytest.raises(DeviceError, match="DMA channel not started; load the design again"):
            device.run_words(np.array([[1, 2]]))
    with connect(overlay()) as device:
        assert device.run_words(np.array([[1, 2]])).shape == (1,)
    device.close()
    with pytest.raises(DeviceError, match="DMA channel not started; load the design again"):
        device.run_words(np.array([[1, 2]]))


RAILS = [
    ("rail_12V,other_rail", 9.5, "PYNQ, power of rail 12V"),
    ("rail_power1", 4.5, "PYNQ, power of rail power1"),
    ("other_rail", None, ""),
    ("", None, ""),
]


@pytest.mark.parametrize(("rails", "watts", "source"), RAILS)
def test_power_is_that_of_the_whole_board(
    overlay: Overlay, monkeypatch: pytest.MonkeyPatch,
    rails: str, watts: float | None, source: str,
) -> None:  # fmt: skip
    module = sys.modules[measuring.__module__]
    monkeypatch.setattr(module, "_IDLE_S", 0.1)
    monkeypatch.setattr(module, "_BUSY_S", 0.1)
    monkeypatch.setenv("FAKE_PYNQ", rails)
    folder = overlay(length_width=10)
    known, _ = read_interface(folder)
    with connect(folder) as device:
        seen = measure(device, known.known_words, known.known_answers)
    assert seen.mismatches == 0
    assert (seen.idle_w, seen.power_w, seen.power_source) == (watts, watts, source)
    assert seen.energy_uj == (None if watts is None else 0.0)


def test_wrong_answers_are_counted(overlay: Overlay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_PYNQ", "wrong")
    folder = overlay()
    known, _ = read_interface(folder)
    with connect(folder) as device:
        seen = measure(device, known.known_words, known.known_answers)
    assert seen.mismatches == 1
    assert [wrong.frame for wrong in seen.first] == [0]
