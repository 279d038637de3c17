"""Boards: `boards/<name>.toml`, checked key by key."""

from __future__ import annotations

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
Megahertz = Annotated[float, Field(gt=0.0, le=1000.0)]


class Clock(Record):
    """The clock that the board supplies, and the fastest that the flow may ask for."""

    source_mhz: Megahertz
    max_mhz: Megahertz


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
    """Device options of nextpnr-ice40."""

    device: Literal["lp1k", "lp4k", "lp8k", "hx1k", "hx4k", "hx8k", "up3k", "up5k"]
    package: str


class Gowin(Record):
    """Device options of nextpnr-himbaechel and gowin_pack."""

    device: str
    family: str
    io_type: str = "LVCMOS33"


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
    """One board. `[source]` says for each table where its facts come from."""

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
        table = self.fabric if self.flow == "nextpnr" else self.flow
        if getattr(self, table, None) is None:
            raise ValueError(f"flow {self.flow!r} needs a table [{table}]")
        if loose := set(self.constants) - set(self.pins):
            raise ValueError(f"constants without a pin: {', '.join(sorted(loose))}")
        self._check_pins()
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
        if driven := [pin for pin in self.constants if pin in PORTS]:
            raise ValueError(f"[constants] cannot hold {', '.join(driven)}: the design uses it")
        ports: dict[str, str] = {}
        for port, site in self.pins.items():
            if ports.setdefault(site, port) != port:
                raise ValueError(f"[pins] puts {ports[site]} and {port} on one site, {site}")

    @cached_property
    def logic(self) -> Fabric:
        """The family's LUT size and delays."""
        return FABRICS[self.fabric]

    @property
    def block_memories(self) -> int | None:
        """Block memories of the device, as `hlsgen.graph.memory` counts them; None if unknown."""
        return self.resources.bram36 if self.fabric == "xcup" else self.resources.ebr

    @property
    def product(self) -> str:
        """Suffix of the file that configures the device."""
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
