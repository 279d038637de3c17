"""The JSON netlists that Yosys and nextpnr write, read and flattened."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hlsgen.errors import ConfigError, ToolMissing

# Cells that describe, and do nothing.
_SILENT = frozenset({"$scopeinfo"})

# What nextpnr writes behind the name of a port for the cell of its pad.
_PAD = "$tr_io"

Net = int | str  # a number, or one of the constants "0", "1", "x", "z"


@dataclass(frozen=True, slots=True)
class Cell:
    """One instance: its path, type and parameters, and the nets on its pins, bit 0 first."""

    name: str
    type: str
    parameters: Mapping[str, Any]
    pins: Mapping[str, tuple[Net, ...]]
    outputs: frozenset[str]

    def number(self, name: str, default: int | None = None) -> int:
        """A parameter as an integer: binary digits, or for Nexus a word in hexadecimal.

        Raises:
            ConfigError: it is missing, or has undefined bits.
        """
        value = self.parameters.get(name, default)
        if isinstance(value, str):
            # Yosys puts a space behind a word that could be taken for binary digits.
            word = value.startswith("0x") and not set(value) <= set("01xz")
            try:
                return int(value, 16 if word else 2)
            except ValueError:
                value = None
        if not isinstance(value, int):
            raise ConfigError(
                f"cell {self.name} ({self.type}): parameter {name} is"
                f" {self.parameters.get(name)!r}, must be a number"
            )
        return value

    def word(self, name: str, default: str) -> str:
        """A parameter that is a word."""
        return str(self.parameters.get(name, default)).strip()


@dataclass(frozen=True)
class Flat:
    """Module `name` without hierarchy: the nets of its ports, its cells, and names of nets."""

    name: str
    ports: Mapping[str, tuple[Net, ...]]
    directions: Mapping[str, str]
    cells: tuple[Cell, ...]
    names: Mapping[int, str]

    def nets(self, direction: str) -> Iterator[tuple[str, int, Net]]:
        """Port, bit and net of each bit of the ports of a direction."""
        for port, nets in self.ports.items():
            if self.directions[port] == direction:
                yield from ((port, i, net) for i, net in enumerate(nets))


@dataclass(frozen=True)
class Design:
    """All modules of a file."""

    path: Path
    modules: Mapping[str, Any]
    boxes: frozenset[str] = field(default=frozenset())

    def flatten(self, top: str) -> Flat:
        """Module `top` with the instances of other modules of the file dissolved.

        Raises:
            ConfigError: there is no such module.
        """
        if top not in self.modules:
            found = ", ".join(sorted(set(self.modules) - self.boxes)) or "none"
            raise ConfigError(
                f"{self.path}: no module {top!r} here (found: {found}): a netlist of another graph?"
            )
        return _Flattening(self, top).done()


def read_design(path: Path) -> Design:
    """The netlist at `path`.

    Raises:
        ConfigError: it is missing or damaged.
    """
    try:
        modules = json.loads(path.read_text(encoding="utf-8"))["modules"]
        for module in modules.values():
            module["ports"] = module["ports"] or _pads(module["cells"])
        boxes = frozenset(
            name
            for name, module in modules.items()
            if int(module["attributes"].get("blackbox", "0"), 2)
            or int(module["attributes"].get("whitebox", "0"), 2)
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path}: no netlist here, or a damaged one ({error})") from error
    return Design(path, modules, boxes)


def _pads(cells: Mapping[str, Any]) -> dict[str, Any]:
    """Ports by the cells of pads: nextpnr forgets ports when it routes what it placed before."""
    return {
        name.removesuffix(_PAD): {
            "direction": "input" if cell["connections"].get("O") else "output",
            "bits": cell["connections"]["B"],
        }
        for name, cell in cells.items()
        if cell["type"] == "TRELLIS_IO" and name.endswith(_PAD)
    }


def yosys_share() -> Path:
    """The folder of the libraries that Yosys brings along.

    Raises:
        ToolMissing: Yosys is not installed as a Python package.
    """
    spec = importlib.util.find_spec("pyosys")
    if spec is None or spec.origin is None:
        raise ToolMissing("pyosys is not installed: run `make setup`")
    return Path(spec.origin).parent / "share"


class _Flattening:
    """Numbers nets across the hierarchy; a net that a child's port renames points to its source."""

    def __init__(self, design: Design, top: str) -> None:
        self._design, self._top = design, top
        self._count = 0
        self._alias: dict[int, Net] = {}
        self._names: dict[int, str] = {}
        self._cells: list[Cell] = []
        module = design.modules[top]
        own: dict[int, Net] = {}
        self._ports = {
            name: tuple(self._net(own, bit) for bit in port["bits"])
            for name, port in module["ports"].items()
        }
        self._directions = {name: port["direction"] for name, port in module["ports"].items()}
        self._enter(module, "", own)

    def done(self) -> Flat:
        """The flat module, every net by its source."""
        cells = tuple(
            replace(cell, pins={pin: self._sources(nets) for pin, nets in cell.pins.items()})
            for cell in self._cells
        )
        ports = {name: self._sources(nets) for name, nets in self._ports.items()}
        return Flat(self._top, ports, self._directions, cells, self._names)

    def _sources(self, nets: tuple[Net, ...]) -> tuple[Net, ...]:
        return tuple(self._source(net) for net in nets)

    def _source(self, net: Net) -> Net:
        while isinstance(net, int) and net in self._alias:
            net = self._alias[net]
        return net

    def _net(self, own: dict[int, Net], bit: Net) -> Net:
        if isinstance(bit, str):
            return bit
        if bit not in own:
            self._count += 1
            own[bit] = self._count
        return own[bit]

    def _enter(self, module: Any, path: str, own: dict[int, Net]) -> None:
        for name, net in module["netnames"].items():
            for i, bit in enumerate(net["bits"]):
                number = self._net(own, bit)
                if isinstance(number, int):
                    index = f"[{i}]" if len(net["bits"]) > 1 else ""
                    self._names.setdefault(number, f"{path}{name}{index}")
        for name, cell in module["cells"].items():
            kind = cell["type"]
            if kind in _SILENT:
                continue
            pins = {
                pin: tuple(self._net(own, bit) for bit in bits)
                for pin, bits in cell["connections"].items()
            }
            if kind in self._design.modules and kind not in self._design.boxes:
                self._descend(kind, f"{path}{name}.", pins)
            else:
                directions = cell["port_directions"].items()
                outputs = frozenset(pin for pin, way in directions if way == "output")
                self._cells.append(Cell(path + name, kind, cell["parameters"], pins, outputs))

    def _descend(self, kind: str, path: str, pins: Mapping[str, tuple[Net, ...]]) -> None:
        module = self._design.modules[kind]
        inner: dict[int, Net] = {}
        ports = module["ports"]
        for name, port in ports.items():
            if port["direction"] == "input":
                outer = pins.get(name, ())
                for i, bit in enumerate(port["bits"]):
                    inner[bit] = outer[i] if i < len(outer) else "x"
        for name, port in ports.items():
            if port["direction"] == "output":
                for net, bit in zip(pins.get(name, ()), port["bits"], strict=False):
                    if isinstance(net, int):
                        self._alias[net] = self._net(inner, bit)
        self._enter(module, path, inner)
