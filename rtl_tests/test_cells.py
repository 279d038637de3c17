"""Each cell model against the simulation model that Yosys ships, for random parameters."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from hlsgen.errors import ConfigError
from hlsgen.graph.aig import FALSE, TRUE, Aig
from hlsgen.netlist import Cell, Flat, Pipeline, read_design
from hlsgen.netlist.cells import LOGIC, REGISTERS
from hlsgen.sat import Solver
from hlsgen.tools import TOOLS

pytestmark = pytest.mark.yosys

RNG = np.random.default_rng(60)
# Longer than the longest shift register.
DEPTH = 34


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


@pytest.fixture(scope="module")
def netlists(folder: Path) -> dict[str, tuple[Flat, Flat]]:
    """For each case, by the name of its wrapper, the cell itself and Yosys' gates for it."""
    script = []
    for family in FAMILIES:
        own = {f"t{i}": c for i, c in enumerate(CASES) if c.family == family}
        top = "".join(f"{name} u{name} ();\n" for name in own)
        for what in ("body", "reference"):
            text = [c.module(name, getattr(c, what)) for name, c in own.items()]
            text.append(f"module top;\n{top}endmodule\n")
            (folder / f"{family}_{what}.v").write_text("".join(text))
        script += [
            f"read_verilog -defer -DNO_INCLUDES +/{family}/cells_sim.v",
            f"read_verilog -icells {family}_reference.v",
            "hierarchy -top top; proc; flatten; async2sync; dffunmap; opt_expr",
            *("simplemap; opt_expr; clean", f"write_json {family}_reference.json", "design -reset"),
            f"read_verilog -lib -nowb +/{family}/cells_sim.v",
            f"read_verilog -icells {family}_body.v",
            *("hierarchy -top top; clean", f"write_json {family}_body.json"),
            "design -reset",
        ]
    (folder / "cells.ys").write_text("\n".join(script) + "\n")
    makes = [f"{family}_{what}.json" for family in FAMILIES for what in ("body", "reference")]
    TOOLS["yosys"].run(
        ["-s", "cells.ys"], cwd=folder, makes=makes, log_file=folder / "cells.log", timeout_s=300
    )
    designs = {name: read_design(folder / name) for name in makes}
    found = {}
    for i, c in enumerate(CASES):
        sides = (designs[f"{c.family}_{what}.json"] for what in ("body", "reference"))
        one, two = (side.flatten(f"t{i}") for side in sides)
        found[f"t{i}"] = one, two
    return found


def differences(one: Flat, two: Flat, clocks: Sequence[int], depth: int = DEPTH) -> list[str]:
    """Output bits that the flats do not have in common, at any of the clocks."""
    aig = Aig()
    feeds = {(port, i): aig.input() for port, i, _ in one.nets("input")}
    pipelines = [Pipeline(aig, flat, feeds, depth=depth) for flat in (one, two)]
    places = [(port, i, clock) for port, i, _ in one.nets("output") for clock in clocks]
    words = [[p.output(port, clock)[i] for port, i, clock in places] for p in pipelines]
    merged = together(*(p.free for p in pipelines))
    with Solver(aig, merged) as solver:
        return [
            f"{port}[{i}] at clock {clock}"
            for (port, i, clock), a, b in zip(places, *words, strict=True)
            if not solver.equal(a, b).equal
        ]


def together(one: dict[int, str], two: dict[int, str]) -> dict[int, int]:
    """Free literals of the second as those of the first: inputs of other clocks, the state."""

    def key(what: str) -> str:
        return "state" if what.startswith("old state of") else what

    names = {key(what): literal for literal, what in one.items()}
    assert len(names) == len(one), "one register each"
    return {literal >> 1: names[key(what)] for literal, what in two.items() if key(what) in names}


def label(index: int) -> str:
    return f"t{index} {CASES[index].kinds[0]}"


def test_every_model_is_compared() -> None:
    compared = {kind for c in CASES for kind in c.kinds} | set(TRUTH)
    assert compared == set(LOGIC) | set(REGISTERS)


