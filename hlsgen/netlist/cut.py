"""A design cut at its registers: what each takes at a clock edge, and what leaves the design.

Place and route keeps every register and its name. So two netlists, one before and one after, do
the same if each register takes the same, as a function of all registers and inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from hlsgen.errors import ConfigError
from hlsgen.graph.aig import Aig
from hlsgen.netlist import block_memory
from hlsgen.netlist.cells import LOGIC, REGISTERS, Pins
from hlsgen.netlist.design import Cell, Flat, Net

# Asks for the literal of something that enters the logic, by a name that both netlists share.
Source = Callable[[str], int]
_Nets = tuple[Net, ...]

_PADS = "TRELLIS_IO"
_OUTPUTS = {
    "EHXPLLL": ("CLKOP", "LOCK"),
    "ICESTORM_PLL": ("PLLOUT_A_GLOBAL", "LOCK"),
    block_memory.TYPE: block_memory.OUTPUTS,
}
# Of clock generators what must be the same; their settings are not compared.
_PLL_INPUTS = {
    "EHXPLLL": ("CLKI", "RST", "STDBY", "ENCLKOP"),
    "ICESTORM_PLL": ("REFERENCECLK", "RESETB", "BYPASS"),
}
_CLOCK_BUFFERS = {"DCCA": ("CLKO", "CLKI")}
# Address pins of a placed RAM cell, and the pins of its write port: bit i of address, data.
_RAM, _RAM_READ = "TRELLIS_DPR16X4", ("D", "B", "C", "A")
_RAMW_ADDRESS, _RAMW_DATA = ("D0", "B0", "C0", "A0"), ("C1", "A1", "D1", "B1")


class Cut:
    """The sinks of a flat design as literals: names -> what each register, RAM, PLL and pad takes.

    Args:
        aig: where the literals live.
        flat: the design, before or after place and route on ECP5.
        source: literal of a register's output, a RAM's or PLL's output, or an input pad.
    """

    def __init__(self, aig: Aig, flat: Flat, source: Source) -> None:
        self._aig, self._source = aig, source
        cells = [part for cell in flat.cells for part in _parts(cell)]
        self._value: dict[Net, int] = {"0": 0, "1": 1}
        self._driver: dict[Net, Cell] = {}
        self._read = {
            net
            for cell in cells
            for pin, nets in cell.pins.items()
            if pin not in cell.outputs
            for net in nets
        }
        self.sinks: dict[str, int] = {}
        # Sinks that may be anything, and are something once they are placed.
        self.undefined: set[str] = set()
        self.modes: dict[str, str] = {}
        pads = {cell.pins["B"][0]: cell for cell in cells if cell.type == _PADS}
        for port, i, net in flat.nets("input"):
            pad = pads.get(net)
            entered = pad.pins["O"][0] if pad else net
            self._value[entered] = source(f"pad {port}[{i}]")
        for cell in cells:
            self._enter(cell)
        for cell in cells:
            self._leave(cell)
        for port, i, net in flat.nets("output"):
            pad = pads.get(net)
            self.sinks[f"pad {port}[{i}]"] = self._of(pad.pins["I"][0] if pad else net)

    def _enter(self, cell: Cell) -> None:
        """Outputs of what holds state are sources; other cells drive."""
        if cell.type in REGISTERS:
            self._value[cell.pins["Q"][0]] = self._source(cell.name)
        elif cell.type == _RAM:
            for i, net in enumerate(cell.pins["DO"]):
                self._value[net] = self._source(f"{cell.name} bit {i}")
        elif _mode(cell) == "DPRAM":
            name, _, bit = cell.name.rpartition("$DPRAM_COMB")
            self._value[cell.pins["F"][0]] = self._source(f"{name} bit {bit}")
        elif cell.type in _OUTPUTS:
            for pin in _OUTPUTS[cell.type]:
                for net in cell.pins.get(pin, ()):
                    self._value[net] = self._source(f"{cell.name}.{pin}")
        else:
            for pin in cell.outputs:
                for net in cell.pins.get(pin, ()):
                    self._driver[net] = cell

    def _leave(self, cell: Cell) -> None:
        name, pins = cell.name, cell.pins
        if cell.type in REGISTERS:
            self._register(cell)
        elif cell.type == _RAM:
            for bit, net in enumerate(pins["DO"]):
                if net in self._read:
                    self._ram_bit(f"{name} bit {bit}", list(pins["RAD"]), pins)
            bits = [[(net,) for net in pins[pin]] for pin in ("WAD", "DI")]
            self._write_port(name, *bits)
        elif _mode(cell) == "DPRAM":
            base, _, number = name.rpartition("$DPRAM_COMB")
            if pins["F"][0] in self._read:
                self._ram_bit(f"{base} bit {number}", [pins[pin][0] for pin in _RAM_READ], pins)
        elif cell.type == "TRELLIS_RAMW":
            address, data = (
                [pins.get(pin, ()) for pin in names] for names in (_RAMW_ADDRESS, _RAMW_DATA)
            )
            self._write_port(name.removesuffix("$RAMW_SLICE"), address, data)
        elif cell.type == block_memory.TYPE:
            self._block_memory(cell)
        elif cell.type in _PLL_INPUTS:
            for pin in _PLL_INPUTS[cell.type]:
                self.sinks[f"{name}.{pin}"] = self._of(pins[pin][0])

    def _register(self, cell: Cell) -> None:
        register = REGISTERS[cell.type]
        update = register.update(self._aig, cell, self._pins(cell))
        kept = self._source(cell.name)
        taken = self._aig.mux(update.enable, update.data, kept)
        self.modes[cell.name] = "asynchronous reset" if update.asynchronous else "synchronous"
        self.sinks[f"{cell.name} clock"] = self._of(cell.pins[register.clock][0])
        if update.asynchronous:
            self.sinks[f"{cell.name} reset"] = update.reset
        self.sinks[cell.name] = self._aig.mux(update.reset, update.value, taken)

    def _block_memory(self, cell: Cell) -> None:
        for pin in block_memory.INPUTS:
            name = f"{cell.name} pin {pin}"
            net, inverted = block_memory.level(cell, pin)
            if net == "x" and block_memory.idle(cell, pin):
                self.undefined.add(name)
            else:
                self.sinks[name] = self._of(net) ^ inverted
        self.modes[f"{cell.name} configuration"] = str(block_memory.words(cell))
        self.modes[f"{cell.name} contents"] = f"{block_memory.contents(cell):x}"

    def _ram_bit(self, name: str, address: list[Net], pins: Mapping[str, tuple[Net, ...]]) -> None:
        for i, net in enumerate(address):
            self.sinks[f"{name} address {i}"] = self._of(net)
        self.sinks[f"{name} write enable"] = self._of(pins["WRE"][0])
        self.sinks[f"{name} clock"] = self._of(pins["WCK"][0])

    def _write_port(self, name: str, address: Sequence[_Nets], data: Sequence[_Nets]) -> None:
        """A data bit that nobody reads is undefined before routing, and open behind it."""
        for i in range(4):
            self.sinks[f"{name} write address {i}"] = self._of(address[i][0])
            if data[i] and data[i][0] != "x":
                self.sinks[f"{name} data {i}"] = self._of(data[i][0])

    def _of(self, net: Net) -> int:
        """The literal of a net."""
        stack, asked = [net], set[Net]()
        while stack:
            here = stack[-1]
            if here in self._value:
                stack.pop()
                continue
            cell = self._driver.get(here)
            if cell is None:
                self._value[here] = self._source(f"undriven net {here}")
                continue
            if cell.type in _CLOCK_BUFFERS:
                _, entry = _CLOCK_BUFFERS[cell.type]
                inputs = [cell.pins[entry][0]]
            else:
                inputs = [
                    n for pin, nets in cell.pins.items() if pin not in cell.outputs for n in nets
                ]
            missing = [n for n in inputs if n not in self._value]
            if missing and here in asked:
                raise ConfigError(f"net {here}: a loop without a register")
            if missing:
                asked.add(here)
                stack.extend(missing)
            else:
                self._drive(cell)
                if here not in self._value:
                    pin = next(pin for pin, nets in cell.pins.items() if here in nets)
                    raise ConfigError(f"cell {cell.name} ({cell.type}): no model of output {pin}")
        return self._value[net]

    def _drive(self, cell: Cell) -> None:
        if cell.type in _CLOCK_BUFFERS:
            output, entry = _CLOCK_BUFFERS[cell.type]
            self._value[cell.pins[output][0]] = self._value[cell.pins[entry][0]]
            return
        if cell.type not in LOGIC:
            raise ConfigError(f"cell {cell.name}: no model of cell type {cell.type}")
        for pin, word in LOGIC[cell.type](self._aig, cell, self._pins(cell)).items():
            for net, literal in zip(cell.pins.get(pin, ()), word, strict=False):
                self._value[net] = literal

    def _pins(self, cell: Cell) -> Pins:
        return {
            pin: [self._of(net) for net in nets]
            for pin, nets in cell.pins.items()
            if pin not in cell.outputs
        }


def _parts(cell: Cell) -> Iterator[Cell]:
    """A placed LUT and the multiplexer beside it, whose inputs depend on each other's outputs."""
    if cell.type != "TRELLIS_COMB" or not cell.pins.get("OFX"):
        yield cell
        return
    pins = {pin: nets for pin, nets in cell.pins.items() if pin in (*"ABCD", "FCI", "F", "FCO")}
    pins["F"] = pins.get("F") or (f"{cell.name}.F",)
    yield replace(cell, pins=pins, outputs=frozenset({"F", "FCO"}))
    z = frozenset({"Z"})
    select, out = cell.pins["M"], cell.pins["OFX"]
    if cell.pins.get("FXA") or cell.pins.get("FXB"):
        wide = {"D0": cell.pins["FXA"], "D1": cell.pins["FXB"], "SD": select, "Z": out}
        yield Cell(f"{cell.name}.OFX", "L6MUX21", {}, wide, z)
    else:
        wide = {"ALUT": cell.pins["F1"], "BLUT": pins["F"], "C0": select, "Z": out}
        yield Cell(f"{cell.name}.OFX", "PFUMX", {}, wide, z)


def _mode(cell: Cell) -> str:
    return cell.word("MODE", "LOGIC") if cell.type == "TRELLIS_COMB" else ""
