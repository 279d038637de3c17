"""A placed iCE40 netlist as the primitives that it was placed from, registers under old names.

nextpnr-ice40 merges a table, a position of a carry chain and a register into one logic cell, whose
name is that of one of them. Nets keep one of their names, so registers are known by the net that
they drive.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from hlsgen.errors import ConfigError
from hlsgen.netlist.design import Cell, Design, Flat, Net, _Flattening

# The clock generator, as it is called once it is placed, and its pins before.
PLL = "ICESTORM_PLL"
_PLL_PINS = {
    **{"REFERENCECLK": "REFERENCECLK", "PACKAGEPIN": "REFERENCECLK", "RESETB": "RESETB"},
    **{"BYPASS": "BYPASS", "LOCK": "LOCK", "PLLOUTGLOBAL": "PLLOUT_A_GLOBAL"},
}
# What nextpnr writes behind the name of a net that leaves through a pad.
_PAD_NET = "$SB_IO_OUT"
_Nets = tuple[Net, ...]


def unread(after: Design) -> set[str]:
    """Types of placed cells that are not known here, such as block memories."""
    known = {"ICESTORM_LC", "SB_IO", "SB_GB", PLL}
    return {cell["type"] for cell in after.modules["top"]["cells"].values()} - known


class _Names(_Flattening):
    """Flattens, and collects every name of every net."""

    def __init__(self, design: Design, top: str) -> None:
        self.names: dict[str, int] = {}
        super().__init__(design, top)

    def _enter(self, module: Any, path: str, own: dict[int, Net]) -> None:
        for name, net in module["netnames"].items():
            for i, bit in enumerate(net["bits"]):
                number = self._net(own, bit)
                if isinstance(number, int):
                    index = f"[{i}]" if len(net["bits"]) > 1 else ""
                    self.names[f"{path}{name}{index}"] = number
        super()._enter(module, path, own)

    def by_name(self) -> dict[str, Net]:
        """The net behind each name, of all nets that have one source."""
        return {name: self._source(number) for name, number in self.names.items()}


def before_and_after(before: Design, top: str, after: Design) -> tuple[Flat, Flat]:
    """Both netlists in the same primitives, with the same names for the same registers.

    Raises:
        ConfigError: the placed one has a cell that is not known here, such as a block memory.
    """
    old, new = _Names(before, top), _Names(after, "top")
    first, second = old.done(), new.done()
    registers = {
        net: cell.name for cell in first.cells if cell.type.startswith("SB_DFF")
        for net in cell.pins["Q"]
    }  # fmt: skip
    known = old.by_name()
    called: dict[Net, str] = {}
    for name, net in new.by_name().items():
        source = known.get(name.removesuffix(_PAD_NET))
        if source is not None and source in registers:
            called[net] = registers[source]
    cells = tuple(_pll(cell) if "PLL40" in cell.type else cell for cell in first.cells)
    return replace(first, cells=cells), _unpacked(second, called)


def _pll(cell: Cell) -> Cell:
    pins = {_PLL_PINS[pin]: nets for pin, nets in cell.pins.items() if pin in _PLL_PINS}
    return Cell(cell.name, PLL, {}, pins, frozenset({"LOCK", "PLLOUT_A_GLOBAL"}))


def _unpacked(flat: Flat, called: dict[Net, str]) -> Flat:
    """Logic cells, pads and buffers taken apart."""
    buffers = [cell for cell in flat.cells if cell.type == "SB_GB"]
    generated = [
        cell.pins["GLOBAL_BUFFER_OUTPUT"]
        for cell in buffers
        if not cell.pins["USER_SIGNAL_TO_GLOBAL_BUFFER"]
    ]
    cells: list[Cell] = []
    last = max((net for net in flat.names if isinstance(net, int)), default=0)
    for number, cell in enumerate(flat.cells, last + 1):
        if cell.type == "ICESTORM_LC":
            cells += _logic(cell, called, number)
        elif cell.type == "SB_IO":
            cells += _pad(cell)
        elif cell.type == "SB_GB":
            if cell.pins["USER_SIGNAL_TO_GLOBAL_BUFFER"]:
                nets = cell.pins["USER_SIGNAL_TO_GLOBAL_BUFFER"], cell.pins["GLOBAL_BUFFER_OUTPUT"]
                cells.append(_wire(cell.name, *nets))
        elif cell.type == PLL:
            clock = generated[0] if generated else cell.pins["PLLOUT_A_GLOBAL"]
            pins = {pin: cell.pins.get(pin, ()) for pin in _PLL_PINS.values()}
            outputs = frozenset({"LOCK", "PLLOUT_A_GLOBAL"})
            pins["PLLOUT_A_GLOBAL"] = clock
            # One that takes its clock from the pad beside it has no net for that.
            pins["REFERENCECLK"] = pins["REFERENCECLK"] or _lonely_pad(flat)
            cells.append(Cell(cell.name.removesuffix("_PLL"), PLL, {}, pins, outputs))
        else:
            raise ConfigError(f"cell {cell.name}: no model of placed cell type {cell.type}")
    return replace(flat, cells=tuple(cells))


def _lonely_pad(flat: Flat) -> _Nets:
    """The pad that nothing in the logic is joined to: it feeds the clock generator."""
    pads = [cell for cell in flat.cells if cell.type == "SB_IO"]
    alone = [cell for cell in pads if not list(_pad(cell))]
    if len(alone) != 1:
        raise ConfigError(f"{len(alone)} pads could feed the clock generator, which has no net")
    return alone[0].pins["PACKAGE_PIN"]


def _wire(name: str, source: _Nets, target: _Nets) -> Cell:
    return Cell(name, "$_BUF_", {}, {"A": source, "Y": target}, frozenset({"Y"}))


def _pad(cell: Cell) -> Iterator[Cell]:
    """An output drives its pad, and an input is driven by it."""
    pad = cell.pins["PACKAGE_PIN"]
    for pin in ("D_OUT_0", "D_IN_0"):
        if nets := cell.pins.get(pin, ()):
            yield _wire(f"{cell.name}.{pin}", *((nets, pad) if pin == "D_OUT_0" else (pad, nets)))


def _logic(cell: Cell, called: dict[Net, str], between: int) -> Iterator[Cell]:
    """Table, carry and register of a logic cell, as far as they are used.

    `between` is a net of its own, for what leads from the table to the register.
    """

    def on(parameter: str) -> bool:
        return cell.word(parameter, "0") == "1"

    out, registered = cell.pins["O"], on("DFF_ENABLE")
    table: _Nets = (between,) if registered else out
    if table:
        init = {"LUT_INIT": cell.parameters["LUT_INIT"]}
        # The constant 1 may be made beside a carry that reads it at the same pins.
        reads = [i for i in range(4) if _depends(cell.number("LUT_INIT"), i)]
        inputs = {f"I{i}": cell.pins.get(f"I{i}", ()) for i in reads}
        yield Cell(f"{cell.name}.lut", "SB_LUT4", init, {**inputs, "O": table}, frozenset({"O"}))
    if on("CARRY_ENABLE") and cell.pins.get("COUT"):
        constant: _Nets = ("1" if on("CIN_SET") else "0",)
        pins = {
            "I0": cell.pins.get("I1", ()),
            "I1": cell.pins.get("I2", ()),
            "CI": constant if on("CIN_CONST") else cell.pins.get("CIN", ()),
            "CO": cell.pins["COUT"],
        }
        yield Cell(f"{cell.name}.carry", "SB_CARRY", {}, pins, frozenset({"CO"}))
    if registered:
        yield _register(cell, called, table, out)


def _depends(init: int, pin: int) -> bool:
    """Whether a table of four inputs reads one of them."""
    return any(init >> i & 1 != init >> (i ^ 1 << pin) & 1 for i in range(16))


def _register(cell: Cell, called: dict[Net, str], data: _Nets, out: _Nets) -> Cell:
    enable, reset = cell.pins.get("CEN", ()), cell.pins.get("SR", ())
    pins = {"D": data, "C": cell.pins["CLK"], "Q": out}
    if cell.word("NEG_CLK", "0") == "1":
        raise ConfigError(f"cell {cell.name} (ICESTORM_LC): takes data at the falling edge")
    kind = "SB_DFF" + "E" * bool(enable)
    if enable:
        pins["E"] = enable
    if reset:
        way = "S" if cell.word("SET_NORESET", "0") == "1" else "R"
        kind += ("" if cell.word("ASYNC_SR", "0") == "1" else "S") + way
        pins[way] = reset
    return Cell(called.get(out[0], cell.name), kind, {}, pins, frozenset({"Q"}))
