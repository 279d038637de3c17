"""Each cell model against the simulation model that Yosys ships, for random parameters."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from hlsgen.errors import ConfigError
from hlsgen.graph.aig import FALSE, TRUE, Aig
from hlsgen.netlist import Cell, Flat, Pipeline, read_design
from hlsgen.netlist.cells import LOGIC, REGISTERS
from hlsgen.sat import Solver
from hlsgen.tools import TOOLS
from rtl_tests.cell_cases import CASES, FAMILIES, SYNCHRONOUS

pytestmark = pytest.mark.yosys

# Longer than the longest shift register.
DEPTH = 34


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
