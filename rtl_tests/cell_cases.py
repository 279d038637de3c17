"""Cells of every family with random parameters, for the comparison of models with Yosys' own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hlsgen.netlist.cells import REGISTERS

RNG = np.random.default_rng(60)


@dataclass(frozen=True)
class Case:
    """A wrapper: its ports (name -> width), and its body of cells and of what they must be."""

    family: str
    kinds: tuple[str, ...]
    inputs: dict[str, int]
    outputs: dict[str, int]
    body: str
    reference: str

    def module(self, name: str, body: str) -> str:
        ports = [f"input [{n - 1}:0] {port}" for port, n in self.inputs.items()]
        ports += [f"output [{n - 1}:0] {port}" for port, n in self.outputs.items()]
        return f"(* keep_hierarchy *) module {name} ({', '.join(ports)});\n{body}\nendmodule\n"


def parameters(values: dict[str, str]) -> str:
    return f"#({', '.join(f'.{name}({value})' for name, value in values.items())}) "


def instance(kind: str, values: dict[str, str], pins: dict[str, str], name: str = "u") -> str:
    given = parameters(values) if values else ""
    connections = ", ".join(f".{pin}({net})" for pin, net in pins.items())
    return f"\\{kind} {given}{name} ({connections});"


def case(
    family: str,
    kind: str,
    inputs: str,
    outputs: str,
    values: dict[str, str] | None = None,
    *,
    tied: dict[str, str] | None = None,
) -> Case:
    """One cell, a port for each pin (`name:width`), compared with its own model in Yosys."""
    sizes = [
        {
            name: int(width or 1)
            for name, _, width in (word.partition(":") for word in words.split())
        }
        for words in (inputs, outputs)
    ]
    tied = tied or {}
    text = instance(kind, values or {}, {p: tied.get(p, p) for p in [*sizes[0], *sizes[1]]})
    free = {pin: width for pin, width in sizes[0].items() if pin not in tied}
    return Case(family, (kind,), free, sizes[1], text, text)


def init(bits: int) -> str:
    value = int.from_bytes(RNG.bytes(8), "little") & ((1 << bits) - 1)
    return f"{bits}'h{value:x}"


def pick(*choices: str) -> str:
    return choices[int(RNG.integers(len(choices)))]


def logic_cases() -> Iterator[Case]:
    for k in range(1, 7):
        pins = " ".join(f"I{i}" for i in range(k))
        for _ in range(3):
            yield case("xilinx", f"LUT{k}", pins, "O", {"INIT": init(1 << k)})
        yield case("xilinx", f"LUT{k}", pins, "O")
        for _ in range(2):
            lut = {"WIDTH": str(k), "LUT": init(1 << k)}
            yield case("xilinx", "$lut", f"A:{k}", "Y", lut)
    yield case("xilinx", "LUT6", "I0 I1 I2 I3 I4 I5", "O", {"INIT": "64'h8000000000000000"})
    for _ in range(3):
        yield case("xilinx", "LUT6_2", "I0 I1 I2 I3 I4 I5", "O5 O6", {"INIT": init(64)})
        yield case("ecp5", "LUT4", "A B C D", "Z", {"INIT": init(16)})
        yield case("ecp5", "TRELLIS_COMB", "A B C D", "F", {"INITVAL": init(16)})
        comb = {"MODE": '"LOGIC"', "INITVAL": init(16)}
        yield case("ecp5", "TRELLIS_COMB", "A B C D", "F", comb)
        yield case("ice40", "SB_LUT4", "I0 I1 I2 I3", "O", {"LUT_INIT": init(16)})
    yield case("xilinx", "INV", "I", "O")
    yield case("xilinx", "BUFG", "I", "O")
    yield case("xilinx", "VCC", "", "P")
    yield case("xilinx", "GND", "", "G")
    yield case("ecp5", "VHI", "", "Z")
    yield case("ecp5", "VLO", "", "Z")
    for k in (7, 8, 9):
        yield case("xilinx", f"MUXF{k}", "I0 I1 S", "O")
    yield case("ecp5", "PFUMX", "ALUT BLUT C0", "Z")
    yield case("ecp5", "L6MUX21", "D0 D1 SD", "Z")
    yield case("ice40", "SB_CARRY", "I0 I1 CI", "CO")
    yield case("ice40", "SB_CARRY", "I0 I1 CI", "CO", tied={"CI": "1'b1"})
    yield case("xilinx", "CARRY4", "CI CYINIT DI:4 S:4", "O:4 CO:4")
    for kind in ({}, {"CARRY_TYPE": '"SINGLE_CY8"'}, {"CARRY_TYPE": '"DUAL_CY4"'}):
        yield case("xilinx", "CARRY8", "CI CI_TOP DI:8 S:8", "O:8 CO:8", kind)
    yield from carry_cases()
    yield from gowin_cases()
    yield from nexus_cases()


def gowin_cases() -> Iterator[Case]:
    for k in range(1, 5):
        pins = " ".join(f"I{i}" for i in range(k))
        for _ in range(2):
            yield case("gowin", f"LUT{k}", pins, "F", {"INIT": init(1 << k)})
    for k in (5, 6, 7, 8):
        yield case("gowin", f"MUX2_LUT{k}", "I0 I1 S0", "O")
    for mode in range(10):
        yield case("gowin", "ALU", "I0 I1 I3 CIN", "SUM COUT", {"ALU_MODE": str(mode)})
    yield case("gowin", "ALU", "I0 I1 I3 CIN", "SUM COUT")
    yield case("gowin", "VCC", "", "V")
    yield case("gowin", "GND", "", "G")


def nexus_cases() -> Iterator[Case]:
    """Tables are words; 0x0101 could be taken for binary digits."""
    words = ["0x0101", "0x1010", *(f"0x{int(RNG.integers(1 << 16)):04x}" for _ in range(4))]
    for word in words:
        yield case("nexus", "LUT4", "A B C D", "Z", {"INIT": f'"{word}"'})
    pins = "A0 B0 C0 D0 A1 B1 C1 D1"
    for one, two in itertools.pairwise(words):
        values = {"INIT0": f'"{one}"', "INIT1": f'"{two}"'}
        yield case("nexus", "WIDEFN9", f"{pins} SEL", "Z", values)
        for inject in ("YES", "NO"):
            chosen = values | {"INJECT": f'"{inject}"'}
            yield case("nexus", "CCU2", f"CIN {pins}", "S0 S1 COUT", chosen)
    yield case("nexus", "CCU2", f"CIN {pins}", "S0 S1 COUT")
    yield case("nexus", "INV", "A", "Z")
    yield case("nexus", "VHI", "", "Z")
    yield case("nexus", "VLO", "", "Z")


def carry_cases() -> Iterator[Case]:
    """CCU2C; and, as Yosys' TRELLIS_COMB loses its carry, two placed positions that make one."""
    pins = "CIN A0 B0 C0 D0 A1 B1 C1 D1"
    yield case("ecp5", "CCU2C", pins, "S0 S1 COUT", {"INIT0": init(16), "INIT1": init(16)})
    for one, two in itertools.product(("YES", "NO"), repeat=2):
        inits = [init(16), init(16)]
        values = {"INIT0": inits[0], "INIT1": inits[1]}
        values |= {"INJECT1_0": f'"{one}"', "INJECT1_1": f'"{two}"'}
        whole = case("ecp5", "CCU2C", pins, "S0 S1 COUT", values)
        yield whole
        halves = ["wire carry;"]
        for i, (inject, entry, leave) in enumerate(
            ((one, "CIN", "carry"), (two, "carry", "COUT")),
        ):
            comb = {"MODE": '"CCU2"', "INITVAL": inits[i], "CCU2_INJECT1": f'"{inject}"'}
            nets = {pin: f"{pin}{i}" for pin in "ABCD"}
            nets |= {"FCI": entry, "F": f"S{i}", "FCO": leave}
            halves.append(instance("TRELLIS_COMB", comb, nets, f"u{i}"))
        body = "\n".join(halves)
        yield Case("ecp5", ("TRELLIS_COMB",), whole.inputs, whole.outputs, body, whole.reference)


