"""The cells of operators on each family: chains made of its primitives, and how many LUTs."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from hlsgen.emit.verilog import library, node_module
from hlsgen.errors import GraphError, ToolFailed
from hlsgen.graph import OPS, Graph, Node, Op, Wire
from hlsgen.graph.fabric import FABRICS
from hlsgen.graph.ir import Constants
from hlsgen.graph.ops import Count, Duel, Input, Lut, Thermometer
from hlsgen.proof.families import FAMILIES
from hlsgen.report import area
from hlsgen.tools import TOOLS

pytestmark = pytest.mark.yosys

EVERY = pytest.mark.parametrize("family", sorted(FAMILIES))
BANNER = {"version": "0", "digest": "0"}
EXAMPLES = 10
MODELS = {"xcup": "xilinx", "xc7": "xilinx", **{f: f for f in ("ecp5", "ice40", "gowin", "nexus")}}


def yosys(folder: Path, *script: str) -> None:
    for name in ("hlsgen_lut.v", "hlsgen_carry.v"):
        (folder / name).write_text(dict(library())[name])
    (folder / "script.ys").write_text("\n".join([*script, ""]))
    log_file = folder / "yosys.log"
    TOOLS["yosys"].run(["-s", "script.ys"], cwd=folder, makes=[], log_file=log_file, timeout_s=500)


# --- one chain, many bodies -------------------------------------------------------------------


def init(rng: np.random.Generator, form: int) -> int:
    """INIT of one position: anything that the form can be."""
    if form in (2, 3):
        return 0x66666666AAAAAAAA if form == 2 or rng.integers(2) else 0x9999999922222222
    if form == 6:
        return int.from_bytes(rng.bytes(8), "little")
    s, g = int(rng.integers(1 << 16)), int(rng.integers(1 << 16))
    if form == 4:
        # A position of ECP5: g is the lowest entries of s.
        g = sum((s & 15) << place for place in range(0, 16, 4))
    else:
        # One of Nexus: where s is 0, g is s for a0 = 0; where s is 1 it is anything.
        for entry in range(16):
            if not s >> entry & 1:
                g = g & ~(1 << entry) | (s >> (entry & 14) & 1) << entry
    return (s | s << 16) << 32 | g | g << 16


def chain(rng: np.random.Generator, *, positions: int, form: int, ends: str) -> str:
    """One chain, every pin a port, at x and y; i in `ends`: a carry enters, o: one leaves."""
    pins = min(form, 4) if form < 6 else 6
    wires = [f"x[at + {6 * i + pin}]" if pin < pins else "1'b1" for i in range(positions)
             for pin in range(6)]  # fmt: skip
    inits = [f"64'h{init(rng, form):016x}" for _ in range(positions)]
    enter, leave = "i" in ends, "o" in ends
    carry = f"x[at + {6 * positions}]" if enter else "1'b0"
    out = f", .co(y[at + {positions}])" if leave else ""
    return (
        f"hlsgen_row #(.N({positions}), .FORM({form}), .ENTER({enter:d}), .LEAVE({leave:d}),\n"
        f"    .INIT({{{', '.join(reversed(inits))}}})) row (.o(y[at +: {positions}]),\n"
        f"    .ci({carry}), .a({{{', '.join(reversed(wires))}}}){out});\n"
    )


def together(chains: list[str]) -> str:
    """A module of all chains, each at ports of its own."""
    parts = [text.replace("row (", f"r{i} (").replace("at +", f"{64 * i} +")
             for i, text in enumerate(chains)]  # fmt: skip
    ports = f"input [{64 * len(chains) - 1}:0] x, output [{64 * len(chains) - 1}:0] y"
    return f"module top ({ports});\n{''.join(parts)}endmodule\n"


def compare(folder: Path, family: str, gold: str, gate: str) -> None:
    """Prove by SAT that the family's bodies of `gate` are the behavioural ones of `gold`."""
    (folder / "gold.v").write_text(gold)
    (folder / "gate.v").write_text(gate)
    libraries = "hlsgen_lut.v hlsgen_carry.v"
    yosys(
        folder,
        f"read_verilog {libraries} gold.v",
        "hierarchy -top top; proc; flatten; opt_clean; rename top gold",
        "design -stash gold",
        f"read_verilog -defer -DNO_INCLUDES +/{MODELS[family]}/cells_sim.v",
        f"read_verilog {FAMILIES[family].macro} {libraries} gate.v",
        "hierarchy -top top; proc; flatten; opt_clean; rename top gate",
        "design -stash gate",
        "design -copy-from gold -as gold gold",
        "design -copy-from gate -as gate gate",
        # What no chain drives is x in both.
        "setundef -undriven -zero gold gate",
        "miter -equiv -flatten -make_assert gold gate miter",
        "sat -verify -prove-asserts -show-inputs miter",
    )


