"""A netlist with memories, run clock by clock: each bit of an integer is another run of it.

Nets are integers whose bit i belongs to run i. The runs differ in their data only, so that all of
them read and write the same word of a memory.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hlsgen.errors import ConfigError
from hlsgen.graph.aig import FALSE, TRUE, Aig, Word
from hlsgen.netlist import Cell, Flat
from hlsgen.netlist.cells import REGISTERS, Pins, logic_of
from hlsgen.netlist.design import Net

# Shift registers: address pins. What leaves is as many places back as they say, and one.
_SHIFTS = {"SRL16E": ("A0", "A1", "A2", "A3"), "SRLC32E": ("A",)}
# Memories of LUTs with 32 words: for each read port its address, data in and data out. The last
# address is the written one, too.
_PAIRS = {"RAM32M": "ABCD", "RAM32M16": "ABCDEFGH"}
_WORDS = 32
MEMORIES = (*_PAIRS, "RAM32X1D")

# An AND's variable, its two literals, and their variables.
_And = tuple[int, int, int, int, int]


@dataclass
class _Store:
    """A memory's port: literals of its pins, the variables that it drives, and what it holds."""

    address: Word
    written: Word
    data: Word
    enable: int
    outputs: list[int]
    words: list[list[int]] = field(default_factory=list)


@dataclass
class _Shift:
    """A shift register: what it drives, by places back; the newest of `bits` comes first."""

    data: int
    enable: int
    outputs: dict[int, int]
    bits: list[int]


