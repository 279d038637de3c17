"""Netlists: reading and flattening them, cells that are refused, pipelines, cuts at registers."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hlsgen.errors import ConfigError
from hlsgen.graph import Graph, Node, check
from hlsgen.graph.aig import FALSE, TRUE, Aig
from hlsgen.graph.ops import Input, Sum, Thermometer
from hlsgen.netlist import Cell, Flat, Pipeline, read_design
from hlsgen.netlist.cells import LOGIC, REGISTERS
from hlsgen.proof.equivalence import Proof, prove_node
from hlsgen.proof.routed import prove_routed

Bits = list[int | str]


def cell(kind: str, values: Mapping[str, str] | None = None, **pins: Bits) -> dict[str, Any]:
    """A cell of a JSON netlist; outputs are told by their names."""
    outputs = ("Y", "Q", "Z", "O", "F", "OFX", "CLKO")
    return {
        "type": kind,
        "parameters": dict(values or {}),
        "connections": pins,
        "port_directions": {pin: "output" if pin in outputs else "input" for pin in pins},
    }


def module(
    inputs: Mapping[str, Bits], outputs: Mapping[str, Bits], cells: Mapping[str, Any]
) -> dict[str, Any]:
    ports = {name: {"direction": "input", "bits": bits} for name, bits in inputs.items()}
    ports |= {name: {"direction": "output", "bits": bits} for name, bits in outputs.items()}
    names = {name: {"bits": port["bits"]} for name, port in ports.items()}
    return {"attributes": {}, "ports": ports, "cells": dict(cells), "netnames": names}


def written(folder: Path, **modules: Any) -> Path:
    path = folder / "netlist.json"
    path.write_text(json.dumps({"modules": modules}))
    return path


def flat_of(folder: Path, **modules: Any) -> Flat:
    return read_design(written(folder, **modules)).flatten("top")


# --- reading ----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}", '{"modules": {"top": {}}}'])
def test_a_damaged_netlist_is_named(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "netlist.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=r"netlist\.json: no netlist here, or a damaged one"):
        read_design(path)


def test_a_missing_module_is_named_with_those_that_are_there(tmp_path: Path) -> None:
    box = module({"A": [2]}, {"Y": [3]}, {}) | {"attributes": {"blackbox": "1"}}
    design = read_design(written(tmp_path, b=module({}, {}, {}), a=module({}, {}, {}), box=box))
    with pytest.raises(ConfigError, match=r"no module 'net_core' here \(found: a, b\)"):
        design.flatten("net_core")


def hierarchy() -> dict[str, Any]:
    """Two inverters in modules of their own, one net renamed on its way through a port."""
    child = module({"i": [2]}, {"o": [3], "same": [2]}, {"not": cell("$_NOT_", A=[2], Y=[3])})
    top = module(
        {"x": [2]},
        {"y": [5, 6, 4]},
        {"u": cell("child", i=[2], o=[4], same=[6]), "v": cell("child", i=[4], o=[5])},
    )
    for part in top["cells"].values():
        part["port_directions"] = {"i": "input", "o": "output", "same": "output"}
    return {"child": child, "top": top}


def test_instances_are_dissolved(tmp_path: Path) -> None:
    flat = flat_of(tmp_path, **hierarchy())
    assert [part.name for part in flat.cells] == ["u.not", "v.not"]
    assert flat.ports["y"][1] == flat.ports["x"][0], "a wire through a module"
    aig = Aig()
    x = aig.input()
    assert Pipeline(aig, flat, {("x", 0): x}).output("y", 0) == [x, x, x ^ 1]


def test_a_pin_that_is_left_open_is_undefined_inside(tmp_path: Path) -> None:
    modules = hierarchy()
    del modules["top"]["cells"]["u"]["connections"]["i"]
    pipeline = Pipeline(Aig(), flat_of(tmp_path, **modules), {})
    pipeline.output("y", 0)
    assert set(pipeline.free.values()) == {"undefined bit 'x'"}


# --- pipelines --------------------------------------------------------------------------------


def test_values_are_those_of_other_clocks_behind_registers(tmp_path: Path) -> None:
    """y is x of two clocks before; z of one and two; w never has a driver."""
    cells = {
        "r": cell("$_DFF_P_", C=[2], D=[3], Q=[4]),
        "s": cell("$_DFF_P_", C=[2], D=[4], Q=[5]),
        "and": cell("$_AND_", A=[4], B=[5], Y=[6]),
    }
    top = module({"clk": [2], "x": [3]}, {"y": [5], "z": [6], "w": [9]}, cells)
    flat = flat_of(tmp_path, top=top)
    aig = Aig()
    x = aig.input()
    pipeline = Pipeline(aig, flat, {("x", 0): x}, depth=3)
    assert pipeline.output("y", 2) == [x]
    assert pipeline.free == {}
    (early,) = pipeline.output("y", 1)
    assert pipeline.free == {early: "x[0] -1 clocks away"}
    (both,) = pipeline.output("z", 2)
    (late,) = (literal for literal, what in pipeline.free.items() if "+1" in what)
    assert both == aig.conj(x, late)
    (undriven,) = pipeline.output("w", 0)
    assert pipeline.free[undriven] == "undriven net w"
    shallow = Pipeline(Aig(), flat, {}, depth=0)
    assert shallow.free == {}
    (state,) = shallow.output("y", 0)
    assert shallow.free == {state: "old state of s"}
    fixed = Pipeline(Aig(), flat, {}, fixed={"x": TRUE})
    assert fixed.output("y", 0) == [TRUE]


def test_several_clocks_are_refused(tmp_path: Path) -> None:
    cells = {
        "r": cell("$_DFF_P_", C=[2], D=[3], Q=[4]),
        "s": cell("$_DFF_P_", C=[6], D=[4], Q=[5]),
    }
    top = module({"clk": [2], "x": [3], "other": [6]}, {"y": [5]}, cells)
    with pytest.raises(ConfigError, match="registers have several clocks: clk, other"):
        Pipeline(Aig(), flat_of(tmp_path, top=top), {})


def test_a_cell_without_a_model_is_refused_by_name(tmp_path: Path) -> None:
    top = module({"x": [2]}, {"y": [3]}, {"odd": cell("DSP48", A=[2], Y=[3])})
    with pytest.raises(ConfigError, match="cell odd: no model of cell type DSP48"):
        Pipeline(Aig(), flat_of(tmp_path, top=top), {})


# --- cells ------------------------------------------------------------------------------------

REFUSED = [
    ("FDRE", {"IS_C_INVERTED": "1"}, "takes data at the falling edge"),
    ("TRELLIS_FF", {"CLKMUX": "INV"}, "takes data at the falling edge"),
    ("TRELLIS_FF", {"LSRMODE": "PRLD"}, "loads M at a reset"),
    ("SRL16E", {"IS_CLK_INVERTED": "1"}, "only a fixed delay has a model"),
]


@pytest.mark.parametrize(("kind", "values", "message"), REFUSED)
def test_what_has_no_model_is_refused_by_name(
    kind: str, values: dict[str, str], message: str
) -> None:
    made = Cell("top.u", kind, values, {}, frozenset("Q"))
    pins = {f"A{i}": [FALSE] for i in range(4)}
    with pytest.raises(ConfigError, match=rf"cell top\.u \({kind}\): {message}"):
        REGISTERS[kind].update(Aig(), made, pins)


def test_a_shift_register_with_a_moving_tap_or_an_enable_is_refused() -> None:
    made, aig = Cell("top.u", "SRL16E", {}, {}, frozenset("Q")), Aig()
    fixed = {f"A{i}": [FALSE] for i in range(4)}
    assert REGISTERS["SRL16E"].update(aig, made, fixed).delay == 1
    for pins in (fixed | {"A1": [aig.input()]}, fixed | {"CE": [aig.input()]}):
        with pytest.raises(ConfigError, match="only a fixed delay has a model"):
            REGISTERS["SRL16E"].update(aig, made, pins)


def test_a_mode_or_a_parameter_without_meaning_is_refused() -> None:
    pins = {name: [FALSE] for name in "ABCD"}
    comb = Cell("top.u", "TRELLIS_COMB", {"MODE": "DPRAM"}, {}, frozenset("F"))
    with pytest.raises(ConfigError, match=r"cell top\.u \(TRELLIS_COMB\): mode DPRAM"):
        LOGIC["TRELLIS_COMB"](Aig(), comb, pins)
    lut = Cell("top.u", "LUT1", {"INIT": "0x"}, {}, frozenset("O"))
    with pytest.raises(ConfigError, match=r"parameter INIT is '0x', must be a number"):
        LOGIC["LUT1"](Aig(), lut, {"I0": [FALSE]})


def test_placed_pins_that_are_not_routed_read_1() -> None:
    comb = Cell("u", "TRELLIS_COMB", {"INITVAL": "1000000000000000"}, {}, frozenset("F"))
    assert LOGIC["TRELLIS_COMB"](Aig(), comb, {}) == {"F": [TRUE]}
    assert LOGIC["TRELLIS_COMB"](Aig(), comb, {"C": [FALSE]}) == {"F": [FALSE]}


# --- cut at the registers ---------------------------------------------------------------------

FF = {"CEMUX": "1", "REGSET": "RESET"}


def synthesised() -> dict[str, Any]:
    """Two registers: a0 xor a1, and that and a0."""
    cells = {
        "xor": cell("LUT4", {"INIT": "0000000000000110"}, A=[3], B=[4], C=["0"], D=["0"], Z=[5]),
        "first": cell("TRELLIS_FF", FF, CLK=[2], DI=[5], LSR=["0"], Q=[6]),
        "and": cell("LUT4", {"INIT": "0000000000001000"}, A=[6], B=[3], C=["0"], D=["0"], Z=[7]),
        "second": cell("TRELLIS_FF", FF, CLK=[2], DI=[7], LSR=["0"], Q=[8]),
    }
    return module({"clk": [2], "a": [3, 4]}, {"q": [8]}, cells)


def placed() -> dict[str, Any]:
    """The same behind pads and a clock buffer, pins moved and not routed, data by way of M."""
    xor = {"INITVAL": "0110000000000000", "MODE": "LOGIC"}
    cells = {
        "clk_io": cell("TRELLIS_IO", B=[2], O=[20]),
        "a0_io": cell("TRELLIS_IO", B=[3], O=[21]),
        "a1_io": cell("TRELLIS_IO", B=[4], O=[22]),
        "q_io": cell("TRELLIS_IO", B=[8], I=[26]),
        "buffer": cell("DCCA", CLKI=[20], CLKO=[23]),
        "xor": cell("TRELLIS_COMB", xor, A=[22], B=[21], F=[24]),
        "first": cell("TRELLIS_FF", FF | {"SD": "0"}, CLK=[23], M=[24], LSR=["0"], Q=[25]),
        "and": cell(
            "TRELLIS_COMB", {"INITVAL": "1100000000000000"}, B=[21], D=[25], C=[25], F=[27]
        ),
        "second": cell("TRELLIS_FF", FF, CLK=[23], DI=[27], LSR=["0"], Q=[26]),
    }
    return module({"clk": [2], "a": [3, 4]}, {"q": [8]}, cells)


def routed(folder: Path, after: dict[str, Any]) -> tuple[str, str]:
    before = flat_of(folder, top=synthesised())
    proof = prove_routed(before, flat_of(folder, top=after))
    assert proof.proved <= proof.outputs
    assert (proof.status == "proved") == (proof.proved == proof.outputs)
    return proof.status, proof.reason


def test_a_placed_design_that_does_the_same_is_proved(tmp_path: Path) -> None:
    assert routed(tmp_path, synthesised()) == ("proved", "")
    assert routed(tmp_path, placed()) == ("proved", "")


def _parameter(name: str, key: str, value: str) -> Callable[[dict[str, Any]], None]:
    return lambda cells: cells[name]["parameters"].update({key: value})


def _connect(name: str, pin: str, net: int | str) -> Callable[[dict[str, Any]], None]:
    return lambda cells: cells[name]["connections"].update({pin: [net]})


FAULTS: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "a table bit": (_parameter("xor", "INITVAL", "1110000000000000"), "something else.*: first"),
    "another input": (_connect("xor", "A", 21), "something else after routing: first"),
    "data from DI": (_parameter("first", "SD", "1"), "something else after routing: first"),
    "an enable": (_parameter("second", "CEMUX", "0"), "something else after routing: second"),
    "a set": (_connect("second", "LSR", 25), "something else after routing: second"),
    "another clock": (_connect("second", "CLK", 25), "something else.*: second clock"),
    "a bypassed register": (_connect("q_io", "I", 27), r"something else.*: pad q\[0\]"),
    "an asynchronous reset": (_parameter("first", "SRMODE", "ASYNC"), "first"),
    "an undriven pad": (_connect("q_io", "I", 99), r"something else.*: pad q\[0\]"),
    "a register lost": (lambda cells: cells.pop("first"), "in one of the netlists only: first"),
    "a register more": (
        lambda cells: cells.update(third=cells["second"]),
        "in one of the netlists only: third, third clock",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_place_and_route_is_found_and_placed(tmp_path: Path, name: str) -> None:
    change, message = FAULTS[name]
    after = copy.deepcopy(placed())
    change(after["cells"])
    status, reason = routed(tmp_path, after)
    assert status == "refuted"
    assert re.search(message, reason)


def test_a_placed_cell_without_a_model_is_refused(tmp_path: Path) -> None:
    after = placed()
    after["cells"]["xor"]["type"] = "MYSTERY"
    with pytest.raises(ConfigError, match="cell xor: no model of cell type MYSTERY"):
        routed(tmp_path, after)


def test_an_output_that_a_model_does_not_have_is_refused(tmp_path: Path) -> None:
    """A buffer of AMD calls its output O."""
    after = placed()
    after["cells"]["xor"] = cell("BUFG", I=[21], Z=[24])
    with pytest.raises(ConfigError, match=r"cell xor \(BUFG\): no model of output Z"):
        routed(tmp_path, after)


def test_an_asynchronous_reset_is_compared_by_itself(tmp_path: Path) -> None:
    """Data 0 resets at once in one, and at the clock in the other: both take the same at edges."""
    values = FF | {"SRMODE": "ASYNC"}
    cells = {"r": cell("TRELLIS_FF", values, CLK=[2], DI=[3], LSR=[4], Q=[5])}
    before = module({"clk": [2], "a": [3, 4]}, {"q": [5]}, cells)
    either = cell("LUT4", {"INIT": "0000000000001101"}, A=[3], B=[4], C=["0"], D=["0"], Z=[6])
    after = copy.deepcopy(before)
    after["cells"]["r"]["connections"]["LSR"] = [6]
    after["cells"]["either"] = either
    one, two = (flat_of(tmp_path, top=top) for top in (before, after))
    assert prove_routed(one, one).status == "proved"
    proof = prove_routed(one, two)
    assert (proof.status, proof.reason) == (
        "refuted",
        "takes something else after routing: r reset",
    )


# --- one layer --------------------------------------------------------------------------------


def at_least_five(folder: Path, *pins: int) -> Proof:
    """Whether five bits are all 1, from two bits of their number: 5 is 101, 6 and 7 never come."""
    nodes = (
        Node("x", Input(1, np.zeros(5), np.ones(5))),
        Node("sums", Sum.of(np.arange(5), np.array([5]), np.zeros(1)), ("x",)),
        Node("five", Thermometer(np.array([0]), np.array([5])), ("sums",)),
    )
    graph = check(Graph("net", nodes, ("five",)))
    cells = {"and": cell("$_AND_", A=[pins[0]], B=[pins[1]], Y=[5])}
    flat = flat_of(folder, top=module({"x": [2, 3, 4]}, {"y": [5]}, cells))
    return prove_node(graph, graph.by_name["five"], flat)


def test_a_layer_is_proved_for_the_values_that_its_inputs_take_and_no_others(
    tmp_path: Path,
) -> None:
    assert at_least_five(tmp_path, 2, 4).status == "proved"
    proof = at_least_five(tmp_path, 2, 3)
    assert proof.status == "refuted"
    assert proof.counterexample is not None
    assert proof.counterexample.output == "layer five, lane 0, bit 0"
    ((value,),) = proof.counterexample.inputs.values()
    assert (value, proof.counterexample.wanted) in [(3, 0), (5, 1)]


@pytest.mark.parametrize(("text", "value"), [("101", 5), ("0x6996", 0x6996), ("0x0110 ", 0x110)])
def test_a_parameter_is_binary_or_a_hexadecimal_word(text: str, value: int) -> None:
    """Yosys puts a space behind a word that could be taken for digits with an undefined one."""
    assert Cell("u", "LUT4", {"INIT": text}, {}, frozenset()).number("INIT") == value


def test_a_parameter_with_undefined_digits_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"parameter INIT is '0x0110', must be a number"):
        Cell("u", "LUT4", {"INIT": "0x0110"}, {}, frozenset()).number("INIT")


def test_a_mode_without_a_model_is_refused() -> None:
    alu = Cell("u", "ALU", {"ALU_MODE": "1100"}, {}, frozenset({"SUM"}))
    with pytest.raises(ConfigError, match=r"cell u \(ALU\): no model of ALU_MODE 12"):
        LOGIC["ALU"](Aig(), alu, {})
