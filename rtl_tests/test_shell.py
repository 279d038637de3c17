"""The shells around the core, and the host script that talks to one of them."""

from __future__ import annotations

import dataclasses
import json
import pty
import subprocess
import sys
import tty
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hlsgen.boards import load_board
from hlsgen.build import interface
from hlsgen.emit import emit, emit_uart, framing, places
from hlsgen.graph import Graph, random_feeds, run
from hlsgen.graph.ir import Values
from hlsgen.graph.parts import streams
from hlsgen.graph.schedule import pace
from hlsgen.tools.verilator import build, simulate
from hlsgen.verify.bits import pack, to_words
from hlsgen.verify.vectors import beats, bits_of
from rtl_tests.designs import ECP5, random_network, with_latency
from rtl_tests.tb.line import CLOCKS_PER_BIT

IDLE_CLOCKS = 2000
STREAM = tuple(
    f"{side}_axis_t{name}" for side in "sm" for name in ("data", "valid", "ready", "last")
)
SERIAL = ("rxd", "txd", "led")
FRAMES = 24
# The tests of each bench: all of them must run.
TESTS = {
    "axis": [
        "back_to_back",
        "early_tlast",
        "reset_in_mid_frame",
        "reset_with_answers_waiting",
        "starvation",
        "full_back_pressure",
    ],
    "uart": [
        "frames",
        "without_pause",
        "silence_resynchronises",
        "glitch_is_no_start_bit",
        "byte_without_stop_bit_is_dropped",
        "reset_in_mid_byte",
        "baud_rates_three_percent_apart",
    ],
    "overrun": ["overrun"],
    "host": ["host"],
}


def compile_shell(folder: Path, graph: Graph, shell: str, width: int = 8) -> Path:
    """The simulation of `<graph>_<shell>` with its ports public."""
    plan = emit(graph, width, ECP5) | emit_uart(graph, clock_mhz=1.0, baud=9600)
    plan.write(folder)
    top = f"{graph.name}_{shell}"
    ports = ("clk", "rst", *(SERIAL if shell == "uart" else STREAM))
    public = [f'public_flat_rw -module "{top}" -var "{port}"\n' for port in ports]
    (folder / "public.vlt").write_text("".join(["`verilator_config\n", *public]))
    clocks = {"CLOCKS_PER_BIT": CLOCKS_PER_BIT, "IDLE_CLOCKS": IDLE_CLOCKS}
    return build(
        ["public.vlt", *sorted(plan.files)],
        top,
        folder / "obj",
        folder / "logs",
        parameters=clocks if shell == "uart" else None,
    )


def clocks_of(graph: Graph, width: int, count: int) -> int:
    """Clocks in which so many beats of whole frames enter the shell, one after the other."""
    frame = framing(graph, width)
    if frame.slot >= width:
        return count
    # A word waits until the core has all beats of the word before.
    per_word = width // frame.slot
    in_last = frame.frame_beats - per_word * (frame.in_beats - 1)
    return count // frame.in_beats * pace(graph).interval - in_last + 1


def held_clocks(graph: Graph, width: int) -> int:
    """Clocks, at most, in which beats still enter when no answer leaves."""
    frame = framing(graph, width)
    held = places(graph) + 3 if streams(graph) else graph.latency[graph.outputs[0]] + 4
    return held * max(frame.in_beats, frame.frame_beats)


def write_traffic(folder: Path, graph: Graph, width: int = 8) -> Path:
    """Random frames and their answers, in beats."""
    values = bits_of(graph, random_feeds(graph, FRAMES, np.random.default_rng(2)))
    frame = framing(graph, width)
    send, expect = (to_words(pack(bits)) for bits in beats(graph, values, width))
    traffic = {
        "frames": [send[i : i + frame.in_beats] for i in range(0, len(send), frame.in_beats)],
        "answers": [
            expect[i : i + frame.out_beats] for i in range(0, len(expect), frame.out_beats)
        ],
        "clocks": clocks_of(graph, width, len(send)),
        "held_clocks": held_clocks(graph, width),
        "idle_clocks": IDLE_CLOCKS,
    }
    path = folder / "traffic.json"
    path.write_text(json.dumps(traffic))
    return path


def bench(program: Path, top: str, module: str, folder: Path, **env: str) -> list[str]:
    """Failures of the tests of `rtl_tests.tb.<module>`."""
    return simulate(
        program,
        top,
        f"rtl_tests.tb.{module}",
        tests=TESTS[module],
        results=folder / "results.xml",
        log_file=folder / "simulation.log",
        env=env,
        timeout_s=120,
    )


def sums_of(graph: Graph) -> Graph:
    """The same network, answering with all class counts."""
    return dataclasses.replace(graph, nodes=graph.nodes[:-1], outputs=("sums",))