@EVERY
@pytest.mark.parametrize("form", [2, 3, 4, 5, 6])
def test_the_bodies_of_a_chain_are_equivalent(tmp_path: Path, family: str, form: int) -> None:
    """Around the sizes of a carry cell, with and without a carry at either end."""
    rng = np.random.default_rng(form)
    cell = FABRICS[family].carry_cell
    sizes = {1: (1, 3), 2: (1, 2, 3, 4)}.get(cell, (1, cell - 1, cell, cell + 1))
    chains = [
        chain(rng, positions=n, form=form, ends=ends)
        for n in sizes
        for ends in ("", "i", "o", "io")
    ]
    compare(tmp_path, family, together(chains), together(chains))
    if form == 2 and family in ("ice40", "gowin"):
        return  # full adders whatever INIT says
    # An entry of s and the same of g, of the last position of the last chain.
    digits = chains[-1].partition("64'h")[2][:16]
    broken = f"{int(digits, 16) ^ (1 << 63 | 1 << 31):016x}"
    wrong = [*chains[:-1], chains[-1].replace(digits, broken, 1)]
    with pytest.raises(ToolFailed, match="proof did fail"):
        compare(tmp_path, family, together(chains), together(wrong))


# --- how many LUTs ----------------------------------------------------------------------------


def examples(family: str) -> list[tuple[Op, Wire]]:
    """Of every operator that has cells, and what examples are too small for."""
    rng = np.random.default_rng(9)
    found: list[tuple[Op, Wire]] = []
    for kind in sorted(OPS):
        for _ in range(EXAMPLES):
            op, wires = OPS[kind].example(rng)
            if isinstance(op, Lut):
                op = simplified(op, wires[0])
            if wires:
                found.append((op, wires[0]))
    found += [
        (Thermometer(rng.integers(0, 3, 30), rng.integers(-100, 100, 30)), Wire(3, -100, 99)),
        (Duel(0), Wire(4, 0, 1)),
        (Duel(3), Wire(7, -300, 2000)),
        (Duel(2, 8), Wire(2, 0, 1000)),
        (Duel(1, chained=True), Wire(5, 0, 500)),
        *(counters(rng, shapes) for shapes in SHAPES),
    ]
    if family != "ice40":
        # There Yosys takes a carry that leaves before a chain without one for free: nextpnr does
        # not, it puts a LUT behind it.
        found.append(counters(rng, [(2, 2, 2), (3, 2)] * 9))
    return [(op, wire) for op, wire in found if offered(op, wire, family)]


def simplified(op: Lut, wire: Wire) -> Lut:
    """As the passes leave a layer: Yosys folds what they fold."""
    simple = op.simplify((wire,), (Constants.none(wire.lanes),))
    assert isinstance(simple, Lut)
    twins = simple.twins()
    assert twins is not None
    kept = simple.keep(np.unique(twins))
    assert isinstance(kept, Lut)
    return kept


# Bits in the columns of counters, as many as one row holds and more.
SHAPES = [[(3, 2, 2), (3, 2)] * 9, [(4, 0, 2), (5,)] * 9, [(7, 0, 2), (3,)] * 9, [(3, 2, 2)] * 7]


