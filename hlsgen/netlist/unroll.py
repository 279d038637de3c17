"""A pipeline unrolled: what stands on its outputs as a function of its inputs at every clock.

Registers are not cut and matched: the value at clock t of a register is what its inputs made it at
clock t - 1. So a register too many or too few shows as a dependence on the input of another clock,
and resets and enables that synthesis found are part of the function.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from hlsgen.errors import ConfigError
from hlsgen.graph.aig import FALSE, TRUE, Aig, Word
from hlsgen.netlist.cells import REGISTERS, Pins, Update, logic_of
from hlsgen.netlist.design import Cell, Flat, Net

_Point = tuple[int, int]  # a net at a clock

# A register asks for its inputs, an older clock's, and its own past; a third round is a loop.
_LOOKS = 3


class Pipeline:
    """The nets of a flat module as literals of `aig`, at any clock.

    Args:
        aig: where the literals live.
        flat: the module.
        feeds: (port, bit) -> literal at clock 0 for the inputs that are looked at; at other clocks,
            and for other inputs, values are free.
        fixed: ports that are constant at all clocks.
        depth: clocks before clock 0 that are followed; beyond, a register's value is free.
    """

    def __init__(
        self,
        aig: Aig,
        flat: Flat,
        feeds: Mapping[tuple[str, int], int],
        *,
        fixed: Mapping[str, int] | None = None,
        depth: int = 4,
    ) -> None:
        self._aig, self._flat, self._depth = aig, flat, depth
        self._feeds = feeds
        self._fixed = fixed or {}
        self._value: dict[_Point, int] = {}
        self._driver: dict[int, tuple[Cell, str, int]] = {}
        self._input: dict[int, tuple[str, int]] = {}
        self.free: dict[int, str] = {}
        self._clocks: set[Net] = set()
        for port, i, net in flat.nets("input"):
            if isinstance(net, int):
                self._input[net] = port, i
        for cell in flat.cells:
            self._enter(cell)
        if len(self._clocks) > 1:
            names = ", ".join(sorted(self._name(net) for net in self._clocks))
            raise ConfigError(f"registers have several clocks: {names}")

    def _enter(self, cell: Cell) -> None:
        register = None if logic_of(cell) else REGISTERS[cell.type]
        if register:
            self._clocks.update(cell.pins.get(register.clock, ()))
        for pin, nets in cell.pins.items():
            for i, net in enumerate(nets):
                if isinstance(net, int) and pin in cell.outputs:
                    self._driver[net] = cell, pin, i

    def output(self, port: str, clock: int) -> Word:
        """The literals of an output port at a clock."""
        return [self.net(net, clock) for net in self._flat.ports[port]]

    def net(self, net: Net, clock: int) -> int:
        """The literal of a net at a clock."""
        if isinstance(net, str):
            return self._constant(net)
        stack = [(net, clock)]
        seen: Counter[_Point] = Counter()
        while stack:
            point = stack[-1]
            if point in self._value:
                stack.pop()
                continue
            wanted = self._step(point)
            if not wanted:
                stack.pop()
                continue
            seen[point] += 1
            if seen[point] > _LOOKS:
                raise ConfigError(f"net {self._name(point[0])}: a loop without a register")
            stack.extend(wanted)
        return self._value[net, clock]

    def _step(self, point: _Point) -> list[_Point]:
        """Give the point its value, or say which points must have theirs first."""
        net, clock = point
        if net in self._input:
            self._value[point] = self._of_input(*self._input[net], clock)
            return []
        if net not in self._driver:
            self._value[point] = self._free(f"undriven net {self._name(net)}")
            return []
        cell, pin, _ = self._driver[net]
        model = logic_of(cell)
        if model is None:
            return self._register(cell, point)
        if missing := self._missing(cell, clock):
            return missing
        for name, word in model(self._aig, cell, self._pins(cell, clock)).items():
            for driven, literal in zip(cell.pins.get(name, ()), word, strict=False):
                if isinstance(driven, int):
                    self._value[driven, clock] = literal
        if point not in self._value:
            raise ConfigError(f"cell {cell.name} ({cell.type}): no model of output {pin}")
        return []

    def _register(self, cell: Cell, point: _Point) -> list[_Point]:
        net, clock = point
        if clock <= -self._depth:
            self._value[point] = self._free(f"old state of {cell.name}")
            return []
        if missing := self._missing(cell, clock - 1):
            return missing
        update: Update = REGISTERS[cell.type].update(self._aig, cell, self._pins(cell, clock - 1))
        if update.asynchronous and update.reset != FALSE:
            raise ConfigError(f"cell {cell.name} ({cell.type}): has an asynchronous reset")
        if update.delay > 1:
            source = clock - update.delay
            if missing := self._missing(cell, source):
                return missing
            update = Update(self._pins(cell, source)["D"][0])
        kept = FALSE
        if TRUE not in (update.enable, update.reset):
            if (net, clock - 1) not in self._value:
                return [(net, clock - 1)]
            kept = self._value[net, clock - 1]
        taken = self._aig.mux(update.enable, update.data, kept)
        self._value[point] = self._aig.mux(update.reset, update.value, taken)
        return []

    def _missing(self, cell: Cell, clock: int) -> list[_Point]:
        clocks = REGISTERS[cell.type].clock if cell.type in REGISTERS else ""
        return [
            (net, clock)
            for pin, nets in cell.pins.items()
            if pin != clocks and pin not in cell.outputs
            for net in nets
            if isinstance(net, int) and (net, clock) not in self._value
        ]

    def _pins(self, cell: Cell, clock: int) -> Pins:
        clocks = REGISTERS[cell.type].clock if cell.type in REGISTERS else ""
        return {
            pin: [
                self._constant(net) if isinstance(net, str) else self._value[net, clock]
                for net in nets
            ]
            for pin, nets in cell.pins.items()
            if pin != clocks and pin not in cell.outputs
        }

    def _of_input(self, port: str, bit: int, clock: int) -> int:
        if port in self._fixed:
            return self._fixed[port]
        if clock == 0 and (port, bit) in self._feeds:
            return self._feeds[port, bit]
        return self._free(f"{port}[{bit}] {clock:+d} clocks away")

    def _constant(self, net: str) -> int:
        # An undefined bit may be anything: what depends on it is found to differ.
        return int(net) if net in ("0", "1") else self._free(f"undefined bit {net!r}")

    def _free(self, what: str) -> int:
        literal = self._aig.input()
        self.free[literal] = what
        return literal

    def _name(self, net: Net) -> str:
        return self._flat.names.get(net, f"net {net}") if isinstance(net, int) else net