@pytest.mark.verilator
def test_axi_stream(tmp_path: Path) -> None:
    """Frames of four beats, answers of three."""
    network = random_network(21, features=7, classes=6)
    graph = with_latency(sums_of(network), 3)
    assert (framing(graph, 8).in_beats, framing(graph, 8).out_beats) == (4, 3)
    program = compile_shell(tmp_path, graph, "axis")
    traffic = write_traffic(tmp_path, graph)
    failed = bench(program, "net_axis", "axis", tmp_path, HLSGEN_TRAFFIC=str(traffic))
    assert failed == []


@pytest.fixture(scope="module")
def classifier() -> Graph:
    """Frames of four bytes, answers of one."""
    return with_latency(random_network(22, features=7, classes=5), 3)


@pytest.fixture(scope="module")
def uart(folder: Path, classifier: Graph) -> Path:
    return compile_shell(folder, classifier, "uart")


@pytest.mark.verilator
def test_uart(uart: Path, classifier: Graph, tmp_path: Path) -> None:
    traffic = write_traffic(tmp_path, classifier)
    failed = bench(uart, "net_uart", "uart", tmp_path, HLSGEN_TRAFFIC=str(traffic))
    assert failed == []


@pytest.mark.verilator
def test_uart_overrun(tmp_path: Path) -> None:
    """Frames of one byte, answers of three."""
    graph = with_latency(sums_of(random_network(23, features=2, classes=5)), 2)
    program = compile_shell(tmp_path, graph, "uart")
    traffic = write_traffic(tmp_path, graph)
    assert bench(program, "net_uart", "overrun", tmp_path, HLSGEN_TRAFFIC=str(traffic)) == []


def write_host(folder: Path, graph: Graph, samples: Values) -> Path:
    """The host script and its interface.json; the path of the script."""
    answers = run(graph, {graph.feeds()[0].name: samples})[graph.outputs[0]]
    interface.plan(graph, load_board("ulx3s"), samples, answers, 50.0).write(folder)
    return folder / "host" / "classify.py"


def run_host(uart: Path, folder: Path, *args: object) -> dict[str, Any]:
    """Exit code and output of the host script on the simulated board."""
    command = json.dumps([str(arg) for arg in args])
    assert bench(uart, "net_uart", "host", folder, HLSGEN_HOST=command) == []
    record: dict[str, Any] = json.loads((folder / "host.json").read_text())
    return record


@pytest.fixture(scope="module")
def samples(classifier: Graph) -> Values:
    feeds = random_feeds(classifier, 5, np.random.default_rng(3))
    return feeds[classifier.feeds()[0].name]


@pytest.mark.verilator
def test_host_self_test(uart: Path, classifier: Graph, samples: Values, tmp_path: Path) -> None:
    script = write_host(tmp_path, classifier, samples)
    assert run_host(uart, tmp_path, script, "--self-test") == {
        "code": 0,
        "output": "5 of 5 answers right\n",
    }


@pytest.mark.verilator
def test_host_finds_wrong_answers(
    uart: Path, classifier: Graph, samples: Values, tmp_path: Path
) -> None:
    script = write_host(tmp_path, classifier, samples)
    path = script.with_name("interface.json")
    known = json.loads(path.read_text())
    (right,) = known["self_test"]["answers"][3]
    known["self_test"]["answers"][3] = [right + 1]
    path.write_text(json.dumps(known))
    assert run_host(uart, tmp_path, script, "--self-test") == {
        "code": 1,
        "output": f"sample 3: class {right}, expected {right + 1}\n4 of 5 answers right\n",
    }


@pytest.mark.verilator
def test_host_classifies_a_file(uart: Path, classifier: Graph, tmp_path: Path) -> None:
    """Real features, also beyond the range of the words, quantised by the script."""
    op = classifier.feeds()[0].op
    rng = np.random.default_rng(4)
    features = op.offset + rng.uniform(-3.0, 18.0, (6, len(op.offset))) * op.scale
    words = op.quantise(features)
    assert words.min() == 0
    assert words.max() == 15
    script = write_host(tmp_path, classifier, words)
    np.savetxt(tmp_path / "samples.csv", features, delimiter=",", fmt="%.17g")
    answers = run(classifier, {classifier.feeds()[0].name: words})[classifier.outputs[0]]
    record = run_host(uart, tmp_path, script, tmp_path / "samples.csv")
    assert record["code"] == 0
    assert record["output"].split() == [str(answer) for answer in answers[:, 0, 0]]


def test_host_without_a_board(classifier: Graph, samples: Values, tmp_path: Path) -> None:
    """A port that never answers: a message, not a hang."""
    script = write_host(tmp_path, classifier, samples)
    master, slave = pty.openpty()
    tty.setraw(slave)
    command = [sys.executable, script, "--port", f"/dev/fd/{slave}", "--self-test"]
    result = subprocess.run(
        command, capture_output=True, text=True, timeout=60, pass_fds=[slave, master], check=False
    )
    assert result.returncode == 2
    assert "no answer within 1.0 s: is the board configured" in result.stderr
