"""ECP5's block memories in netlists: what stands on their pins, before and after place and route.

Yosys connects constants to the pins. nextpnr leaves such pins open and says in a parameter named
after the pin what it reads: an open control pin is high, or low behind an inverter; an open
address or data pin is low, or what its parameter says.
"""

from __future__ import annotations

from collections.abc import Iterator

from hlsgen.errors import ConfigError
from hlsgen.netlist.design import Cell, Net

TYPE = "DP16KD"
# Width of a write port that takes the data pins of both ports; port B then only reads.
PAIR = 36

_CONTROL = ("CLK{}", "CE{}", "OCE{}", "WE{}", "RST{}", "CS{}0", "CS{}1", "CS{}2")
CONTROL = tuple(pin.format(port) for port in "AB" for pin in _CONTROL)
ADDRESS = tuple(f"AD{port}{i}" for port in "AB" for i in range(14))
DATA = tuple(f"DI{port}{i}" for port in "AB" for i in range(18))
INPUTS = (*CONTROL, *ADDRESS, *DATA)
OUTPUTS = tuple(f"DO{port}{i}" for port in "AB" for i in range(18))
# What nextpnr takes for a parameter that is missing.
WORDS = {
    **dict.fromkeys(("REGMODE_A", "REGMODE_B"), "NOREG"),
    **dict.fromkeys(("RESETMODE", "ASYNC_RESET_RELEASE"), "SYNC"),
    **dict.fromkeys(("CSDECODE_A", "CSDECODE_B"), "0b000"),
    **dict.fromkeys(("WRITEMODE_A", "WRITEMODE_B"), "NORMAL"),
    "GSR": "DISABLED",
}
WIDTHS = ("DATA_WIDTH_A", "DATA_WIDTH_B")
_CONTENTS = tuple(f"INITVAL_{i:02X}" for i in range(64))
# A parameter holds 16 words of 18 bits, each in 20.
_WORDS, _STEP, _BITS = 16, 20, 18


def level(cell: Cell, pin: str) -> tuple[Net, bool]:
    """The net or constant that a pin reads, and whether inverted; a constant never is.

    Raises:
        ConfigError: its parameter is none that nextpnr writes.
    """
    control = pin in CONTROL
    nets, mode = cell.pins.get(pin, ()), cell.word(f"{pin}MUX", "")
    if control and mode in ("", pin, "INV"):
        idle = "0" if mode == "INV" or (not mode and "CE" not in pin) else "1"
        return _inverted(nets[0], mode == "INV") if nets else (idle, False)
    if control or mode not in ("", "0", "1") or (nets and mode):
        raise ConfigError(f"cell {cell.name} ({cell.type}): no model of {pin}MUX = {mode!r}")
    return (nets[0] if nets else mode or "0"), False


def _inverted(net: Net, inverted: bool) -> tuple[Net, bool]:
    if inverted and net in ("0", "1"):
        return "10"[int(net)], False
    return net, inverted


def width(cell: Cell, port: str) -> int:
    """Bits of a word at port "A" or "B"."""
    return cell.number(f"DATA_WIDTH_{port}", 18)


def enabled(cell: Cell, port: str) -> bool:
    """Whether a port ever does anything."""
    return level(cell, f"CE{port}") != ("0", False)


def writes(cell: Cell, port: str) -> bool:
    """Whether a port ever writes."""
    if width(cell, "A") == PAIR:
        return port == "A" and enabled(cell, port)
    return enabled(cell, port) and level(cell, f"WE{port}") != ("0", False)


def idle(cell: Cell, pin: str) -> bool:
    """Whether it does not matter what stands on an address or data pin, or is said to be so.

    Data that are undefined are written where nothing reads them: simulation checks that.
    """
    return pin in DATA or (pin in ADDRESS and not enabled(cell, pin[2]))


def words(cell: Cell) -> dict[str, str]:
    """All that is configured but the pins and the contents."""
    return {
        **{name: cell.word(name, default) for name, default in WORDS.items()},
        **{name: str(cell.number(name, 18)) for name in WIDTHS},
    }


def contents(cell: Cell) -> int:
    """What is stored at first: 1024 words of 18 bits.

    Raises:
        ConfigError: it has undefined bits.
    """
    found = 0
    for at, bits in enumerate(_slices(cell)):
        found |= bits << at * _BITS
    return found


def _slices(cell: Cell) -> Iterator[int]:
    for name in _CONTENTS:
        value = cell.number(name, 0)
        for i in range(_WORDS):
            yield value >> i * _STEP & (1 << _BITS) - 1
