"""What the cells of netlists do: Yosys' gates, and the primitives of the families.

Written from the vendors' libraries and compared with the models that Yosys ships, cell by cell, by
SAT (rtl_tests/test_cells.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hlsgen.errors import ConfigError
from hlsgen.graph.aig import FALSE, TRUE, Aig, Word
from hlsgen.netlist.design import Cell

Pins = Mapping[str, Word]
Model = Callable[[Aig, Cell, Pins], dict[str, Word]]


@dataclass(frozen=True, slots=True)
class Update:
    """What a register takes at a clock edge: `value` if `reset`, else `data` if `enable`.

    `delay` is the number of edges until it shows; more than one in shift registers.
    """

    data: int
    enable: int = TRUE
    reset: int = FALSE
    value: int = FALSE
    delay: int = 1
    asynchronous: bool = False


def _pin(pins: Pins, name: str, default: int = FALSE) -> int:
    word = pins.get(name)
    return word[0] if word else default


def _lut(names: str, output: str, parameter: str) -> Model:
    pins_of = names.split()

    def model(aig: Aig, cell: Cell, pins: Pins) -> dict[str, Word]:
        init = cell.number(parameter, 0)
        return {output: [aig.table(init, [_pin(pins, name) for name in pins_of])]}

    return model


def _vendor_lut(aig: Aig, cell: Cell, pins: Pins) -> dict[str, Word]:
    """LUT1 to LUT6 of AMD, Gowin and Lattice, which share names but not those of their pins."""
    size = int(cell.type.removeprefix("LUT"))
    found: dict[str, Word] = {}
    for output in cell.outputs:
        names = "ABCD" if output == "Z" else [f"I{i}" for i in range(size)]
        found |= _lut(" ".join(names), output, "INIT")(aig, cell, pins)
    return found


def _mux(high: str, low: str, select: str, output: str) -> Model:
    def model(aig: Aig, cell: Cell, pins: Pins) -> dict[str, Word]:
        return {output: [aig.mux(_pin(pins, select), _pin(pins, high), _pin(pins, low))]}

    return model


def _gate(function: Callable[[Aig, int, int], int]) -> Model:
    def model(aig: Aig, cell: Cell, pins: Pins) -> dict[str, Word]:
        return {"Y": [function(aig, _pin(pins, "A"), _pin(pins, "B"))]}

    return model


def _yosys_lut(aig: Aig, cell: Cell, pins: Pins) -> dict[str, Word]:
    return {"Y": [aig.table(cell.number("LUT"), pins["A"])]}


def _lut6_2(aig: Aig, cell: Cell, pins: Pins) -> dict[str, Word]:
    init = cell.number("INIT", 0)
    five = [_pin(pins, f"I{i}") for i in range(5)]
    low = aig.table(init & 0xFFFFFFFF, five)
    return {"O5": [low], "O6": [aig.mux(_pin(pins, "I5"), aig.table(init >> 32, five), low)]}


def _chain(aig: Aig, carry: int, data: Word, select: Word) -> tuple[Word, Word]:
    """Xilinx' carry chain: sums, and the carry behind each position."""
    sums, carries = [], []
    for d, s in zip(data, select, strict=True):
        sums.append(aig.xor(s, carry))
        carry = aig.mux(s, carry, d)
        carries.append(carry)
    return sums, carries


def _carry4(aig: Aig, cell: Cell, pins: Pins) -> dict[str, Word]:
    carry = aig.disj(_pin(pins, "CI"), _pin(pins, "CYINIT"))
    sums, carries = _chain(aig, carry, pins["DI"], pins["S"])
    return {"O": sums, "CO": carries}


def _carry8(aig: Aig, cell: Cell, pins: Pins) -> dict[str, Word]:
    data, select = pins["DI"], pins["S"]
    sums, carries = _chain(aig, _pin(pins, "CI"), data[:4], select[:4])
    two = cell.word("CARRY_TYPE", "SINGLE_CY8") == "DUAL_CY4"
    middle = _pin(pins, "CI_TOP") if two else carries[3]
    upper = _chain(aig, middle, data[4:], select[4:])
    return {"O": sums + upper[0], "CO": carries + upper[1]}


def _half(aig: Aig, init: int, pins: list[int], carry: int, inject: bool) -> tuple[int, int]:
    """One position of ECP5's carry chain: its sum and the carry behind it."""
    whole, generate = aig.table(init, pins), aig.table(init & 15, pins[:2])
    total = aig.xor(whole, FALSE if inject else carry)
    return total, aig.mux(whole, carry, FALSE if inject else generate)


