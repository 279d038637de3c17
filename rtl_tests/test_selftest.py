"""`hlsgen selftest` on simulated shells, and on a prepared build for a card behind a fake XRT."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from hlsgen.boards import Board, Shell, load_board
from hlsgen.build import interface
from hlsgen.cli import app
from hlsgen.emit import emit, emit_uart, framing
from hlsgen.graph import Graph, random_feeds, run, save
from hlsgen.graph.ir import Values
from hlsgen.graph.schedule import pace
from hlsgen.passes import opt
from hlsgen.runtime import DeviceError, connect, measure, read_interface
from hlsgen.runtime import simulation as simulating
from rtl_tests.designs import ECP5, random_network, streaming_network, with_latency
from rtl_tests.tiny_project import write_tiny_project

ROOT = Path(__file__).parents[1]
FAKE_XRT = ROOT / "tests" / "fake_pyxrt"
CLOCK_MHZ = 12.0
FRAMES = 30


def board(kind: str, width: int) -> Board:
    """A serial line of eight clocks a bit, or beats of a DMA."""
    if kind == "uart":
        made = load_board("ulx3s")
        return made.model_copy(update={"shell": Shell(kind="uart", baud=1_500_000)})
    made = load_board("zcu104")
    return made.model_copy(update={"shell": Shell(kind="axis", width_bits=width)})


def samples_of(graph: Graph) -> tuple[Values, Values]:
    feed = graph.feeds()[0].name
    words = random_feeds(graph, FRAMES, np.random.default_rng(3))[feed]
    return words, run(graph, {feed: words})[graph.outputs[0]]


def build(folder: Path, graph: Graph, kind: str = "uart", width: int = 8) -> Path:
    """A build folder up to the shell and the host side."""
    made_for, (words, answers) = board(kind, width), samples_of(graph)
    plan = emit(graph, width, ECP5)
    if made_for.shell.baud:
        plan |= emit_uart(graph, CLOCK_MHZ, made_for.shell.baud)
    (plan | interface.plan(graph, made_for, words, answers, CLOCK_MHZ)).write(folder)
    return folder


def sums_of(graph: Graph) -> Graph:
    """The same network, answering with all class counts."""
    return dataclasses.replace(graph, nodes=graph.nodes[:-1], outputs=("sums",))


def network(classes: int = 5, seed: int = 71) -> Graph:
    return with_latency(random_network(seed, features=7, classes=classes), 3)


def selftest(*args: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["selftest", *map(str, args)])
    return result.exit_code, " ".join(result.output.split())


@pytest.mark.verilator
def test_the_shell_of_a_uart_board(tmp_path: Path) -> None:
    graph = network()
    frame = framing(graph, 8)
    assert (frame.in_beats, frame.out_beats) == (4, 1)
    code, output = selftest(build(tmp_path, graph), "--via", "simulation")
    assert code == 0, output
    assert "SIMULATION of net for ulx3s: no board was measured" in output
    assert not (tmp_path / "host" / "measured.json").exists()
    record = json.loads((tmp_path / "host" / "simulated.json").read_text())
    assert (record["transport"], record["simulated"]) == ("simulation", True)
    assert (record["mismatches"], record["power_w"], record["energy_uj"]) == (0, None, None)
    # Forty bits a frame without a pause, and the answer behind the last.
    assert 0.99 * 1.5e6 / 40 < record["throughput_fps"] <= 1.5e6 / 40
    assert 50 / 1.5 <= record["latency_us"] == record["latency_p99_us"] < 55 / 1.5


@pytest.mark.verilator
@pytest.mark.parametrize("width", [8, 24, 64, 512])
def test_the_shell_of_a_stream(tmp_path: Path, width: int) -> None:
    """Class counts with signs, in one or more beats."""
    graph = with_latency(sums_of(random_network(72, features=7, classes=6)), 3)
    assert graph.wires["sums"].signed
    folder = build(tmp_path, graph, "axis", width)
    known, _ = read_interface(folder)
    with connect(folder, via="simulation") as device:
        got = device.run_words(known.known_words)
        seen = measure(device, known.known_words, known.known_answers)
    assert got.tolist() == known.known_answers.tolist()
    assert (seen.mismatches, seen.simulated) == (0, True)
    frame = framing(graph, width)
    # A frame each so many clocks, whichever side is slower.
    clocks = max(frame.in_beats, frame.out_beats)
    assert seen.throughput_fps == pytest.approx(CLOCK_MHZ * 1e6 / clocks, rel=0.01)


@pytest.mark.verilator
@pytest.mark.parametrize("kind", ["uart", "axis"])
def test_images_pixel_by_pixel(tmp_path: Path, kind: str) -> None:
    network = streaming_network(9, (4, 3), ((2, 2), (1, 1), 5), bits=3)
    graph = opt(network, ECP5, 200.0)
    folder = build(tmp_path, graph, kind, 8 if kind == "uart" else 64)
    known, _ = read_interface(folder)
    assert known.words > known.beat_words
    with connect(folder, via="simulation") as device:
        seen = measure(device, known.known_words, known.known_answers)
    assert seen.mismatches == 0
    if kind == "axis":
        interval = CLOCK_MHZ * 1e6 / pace(graph).interval
        assert seen.throughput_fps == pytest.approx(interval, rel=0.02)


@pytest.mark.verilator
def test_answers_that_are_longer_than_frames_wait(tmp_path: Path) -> None:
    graph = with_latency(sums_of(random_network(23, features=2, classes=5)), 2)
    assert framing(graph, 8).out_beats > framing(graph, 8).in_beats
    folder = build(tmp_path, graph)
    known, _ = read_interface(folder)
    with connect(folder, via="simulation") as device:
        assert device.run_words(known.known_words).tolist() == known.known_answers.tolist()


@pytest.mark.verilator
@pytest.mark.parametrize("kind", ["uart", "axis"])
def test_the_core_of_another_network_is_found(tmp_path: Path, kind: str) -> None:
    """The same frame and answer, other tables."""
    folder, width = build(tmp_path, network(), kind, 8), 8
    emit(network(seed=74), width, ECP5).write(folder)
    code, output = selftest(folder, "--via", "simulation")
    assert code == 1
    assert f"of {FRAMES} answers of the simulated shell are wrong" in output
    assert "frame 0: answer" in output or "frame 1: answer" in output
    record = json.loads((folder / "host" / "simulated.json").read_text())
    assert record["mismatches"] > FRAMES / 4
    assert record["throughput_fps"] is None


@pytest.mark.verilator
@pytest.mark.parametrize("kind", ["uart", "axis"])
def test_a_core_that_never_answers(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulating, "_PATIENCE", 20_000)
    folder = build(tmp_path, network(), kind, 8)
    core = folder / "rtl" / "net_stage.v"
    text = core.read_text()
    assert ".push(done)" in text
    core.write_text(text.replace(".push(done)", ".push(done & rst)"))
    with connect(folder, via="simulation") as device, pytest.raises(DeviceError) as caught:
        device.run_words(samples_of(network())[0][:, 0])
    assert str(caught.value) == "simulation: frame 0: no answer for 20000 clocks"


@pytest.mark.verilator
@pytest.mark.parametrize("kind", ["uart", "axis"])
def test_a_core_that_answers_twice(tmp_path: Path, kind: str) -> None:
    folder = build(tmp_path, network(), kind, 8)
    fifo = folder / "rtl" / "net_stage.v"
    text = fifo.read_text()
    again = "reg more;\nalways @(posedge clk) more <= done & ~rst;\n"
    text = text.replace("hlsgen_fifo #", f"{again}hlsgen_fifo #")
    fifo.write_text(text.replace(".push(done)", ".push(done | more)"))
    code, output = selftest(folder, "--via", "simulation", "--samples", 1)
    assert code == 4
    assert "simulation: answers are out of step" in output or "a beat came after" in output


@pytest.mark.verilator
def test_verilog_that_does_not_compile(tmp_path: Path) -> None:
    folder = build(tmp_path, network())
    (folder / "rtl" / "net_core.v").write_text("module net_core(\n")
    code, output = selftest(folder, "--via", "simulation")
    assert (code, "verilator" in output) == (4, True)


@pytest.mark.verilator
def test_more_samples_come_from_the_build_folder(tmp_path: Path) -> None:
    graph = network()
    folder = build(tmp_path, graph)
    feed = graph.feeds()[0].name
    words = random_feeds(graph, 50, np.random.default_rng(8))[feed]
    save(graph, folder / "graph" / "final")
    np.savez(folder / "graph" / "samples.npz", x=words[:, 0])
    code, output = selftest(folder, "--via", "simulation", "--samples", 50)
    assert code == 0, output
    code, output = selftest(folder, "--via", "simulation", "--samples", 51)
    assert (code, "--samples is 51: there are 50 test samples" in output) == (2, True)
    save(network(seed=74), folder / "graph" / "final")
    code, output = selftest(folder, "--via", "simulation", "--samples", 50)
    assert code == 2
    assert "graph/final is another network than host/interface.json was written for" in output


# --- a prepared build for the U280 ------------------------------------------------------------


def hlsgen(*args: object, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hlsgen", *map(str, args)], cwd=ROOT,
        env={**os.environ, "COLUMNS": "200", **env},
        capture_output=True, text=True, check=False, timeout=500,
    )  # fmt: skip


@pytest.mark.verilator
@pytest.mark.yosys
def test_a_card_behind_xrt(tmp_path: Path) -> None:
    """The whole way: train, export, opt, emit, verify, build without Vitis, self-test."""
    write_tiny_project(tmp_path, clock_mhz=250)
    no_vendor = {"HLSGEN_VIVADO": "", "HLSGEN_V": "", "PATH": "/usr/bin:/bin"}
    built = hlsgen("build", tmp_path, "--board", "u280", "-o", tmp_path / "build", **no_vendor)
    folder = tmp_path / "build" / "tiny-u280"
    assert built.returncode == 3, built.stderr
    assert "The build is ready to run" in built.stderr

    tested = hlsgen("selftest", folder, PYTHONPATH=str(FAKE_XRT))
    assert tested.returncode == 2
    assert "there is no tiny.xclbin, so no board can be configured" in tested.stderr

    known = json.loads((folder / "host" / "interface.json").read_text())
    units = known["xrt"]["units"]
    text = json.dumps({"graph": "graph/final", "width_bits": 512, "units": units})
    (folder / "tiny.xclbin").write_text(text)
    tested = hlsgen("selftest", folder, PYTHONPATH=str(FAKE_XRT), FAKE_PYXRT="no_sensor")
    assert tested.returncode == 0, tested.stderr
    assert "tiny on u280, via xrt" in tested.stdout
    record = json.loads((folder / "host" / "measured.json").read_text())
    assert (record["transport"], record["mismatches"]) == ("xrt", 0)

    # The host folder alone, as on the machine with the card.
    (folder / "host" / "tiny.xclbin").write_text(text.replace("graph/", "../graph/"))
    script = [sys.executable, folder / "host" / "classify.py", "--self-test"]
    alone = subprocess.run(
        script, env={**os.environ, "PYTHONPATH": str(FAKE_XRT)}, capture_output=True, text=True,
        check=False, timeout=100,
    )  # fmt: skip
    count = len(known["self_test"]["words"])
    assert (alone.returncode, alone.stdout) == (0, f"{count} of {count} answers right\n")
    # And the simulated shell of the same folder.
    tested = hlsgen("selftest", folder, "--via", "simulation")
    assert tested.returncode == 0, tested.stderr
    assert "SIMULATION of tiny for u280" in tested.stdout
