"""A netlist of ECP5 cells as flat Verilog, for the models in templates/verify/cells_ecp5*.v."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hlsgen.errors import ConfigError
from hlsgen.netlist import block_memory
from hlsgen.netlist.design import Cell, Flat, Net
from hlsgen.verify.block_memory import BlockMemory

TOP = "board"


@dataclass(frozen=True)
class _Model:
    """Pins and parameters that a model has; an input that may be open has the level it reads."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    words: tuple[str, ...] = ()
    numbers: Mapping[str, int] = field(default_factory=dict)
    open: Mapping[str, str] = field(default_factory=dict)
    # Parameters without effect on the function; "*" for all other parameters and pins.
    ignored: tuple[str, ...] = ()


def _pins(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_RAM_WORDS = ("WCKMUX", "WREMUX")
_COMB_WORDS = ("MODE", "CCU2_INJECT1", *_RAM_WORDS)
_INIT = {"INITVAL": 16}
_YES = ("YES", "NO")
# What a word may be; the models take anything else for the first case that they do not test.
_WORDS: Mapping[str, tuple[str, ...]] = {
    "MODE": ("LOGIC", "CCU2", "DPRAM"),
    "CCU2_INJECT1": _YES,
    "INJECT1_0": _YES,
    "INJECT1_1": _YES,
    "WCKMUX": ("WCK", "INV"),
    "WREMUX": ("WRE", "INV", "0", "1"),
    "CLKMUX": ("CLK", "INV"),
    "CEMUX": ("CE", "INV", "0", "1"),
    "LSRMUX": ("LSR", "INV"),
    "SRMODE": ("LSR_OVER_CE", "CE_OVER_LSR", "ASYNC"),
    "REGSET": ("SET", "RESET"),
    "SD": ("0", "1"),
    "LSRMODE": ("LSR",),
}
# Data inputs of a placed RAM's write port -> where they come out.
_RAMW_DATA = {"C1": "WDO0", "A1": "WDO1", "D1": "WDO2", "B1": "WDO3"}
_PAD = ("DIR", "DATAMUX_MDDR", "DATAMUX_ODDR")
_MODELS = {
    "VHI": _Model((), ("Z",)),
    "VLO": _Model((), ("Z",)),
    "LUT4": _Model(_pins("A B C D"), ("Z",), numbers={"INIT": 16}),
    "PFUMX": _Model(_pins("ALUT BLUT C0"), ("Z",)),
    "L6MUX21": _Model(_pins("D0 D1 SD"), ("Z",)),
    "CCU2C": _Model(
        _pins("A0 B0 C0 D0 A1 B1 C1 D1 CIN"),
        _pins("S0 S1 COUT"),
        words=("INJECT1_0", "INJECT1_1"),
        numbers={"INIT0": 16, "INIT1": 16},
    ),
    "TRELLIS_FF": _Model(
        _pins("CLK CE LSR DI M"),
        ("Q",),
        words=("CLKMUX", "CEMUX", "LSRMUX", "SRMODE", "REGSET", "SD"),
        open={"CE": "1", "LSR": "0"},
        # The device's own reset net; and what LSR loads, for which _WORDS has one value.
        ignored=("GSR", "LSRMODE"),
    ),
    "TRELLIS_DPR16X4": _Model(
        _pins("DI WAD RAD WRE WCK"), ("DO",), words=_RAM_WORDS, numbers={"INITVAL": 64}
    ),
    # The configuration ties open inputs of a table high (enum A0MUX 1 and so on), and in a carry
    # chain nextpnr relies on it.
    "LOGIC": _Model(
        _pins("A B C D M F1 FXA FXB"),
        ("F", "OFX"),
        words=_COMB_WORDS,
        numbers=_INIT,
        open=dict.fromkeys("ABCD", "1"),
    ),
    "CCU2": _Model(
        _pins("A B C D FCI M F1 FXA FXB"),
        ("F", "FCO", "OFX"),
        words=_COMB_WORDS,
        numbers=_INIT,
        open={**dict.fromkeys("ABCD", "1"), "FCI": "0"},
    ),
    "DPRAM": _Model(
        _pins("A B C D WD WAD0 WAD1 WAD2 WAD3 WRE WCK"),
        ("F",),
        words=_COMB_WORDS,
        numbers=_INIT,
    ),
    "RAMW_BLOCK": _Model((), (), ignored=("*",)),
    "TRELLIS_RAMW": _Model(
        _pins("A0 B0 C0 D0 A1 B1 C1 D1"),
        _pins("WADO0 WADO1 WADO2 WADO3 WDO0 WDO1 WDO2 WDO3"),
        open=dict.fromkeys(_RAMW_DATA, "0"),
    ),
    "INPUT": _Model(("B",), ("O",), ignored=_PAD),
    "OUTPUT": _Model(("I",), ("B",), ignored=_PAD),
    "SB_LUT4": _Model(
        _pins("I0 I1 I2 I3"),
        ("O",),
        numbers={"LUT_INIT": 16},
        open={f"I{i}": "0" for i in range(4)},
    ),
    "SB_CARRY": _Model(_pins("I0 I1 CI"), ("CO",), open={"I0": "0", "I1": "0", "CI": "0"}),
    **{
        f"SB_DFF{kind}": _Model(("C", "D", *kind.replace("SS", "S").replace("SR", "R")), ("Q",))
        for kind in ("", "E", "SR", "R", "SS", "S", "ESR", "ER", "ESS", "ES")
    },
    "$_BUF_": _Model(("A",), ("Y",)),
    "ICESTORM_PLL": _Model(_pins("REFERENCECLK RESETB BYPASS"), ("PLLOUT_A_GLOBAL", "LOCK")),
    "DCCA": _Model(("CLKI", "CE"), ("CLKO",), open={"CE": "1"}),
    "EHXPLLL": _Model(
        _pins("CLKI RST STDBY"),
        ("CLKOP", "LOCK"),
        open={"RST": "0", "STDBY": "0"},
        ignored=("*",),
    ),
}
# Cells of one type with a model for each value of a parameter, and the module's name.
_BY_MODE = {"TRELLIS_COMB": ("MODE", "LOGIC"), "TRELLIS_IO": ("DIR", "INPUT")}
_MODULES = {"INPUT": "hlsgen_pad_in", "OUTPUT": "hlsgen_pad_out", "$_BUF_": "hlsgen_wire"}


def verilog(flat: Flat, path: object) -> str:
    """Module `board` with the ports of `flat`, one instance a cell and one wire a net.

    Args:
        flat: a design for ECP5, before or after place and route.
        path: of its file, for messages.

    Raises:
        ConfigError: a cell without a model; or a net that something reads and nothing drives, or
            two outputs drive.
    """
    try:
        return "\n".join(_Writer(flat).lines()) + "\n"
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}; build the board again") from error


