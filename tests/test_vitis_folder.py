"""A whole build folder of an Alveo board, prepared where no vendor tool is: every file passes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from tcl_vivado import Vivado, modules
from vitis_checks import check_link, kernel_of_cpp, kernel_of_verilog, kernel_of_xml

from hlsgen.boards import load_board
from hlsgen.build import board_plan, run_step
from hlsgen.build.vitis import graph_plan
from hlsgen.emit import emit
from hlsgen.errors import ConfigError
from hlsgen.graph import Graph, run
from hlsgen.graph.fabric import FABRICS
from hlsgen.passes import opt
from hlsgen.paths import data_dir
from hlsgen.plan import Plan
from hlsgen.tools import TOOLS
from hlsgen.tools.csim import headers
from hlsgen.tools.tool import _find

HERE = Path(__file__).parent
MOCKS = HERE / "mock_tools"
BOARDS = ("u280", "u55c")
CLOCK_MHZ = 250.0


def prepared(small: Graph, name: str, language: str = "verilog") -> Plan:
    board = load_board(name)
    graph = opt(small, board.logic, CLOCK_MHZ)
    samples = np.random.default_rng(0).integers(0, 8, (130, 1, 2))
    rtl = emit(graph, board.shell.width_bits, board.logic, language)
    return board_plan(graph, board, rtl, CLOCK_MHZ, 7, samples, language)


@pytest.fixture
def mocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mock tools are the tools, their platforms the platforms."""
    _find.cache_clear()
    for tool in ("vivado", "v++"):
        monkeypatch.setenv(TOOLS[tool].variable, str(MOCKS / tool))
    monkeypatch.setenv("PLATFORM_REPO_PATHS", str(MOCKS / "platforms"))


@pytest.mark.parametrize("name", BOARDS)
def test_every_file_passes_its_check(small: Graph, tmp_path: Path, name: str) -> None:
    made, board = prepared(small, name), load_board(name)
    assert board.vitis
    made.write(tmp_path)
    files = {file: str(text) for file, text in made.files.items() if not file.endswith(".bin")}
    kernel = kernel_of_xml(files["vitis/kernel.xml"])
    assert kernel == kernel_of_verilog(files["vitis/kernel.v"])
    movers = [kernel_of_cpp(mover, files[f"vitis/{mover}.cpp"]) for mover in ("mm2s", "s2mm")]
    link = files["vitis/link.cfg"]
    vitis = board.vitis
    assert check_link(link, [kernel, *movers], vitis.memory, vitis.banks, vitis.regions) == []
    assert link.count("nk=small_kernel:16:net_1,") == 1
    _, ports = modules(files["rtl/small_axis.v"])["small_axis"]
    wired = re.findall(r"^ +\.(\w+)\(", files["vitis/kernel.v"], re.MULTILINE)
    assert set(wired) == set(ports), "the kernel wires the network's ports, no others"
    Vivado(tmp_path).run("vitis/package_kernel.tcl")
    interface = json.loads(files["host/interface.json"])
    assert interface["xrt"]["units"] == 16
    assert interface["xrt"]["bank_bytes"] == vitis.bank_mib << 20
    assert interface["frame"]["bytes"] * 130 == len(made.files["vitis/samples.bin"])


