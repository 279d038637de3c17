"""Board files: all of ours load, and every mistake in one names file, key, value and rule."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hlsgen.boards import board_names, load_board
from hlsgen.errors import ConfigError
from hlsgen.graph import Graph
from hlsgen.paths import data_dir
from hlsgen.tools import TOOLS
from hlsgen.verify.after_route import bitstream, routed

GOOD = """\
name = "mini"
title = "A small board"
vendor = "amd"
part = "xc0"
fabric = "xcup"
flow = "vitis"

[clock]
source_mhz = 100.0
max_mhz = 300.0

[shell]
kind = "axis"
width_bits = 64

[vitis]
platform = "p"

[source]
part = "a"
clock = "b"
resources = "c"
"""


@pytest.fixture
def change(tmp_path: Path) -> Callable[[str, str], Path]:
    """A file that is GOOD but for one change."""

    def changed(old: str, new: str) -> Path:
        assert GOOD.count(old) == 1
        path = tmp_path / "mini.toml"
        path.write_text(GOOD.replace(old, new), encoding="utf-8")
        return path

    return changed


def _text(name: str) -> str:
    return (data_dir("boards") / f"{name}.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", board_names())
def test_board_loads_and_is_sourced(name: str) -> None:
    board = load_board(name)
    assert board.name == name, "the file's name is the board's name"
    assert board.clock.source_mhz <= board.clock.max_mhz
    tables = {"part", "clock", "resources", "pins"} if board.pins else {"part", "clock"}
    assert all(len(board.source[table]) > 15 for table in tables)
    products = {"ice40": "bin", "gowin": "fs"} if board.flow == "nextpnr" else {}
    ending = "xclbin" if board.flow == "vitis" else products.get(board.fabric, "bit")
    assert board.product == ending
    assert board.resources.lut and board.resources.ff, "without them nothing is said about fitting"
    assert set(board.io_types) <= set(board.pins)
    assert all(f"[{table}]" in _text(name) for table in ("clock", "resources", "shell", "source"))
    assert board.program or board.shell.kind == "axis"
    if board.program:
        assert board.program[0] in TOOLS


def test_u280_facts() -> None:
    board = load_board("u280")
    assert board.part == "xcu280-fsvh2892-2L-e"
    assert board.resources.lut == 162_960 * 8
    assert board.resources.ff == 162_960 * 16
    assert (board.shell.kind, board.shell.width_bits) == ("axis", 512)
    assert board.logic.lut_inputs == 6


def test_good_file_is_good(change: Callable[[str, str], Path]) -> None:
    assert load_board(str(change("xc0", "xc0"))).shell.width_bits == 64


def test_unknown_board_lists_the_known() -> None:
    with pytest.raises(ConfigError) as caught:
        load_board("u281")
    assert str(caught.value) == f"unknown board 'u281'; known boards: {', '.join(board_names())}"
    assert "u280" in board_names()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('part = "xc0"', 'parts = "xc0"', "{0}: part is missing\n{0}: unknown key parts; allowed"),
        ("max_mhz = 300.0", "maxmhz = 300.0", "{0}: clock.max_mhz is missing\n{0}: unknown key"
         " clock.maxmhz; allowed here: max_mhz, reach_mhz, source_mhz"),
        ("max_mhz = 300.0", "max_mhz = 300.0\nreach_mhz = 301.0", "reach_mhz 301 is above max_mhz"
         " 300"),
        ('flow = "vitis"', 'flow = "vitis"\nprogram = ["load"]', "program must name {{file}}, the"
         " bitstream, once"),
        ('flow = "vitis"', 'flow = "vitis"\ndelay_factor = 9', "{0}: delay_factor is 9: should be"),
        ('flow = "vitis"', 'flow = "vitis"\nio_types = { led0 = "LVCMOS18" }', "io_types of what is"
         " not in [pins]: led0"),
        ("max_mhz = 300.0", 'max_mhz = "300"', "{0}: clock.max_mhz is '300': should be a valid"),
        ("max_mhz = 300.0", "max_mhz = 0.0", "{0}: clock.max_mhz is 0.0: should be greater than 0"),
        ("width_bits = 64", "width_bits = 63", "{0}: shell.width_bits is 63: should be a multiple"),
        ("width_bits = 64", "width_bits = 64.5", "{0}: shell.width_bits is 64.5: should be"),
        ('kind = "axis"', 'kind = "pcie"', "{0}: shell.kind is 'pcie': should be 'uart' or 'axis'"),
        ('kind = "axis"', 'kind = "uart"', "baud belongs to kind 'uart', and only there"),
        ('flow = "vitis"', 'flow = "quartus"', "{0}: flow is 'quartus': should be 'nextpnr',"
         " 'vitis'"),
        ('flow = "vitis"', 'flow = "nextpnr"', "flow 'nextpnr' is for the fabrics"
         " ecp5, ice40, gowin, nexus, not for 'xcup'"),
        ('"xcup"', '"xc9"', "fabric 'xc9' must be one of ecp5, ice40, xcup"),
        ('name = "mini"', 'name = "Mini 1"', "{0}: name is 'Mini 1': String should match pattern"),
        ('clock = "b"\n', "", "[source] must say where clock come from"),
        ('[source]\npart = "a"\nclock = "b"\nresources = "c"\n', "", "{0}: source is missing"),
        ("[vitis]", "[vitis", "{0}: not valid TOML: "),
    ],
)  # fmt: skip
def test_mistake(change: Callable[[str, str], Path], old: str, new: str, message: str) -> None:
    path = change(old, new)
    with pytest.raises(ConfigError) as caught:
        load_board(str(path))
    assert message.format(path) in str(caught.value)
    assert str(path) in str(caught.value)


ALLOWED = (
    "clk, uart_rxd, uart_txd, led0, led1, led2, led3, led4, led5, led6, led7 and the keys of"
    " [constants]"
)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('led7 = "H3"', 'led8 = "H3"', f"unknown pin led8; allowed in [pins]: {ALLOWED}"),
        ('clk = "G2"', 'clock = "G2"', f"unknown pin clock; allowed in [pins]: {ALLOWED}"),
        ('led7 = "H3"', 'led7 = "E1"', "[pins] puts led6 and led7 on one site, E1"),
        ('wifi_gpio0 = "L2"', 'wifi_gpio0 = "G2"',
         "[pins] puts clk and wifi_gpio0 on one site, G2"),
        ("wifi_gpio0 = 1", "wifi_gpio1 = 1", "constants without a pin: wifi_gpio1"),
        ("wifi_gpio0 = 1", "wifi_gpio0 = 1\nled0 = 1", "[constants] cannot hold led0: the design"
         " uses it"),
    ],
)  # fmt: skip
def test_mistake_in_the_pins(tmp_path: Path, old: str, new: str, message: str) -> None:
    good = (data_dir("boards") / "ulx3s.toml").read_text()
    assert good.count(old) == 1
    path = tmp_path / "mini.toml"
    path.write_text(good.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        load_board(str(path))
    assert str(caught.value) == f"{path}: {message}"


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    path = tmp_path / "mini.toml"
    path.write_text(GOOD.replace("64", "0").replace("100.0", "-1.0"), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_board(str(path))
    assert len(str(caught.value).splitlines()) == 2


def test_the_table_in_the_docs_is_that_of_the_measurements() -> None:
    root = Path(__file__).parents[1]
    spec = importlib.util.spec_from_file_location("docs_boards", root / "docs" / "boards.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    rows = json.loads((root / "docs" / "boards.json").read_text(encoding="utf-8"))
    assert sorted(rows) == module.open_boards(), "run: python docs/boards.py"
    page = (root / "docs" / "boards.md").read_text(encoding="utf-8")
    shown = page.partition(module.BEGIN)[2].partition(module.END)[0].strip()
    assert shown == module.table(rows), "run: python docs/boards.py --table"
    failed = module.table({"icebreaker": {"failure": "digits does not fit icebreaker: 3 too many"}})
    assert "| digits does not fit icebreaker: 3 too many | " in failed.splitlines()[-1]


@pytest.mark.parametrize("name", ["tang_nano_9k", "crosslink_nx_evn"])
def test_what_is_not_read_back_after_routing_is_not_run(
    name: str, small: Graph, tmp_path: Path
) -> None:
    board = load_board(name)
    rungs = [*routed(tmp_path, small, board, np.zeros((1, 1, 2), dtype=np.int64))]
    rungs.append(bitstream(tmp_path, small, board))
    assert [rung.name for rung in rungs] == ["routed netlist", "board simulation", "bitstream"]
    assert all(rung.status == "not run" and len(rung.reason) > 20 for rung in rungs)