def counters(rng: np.random.Generator, shapes: list[tuple[int, ...]]) -> tuple[Op, Wire]:
    """Counters that read other bits each, so that synthesis merges none."""
    lanes = iter(rng.permutation(sum(map(sum, shapes))).tolist())
    groups = [[[next(lanes) for _ in range(bits)] for bits in columns] for columns in shapes]
    return Count.of(groups), Wire(sum(map(sum, shapes)), 0, 1)


def offered(op: Op, wire: Wire, family: str) -> bool:
    try:
        return op.cells(FABRICS[family], wire) is not None
    except GraphError as error:
        assert f"family {family}" in str(error)
        return False


def module(name: str, op: Op, wire: Wire, family: str) -> str:
    """The module <name> of an operator alone, which synthesis keeps."""
    node = Node(name.removeprefix("net_"), op, ("x",))
    source = Node("x", Input(1, np.zeros(1), np.ones(1)))
    graph = Graph("net", (source, node), (node.name,))
    graph.__dict__["wires"] = {"x": wire, node.name: op.infer(wire)}
    text = node_module(graph, node, BANNER, FABRICS[family])
    return text.replace(f"module {name}", f"(* keep_hierarchy *) module {name}")


def design(made: dict[str, tuple[Op, Wire]], family: str) -> str:
    """The modules of operators, each at ports of its own of a module `top`."""
    texts = [module(name, op, wire, family) for name, (op, wire) in made.items()]
    x = y = 0
    top = []
    for name, (op, wire) in made.items():
        width = op.infer(wire).width_bits
        ports = f".x(x[{x} +: {wire.width_bits}]), .y(y[{y} +: {width}])"
        top.append(f"{name} u_{name} ({ports});")
        x, y = x + wire.width_bits, y + width
    header = f"module top (input [{x - 1}:0] x, output [{y - 1}:0] y);"
    return "".join([*texts, "\n".join([header, *top, "endmodule\n"])])


@EVERY
def test_operators_are_the_same_on_primitives(tmp_path: Path, family: str) -> None:
    """Chains as operators make them: positions that end one and begin the next, comparisons."""
    rng = np.random.default_rng(12)
    made = {f"net_op{i}": case for i, case in enumerate(examples(family)) if case[0].kind != "lut"}
    compares = FABRICS[family].compares
    if compares:
        made |= {
            f"net_duel{i}": (Duel(1, chained=True), Wire(4, 0, (1 << bits) - 1))
            for i, bits in enumerate((3, 7, 8))
        }
    text = design(made, family).replace("(* keep_hierarchy *) ", "")
    assert "hlsgen_row" in text
    compare(tmp_path, family, text, text)
    digits = rng.choice(re.findall(r"64'h([0-9a-f]{16})", text))
    wrong = text.replace(digits, f"{int(digits, 16) ^ (1 << 63 | 1 << 31):016x}")
    if family not in ("ice40", "gowin"):
        with pytest.raises(ToolFailed, match="proof did fail"):
            compare(tmp_path, family, text, wrong)


@EVERY
def test_cells_are_counted_as_yosys_counts_them(tmp_path: Path, family: str) -> None:
    """Every LUT that the area names is there, and no other."""
    made = {f"net_op{i}": case for i, case in enumerate(examples(family))}
    (tmp_path / "ops.v").write_text(design(made, family))
    macro, synth = FAMILIES[family].macro, FAMILIES[family].synth
    files = ("hlsgen_lut.v", "hlsgen_carry.v", "ops.v")
    reads = [f"read_verilog {macro} {file}" for file in files]
    yosys(tmp_path, *reads, f"{synth} -top top", "tee -q -o stat.json stat -json")
    modules = json.loads((tmp_path / "stat.json").read_text())["modules"]
    wrong = []
    for name, (op, wire) in made.items():
        counts: Counter[str] = Counter(modules[f"\\{name}"]["num_cells_by_type"])
        counted, wanted = area.luts(family, counts), op.area(FABRICS[family], wire).lut
        if counted != wanted:
            wrong.append(f"{op.kind} {op} on {wire}: {wanted}, Yosys has {dict(counts)}")
    assert wrong == []
    kinds = {op.kind for op, _ in made.values()}
    assert kinds == {"count", "duel", "join", "lut", "thermometer"}