@pytest.mark.parametrize("name", BOARDS)
def test_the_host_program_compiles(small: Graph, tmp_path: Path, name: str) -> None:
    prepared(small, name).write(tmp_path)
    compiler = shutil.which("g++")
    assert compiler
    made = subprocess.run(
        ["make", "-C", "vitis/host", f"CXX={compiler}", f"XILINX_XRT={tmp_path}",
         f"CXXFLAGS=-Wall -Wextra -Werror -fsyntax-only -I{HERE / 'fake_xrt'}"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr


def test_the_host_program_compiles_with_the_real_xrt(small: Graph, tmp_path: Path) -> None:
    """Where XRT's headers are installed, as by Debian's libxrt-dev; no library, no card."""
    places = (Path("/opt/xilinx/xrt/include"), Path("/usr/include/xrt"))
    found = [place for place in places if (place / "xrt/xrt_device.h").is_file()]
    if not found:
        pytest.skip("no headers of XRT here")
    prepared(small, "u280").write(tmp_path)
    compiler = shutil.which("g++")
    assert compiler
    subprocess.run(
        [compiler, "-std=c++17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-isystem",
         found[0], tmp_path / "vitis/host/host.cpp"], check=True,
    )  # fmt: skip


@pytest.mark.parametrize("language", ["verilog", "hls"])
@pytest.mark.parametrize("name", BOARDS)
def test_the_mock_tools_run_through(
    small: Graph, tmp_path: Path, mocks: None, name: str, language: str
) -> None:
    made = prepared(small, name, language)
    made.write(tmp_path)
    for step in made.steps:
        if step.tool != "yosys":
            run_step(step, tmp_path)
    product = (tmp_path / "small.xclbin").read_text()
    assert product.startswith("# MOCK: no device program"), "no one takes it for a real one"


def test_the_bench_is_no_part_of_the_kernel(small: Graph) -> None:
    made = prepared(small, "u280", "hls")
    assert {"hls/small_tb.cpp", "hls/small_frames.dat"} <= set(made.files)
    (step,) = [step for step in made.steps if "hls/small_kernel.cpp" in step.args]
    assert "hls/small_core.h" in step.reads
    assert not [file for file in (*step.args, *step.reads) if file.endswith(("_tb.cpp", ".dat"))]


def test_the_network_itself_on_the_card_in_software(small: Graph, tmp_path: Path) -> None:
    """Host, movers and the HLS kernel as one program give the interpreter's answers."""
    prepared(small, "u280", "hls").write(tmp_path)
    shutil.copy(tmp_path / "vitis/link.cfg", tmp_path / "small.xclbin")
    compiler = shutil.which("g++")
    assert compiler
    folders = (HERE / "fake_xrt", data_dir("templates") / "hls/sim", tmp_path / "hls")
    sources = ("vitis/host/host.cpp", "vitis/mm2s.cpp", "vitis/s2mm.cpp", "hls/small_kernel.cpp",
               HERE / "fake_xrt/fake_xrt.cpp")  # fmt: skip
    subprocess.run(
        [compiler, "-std=c++17", "-O1", "-w", "-DFAKE_NET=small_kernel", "-isystem", headers(),
         *(f"-I{folder}" for folder in folders), "-o", "program", *sources, "-pthread"],
        cwd=tmp_path, check=True,
    )  # fmt: skip
    command = ["./program", "--seconds", "0", "--batch", "13", "--latency", "3"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    measured = json.loads((tmp_path / "host/measured.json").read_text())
    assert (measured["mismatches"], measured["units"]) == (0, 16)
    assert measured["frames"] > 16 * 13
    answers = np.fromfile(tmp_path / "vitis/expected.bin", "<u4")
    assert len(set(answers.tolist())) > 1, "or any constant would pass"
    (1 - answers).astype("<u4").tofile(tmp_path / "vitis/expected.bin")
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert again.returncode == 1


def test_expected_answers_are_cut_to_their_bits(small: Graph) -> None:
    """Negative answers come from the card in two's complement of the answer's own width."""
    board = load_board("u280")
    graph = opt(small, FABRICS["xcup"], CLOCK_MHZ)
    samples = np.random.default_rng(0).integers(0, 8, (5, 1, 2))
    answers = run(graph, {graph.feeds()[0].name: samples})[graph.outputs[0]]
    files = graph_plan(graph, board, [], CLOCK_MHZ, samples, -answers).files
    bits = graph.wires[graph.outputs[0]].bits
    expected = np.frombuffer(bytes(files["vitis/expected.bin"]), "<u4")  # type: ignore[arg-type]
    assert (expected == (-answers[:, 0, 0]) % (1 << bits)).all()


def test_a_board_without_room_is_refused(small: Graph) -> None:
    board = load_board("u280")
    graph = opt(small, board.logic, CLOCK_MHZ)
    tiny = board.model_copy(
        update={"resources": board.resources.model_copy(update={"lut": 15_000})}
    )
    samples = np.zeros((1, 1, 2), dtype=np.int64)
    with pytest.raises(ConfigError, match=r"not even one unit fits on u280 .*: \d[\d,]* too many"):
        graph_plan(graph, tiny, [], CLOCK_MHZ, samples, samples[:, :, :1])
