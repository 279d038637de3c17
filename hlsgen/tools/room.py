"""Room for registers: `python -m hlsgen.tools.room make|take FROM TO`, before and after placing.

nextpnr puts a register that no LUT drives into any slice of an ECP5, also beside LUTs that it has
nothing to do with. A tile of eight four-input LUTs then takes in eight more signals, and where the
registers of windows are many, such tiles cannot be routed. So `make` puts a LUT that copies its
input in front of each such register, for which the placer has to find a slice, and `take` takes
them out of the placed netlist again: the register keeps its slice and reads the input itself.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from hlsgen import __version__
from hlsgen.paths import write_atomic

_NAME = "hlsgen_room"
_COPY = f"{0xAAAA:016b}"
# A register moves into the slice of such a cell, where it is the only one that reads it.
_WITH_REGISTER = {"LUT4", "CCU2C", "TRELLIS_DPR16X4"}

Module = dict[str, Any]


def make(netlist: dict[str, Any]) -> int:
    """Put LUTs in front of registers, in place; how many.

    Args:
        netlist: as Yosys writes it, with any hierarchy.
    """
    return sum(_make(module) for module in netlist["modules"].values() if module["cells"])


def _make(module: Module) -> int:
    alone = _alone(module)
    registers = [
        cell
        for cell in module["cells"].values()
        if cell["type"] == "TRELLIS_FF" and cell["connections"]["DI"][0] not in alone
    ]
    nets = (net for name in module["netnames"].values() for net in name["bits"])
    free = 1 + max((net for net in nets if isinstance(net, int)), default=1)
    for number, cell in enumerate(registers):
        read, made = cell["connections"]["DI"], [free + number]
        module["cells"][f"{_NAME}{number}"] = {
            "type": "LUT4",
            "parameters": {"INIT": _COPY},
            "attributes": {},
            "port_directions": {"A": "input", "Z": "output"},
            "connections": {"A": read, "Z": made},
        }
        module["netnames"][f"{_NAME}{number}_z"] = {"bits": made, "attributes": {}}
        cell["connections"]["DI"] = made
    return len(registers)


def _alone(module: Module) -> set[int | str]:
    """Nets of LUTs and the like that are read once; constants need no wire either."""
    reads = Counter[int | str]()
    driven: set[int | str] = set()
    for port in module["ports"].values():
        if port["direction"] == "output":
            reads.update(port["bits"])
    for cell in module["cells"].values():
        for pin, nets in cell["connections"].items():
            if cell["port_directions"][pin] == "input":
                reads.update(nets)
            elif cell["type"] in _WITH_REGISTER:
                driven.update(nets)
    return {net for net in driven if reads[net] == 1} | {"0", "1", "x"}


def take(netlist: dict[str, Any]) -> int:
    """Take the LUTs of `make` out, in place; how many.

    Args:
        netlist: as nextpnr writes it when it has placed.

    Raises:
        ValueError: what reads such a LUT is no register.
    """
    module = max(netlist["modules"].values(), key=lambda one: len(one["cells"]))
    cells = module["cells"]
    names = [name for name in cells if name.rpartition(".")[2].startswith(_NAME)]
    read = {cells[name]["connections"]["F"][0]: cells[name]["connections"]["A"] for name in names}
    for name in names:
        del cells[name]
    for name, cell in cells.items():
        for pin, nets in list(cell["connections"].items()):
            if not nets or nets[0] not in read:
                continue
            if cell["type"] != "TRELLIS_FF" or pin not in ("DI", "M"):
                raise ValueError(f"cell {name} ({cell['type']}) reads {_NAME} at its pin {pin}")
            # A register has two inputs: DI, from the LUT of its slice, and M, from outside.
            del cell["connections"][pin], cell["port_directions"][pin]
            cell["connections"]["M"], cell["port_directions"]["M"] = read[nets[0]], "input"
            cell["parameters"]["SD"] = "0 "
    module["netnames"] = {
        name: net for name, net in module["netnames"].items() if net["bits"][0] not in read
    }
    return len(names)


def main() -> int:
    """Read, change and write a netlist."""
    if sys.argv[1:] == ["--version"]:
        print(f"room of hlsgen {__version__}")  # noqa: T201
        return 0
    what, source, target = sys.argv[1:]
    netlist = json.loads(Path(source).read_text(encoding="utf-8"))
    count = {"make": make, "take": take}[what](netlist)
    write_atomic(Path(target), json.dumps(netlist))
    print(f"{count} registers")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
