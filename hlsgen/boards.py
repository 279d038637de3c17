"""Boards: `boards/<name>.toml`, checked key by key."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from hlsgen.errors import ConfigError
from hlsgen.graph.fabric import FABRICS, Fabric
from hlsgen.paths import data_dir
from hlsgen.schema import Record, load_toml

Count = Annotated[int, Field(ge=0)]
# Ports of the top module that flow nextpnr makes; [constants] adds its own.
PORTS = ("clk", "uart_rxd", "uart_txd", *(f"led{i}" for i in range(8)))
# Families whose place and route is open; their tables have the same names.
_OPEN = ("ecp5", "ice40", "gowin", "nexus")
# Families whose block memories are counted as of 36 Kbit.
_AMD = ("xcup", "xc7")
Megahertz = Annotated[float, Field(gt=0.0, le=1000.0)]


class Clock(Record):
    """The clock that the board supplies, and the fastest that the flow may ask for.

    `reach_mhz`: what networks reach on a slow device as a rule. A project that asks for more gets
    this (`hlsgen.clocks`); where it is left out, the project's clock is taken.
    """

    source_mhz: Megahertz
    max_mhz: Megahertz
    reach_mhz: Megahertz | None = None

    @model_validator(mode="after")
    def _within_the_maximum(self) -> Clock:
        if self.reach_mhz and self.reach_mhz > self.max_mhz:
            raise ValueError(f"reach_mhz {self.reach_mhz:g} is above max_mhz {self.max_mhz:g}")
        return self


class Resources(Record):
    """Device totals; a key that no document gives is left out."""

    lut: Count | None = None
    ff: Count | None = None
    bram36: Count | None = None
    ebr: Count | None = None
    uram: Count | None = None
    dsp: Count | None = None


class Shell(Record):
    """How frames reach the core: bytes over a UART, or AXI-Stream beats of `width_bits`."""

    kind: Literal["uart", "axis"]
    width_bits: Annotated[int, Field(ge=8, le=1024, multiple_of=8)] = 8
    baud: Annotated[int, Field(ge=300, le=12_000_000)] | None = None

    @model_validator(mode="after")
    def _uart_needs_baud(self) -> Shell:
        if (self.kind == "uart") != (self.baud is not None):
            raise ValueError("baud belongs to kind 'uart', and only there")
        if self.kind == "uart" and self.width_bits != 8:
            raise ValueError("a UART carries 8 bits, so width_bits must be 8")
        return self


class Ecp5(Record):
    """Device options of nextpnr-ecp5."""

    device: Literal["12k", "25k", "45k", "85k"]
    package: str
    speed: Literal[6, 7, 8]
    io_type: str = "LVCMOS33"


class Ice40(Record):
    """Device options of nextpnr-ice40.

    `pll`: "pad" where the clock comes in on the pin that belongs to a clock generator, which then
    takes it from there and from nowhere else; "core" where it comes in on another.
    """

    device: Literal["lp1k", "lp4k", "lp8k", "hx1k", "hx4k", "hx8k", "up3k", "up5k"]
    package: str
    pll: Literal["core", "pad"] = "core"


class Gowin(Record):
    """Device options of nextpnr-himbaechel and gowin_pack.

    `family` is the chip ("GW1N-9C"), which `device`, the marking on the package, does not tell.
    `pins_as_io`: pins of the configuration ports that serve as ordinary ones ("mspi", "sspi").
    """

    device: str
    family: Literal["GW1N-9C", "GW2A-18C"]
    io_type: str = "LVCMOS33"
    pins_as_io: tuple[
        Literal["jtag", "sspi", "mspi", "ready", "done", "reconfign", "i2c"], ...
    ] = ()


class Nexus(Record):
    """Device options of nextpnr-nexus: part with package and grade."""

    device: str
    io_type: str = "LVCMOS33"


class Vitis(Record):
    """The Vitis platform, and how its memory and its dies are used.

    Args:
        platform: name of the installed platform.
        memory: connectivity tag of the banks that hold samples and answers.
        banks: how many of them there are, and `bank_mib` of each.
        regions: super logic regions, by their connectivity tag, that kernels may lie in.
        units: copies of the core, each between movers of its own; empty: as many as fit.
    """

    platform: str
    memory: str = "HBM"
    banks: Annotated[int, Field(ge=2)] = 32
    bank_mib: Annotated[int, Field(ge=1)] = 256
    regions: tuple[str, ...] = ()
    units: Annotated[int, Field(ge=1)] | None = None


class Vivado(Record):
    """A bitstream from Vivado alone.

    Args:
        processor: "zynq7" or "zynqmp" of a device whose processor feeds the network over DMA;
            empty where a UART does.
        board_part: Vivado's name of the board, whose presets the processor needs.
        io_type: I/O standard of the pins.
        differential: whether the clock comes on two pins, clk_p and clk_n.
    """

    processor: Literal["", "zynq7", "zynqmp"] = ""
    board_part: str = ""
    io_type: str = "LVCMOS33"
    differential: bool = False


class Board(Record):
    """One board. `[source]` says for each table where its facts come from.

    Args:
        io_types: I/O standards of pins that differ from the flow table's `io_type`.
        leds_active_low: the lamps light up when their pins are low.
        program: program and arguments that load the bitstream `{file}` into the board.
        delay_factor: how much slower the device is than the family's delay model.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    title: str
    vendor: str
    part: str
    fabric: str
    flow: Literal["nextpnr", "vitis", "vivado"]
    clock: Clock
    resources: Resources = Resources()
    shell: Shell
    pins: dict[str, str] = Field(default_factory=dict)
    io_types: dict[str, str] = Field(default_factory=dict)
    leds_active_low: bool = False
    program: tuple[str, ...] = ()
    delay_factor: Annotated[float, Field(ge=0.5, le=5.0)] = 1.0
    constants: dict[str, Literal[0, 1]] = Field(default_factory=dict)
    ecp5: Ecp5 | None = None
    ice40: Ice40 | None = None
    gowin: Gowin | None = None
    nexus: Nexus | None = None
    vitis: Vitis | None = None
    vivado: Vivado | None = None
    source: dict[str, str]

    @model_validator(mode="after")
    def _consistent(self) -> Board:
        if self.fabric not in FABRICS:
            raise ValueError(f"fabric {self.fabric!r} must be one of {', '.join(FABRICS)}")
        if self.flow == "nextpnr" and self.fabric not in _OPEN:
            raise ValueError(
                f"flow 'nextpnr' is for the fabrics {', '.join(_OPEN)}, not for {self.fabric!r}"
            )
        table = self.fabric if self.flow == "nextpnr" else self.flow
        if getattr(self, table, None) is None:
            raise ValueError(f"flow {self.flow!r} needs a table [{table}]")
        if loose := set(self.constants) - set(self.pins):
            raise ValueError(f"constants without a pin: {', '.join(sorted(loose))}")
        self._check_pins()
        if self.program and sum(word.count("{file}") for word in self.program) != 1:
            raise ValueError("program must name {file}, the bitstream, once")
        unsourced = {"part", "clock", "resources"} - set(self.source)
        if unsourced:
            raise ValueError(f"[source] must say where {', '.join(sorted(unsourced))} come from")
        return self

    def _check_pins(self) -> None:
        allowed = (*PORTS, *self.constants)
        if self.flow == "nextpnr" and (unknown := [pin for pin in self.pins if pin not in allowed]):
            raise ValueError(
                f"unknown pin {', '.join(unknown)}; allowed in [pins]: {', '.join(PORTS)} and the"
                " keys of [constants]"
            )
        if unplaced := sorted(set(self.io_types) - set(self.pins)):
            raise ValueError(f"io_types of what is not in [pins]: {', '.join(unplaced)}")
        if driven := [pin for pin in self.constants if pin in PORTS]:
            raise ValueError(f"[constants] cannot hold {', '.join(driven)}: the design uses it")
        ports: dict[str, str] = {}
        for port, site in self.pins.items():
            if ports.setdefault(site, port) != port:
                raise ValueError(f"[pins] puts {ports[site]} and {port} on one site, {site}")

    @cached_property
    def logic(self) -> Fabric:
        """The family's LUT size and delays, as slow as the device."""
        family, factor = FABRICS[self.fabric], self.delay_factor
        if factor == 1.0:
            return family
        return replace(
            family,
            lut_ns=factor * family.lut_ns,
            mux_ns=factor * family.mux_ns,
            carry_bit_ns=factor * family.carry_bit_ns,
            register_ns=factor * family.register_ns,
        )

    @property
    def block_memories(self) -> int | None:
        """Block memories of the device, as `hlsgen.graph.memory` counts them; None if unknown."""
        return self.resources.bram36 if self.fabric in _AMD else self.resources.ebr

    @property
    def lamps(self) -> list[str]:
        """The board's lamps, by the port of the top module that drives each."""
        return [port for port in PORTS if port.startswith("led") and port in self.pins]

    @property
    def product(self) -> str:
        """Suffix of the file that configures the device."""
        if self.flow == "nextpnr":
            return {"ice40": "bin", "gowin": "fs"}.get(self.fabric, "bit")
        return "xclbin" if self.flow == "vitis" else "bit"


def load_board(name: str) -> Board:
    """The board called `name`, or the board file at that path.

    Raises:
        ConfigError: unknown board (the message lists the known ones), or a mistake in its file.
    """
    path = Path(name) if name.endswith(".toml") else data_dir("boards") / f"{name}.toml"
    if not path.is_file():
        raise ConfigError(f"unknown board {name!r}; known boards: {', '.join(board_names())}")
    return load_toml(path, Board)


def board_names() -> list[str]:
    """Names of the boards that come with hlsgen."""
    return sorted(path.stem for path in data_dir("boards").glob("*.toml"))