def _ccu2c(aig: Aig, cell: Cell, pins: Pins) -> dict[str, Word]:
    carry = _pin(pins, "CIN")
    result: dict[str, Word] = {}
    for i in range(2):
        four = [_pin(pins, f"{name}{i}") for name in "ABCD"]
        inject = cell.word(f"INJECT1_{i}", "YES") == "YES"
        total, carry = _half(aig, cell.number(f"INIT{i}", 0), four, carry, inject)
        result[f"S{i}"] = [total]
    return result | {"COUT": [carry]}


def _widefn9(aig: Aig, cell: Cell, pins: Pins) -> dict[str, Word]:
    low, high = (
        aig.table(cell.number(f"INIT{i}", 0), [_pin(pins, f"{name}{i}") for name in "ABCD"])
        for i in range(2)
    )
    return {"Z": [aig.mux(_pin(pins, "SEL"), high, low)]}


def _ccu2(aig: Aig, cell: Cell, pins: Pins) -> dict[str, Word]:
    """Two positions of Nexus' carry chain: the lower half of a table generates."""
    carry, inject = _pin(pins, "CIN"), cell.word("INJECT", "YES") == "YES"
    result: dict[str, Word] = {}
    for i, default in enumerate((0x0000, 0x1111)):
        four = [_pin(pins, f"{name}{i}") for name in "ABCD"]
        init = cell.number(f"INIT{i}", default)
        whole, generate = aig.table(init, four), aig.table(init & 255, four[:3])
        result[f"S{i}"] = [aig.xor(whole, FALSE if inject else carry)]
        carry = aig.mux(whole, carry, FALSE if inject else generate)
    return result | {"COUT": [carry]}


def _alu(aig: Aig, cell: Cell, pins: Pins) -> dict[str, Word]:
    """One position of Gowin's carry chain, by its mode: what propagates, and what generates."""
    a, b, d, carry = (_pin(pins, name) for name in ("I0", "I1", "I3", "CIN"))
    both, differ = aig.conj(a, b), aig.xor(a, b)
    modes = {
        0: (differ, a),  # adds
        1: (differ ^ 1, a),  # subtracts
        2: (aig.xor(differ, d ^ 1), a),  # adds, or subtracts where I3 is 0
        3: (differ ^ 1, TRUE),  # differs
        4: (differ ^ 1, a),  # is not less
        5: (differ ^ 1, b),  # is not greater
        6: (a, FALSE),  # counts up
        7: (a ^ 1, TRUE),  # counts down
        8: (aig.xor(a, d ^ 1), a),  # either
        9: (aig.xor(both, d), both),  # multiplies
    }
    mode = cell.number("ALU_MODE", 0)
    if mode not in modes:
        raise ConfigError(f"cell {cell.name} (ALU): no model of ALU_MODE {mode}")
    passes, generates = modes[mode]
    return {"SUM": [aig.xor(passes, carry)], "COUT": [aig.mux(passes, carry, generates)]}


def _inverter(aig: Aig, cell: Cell, pins: Pins) -> dict[str, Word]:
    """AMD's, from I to O, or Nexus', from A to Z."""
    value = _pin(pins, "I", _pin(pins, "A")) ^ 1
    return {"O": [value], "Z": [value]}


def _trellis_comb(aig: Aig, cell: Cell, pins: Pins) -> dict[str, Word]:
    """A placed LUT4 of ECP5, or one position of a carry chain; its multiplexer is a cell apart."""
    mode = cell.word("MODE", "LOGIC")
    # A pin that is not routed reads 1; nextpnr's feed into a carry chain relies on it.
    four = [_pin(pins, name, TRUE) for name in "ABCD"]
    init = cell.number("INITVAL", 0)
    if mode == "LOGIC":
        return {"F": [aig.table(init, four)]}
    if mode != "CCU2":
        raise ConfigError(f"cell {cell.name} (TRELLIS_COMB): mode {mode} is no logic")
    inject = cell.word("CCU2_INJECT1", "NO") == "YES"
    total, carry = _half(aig, init, four, _pin(pins, "FCI"), inject)
    return {"F": [total], "FCO": [carry]}


def _constant(output: str, value: int) -> Model:
    return lambda aig, cell, pins: {output: [value]}