class _Writer:
    def __init__(self, flat: Flat) -> None:
        self._flat = flat
        self._driven: dict[Net, str] = {}
        self._read: dict[Net, str] = {}
        self._undefined = _never_written(flat.cells)
        # A port's net may have another port's name too: both are assigned, none is renamed.
        for port, i, net in flat.nets("input"):
            self._drive(net, f"port {port}[{i}]")
        for port, i, net in flat.nets("output"):
            self._reads(net, f"port {port}[{i}]")

    def lines(self) -> list[str]:
        """The whole file. Wires come after the instances are known, so after every check."""
        instances = [
            line for i, cell in enumerate(self._flat.cells) for line in self._cell(i, cell)
        ]
        for net, reader in self._read.items():
            name = self._flat.names.get(net, net) if isinstance(net, int) else net
            if net not in self._driven:
                raise ConfigError(f"{reader} reads net {name}, which nothing drives")
            if net in self._undefined:
                raise ConfigError(
                    f"{reader} reads net {name}, a bit of a RAM that is never written"
                )
        numbers = sorted(net for net in {*self._driven, *self._read} if isinstance(net, int))
        ports = [
            f"    {way} wire [{len(self._flat.ports[port]) - 1}:0] {port}"
            for port, way in self._flat.directions.items()
        ]
        return [
            "`default_nettype none",
            f"module {TOP} (",
            ",\n".join(ports),
            ");",
            *(f"wire n{number};" for number in numbers),
            *(f"assign {_name(net)} = {port}[{i}];" for port, i, net in self._flat.nets("input")),
            *(f"assign {port}[{i}] = {_name(net)};" for port, i, net in self._flat.nets("output")),
            *instances,
            "endmodule",
            "`default_nettype wire",
        ]

    def _cell(self, index: int, cell: Cell) -> Iterator[str]:
        if cell.type == block_memory.TYPE:
            yield self._block_memory(f"u{index}", cell)
            return
        model, module = _model(cell)
        if not model.outputs:
            return
        known = {*model.inputs, *model.outputs}
        extra = {pin for pin in cell.pins if _joined(cell, pin)} - known
        if extra and "*" not in model.ignored:
            raise ConfigError(f"cell {cell.name} ({cell.type}): no model of its pin {min(extra)}")
        pins = [
            *(f".{pin}({self._input(cell, model, pin)})" for pin in model.inputs),
            *(f".{pin}({self._output(cell, pin)})" for pin in model.outputs if cell.pins.get(pin)),
        ]
        parameters = ", ".join(_parameters(cell, model))
        yield f"{module} #({parameters}) u{index} ({', '.join(pins)});"

    def _block_memory(self, name: str, cell: Cell) -> str:
        memory = BlockMemory(cell)
        for pin, net in memory.reads():
            self._reads(net, f"cell {cell.name} ({cell.type}) pin {pin}")
        for pin, net in memory.drives():
            self._drive(net, f"cell {cell.name} pin {pin}")
        return memory.verilog(name)

    def _input(self, cell: Cell, model: _Model, pin: str) -> str:
        nets = cell.pins.get(pin, ())
        if not nets:
            level = model.open.get(pin) or ("" if pin in _needed(cell) else "0")
            if not level:
                raise ConfigError(f"cell {cell.name} ({cell.type}): input {pin} is open")
            return f"1'b{level}"
        if pin == "DI" and cell.type == "TRELLIS_DPR16X4":
            nets = tuple("0" if net == "x" else net for net in nets)
        for net in nets:
            if not (pin == "WD" and net in self._undefined):
                self._reads(net, f"cell {cell.name} ({cell.type}) pin {pin}")
        return _concat(nets)

    def _output(self, cell: Cell, pin: str) -> str:
        nets = cell.pins[pin]
        for net in nets:
            self._drive(net, f"cell {cell.name} pin {pin}")
        return _concat(nets)

    def _reads(self, net: Net, reader: str) -> None:
        if net in ("x", "z"):
            raise ConfigError(f"{reader} reads the undefined constant {net!r}")
        if isinstance(net, int):
            self._read.setdefault(net, reader)

    def _drive(self, net: Net, driver: str) -> None:
        if not isinstance(net, int):
            raise ConfigError(f"{driver} drives the constant {net!r}")
        if other := self._driven.get(net):
            raise ConfigError(f"{driver} and {other} drive the same net")
        self._driven[net] = driver


