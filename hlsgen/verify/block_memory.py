"""ECP5's block memories as Verilog, for the model in templates/verify/cells_ecp5_block.v."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hlsgen.errors import ConfigError
from hlsgen.netlist import block_memory as pins
from hlsgen.netlist.design import Cell, Net

MODULE = "hlsgen_block_memory"
# What the model can do; other words and widths are refused.
_WORDS = {
    **dict.fromkeys(("REGMODE_A", "REGMODE_B"), ("NOREG",)),
    **dict.fromkeys(("RESETMODE", "ASYNC_RESET_RELEASE"), ("SYNC", "ASYNC")),
    **dict.fromkeys(("CSDECODE_A", "CSDECODE_B"), ("0b000", "000")),
    **dict.fromkeys(("WRITEMODE_A", "WRITEMODE_B"), ("NORMAL", "WRITETHROUGH", "READBEFOREWRITE")),
    # Whether the device's own reset net resets the outputs: it does so before the design starts.
    "GSR": ("DISABLED", "ENABLED", "AUTO"),
    **dict.fromkeys(pins.WIDTHS, ("1", "2", "4", "9", "18", "36")),
}
_SELECTS = tuple(pin for pin in pins.CONTROL if pin.startswith("CS"))
# Bits of the memory's widest word, and of its bytes.
_WORD, _BYTE = 36, 9


class BlockMemory:
    """A block memory of a netlist.

    Args:
        cell: of type DP16KD, before or after place and route.

    Raises:
        ConfigError: it is configured as the model is not.
    """

    def __init__(self, cell: Cell) -> None:
        self._cell, self._words = cell, pins.words(cell)
        for name, word in self._words.items():
            if word not in _WORDS[name]:
                known = ", ".join(_WORDS[name])
                raise self._refused(f"parameter {name} = {word!r} (known: {known})")
        self._check_names()
        self._width = {port: pins.width(cell, port) for port in "AB"}
        self._pair = self._width["A"] == pins.PAIR
        self._check_ports()

    def _refused(self, what: str) -> ConfigError:
        return ConfigError(f"cell {self._cell.name} ({self._cell.type}): no model of {what}")

    def _check_names(self) -> None:
        known = {*pins.WORDS, *pins.WIDTHS, *(f"{pin}MUX" for pin in pins.INPUTS)}
        for name in sorted(self._cell.parameters):
            if name not in known and not name.startswith("INITVAL_"):
                raise self._refused(f"parameter {name}")
        for pin in sorted(self._cell.pins):
            if pin not in pins.INPUTS and pin not in pins.OUTPUTS:
                raise self._refused(f"its pin {pin}")

    def _check_ports(self) -> None:
        if self._width["B"] == pins.PAIR and not self._pair:
            raise self._refused("port B of 36 bits beside a narrower port A")
        for pin in _SELECTS:
            if pins.level(self._cell, pin) != ("0", False):
                raise self._refused(f"chip select {pin} that is not low")
        for port in "AB":
            reset = pins.level(self._cell, f"RST{port}")
            if self._words["RESETMODE"] == "ASYNC" and reset != ("0", False):
                raise self._refused(f"asynchronous reset RST{port}")
        if len(self._clocks()) > 1:
            raise self._refused("two clocks")

    def _clocks(self) -> set[tuple[Net, bool]]:
        return {
            pins.level(self._cell, f"CLK{port}") for port in "AB" if pins.enabled(self._cell, port)
        }

    def reads(self) -> Iterator[tuple[str, Net]]:
        """Each input pin that matters and its net."""
        for pin in pins.INPUTS:
            net, _ = pins.level(self._cell, pin)
            if not (net == "x" and pins.idle(self._cell, pin)):
                yield pin, net

    def drives(self) -> Iterator[tuple[str, Net]]:
        """Each output pin that is connected and its net."""
        for pin in pins.OUTPUTS:
            yield from ((pin, net) for net in self._cell.pins.get(pin, ()) if net != "x")

    def undefined(self) -> set[Net]:
        """Nets of outputs that do not show what was stored: behind the width, or never written."""
        never: set[int] = set()
        for port in "AB":
            if pins.writes(self._cell, port):
                for bit, pin in enumerate(self._data(port, "DI")):
                    if pins.level(self._cell, pin)[0] == "x":
                        never |= _places(self._width[port], bit)
        shown = {
            pin: _places(self._width[port], bit)
            for port in ("B" if self._pair else "AB")
            for bit, pin in enumerate(self._data(port, "DO"))
        }
        bad = (pin for pin in pins.OUTPUTS if pin not in shown or shown[pin] & never)
        return {net for pin in bad for net in self._cell.pins.get(pin, ())}

    def _data(self, port: str, kind: str) -> list[str]:
        """The data pins of a port, bit 0 first."""
        width = self._width[port]
        first = [f"{kind}{port}{i}" for i in range(18)]
        return [f"{kind}{p}{i}" for p in "AB" for i in range(18)] if width > 18 else first[:width]

    def verilog(self, name: str) -> str:
        """The instance; outputs without a net go to a wire that nothing reads."""
        clock = min(self._clocks(), key=str, default=("0", False))
        joined = {"CLK": _text(*clock)}
        for pin in ("CEA", "WEA", "RSTA", "CEB", "WEB", "RSTB"):
            joined[pin] = _text(*pins.level(self._cell, pin))
        for bus, size in (("ADA", 14), ("ADB", 14), ("DIA", 18), ("DIB", 18)):
            joined[bus] = _bus(_text(*pins.level(self._cell, f"{bus}{i}")) for i in range(size))
        driven = dict(self.drives())
        for first, bus in ((0, "DOA"), (18, "DOB")):
            joined[bus] = _bus(
                f"n{driven[f'{bus}{i}']}" if f"{bus}{i}" in driven else f"{name}_open[{first + i}]"
                for i in range(18)
            )
        text = ", ".join(f".{pin}({value})" for pin, value in joined.items())
        return f"wire [35:0] {name}_open; {MODULE} #({self._parameters()}) {name} ({text});"

    def _parameters(self) -> str:
        texts = [f".WIDTH_{port}({self._width[port]})" for port in "AB"]
        texts += [f'.MODE_{port}("{self._words[f"WRITEMODE_{port}"]}")' for port in "AB"]
        return ", ".join([*texts, f".START(18432'h{pins.contents(self._cell):x})"])


def _places(width: int, bit: int) -> set[int]:
    """Bits of the memory's widest word that are bit `bit` of some word of a port."""
    if width >= _BYTE:
        return set(range(bit, _WORD, width))
    starts = (b + i for b in range(0, _WORD, _BYTE) for i in range(0, _BYTE - 1, width))
    return {start + bit for start in starts}


def _text(net: Net, inverted: bool) -> str:
    if isinstance(net, int):
        return f"~n{net}" if inverted else f"n{net}"
    return "1'b0" if net == "x" else f"1'b{net}"


def _bus(texts: Iterable[str]) -> str:
    return "{" + ", ".join(reversed(list(texts))) + "}"