def _wire(output: str, source: str) -> Model:
    return lambda aig, cell, pins: {output: [_pin(pins, source)]}


def _sb_carry(aig: Aig, cell: Cell, pins: Pins) -> dict[str, Word]:
    return {"CO": [aig.majority(_pin(pins, "I0"), _pin(pins, "I1"), _pin(pins, "CI"))]}


LOGIC: dict[str, Model] = {
    "$_BUF_": _wire("Y", "A"),
    "$_NOT_": _gate(lambda aig, a, b: a ^ 1),
    "$_AND_": _gate(lambda aig, a, b: aig.conj(a, b)),
    "$_NAND_": _gate(lambda aig, a, b: aig.conj(a, b) ^ 1),
    "$_OR_": _gate(lambda aig, a, b: aig.disj(a, b)),
    "$_NOR_": _gate(lambda aig, a, b: aig.disj(a, b) ^ 1),
    "$_XOR_": _gate(lambda aig, a, b: aig.xor(a, b)),
    "$_XNOR_": _gate(lambda aig, a, b: aig.xor(a, b) ^ 1),
    "$_ANDNOT_": _gate(lambda aig, a, b: aig.conj(a, b ^ 1)),
    "$_ORNOT_": _gate(lambda aig, a, b: aig.disj(a, b ^ 1)),
    "$_MUX_": _mux("B", "A", "S", "Y"),
    "$lut": _yosys_lut,
    **{f"LUT{k}": _vendor_lut for k in range(1, 7)},
    "LUT6_2": _lut6_2,
    "INV": _inverter,
    **{f"MUXF{k}": _mux("I1", "I0", "S", "O") for k in (7, 8, 9)},
    "CARRY4": _carry4,
    "CARRY8": _carry8,
    "BUFG": _wire("O", "I"),
    "VCC": lambda aig, cell, pins: {"P": [TRUE], "V": [TRUE]},  # AMD's, Gowin's
    "GND": _constant("G", FALSE),
    "PFUMX": _mux("ALUT", "BLUT", "C0", "Z"),
    "L6MUX21": _mux("D1", "D0", "SD", "Z"),
    "CCU2C": _ccu2c,
    "WIDEFN9": _widefn9,
    "CCU2": _ccu2,
    **{f"MUX2_LUT{k}": _mux("I1", "I0", "S0", "O") for k in (5, 6, 7, 8)},
    "ALU": _alu,
    "TRELLIS_COMB": _trellis_comb,
    "VHI": _constant("Z", TRUE),
    "VLO": _constant("Z", FALSE),
    "SB_LUT4": _lut("I0 I1 I2 I3", "O", "LUT_INIT"),
    "SB_CARRY": _sb_carry,
}


def logic_of(cell: Cell) -> Model | None:
    """The model of a cell without state; None for a register.

    Raises:
        ConfigError: there is none for this type.
    """
    model = LOGIC.get(cell.type)
    if model is None and cell.type not in REGISTERS:
        raise ConfigError(f"cell {cell.name}: no model of cell type {cell.type}")
    return model


@dataclass(frozen=True, slots=True)
class Register:
    """A cell with state: its output and clock pins, and what it takes at an edge."""

    output: str
    clock: str
    update: Callable[[Aig, Cell, Pins], Update]


def _inverted(cell: Cell, pin: str) -> int:
    return cell.number(f"IS_{pin}_INVERTED", 0)


def _xilinx_ff(reset: str, value: int, *, asynchronous: bool = False) -> Register:
    def update(aig: Aig, cell: Cell, pins: Pins) -> Update:
        if _inverted(cell, "C"):
            raise ConfigError(f"cell {cell.name} ({cell.type}): takes data at the falling edge")
        return Update(
            _pin(pins, "D") ^ _inverted(cell, "D"),
            _pin(pins, "CE", TRUE),
            _pin(pins, reset) ^ _inverted(cell, reset),
            value,
            asynchronous=asynchronous,
        )

    return Register("Q", "C", update)


def _srl(address: str) -> Register:
    def update(aig: Aig, cell: Cell, pins: Pins) -> Update:
        bits = pins["A"] if address == "A" else [_pin(pins, f"A{i}") for i in range(4)]
        fixed = all(bit <= TRUE for bit in bits)
        if not fixed or _pin(pins, "CE", TRUE) != TRUE or _inverted(cell, "CLK"):
            raise ConfigError(f"cell {cell.name} ({cell.type}): only a fixed delay has a model")
        return Update(_pin(pins, "D"), delay=1 + sum(bit << i for i, bit in enumerate(bits)))

    return Register("Q", "CLK", update)


