"""Verilator has nothing to warn of in what is emitted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hlsgen.boards import load_board
from hlsgen.build import nextpnr
from hlsgen.emit import emit
from hlsgen.errors import ToolFailed
from hlsgen.graph import Graph
from hlsgen.graph.fabric import FABRICS
from hlsgen.passes import opt
from hlsgen.plan import Plan
from hlsgen.tools import TOOLS
from hlsgen.tools.verilator import _NO_WARNING
from rtl_tests.designs import ECP5, random_network, streaming_network, with_latency
from rtl_tests.engines import at_once, convolutional, residual, slow_and_wide

pytestmark = pytest.mark.verilator


XCUP = FABRICS["xcup"]
# Registers of the board's top start at a value that the bitstream sets: reset begins there.
ALLOWED = {"top": ["-Wno-PROCASSINIT"]}


def lint(folder: Path, plan: Plan, top: str) -> None:
    """Raises ToolFailed where there is a warning."""
    plan.write(folder)
    sources = sorted(name for name in plan.files if name.endswith(".v"))
    TOOLS["verilator"].run(
        [
            *("--lint-only", "-Wall", *(f"-Wno-{name}" for name in _NO_WARNING)),
            *(*ALLOWED.get(top, []), "--top", f"net_{top}", *sources),
        ],
        cwd=folder,
        makes=[],
        log_file=folder / "lint.log",
    )


@pytest.fixture(scope="module")
def plan() -> Plan:
    """The design with the AXI-Stream shell, and the board's top around the UART."""
    graph = with_latency(random_network(41, features=7, bits=9, classes=5, layers=(40, 60)), 3)
    rtl = emit(graph, 32, ECP5)
    assert any("hlsgen_row" in str(text) for name, text in rtl.files.items() if "net_" in name)
    board = load_board("ulx3s")
    return rtl | nextpnr.plan(graph, board, rtl, board.clock.source_mhz, seed=1)


@pytest.mark.parametrize("top", ["core", "stage", "axis", "uart", "top"])
def test_emitted_verilog_is_clean(tmp_path: Path, plan: Plan, top: str) -> None:
    lint(tmp_path, plan, top)


def test_pairs_and_chains_of_a_dual_output_family_are_clean(tmp_path: Path) -> None:
    network = random_network(41, features=7, bits=9, classes=5, layers=(40, 60), fan_in=(2, 5))
    rtl = emit(opt(network, XCUP, 300.0), 32, XCUP)
    own = "".join(str(text) for name, text in rtl.files.items() if "net_" in name)
    assert "hlsgen_pair" in own
    assert "hlsgen_row" in own
    lint(tmp_path, rtl, "core")


@pytest.mark.parametrize("width", [8, 64])
def test_designs_that_stream_are_clean(tmp_path: Path, width: int) -> None:
    """Rows in LUTs and in blocks; pixels that share a beat, and that take two."""
    maps = ((2, 2), (1, 1), 5), ((3, 19), (1, 2), 4)
    graph = opt(streaming_network(1, (4, 40), *maps, bits=3, channels=5), ECP5, 150.0)
    rtl = emit(graph, width, ECP5)
    assert any(".DEPTH(40)" in str(text) for text in rtl.files.values())
    board = load_board("ulx3s")
    if width == 8:
        rtl |= nextpnr.plan(graph, board, rtl, board.clock.source_mhz, seed=1)
    for top in ("core", "axis", *(("uart", "top") if width == 8 else ())):
        lint(tmp_path / top, rtl, top)


@pytest.mark.parametrize("network", [convolutional, at_once, slow_and_wide, residual])
def test_designs_that_wait_are_clean(network: Callable[[], Graph], tmp_path: Path) -> None:
    graph = network()
    rtl = emit(graph, 8, ECP5)
    board = load_board("ulx3s")
    rtl |= nextpnr.plan(graph, board, rtl, board.clock.source_mhz, seed=1)
    for top in ("axis", "top"):
        lint(tmp_path / top, rtl, top)


@pytest.mark.parametrize(
    ("old", "new", "warning"),
    [
        ("assign valid_out = valid[2];", "", "UNDRIVEN"),
        ("output wire valid_out,", "output wire valid_out, output wire z,", "UNDRIVEN"),
        (".x(n_x)", ".x(n_y)", "n_y"),
    ],
)
def test_a_mistake_is_found(tmp_path: Path, plan: Plan, old: str, new: str, warning: str) -> None:
    name = "rtl/net_core.v"
    assert old in plan.files[name]
    broken = Plan({**plan.files, name: plan.files[name].replace(old, new)})
    with pytest.raises(ToolFailed, match=warning):
        lint(tmp_path, broken, "core")