def test_cells_are_what_yosys_says(netlists: dict[str, tuple[Flat, Flat]]) -> None:
    """At three clocks, with the registers followed back, and over one edge from any state."""
    wrong = {}
    for i, c in enumerate(SYNCHRONOUS):
        one, two = netlists[f"t{i}"]
        assert {cell.type for cell in one.cells} == set(c.kinds)
        assert not {cell.type for cell in two.cells} & (set(c.kinds) - {"$_DFF_P_"})
        if found := differences(one, two, (0, 1, 2)):
            wrong[f"{label(i)}: {c.body}"] = found
        state = not any(kind.startswith("SRL") for kind in c.kinds)
        if state and (found := differences(one, two, (1,), depth=0)):
            wrong[f"{label(i)}, one edge: {c.body}"] = found
    assert wrong == {}


def test_the_comparison_sees_other_parameters(netlists: dict[str, tuple[Flat, Flat]]) -> None:
    """Each cell beside the gates of the next case of its kind: as good as never the same."""
    seen = 0
    for i, j in itertools.pairwise(range(len(SYNCHRONOUS))):
        a, b = CASES[i], CASES[j]
        if (a.kinds, a.inputs, a.outputs) == (b.kinds, b.inputs, b.outputs) and a.body != b.body:
            one, two = netlists[f"t{i}"][0], netlists[f"t{j}"][1]
            seen += bool(differences(one, two, (0, 1, 2)))
    assert seen > 40


def test_asynchronous_resets_are_known_and_refused_in_a_pipeline(
    netlists: dict[str, tuple[Flat, Flat]],
) -> None:
    for i in range(len(SYNCHRONOUS), len(CASES)):
        one, two = netlists[f"t{i}"]
        with pytest.raises(ConfigError, match="has an asynchronous reset"):
            Pipeline(Aig(), one, {}).output("Q", 0)
        aig = Aig()
        feeds = {(port, k): aig.input() for port, k, _ in one.nets("input")}
        gates = Pipeline(aig, two, feeds, depth=0)
        (state,) = (cell for cell in two.cells if cell.type == "$_DFF_P_")
        # Yosys makes the reset part of what the register takes; see async2sync.
        taken = gates.net(state.pins["D"][0], 0)
        kept = gates.net(state.pins["Q"][0], 0)
        (cell,) = one.cells
        ports = {net: feeds[port, k] for port, k, net in one.nets("input")}
        pins = {
            pin: [ports.get(net, TRUE if net == "1" else FALSE) for net in nets]
            for pin, nets in cell.pins.items()
            if pin not in cell.outputs
        }
        update = REGISTERS[cell.type].update(aig, cell, pins)
        assert update.asynchronous
        next_state = aig.mux(update.enable, update.data, kept)
        with Solver(aig, {}) as solver:
            model = aig.mux(update.reset, update.value, next_state)
            assert solver.equal(model, taken).equal, label(i)


# --- Yosys' own gates -------------------------------------------------------------------------

# Of A, B and S, from the names.
TRUTH: dict[str, Callable[[int, int, int], int]] = {
    "$_BUF_": lambda a, b, s: a,
    "$_NOT_": lambda a, b, s: 1 - a,
    "$_AND_": lambda a, b, s: a & b,
    "$_NAND_": lambda a, b, s: 1 - (a & b),
    "$_OR_": lambda a, b, s: a | b,
    "$_NOR_": lambda a, b, s: 1 - (a | b),
    "$_XOR_": lambda a, b, s: a ^ b,
    "$_XNOR_": lambda a, b, s: 1 - (a ^ b),
    "$_ANDNOT_": lambda a, b, s: a & (1 - b),
    "$_ORNOT_": lambda a, b, s: a | (1 - b),
    "$_MUX_": lambda a, b, s: b if s else a,
}


@pytest.mark.parametrize("kind", TRUTH)
def test_gates_are_their_truth_tables(kind: str) -> None:
    for a, b, s in itertools.product((0, 1), repeat=3):
        cell = Cell("u", kind, {}, {}, frozenset("Y"))
        made = LOGIC[kind](Aig(), cell, {"A": [a], "B": [b], "S": [s]})
        assert made == {"Y": [TRUTH[kind](a, b, s)]}
