"""Room for registers, with nextpnr: each has a slice to itself, and the circuit is the same."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from hlsgen.build import run_step
from hlsgen.emit import framing
from hlsgen.graph import Graph, random_feeds
from hlsgen.netlist import read_design
from hlsgen.passes import opt
from hlsgen.proof.routed import prove_routed
from hlsgen.verify.bits import pack, to_words
from hlsgen.verify.routed import check_bitstream, simulate_board
from hlsgen.verify.vectors import beats, bits_of
from rtl_tests.designs import ECP5, streaming_network
from rtl_tests.test_routed import CLOCKS_PER_BIT, IDLE_CLOCKS, ROUTED, fast_plan

pytestmark = [pytest.mark.verilator, pytest.mark.yosys, pytest.mark.nextpnr]
FRAMES = 6


@pytest.fixture(scope="module")
def graph() -> Graph:
    """Images of 4 x 3 pixels."""
    return opt(streaming_network(9, (4, 3), ((2, 2), (1, 1), 5)), ECP5, 25.0)


@pytest.fixture(scope="module")
def built(folder: Path, graph: Graph) -> Path:
    plan = fast_plan(graph, 25.0)
    plan.write(folder)
    for step in plan.steps:
        run_step(step, folder)
    return folder


def cells_of(file: Path, kind: str) -> dict[str, tuple[str, list[int]]]:
    """Of each cell its place, "X2/Y37/SLICEA.0" for both kinds, and the nets that it reads."""
    modules = json.loads(file.read_text())["modules"].values()
    (module,) = (module for module in modules if module["cells"])
    return {
        name: (
            re.sub(r"(K|FF)(\d)$", r"\2", cell["attributes"]["NEXTPNR_BEL"]),
            [net for pin in ("DI", "M", "F") for net in cell["connections"].get(pin, [])],
        )
        for name, cell in module["cells"].items()
        if cell["type"] == kind
    }


def test_registers_have_slices_of_their_own(built: Path) -> None:
    before, after = (built / "route" / f"{name}.json" for name in ("loose", "net_top"))
    loose, luts = cells_of(before, "TRELLIS_COMB"), cells_of(after, "TRELLIS_COMB")
    rooms = {name: cell for name, cell in loose.items() if "hlsgen_room" in name}
    assert luts.keys() == loose.keys() - rooms.keys(), "no LUT more than without"
    copies = {nets[0]: place for place, nets in rooms.values()}
    given = {
        name: copies[net]
        for name, (_, nets) in cells_of(before, "TRELLIS_FF").items()
        for net in nets
        if net in copies
    }
    assert len(given) == len(rooms) > 50
    occupied = {place for place, _ in luts.values()}
    registers = cells_of(after, "TRELLIS_FF")
    for name, place in given.items():
        assert registers[name][0] == place
        assert place not in occupied


def test_every_register_takes_what_it_took(built: Path, tmp_path: Path) -> None:
    """And two registers that take each other's are found."""
    before = read_design(built / "synth" / "net_top.json").flatten("net_top")
    file = built / ROUTED[0]
    proof = prove_routed(before, read_design(file).flatten("top"))
    assert (proof.status, proof.reason) == ("proved", "")
    wrong = json.loads(file.read_text())
    one, *_, other = (
        cell["connections"]
        for cell in wrong["modules"]["top"]["cells"].values()
        if cell["type"] == "TRELLIS_FF" and cell["connections"].get("M")
    )
    one["M"], other["M"] = other["M"], one["M"]
    (tmp_path / "wrong.json").write_text(json.dumps(wrong))
    proof = prove_routed(before, read_design(tmp_path / "wrong.json").flatten("top"))
    assert (proof.status, proof.outputs - proof.proved) == ("refuted", 2)


def test_the_board_answers(built: Path, graph: Graph) -> None:
    values = bits_of(graph, random_feeds(graph, FRAMES, np.random.default_rng(2)))
    send, expect = (to_words(pack(bits)) for bits in beats(graph, values, 8))
    size = framing(graph, 8).in_beats
    frames = [send[i : i + size] for i in range(0, len(send), size)]
    result = simulate_board(built, *ROUTED, frames, [[byte] for byte in expect], CLOCKS_PER_BIT,
                           "board", silence_clocks=IDLE_CLOCKS + 100)  # fmt: skip
    assert (result.failed, result.reason) == (0, "")
    assert result.checked >= FRAMES
    result = check_bitstream(built, "net")
    assert (result.failed, result.reason) == (0, "")
    assert result.checked > 500
