"""Faults of a netlist in JSON: as a wrong synthesis or a wrong router would make them."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

_TABLES = {**{f"LUT{k}": ("INIT",) for k in range(1, 7)}, "LUT6_2": ("INIT",),
           "SB_LUT4": ("LUT_INIT",), "TRELLIS_COMB": ("INITVAL",),
           **dict.fromkeys(("CCU2C", "CCU2", "WIDEFN9"), ("INIT0", "INIT1"))}  # fmt: skip
_REGISTERS = ("TRELLIS_FF", "FDRE", "SB_DFF", "DFF", "FD1P3IX")
_MUXES = {"PFUMX": ("ALUT", "BLUT"), "L6MUX21": ("D0", "D1"),
          **dict.fromkeys(("MUXF7", "MUX2_LUT5", "MUX2_LUT6"), ("I0", "I1"))}  # fmt: skip
_Cells = dict[str, Any]
_Change = Callable[[_Cells, str, np.random.Generator], str | None]


def faults(
    path: Path, module: str, each: int, rng: np.random.Generator
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """`each` faults of every kind in one module: kind, what, the document with it."""
    document = json.loads(path.read_text(encoding="utf-8"))
    names = sorted(document["modules"][module]["cells"])
    for kind, change in _CHANGES.items():
        made = 0
        for i in rng.permutation(len(names)):
            if made == each:
                break
            broken = dict(document, modules=dict(document["modules"]))
            broken["modules"][module] = copy.copy(document["modules"][module])
            cells = dict(document["modules"][module]["cells"])
            cells[names[i]] = copy.deepcopy(cells[names[i]])
            broken["modules"][module]["cells"] = cells
            what = change(cells, names[i], rng)
            if what:
                made += 1
                yield kind, f"{names[i]}: {what}", broken


def _table_bit(cells: _Cells, name: str, rng: np.random.Generator) -> str | None:
    cell = cells[name]
    parameters = _TABLES.get(cell["type"])
    if parameters is None or _mode(cell) not in ("LOGIC", "CCU2"):
        return None
    parameter = str(rng.choice(parameters))
    bits = cell["parameters"].get(parameter, "")
    if bits.startswith("0x") and len(bits.strip()) == 6:
        # A word, as on Nexus; the space tells it from binary digits.
        entry = int(rng.integers(16))
        cell["parameters"][parameter] = f"0x{int(bits, 16) ^ 1 << entry:04x} "
        return f"bit {entry} of {parameter}"
    if len(bits) < 2 or set(bits) - {"0", "1"}:
        return None
    entry = int(rng.integers(len(bits)))
    place = len(bits) - 1 - entry
    flipped = "1" if bits[place] == "0" else "0"
    cell["parameters"][parameter] = bits[:place] + flipped + bits[place + 1 :]
    return f"bit {entry} of {parameter}"


def _swapped_pins(cells: _Cells, name: str, rng: np.random.Generator) -> str | None:
    cell = cells[name]
    if cell["type"] not in _TABLES or _mode(cell) != "LOGIC":
        return None
    wired = [pin for pin in ("A", "B", "C", "D", "I0", "I1", "I2", "I3", "I4", "I5")
             if cell["connections"].get(pin)]  # fmt: skip
    if len(wired) < 2:
        return None
    a, b = (wired[i] for i in rng.choice(len(wired), 2, replace=False))
    pins = cell["connections"]
    if pins[a] == pins[b]:
        return None
    pins[a], pins[b] = pins[b], pins[a]
    return f"pins {a} and {b} exchanged"


def _swapped_mux(cells: _Cells, name: str, rng: np.random.Generator) -> str | None:
    cell = cells[name]
    if cell["type"] not in _MUXES:
        return None
    a, b = _MUXES[cell["type"]]
    pins = cell["connections"]
    pins[a], pins[b] = pins[b], pins[a]
    return f"pins {a} and {b} exchanged"


def _dropped_register(cells: _Cells, name: str, rng: np.random.Generator) -> str | None:
    cell = cells[name]
    data = cell["connections"].get("DI") or cell["connections"].get("D")
    if cell["type"] not in _REGISTERS or not data:
        return None
    cells[name] = {
        "type": "$_BUF_",
        "parameters": {},
        "attributes": {},
        "port_directions": {"A": "input", "Y": "output"},
        "connections": {"A": data, "Y": cell["connections"]["Q"]},
    }
    return "a wire in its place"


def _wrong_reset(cells: _Cells, name: str, rng: np.random.Generator) -> str | None:
    """The reset value, or the reset itself, of a register that has one."""
    cell = cells[name]
    if cell["type"] != "TRELLIS_FF" or not _live(cell["connections"].get("LSR")):
        return None
    cell["parameters"]["REGSET"] = "SET" if cell["parameters"]["REGSET"] == "RESET" else "RESET"
    return "reset value"


def _live(nets: list[Any] | None) -> bool:
    return bool(nets) and isinstance(nets[0], int)  # type: ignore[index]


def _mode(cell: Any) -> str:
    return str(cell["parameters"].get("MODE", "LOGIC")).strip()


_CHANGES: dict[str, _Change] = {
    "table bit": _table_bit,
    "swapped pins": _swapped_pins,
    "swapped multiplexer": _swapped_mux,
    "dropped register": _dropped_register,
    "wrong reset": _wrong_reset,
}
