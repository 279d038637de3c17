"""Room for registers: which get a LUT in front of them, and that it goes without a trace."""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hlsgen.boards import Board, load_board
from hlsgen.build import board_plan
from hlsgen.emit import emit
from hlsgen.errors import ToolFailed
from hlsgen.graph import Graph, random_feeds
from hlsgen.passes import opt
from hlsgen.plan import Plan
from hlsgen.tools import room
from hlsgen.tools.tool import run_command
from rtl_tests.designs import ECP5, streaming_network


def cell(kind: str, **pins: Any) -> dict[str, Any]:
    outputs = {"Q", "Z", "F", "S0", "DO"}
    return {
        "type": kind,
        "parameters": {"SD": "1 "} if kind == "TRELLIS_FF" else {},
        "attributes": {},
        "port_directions": {pin: "output" if pin in outputs else "input" for pin in pins},
        "connections": {pin: [net] for pin, net in pins.items()},
    }


def register(di: int | str, q: int) -> dict[str, Any]:
    return cell("TRELLIS_FF", DI=di, Q=q, CLK=2)


def netlist(cells: dict[str, dict[str, Any]], out: int = 99) -> dict[str, Any]:
    ports = {"d": ("input", 3), "q": ("output", out)}
    return {
        "modules": {
            "top": {
                "attributes": {},
                "ports": {n: {"direction": way, "bits": [net]} for n, (way, net) in ports.items()},
                "cells": cells,
                "netnames": {"n": {"bits": [*range(2, 30)], "attributes": {}}},
            },
            "LUT4": {"attributes": {"blackbox": "1"}, "ports": {}, "cells": {}, "netnames": {}},
        }
    }


# The cells beside register `r`, whether it gets a LUT, and the net that leaves the module.
REGISTERS = {
    "a LUT's only reader": ({"l": cell("LUT4", A=3, Z=4), "r": register(4, 5)}, False, 5),
    "a carry's only reader": ({"l": cell("CCU2C", A0=3, S0=4), "r": register(4, 5)}, False, 5),
    "a choice of LUTs": (
        {"l": cell("PFUMX", ALUT=3, BLUT=2, C0=3, Z=4), "r": register(4, 5)},
        True,
        5,
    ),
    "a constant": ({"r": register("1", 5)}, False, 5),
    "a LUT that leaves as well": ({"l": cell("LUT4", A=3, Z=4), "r": register(4, 5)}, True, 4),
    "a LUT that another reads": (
        {"l": cell("LUT4", A=3, Z=4), "m": cell("LUT4", A=4, Z=6), "r": register(4, 5)},
        True,
        5,
    ),
    "a register": ({"s": register("0", 4), "r": register(4, 5)}, True, 5),
    "a port": ({"r": register(3, 5)}, True, 5),
    "a block memory": ({"l": cell("DP16KD", ADA0=3, DO=4), "r": register(4, 5)}, True, 5),
}


@pytest.mark.parametrize(("cells", "wanted", "out"), REGISTERS.values(), ids=list(REGISTERS))
def test_registers_that_no_lut_drives_get_one(
    cells: dict[str, dict[str, Any]], wanted: bool, out: int
) -> None:
    before = netlist(copy.deepcopy(cells), out)
    after = copy.deepcopy(before)
    assert room.make(after) == wanted
    found = after["modules"]["top"]["cells"]
    assert set(found) - set(cells) == ({"hlsgen_room0"} if wanted else set())
    if wanted:
        lut = found["hlsgen_room0"]
        assert lut["connections"]["A"] == cells["r"]["connections"]["DI"]
        assert lut["connections"]["Z"] == found["r"]["connections"]["DI"] == [30], "a free net"
    else:
        assert after == before


def placed(**cells: dict[str, Any]) -> dict[str, Any]:
    made = netlist({"core.hlsgen_room7": cell("TRELLIS_COMB", A=3, F=40), **cells})
    made["modules"]["top"]["netnames"]["core.hlsgen_room7_z"] = {"bits": [40], "attributes": {}}
    return made


@pytest.mark.parametrize("pin", ["DI", "M"])
def test_the_register_reads_what_the_lut_read(pin: str) -> None:
    """By M, the way past the LUT of its slice; where it was not packed with the LUT, too."""
    after = placed(r=cell("TRELLIS_FF", **{pin: 40}, Q=5, CLK=2), s=register(6, 7))
    assert room.take(after) == 1
    top = after["modules"]["top"]
    assert list(top["cells"]) == ["r", "s"]
    assert top["cells"]["r"]["connections"] == {"Q": [5], "CLK": [2], "M": [3]}
    assert top["cells"]["r"]["port_directions"] == {"Q": "output", "CLK": "input", "M": "input"}
    assert top["cells"]["r"]["parameters"]["SD"] == "0 "
    assert top["cells"]["s"] == register(6, 7)
    assert list(top["netnames"]) == ["n"]


def test_a_lut_that_something_else_reads_is_not_taken_out(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(placed(l=cell("TRELLIS_COMB", B=40, F=5))))
    command = [sys.executable, "-m", "hlsgen.tools.room", "take", "a.json", "b.json"]
    with pytest.raises(ToolFailed, match=r"cell l \(TRELLIS_COMB\) reads hlsgen_room at its pin B"):
        run_command("room", command, cwd=tmp_path, makes=["b.json"], log_file=tmp_path / "log",
                    env={}, errors=r"^\w*Error\b")  # fmt: skip
    assert not (tmp_path / "b.json").exists()


def plan_of(luts: int | None) -> Plan:
    graph: Graph = opt(streaming_network(9, (4, 3), ((2, 2), (1, 1), 5)), ECP5, 25.0)
    board: Board = load_board("ulx3s")
    resources = board.resources.model_copy(update={"lut": luts})
    samples = random_feeds(graph, 3, np.random.default_rng(1))[graph.feeds()[0].name]
    rtl = emit(graph, 8, ECP5)
    return board_plan(
        graph, board.model_copy(update={"resources": resources}), rtl, 25.0, 1, samples
    )


def test_streams_get_room_where_the_device_has_it() -> None:
    steps = plan_of(83640).steps
    assert [step.tool for step in steps] == [
        *("yosys", "room", "nextpnr-ecp5", "room", "nextpnr-ecp5", "ecppack"),
    ]
    assert len({step.log for step in steps}) == len(steps), "no log is written over"
    made = {"synth/net_top.json"}
    for step in steps[1:]:
        assert set(step.reads) <= made
        made |= set(step.makes)
    place, route = steps[2].args, steps[4].args
    assert "--no-route" in place
    assert {"--no-pack", "--no-place"} <= set(route)
    for luts in (100, None):
        assert [step.tool for step in plan_of(luts).steps] == ["yosys", "nextpnr-ecp5", "ecppack"]