def _never_written(cells: Sequence[Cell]) -> set[Net]:
    """Nets of the bits of RAMs that get no data: a RAM has four, a store may be narrower."""
    nets: set[Net] = set()
    for cell in cells:
        if cell.type == "TRELLIS_RAMW":
            idle = (out for pin, out in _RAMW_DATA.items() if not cell.pins.get(pin))
            nets.update(net for out in idle for net in cell.pins.get(out, ()))
        elif cell.type == "TRELLIS_DPR16X4":
            pairs = zip(cell.pins["DI"], cell.pins["DO"], strict=True)
            nets.update(shown for data, shown in pairs if data == "x")
        elif cell.type == block_memory.TYPE:
            nets |= BlockMemory(cell).undefined()
    for cell in cells:
        if cell.type == "TRELLIS_COMB" and nets.intersection(cell.pins.get("WD", ())):
            nets.update(cell.pins.get("F", ()))
    return nets


def _model(cell: Cell) -> tuple[_Model, str]:
    kind = cell.type
    if kind in _BY_MODE:
        kind = cell.word(*_BY_MODE[kind])
    elif kind in ("LOGIC", "CCU2", "DPRAM", "INPUT", "OUTPUT"):
        kind = ""
    if kind not in _MODELS:
        mode = f" in mode {kind}" if kind and kind != cell.type else ""
        raise ConfigError(f"cell {cell.name}: no model of cell type {cell.type}{mode}")
    return _MODELS[kind], _MODULES.get(kind, cell.type)


def _needed(cell: Cell) -> Iterable[str]:
    """Inputs that must not be open; the others do nothing in this configuration of the cell."""
    if cell.type == "TRELLIS_FF":
        return ("CLK", "M" if cell.word("SD", "1") == "0" else "DI")
    if cell.type != "TRELLIS_COMB":
        return _model(cell)[0].inputs
    if cell.word("MODE", "LOGIC") == "DPRAM":
        return _MODELS["DPRAM"].inputs
    return {"L6": ("M", "FXA", "FXB"), "PFU": ("M", "F1"), "NONE": ()}[_mux(cell)]


def _mux(cell: Cell) -> str:
    """Which multiplexer makes OFX: nextpnr connects FXA and FXB, or F1, never both."""
    if not _joined(cell, "OFX"):
        return "NONE"
    return "L6" if _joined(cell, "FXA") or _joined(cell, "FXB") else "PFU"


def _joined(cell: Cell, pin: str) -> bool:
    """Whether something is connected; Yosys writes 'x' on an output that nothing reads."""
    return any(net != "x" for net in cell.pins.get(pin, ()))


def _parameters(cell: Cell, model: _Model) -> Iterator[str]:
    known = {*model.words, *model.numbers, *model.ignored}
    for name in () if "*" in known else sorted(cell.parameters):
        allowed = _WORDS.get(name, ())
        if name not in known or (allowed and cell.word(name, "") not in allowed):
            choice = f" (known: {', '.join(allowed)})" if allowed else ""
            raise ConfigError(
                f"cell {cell.name} ({cell.type}): no model of parameter {name} ="
                f" {cell.parameters[name]!r}{choice}"
            )
    for name in model.words:
        if name in cell.parameters:
            yield f'.{name}("{cell.word(name, "")}")'
    for name, bits in model.numbers.items():
        yield f".{name}({bits}'h{_number(cell, name):x})"
    if cell.type == "TRELLIS_COMB":
        yield f'.MUX("{_mux(cell)}")'


def _number(cell: Cell, name: str) -> int:
    value = cell.parameters.get(name)
    if cell.type == "TRELLIS_DPR16X4" and isinstance(value, str):
        return int(value.replace("x", "0"), 2)  # as nextpnr fills a RAM that has no start values
    return cell.number(name, 0)


def _name(net: Net) -> str:
    return f"n{net}" if isinstance(net, int) else f"1'b{net}"


def _concat(nets: tuple[Net, ...]) -> str:
    if len(nets) == 1:
        return _name(nets[0])
    return "{" + ", ".join(_name(net) for net in reversed(nets)) + "}"