ASYNCHRONOUS = {"FDCE": "CLR", "FDPE": "PRE", "SB_DFFR": "R", "SB_DFFS": "S"}
ASYNCHRONOUS |= {"SB_DFFER": "R", "SB_DFFES": "S"}
ASYNCHRONOUS |= {"DFFP": "PRESET", "DFFPE": "PRESET", "DFFC": "CLEAR", "DFFCE": "CLEAR"}
ASYNCHRONOUS |= {"FD1P3BX": "PD", "FD1P3DX": "CD"}
# Data and control pins of registers with one reset, at most, behind its clock.
PINS = {
    **{f"DFF{r}{'E' * e}": ("gowin", f"CLK D {pin}{' CE' * e}")
       for r, pin in {"": "", "S": "SET", "R": "RESET", "P": "PRESET", "C": "CLEAR"}.items()
       for e in (0, 1)},
    **{f"FD1P3{kind}X": ("nexus", f"CK SP D {pin}")
       for kind, pin in {"B": "PD", "D": "CD", "I": "CD", "J": "PD"}.items()},
}  # fmt: skip


def register_cases() -> Iterator[Case]:
    """Registers; with a synchronous reset, or one tied to inactive."""
    for kind, reset in {"FDRE": "R", "FDSE": "S", "FDCE": "CLR", "FDPE": "PRE"}.items():
        for data, inverted in itertools.product((0, 1), repeat=2):
            values = {"IS_D_INVERTED": f"1'b{data}", f"IS_{reset}_INVERTED": f"1'b{inverted}"}
            tied = {reset: f"1'b{inverted}"} if kind in ASYNCHRONOUS else {}
            yield case("xilinx", kind, f"C CE D {reset}", "Q", values, tied=tied)
        tied = {reset: "1'b0"} if kind in ASYNCHRONOUS else {}
        yield case("xilinx", kind, f"C CE D {reset}", "Q", tied=tied)
        yield case("xilinx", kind, f"C CE D {reset}", "Q", tied={"CE": "1'b1", reset: "1'b0"})
    for delay in (0, 1, 9, 15):
        tied = {f"A{i}": f"1'b{delay >> i & 1}" for i in range(4)} | {"CE": "1'b1"}
        yield case("xilinx", "SRL16E", "A0 A1 A2 A3 CE CLK D", "Q", tied=tied)
    for delay in (0, 2, 17, 31):
        tied = {"A": f"5'd{delay}", "CE": "1'b1"}
        yield case("xilinx", "SRLC32E", "A:5 CE CLK D", "Q", tied=tied)
    for kind in (kind for kind in REGISTERS if kind.startswith("SB_DFF")):
        rest = kind.removeprefix("SB_DFF")
        pins = ["C", "D", *rest[:1].replace("S", "").replace("R", "")]
        pins += list(rest[-1:].replace("E", ""))
        tied = {ASYNCHRONOUS[kind]: "1'b0"} if kind in ASYNCHRONOUS else {}
        yield case("ice40", kind, " ".join(pins), "Q", tied=tied)
    for kind, (family, names) in PINS.items():
        tied = {ASYNCHRONOUS[kind]: "1'b0"} if kind in ASYNCHRONOUS else {}
        yield case(family, kind, names, "Q", tied=tied)
    yield from trellis_cases()
    yield case("ice40", "$_DFF_P_", "C D", "Q")