class Clocked:
    """A flat module and the state of its registers and memories, which starts at random.

    Args:
        module: the netlist; it has one clock.
        runs: how many bits of each net count.
        seed: of the state at the beginning, and of nets that nothing drives.

    Raises:
        ConfigError: a cell without a model, a loop, several clocks, or a memory whose address comes
            from a memory in the same clock.
    """

    def __init__(self, module: Flat, runs: int, seed: int = 0) -> None:
        self.ones = (1 << runs) - 1
        self._module, self._random, self._runs = module, random.Random(seed), runs
        self._aig = Aig()
        self._value: dict[Net, int] = {"0": FALSE, "1": TRUE}
        self._driver: dict[Net, Cell] = {}
        self._state: dict[int, int] = {}
        self._free: dict[int, int] = {}
        self._next: list[tuple[int, int]] = []
        self._stores: list[_Store] = []
        self._shifts: list[_Shift] = []
        self._clocks: set[Net] = set()
        self._ports = {(port, i): self._source(net) for port, i, net in module.nets("input")}
        for cell in module.cells:
            self._enter(cell)
        for cell in module.cells:
            self._leave(cell)
        if len(self._clocks) > 1:
            raise ConfigError(f"{module.name}: registers have several clocks")
        self._outputs = {
            port: [self._of(net) for net in nets]
            for port, nets in module.ports.items()
            if module.directions[port] == "output"
        }
        self._order()

    # --- the netlist as a function of its inputs and its state ------------------------------------

    def _source(self, net: Net) -> int:
        self._value[net] = self._aig.input()
        return self._value[net]

    def _enter(self, cell: Cell) -> None:
        """Outputs of what holds state are inputs of the logic; other cells drive."""
        stateful = cell.type in MEMORIES or logic_of(cell) is None
        for pin in cell.outputs:
            for net in cell.pins.get(pin, ()):
                if stateful:
                    self._source(net)
                else:
                    self._driver[net] = cell

    def _leave(self, cell: Cell) -> None:
        """What holds state takes its inputs."""
        if cell.type in REGISTERS:
            self._clocks.update(cell.pins[REGISTERS[cell.type].clock])
        elif cell.type in MEMORIES:
            self._clocks.update(cell.pins["WCLK"])
        if cell.type in _SHIFTS:
            self._shift(cell)
        elif cell.type in MEMORIES:
            self._memory(cell)
        elif cell.type in REGISTERS:
            self._register(cell)

    def _register(self, cell: Cell) -> None:
        register = REGISTERS[cell.type]
        update = register.update(self._aig, cell, self._pins(cell))
        if update.asynchronous and update.reset != FALSE:
            raise ConfigError(f"cell {cell.name} ({cell.type}): has an asynchronous reset")
        state = self._value[cell.pins[register.output][0]]
        taken = self._aig.mux(update.enable, update.data, state)
        self._next.append((state, self._aig.mux(update.reset, update.value, taken)))
        # The same in all runs: registers are addresses, too.
        self._state[state] = self._random.choice((0, self.ones))

    def _shift(self, cell: Cell) -> None:
        pins = self._pins(cell)
        address = [bit for name in _SHIFTS[cell.type] for bit in pins[name]]
        if any(bit > TRUE for bit in address) or cell.number("IS_CLK_INVERTED", 0):
            raise ConfigError(f"cell {cell.name} ({cell.type}): only a fixed delay has a model")
        length = 1 << len(address)
        places = {"Q": sum(bit << i for i, bit in enumerate(address)), "Q31": length - 1}
        outputs = {
            self._value[net]: places[pin] for pin in cell.outputs for net in cell.pins.get(pin, ())
        }
        bits = [self._random.getrandbits(self._runs) for _ in range(length)]
        (enable,) = pins.get("CE") or [TRUE]
        self._shifts.append(_Shift(pins["D"][0], enable, outputs, bits))

    def _memory(self, cell: Cell) -> None:
        if cell.number("IS_WCLK_INVERTED", 0):
            raise ConfigError(f"cell {cell.name} ({cell.type}): writes at the falling edge")
        pins = self._pins(cell)
        if cell.type in _PAIRS:
            written, names = pins[f"ADDR{_PAIRS[cell.type][-1]}"], _PAIRS[cell.type]
            # A port that only writes, or nothing, has no pins for data.
            ports = [
                (pins[f"ADDR{name}"], pins[f"DI{name}"], f"DO{name}")
                for name in names
                if f"DI{name}" in pins
            ]
        else:
            written, read = ([pins[f"{kind}{i}"][0] for i in range(5)] for kind in ("A", "DPRA"))
            ports = [(read, pins["D"], "DPO"), (written, pins["D"], "SPO")]
        for address, data, output in ports:
            if output not in cell.pins:
                continue
            driven = [self._value[net] for net in cell.pins[output]]
            store = _Store(address, written, data, pins["WE"][0], driven)
            store.words = [[self._bits() for _ in data] for _ in range(_WORDS)]
            self._stores.append(store)

    def _bits(self) -> int:
        return self._random.getrandbits(self._runs)

    def _pins(self, cell: Cell) -> Pins:
        """The literals of a cell's inputs."""
        return {
            pin: [self._of(net) for net in nets]
            for pin, nets in cell.pins.items()
            if pin not in cell.outputs
        }

    def _of(self, wanted: Net) -> int:
        """The literal of a net."""
        stack, asked = [wanted], set[Net]()
        while stack:
            net = stack[-1]
            if net in self._value:
                stack.pop()
                continue
            cell = self._driver.get(net)
            if cell is None:
                # An undefined bit may be anything: what depends on it is found to differ.
                self._free[self._source(net)] = self._bits()
                continue
            missing = [net for net in _inputs(cell) if net not in self._value]
            if missing and net in asked:
                raise ConfigError(f"net {net}: a loop without a register")
            asked.add(net)
            stack.extend(missing)
            if not missing:
                self._drive(cell, net)
        return self._value[wanted]

    def _drive(self, cell: Cell, net: Net) -> None:
        model = logic_of(cell)
        assert model is not None  # registers are sources
        for pin, word in model(self._aig, cell, self._pins(cell)).items():
            self._value.update(zip(cell.pins.get(pin, ()), word, strict=False))
        if net not in self._value:
            raise ConfigError(f"cell {cell.name} ({cell.type}): no model of an output")

    # --- clock by clock -----------------------------------------------------------------------

    def _order(self) -> None:
        """Which ANDs are found first: the addresses; then everything else that is asked for."""
        addresses = [bit for store in self._stores for bit in store.address]
        driven = {literal for store in self._stores for literal in store.outputs}
        if self._aig.support(addresses) & driven:
            raise ConfigError(f"{self._module.name}: a memory's address is what a memory holds")
        asked = [literal for _, literal in self._next]
        asked += [literal for shift in self._shifts for literal in (shift.data, shift.enable)]
        for store in self._stores:
            asked += [*store.written, *store.data, store.enable]
        asked += [literal for word in self._outputs.values() for literal in word]
        first = self._aig.cone(addresses)
        known = set(first)
        self._early = self._ands(first)
        self._late = self._ands([v for v in self._aig.cone(asked) if v not in known])
        self._values = [0, self.ones] * len(self._aig)
        # Most of a network waits for its next beat: only what changed is found again.
        self._changed = bytearray(b"\1" * len(self._aig))
        for literal, bits in self._free.items():
            self._set(literal, bits)

    def _ands(self, variables: Sequence[int]) -> list[_And]:
        ands = []
        for variable in variables:
            left, right = self._aig.fan_in(variable)
            ands.append((variable, left, right, left >> 1, right >> 1))
        return ands

    def _set(self, literal: int, bits: int) -> None:
        if self._values[literal] != bits:
            self._values[literal], self._values[literal ^ 1] = bits, bits ^ self.ones
            self._changed[literal >> 1] = 1

    def step(self, ports: Mapping[tuple[str, int], int]) -> dict[str, list[int]]:
        """One clock: the outputs while the inputs `ports` are there, before the edge at its end.

        Args:
            ports: (port, bit) -> its value in each run; those that are left out are 0.
        """
        for name, literal in self._ports.items():
            self._set(literal, ports.get(name, 0))
        for literal, bits in self._state.items():
            self._set(literal, bits)
        for shift in self._shifts:
            for literal, place in shift.outputs.items():
                self._set(literal, shift.bits[place])
        self._find(self._early)
        for store in self._stores:
            word = store.words[self._uniform(store.address)]
            for literal, bits in zip(store.outputs, word, strict=True):
                self._set(literal, bits)
        self._find(self._late)
        self._changed = bytearray(len(self._aig))
        found = {
            port: [self._values[literal] for literal in word]
            for port, word in self._outputs.items()
        }
        self._edge()
        return found

    def _find(self, ands: Sequence[_And]) -> None:
        values, changed, ones = self._values, self._changed, self.ones
        for variable, a, b, left, right in ands:
            if changed[left] or changed[right]:
                bits, literal = values[a] & values[b], 2 * variable
                if bits != values[literal]:
                    values[literal], values[literal + 1] = bits, bits ^ ones
                    changed[variable] = 1

    def _edge(self) -> None:
        values = self._values
        for state, literal in self._next:
            self._state[state] = values[literal]
        for shift in self._shifts:
            if enable := values[shift.enable]:
                moved = zip([values[shift.data], *shift.bits], shift.bits, strict=False)
                shift.bits = [new & enable | old & ~enable for new, old in moved]
        for store in self._stores:
            if enable := values[store.enable]:
                word = store.words[self._uniform(store.written)]
                for i, literal in enumerate(store.data):
                    word[i] = values[literal] & enable | word[i] & ~enable

    def _uniform(self, address: Word) -> int:
        """The word that all runs ask for."""
        bits = [self._values[literal] for literal in address]
        if any(bit not in (0, self.ones) for bit in bits):
            raise ConfigError(f"{self._module.name}: runs ask for different words of a memory")
        return sum((bit > 0) << i for i, bit in enumerate(bits))


def _inputs(cell: Cell) -> list[Net]:
    return [net for pin, nets in cell.pins.items() if pin not in cell.outputs for net in nets]