def _trellis_ff(aig: Aig, cell: Cell, pins: Pins) -> Update:
    if cell.word("CLKMUX", "CLK") == "INV":
        raise ConfigError(f"cell {cell.name} (TRELLIS_FF): takes data at the falling edge")
    if cell.word("LSRMODE", "LSR") == "PRLD":
        raise ConfigError(f"cell {cell.name} (TRELLIS_FF): loads M at a reset")
    data = _pin(pins, "DI") if cell.word("SD", "1") == "1" else _pin(pins, "M")
    enables = {"1": TRUE, "0": FALSE, "INV": _pin(pins, "CE", TRUE) ^ 1}
    enable = enables.get(cell.word("CEMUX", "1"), _pin(pins, "CE", TRUE))
    reset = _pin(pins, "LSR")
    reset ^= cell.word("LSRMUX", "LSR") == "INV"
    mode = cell.word("SRMODE", "LSR_OVER_CE")
    if mode == "CE_OVER_LSR":
        reset = aig.conj(reset, enable)
    value = int(cell.word("REGSET", "RESET") == "SET")
    return Update(data, enable, reset, value, asynchronous=mode == "ASYNC")


def _sb_dff(kind: str) -> Register:
    """SB_DFF with any of E (enable), S or R (set, reset), each behind S where it is synchronous."""
    enabled, rest = kind.startswith("E"), kind.removeprefix("E")
    pin = rest[-1:]  # "R", "S" or nothing
    synchronous = rest.startswith("S") and len(rest) > 1

    def update(aig: Aig, cell: Cell, pins: Pins) -> Update:
        enable = _pin(pins, "E", TRUE) if enabled else TRUE
        reset = _pin(pins, pin) if pin else FALSE
        if synchronous:
            reset = aig.conj(reset, enable)
        value = int(pin == "S")
        return Update(
            _pin(pins, "D"), enable, reset, value, asynchronous=bool(pin) and not synchronous
        )

    return Register("Q", "C", update)


def _enabled(
    enable: str, reset: str, value: int, clock: str, *, asynchronous: bool = False
) -> Register:
    """A register whose reset, by the pin of that name if any, goes before its enable."""

    def update(aig: Aig, cell: Cell, pins: Pins) -> Update:
        return Update(
            _pin(pins, "D"),
            _pin(pins, enable, TRUE),
            _pin(pins, reset),
            value,
            asynchronous=asynchronous,
        )

    return Register("Q", clock, update)


def _gowin_dff(kind: str) -> Register:
    """DFF with any of S, R (synchronous), P, C (not), and E (enable)."""
    pin = {"S": "SET", "R": "RESET", "P": "PRESET", "C": "CLEAR"}.get(kind[:1], "")
    value, asynchronous = int(kind[:1] in ("S", "P")), kind[:1] in ("P", "C")
    return _enabled("CE", pin, value, "CLK", asynchronous=asynchronous)


def _yosys_dff(aig: Aig, cell: Cell, pins: Pins) -> Update:
    return Update(_pin(pins, "D"))


REGISTERS: dict[str, Register] = {
    "$_DFF_P_": Register("Q", "C", _yosys_dff),
    "FDRE": _xilinx_ff("R", 0),
    "FDSE": _xilinx_ff("S", 1),
    "FDCE": _xilinx_ff("CLR", 0, asynchronous=True),
    "FDPE": _xilinx_ff("PRE", 1, asynchronous=True),
    "SRL16E": _srl("A0..A3"),
    "SRLC32E": _srl("A"),
    "TRELLIS_FF": Register("Q", "CLK", _trellis_ff),
    **{
        f"SB_DFF{kind}": _sb_dff(kind)
        for kind in ("", "E", "SR", "R", "SS", "S", "ESR", "ER", "ESS", "ES")
    },
    **{f"DFF{pin}{enable}": _gowin_dff(pin) for pin in ("", *"SRPC") for enable in ("", "E")},
    "FD1P3IX": _enabled("SP", "CD", 0, "CK"),
    "FD1P3JX": _enabled("SP", "PD", 1, "CK"),
    "FD1P3DX": _enabled("SP", "CD", 0, "CK", asynchronous=True),
    "FD1P3BX": _enabled("SP", "PD", 1, "CK", asynchronous=True),
}