def trellis_values() -> dict[str, str]:
    values = {"REGSET": pick('"SET"', '"RESET"'), "LSRMUX": pick('"LSR"', '"INV"')}
    return values | {"CEMUX": pick('"1"', '"0"', '"INV"', '"CE"')}


def trellis_cases() -> Iterator[Case]:
    """And what Yosys' model leaves out: data from M, and an enable that gates the reset."""
    pins = "CLK LSR CE DI"
    yield case("ecp5", "TRELLIS_FF", pins, "Q")
    for cemux, lsrmux, value in itertools.product(
        ("1", "0", "INV", "CE"), ("LSR", "INV"), ("SET", "RESET")
    ):
        values = {"CEMUX": f'"{cemux}"', "LSRMUX": f'"{lsrmux}"', "REGSET": f'"{value}"'}
        yield case("ecp5", "TRELLIS_FF", pins, "Q", values | {"SRMODE": '"LSR_OVER_CE"'})
        inactive = "1'b1" if lsrmux == "INV" else "1'b0"
        slow = values | {"SRMODE": '"ASYNC"'}
        yield case("ecp5", "TRELLIS_FF", pins, "Q", slow, tied={"LSR": inactive})
        nets = {"CLK": "CLK", "LSR": "LSR", "CE": "CE", "DI": "DI", "Q": "Q"}
        body = instance("TRELLIS_FF", values | {"SRMODE": '"CE_OVER_LSR"'}, nets)
        enable = {"1": "1'b1", "0": "1'b0", "INV": "~CE", "CE": "CE"}[cemux]
        reset = "~LSR" if lsrmux == "INV" else "LSR"
        gated = values | {"LSRMUX": '"LSR"'}
        reference = instance("TRELLIS_FF", gated, nets | {"LSR": f"({reset}) & ({enable})"})
        ports = dict.fromkeys(pins.split(), 1)
        yield Case("ecp5", ("TRELLIS_FF",), ports, {"Q": 1}, body, reference)
    nets = {"CLK": "CLK", "LSR": "1'b0", "M": "M", "Q": "Q"}
    reference = instance("TRELLIS_FF", {}, {"CLK": "CLK", "LSR": "1'b0", "DI": "M", "Q": "Q"})
    body = instance("TRELLIS_FF", {"SD": '"0"'}, nets | {"DI": "DI"})
    ports = {"CLK": 1, "M": 1, "DI": 1}
    yield Case("ecp5", ("TRELLIS_FF",), ports, {"Q": 1}, body, reference)


def asynchronous_cases() -> Iterator[Case]:
    """The same registers with their reset at work."""
    for kind, reset in {"FDCE": "CLR", "FDPE": "PRE"}.items():
        for inverted in (0, 1):
            values = {f"IS_{reset}_INVERTED": f"1'b{inverted}"}
            yield case("xilinx", kind, f"C CE D {reset}", "Q", values)
    for kind, reset in ASYNCHRONOUS.items():
        if kind.startswith("SB_"):
            pins = f"C D {reset}" + (" E" if "E" in kind else "")
            yield case("ice40", kind, pins, "Q")
        elif kind in PINS:
            family, names = PINS[kind]
            yield case(family, kind, names, "Q")
    for _ in range(6):
        values = trellis_values() | {"SRMODE": '"ASYNC"'}
        yield case("ecp5", "TRELLIS_FF", "CLK LSR CE DI", "Q", values)


SYNCHRONOUS = [*logic_cases(), *register_cases()]
CASES = [*SYNCHRONOUS, *asynchronous_cases()]
FAMILIES = ("xilinx", "ecp5", "ice40", "gowin", "nexus")
