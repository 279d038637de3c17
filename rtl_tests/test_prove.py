"""Emitted and synthesised cores proved equal to their graphs; every fault put in is refuted.

The networks have eight input bits: what a proof says is compared with all 256 inputs.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hlsgen.errors import ConfigError
from hlsgen.graph.ir import Node
from hlsgen.graph.ops import Lut, Register
from hlsgen.netlist import Flat, read_design
from hlsgen.proof.circuits import mapped, verilog
from hlsgen.proof.equivalence import Proof, prove_core, prove_node
from hlsgen.proof.families import FAMILIES
from rtl_tests.proving import (
    ENOUGH,
    all_proved,
    confirm_core,
    confirm_layer,
    is_right,
    network,
    samples,
    sources,
)

pytestmark = pytest.mark.yosys


@pytest.mark.parametrize(("seed", "cycles"), [(1, 1), (2, 2), (3, 3), (4, 1), (5, 2), (6, 3)])
def test_the_emitted_verilog_is_proved(tmp_path: Path, seed: int, cycles: int) -> None:
    graph = network(seed, cycles, classes=2 + seed % 4, layers=(20, 15))
    circuit = verilog(tmp_path, graph, sources(tmp_path, graph))
    all_proved(graph, circuit)
    assert is_right(graph, read_design(circuit.core).flatten("net_core"))


SYNTHESISED = [
    *(("xcup", 2), ("ecp5", 1), ("ecp5", 3), ("ice40", 2), ("ice40", 3)),
    *(("xc7", 2), ("gowin", 1), ("gowin", 3), ("nexus", 2)),
]


def one_inverted(init: str, rng: np.random.Generator) -> str:
    """A table, in binary or for Nexus as a word in hexadecimal, with one entry inverted."""
    if init.startswith("0x"):
        # The space tells Yosys' words from binary digits.
        return f"0x{int(init, 16) ^ 1 << int(rng.integers(16)):04x} "
    at = int(rng.integers(len(init)))
    return init[:at] + str(1 - int(init[at])) + init[at + 1 :]


@pytest.mark.parametrize(("family", "cycles"), SYNTHESISED)
def test_synthesised_cores_are_proved_and_a_flipped_bit_is_refuted(
    tmp_path: Path, family: str, cycles: int
) -> None:
    graph = network(10 + cycles, cycles)
    circuit = mapped(tmp_path, graph, sources(tmp_path, graph), FAMILIES[family])
    all_proved(graph, circuit)
    design = read_design(circuit.core)
    core = design.modules["net_core"]
    kinds = re.compile(r"LUT\d|SB_LUT4|LUT6_2|WIDEFN9")
    luts = [cell["parameters"] for cell in core["cells"].values() if kinds.fullmatch(cell["type"])]
    assert len(luts) > 5
    rng = np.random.default_rng(cycles)
    refuted = 0
    for lut in [luts[i] for i in rng.integers(0, len(luts), 30)]:
        name = min(lut.keys() & {"INIT", "LUT_INIT", "INIT0"})
        good = lut[name]
        lut[name] = one_inverted(good, rng)
        flat = design.flatten("net_core")
        proof = prove_core(graph, flat, samples(graph), ENOUGH)
        if is_right(graph, flat):  # an address that never occurs
            assert proof.status == "proved"
        else:
            refuted += 1
            confirm_core(graph, flat, proof)
        lut[name] = good
    assert 2 < refuted < 30


# --- faults in the Verilog --------------------------------------------------------------------

TABLE = re.compile(r"hlsgen_lut(\d) #\((\d+)'h([0-9a-f]+)\) u(\d+) \((n\d+), (.*)\);")
GRAPH = network(2)
MIDDLE = next(node.name for node in GRAPH.nodes if isinstance(node.op, Register))
LAST = [node.name for node in GRAPH.nodes if isinstance(node.op, Register)][-1]
LAYERS = [node for node in GRAPH.nodes if isinstance(node.op, Lut)]


@pytest.fixture(scope="module")
def emitted(folder: Path) -> list[str]:
    return sources(folder, GRAPH)


def broken(
    folder: Path, tmp_path: Path, names: list[str], module: str, change: Callable[[str], str]
) -> Path:
    """The netlist of the Verilog with one file changed."""
    shutil.copytree(folder / "rtl", tmp_path / "rtl", dirs_exist_ok=True)
    path = tmp_path / "rtl" / f"net_{module}.v"
    before = path.read_text()
    after = change(before)
    assert after != before, f"nothing to break in {path.name}"
    path.write_text(after)
    return verilog(tmp_path, GRAPH, names).core


def layer_proofs(path: Path) -> dict[str, tuple[Node, Flat, Proof]]:
    design = read_design(path)
    flats = {n.name: (n, design.flatten(f"net_{n.name}")) for n in GRAPH.nodes if n.inputs}
    return {k: (n, flat, prove_node(GRAPH, n, flat, ENOUGH)) for k, (n, flat) in flats.items()}


def flipped(rng: np.random.Generator, match: re.Match[str]) -> str:
    value = int(match[3], 16) ^ 1 << int(rng.integers(int(match[2])))
    return match[0].replace(f"'h{match[3]}", f"'h{value:x}")


def swapped(rng: np.random.Generator, match: re.Match[str]) -> str:
    pins = match[6].split(", ")
    return match[0].replace(match[6], ", ".join([*pins[1::-1], *pins[2:]]))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("fault", [flipped, swapped], ids=["table bit", "pins"])
def test_a_wrong_table_is_refuted_in_its_layer_and_where_an_input_shows_it_in_the_core(
    folder: Path, tmp_path: Path, emitted: list[str], seed: int, fault: Callable[..., str]
) -> None:
    rng = np.random.default_rng(seed)
    node = LAYERS[seed % len(LAYERS)]
    sensitive = [
        lut
        for lut, (k, table) in enumerate(zip(node.op.k, node.op.table, strict=True))
        if k >= 2 and any((int(table) >> j & 3) in (1, 2) for j in range(1, 1 << int(k), 4))
    ]
    lut = sensitive[int(rng.integers(len(sensitive)))]

    def change(text: str) -> str:
        return TABLE.sub(lambda m: fault(rng, m) if int(m[4]) == lut else m[0], text)

    path = broken(folder, tmp_path, emitted, node.name, change)
    for name, (other, flat, proof) in layer_proofs(path).items():
        if name == node.name:
            example = confirm_layer(GRAPH, other, flat, proof)
            assert f"lane {lut}, " in example.output
        else:
            assert proof.status == "proved"
    flat = read_design(path).flatten("net_core")
    proof = prove_core(GRAPH, flat, samples(GRAPH), ENOUGH)
    if is_right(GRAPH, flat):
        assert proof.status == "proved"
    else:
        confirm_core(GRAPH, flat, proof)


def wire_for(name: str) -> Callable[[str], str]:
    """The instance of a register replaced by a wire."""
    source = GRAPH.by_name[name].inputs[0]
    return lambda text: re.sub(rf"net_{name} i_{name} .*;", f"assign n_{name} = n_{source};", text)


def instead(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new)


TWO = "reg [99:0] z; always @(posedge clk) begin z <= x; y <= z; end"
ALWAYS = re.compile("always.*;")
BEFORE = GRAPH.by_name[LAST].inputs[0]
OTHER_CLOCK = {
    "a dropped register": ("core", wire_for(MIDDLE), 1),
    "a bypassed register": ("core", instead(f"{{ n_{LAST} }}", f"{{ n_{BEFORE} }}"), 1),
    "a transparent register": (MIDDLE, lambda text: ALWAYS.sub("always @* y = x;", text), 1),
    "an added register": (LAST, lambda text: ALWAYS.sub(TWO, text), -1),
}


@pytest.mark.parametrize("name", OTHER_CLOCK)
def test_a_register_too_many_or_too_few_is_refuted(
    folder: Path, tmp_path: Path, emitted: list[str], name: str
) -> None:
    """The answer then depends on the frame of another clock, and the example says which."""
    module, change, clock = OTHER_CLOCK[name]
    path = broken(folder, tmp_path, emitted, module, change)
    flat = read_design(path).flatten("net_core")
    example = confirm_core(GRAPH, flat, prove_core(GRAPH, flat, samples(GRAPH), ENOUGH))
    assert f"x[0] {clock:+d} clocks away" in example.elsewhere
    if module != "core":
        node, layer, proof = layer_proofs(path)[module]
        confirm_layer(GRAPH, node, layer, proof)


CONTROL = {
    "valid a clock early": ("valid_out = valid[1]", "valid_out = valid[0]", ["valid_out"]),
    "valid never": ("valid_out = valid[1]", "valid_out = 1'b0", ["valid_out"]),
    "valid always": ("valid_out = valid[1]", "valid_out = 1'b1",
                     ["valid_out", "valid_out after reset"]),
    "valid a clock late": ("reg [1:0] valid;", "reg z; always @(posedge clk) z <= rst ? 1'b0 :"
                           " valid_in; reg [1:0] valid;", ["valid_out"]),
    "no reset": ("if (rst) valid", "if (1'b0) valid", ["valid_out after reset"]),
    "a reset of the first only": ("valid <= 2'd0", "valid <= {valid[0], 1'b0}",
                                  ["valid_out after reset"]),
}  # fmt: skip


@pytest.mark.parametrize("name", CONTROL)
def test_a_wrong_valid_is_refuted(
    folder: Path, tmp_path: Path, emitted: list[str], name: str
) -> None:
    old, new, wrong = CONTROL[name]

    def change(text: str) -> str:
        text = text.replace(old, new)
        return text.replace("valid[0:0], valid_in", "valid[0:0], z") if "reg z" in new else text

    path = broken(folder, tmp_path, emitted, "core", change)
    flat = read_design(path).flatten("net_core")
    proof = prove_core(GRAPH, flat, samples(GRAPH), ENOUGH)
    assert (proof.status, list(proof.wrong)) == ("refuted", wrong)
    assert proof.counterexample is not None
    assert proof.counterexample.output == wrong[0]
    assert proof.proved == proof.outputs - len(wrong)
    assert is_right(GRAPH, flat)


def other_order(text: str) -> str:
    """The sums of the first two classes exchanged on their way to the decision."""
    bits = GRAPH.wires["sums"].bits
    parts = [f"n_sums[{bits * (i + 1) - 1}:{bits * i}]" for i in (2, 0, 1)]
    return text.replace(".x(n_sums)", f".x({{{', '.join(parts)}}})")


WRONG = {
    "classes in another order": other_order,
    "another class number": instead(f"{{ n_{LAST} }}", f"n_{LAST} ^ 2'd1"),
    "an undriven output": instead(f"assign y = {{ n_{LAST} }}", f"assign y[0] = n_{LAST}[0]"),
    "an undefined output": instead(f"{{ n_{LAST} }}", f"{{ 1'bx, n_{LAST}[0] }}"),
    "a constant output": instead(f"{{ n_{LAST} }}", f"{{ 1'b0, n_{LAST}[0] }}"),
    "an undriven layer": lambda text: re.sub(r"net_sums i_sums.*;", "", text),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_core_is_refuted(
    folder: Path, tmp_path: Path, emitted: list[str], name: str
) -> None:
    path = broken(folder, tmp_path, emitted, "core", WRONG[name])
    flat = read_design(path).flatten("net_core")
    example = confirm_core(GRAPH, flat, prove_core(GRAPH, flat, samples(GRAPH), ENOUGH))
    unknown = name.split(" ")[1] in ("undriven", "undefined")
    assert any("und" in what for what in example.elsewhere) == unknown


def test_netlists_of_other_graphs_are_named(
    folder: Path, tmp_path: Path, emitted: list[str]
) -> None:
    design = read_design(verilog(folder, GRAPH, emitted).core)
    core = design.flatten("net_core")
    with pytest.raises(ConfigError, match=r"rtl\.json: no module 'other_core' here .*net_core"):
        design.flatten("other_core")
    more = network(3, classes=5)
    with pytest.raises(ConfigError, match=r"net_core: port y has 2 bits, the graph's has 3"):
        prove_core(more, core, samples(more), ENOUGH)
    wider = network(3, features=3)
    with pytest.raises(ConfigError, match=r"net_core: port x has 8 bits, the graph's has 12"):
        prove_core(wider, core, samples(wider), ENOUGH)
    larger = network(3, layers=(50, 30))
    node = larger.by_name["layer0"]
    with pytest.raises(ConfigError, match=r"net_layer0: port y has \d+ bits, the graph's has"):
        prove_node(larger, node, design.flatten("net_layer0"), ENOUGH)
