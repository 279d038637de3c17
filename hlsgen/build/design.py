"""What the tools of an open family are given, and what each family does with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hlsgen.boards import Board
from hlsgen.plan import Step


@dataclass(frozen=True)
class Design:
    """One top module on its way to a bitstream.

    Args:
        name: of the graph; the top module is `<name>_top`.
        board: where it shall run.
        clock_mhz: of the network.
        seed: of place and route.
        roomy: see `hlsgen.tools.room`; ECP5 alone.
    """

    name: str
    board: Board
    clock_mhz: float
    seed: int
    roomy: bool = False

    @property
    def top(self) -> str:
        """The top module."""
        return f"{self.name}_top"

    @property
    def netlist(self) -> str:
        """What synthesis makes."""
        return f"synth/{self.top}.json"

    @property
    def routed(self) -> str:
        """The same after place and route."""
        return f"route/{self.top}.json"

    @property
    def product(self) -> str:
        """The file that configures the device."""
        return f"{self.name}.{self.board.product}"

    @property
    def generates(self) -> bool:
        """Whether the clock is another than the board's."""
        return self.clock_mhz != self.board.clock.source_mhz


@dataclass(frozen=True)
class Generator:
    """A clock generator, module `<name>_pll` with the ports clkin, clkout and locked.

    Args:
        source: its Verilog file.
        files: that file, where hlsgen writes it.
        steps: programs that make it otherwise.
    """

    source: str
    files: dict[str, str] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Family:
    """How one family gets from Verilog to a bitstream.

    Args:
        tools: the programs, by their names in `hlsgen.tools`, that steps run after Yosys.
        router: the one of them that places and routes.
        macro: that chooses the primitives in templates/verilog/lib.
        synth: synthesis command for a board, without -top.
        constraints: the file for pins and clock, below route/ and (with .j2) templates/nextpnr.
        generator: makes the clock; raises ConfigError where it cannot.
        steps: from the netlist to the bitstream.
        finish: commands of Yosys between synthesis and the netlist; `{top}` stands for the module.
        extra: files below templates/nextpnr that they read, which come to lie in synth/.
    """

    tools: tuple[str, ...]
    router: str
    macro: str
    synth: Callable[[Board], str]
    constraints: str
    generator: Callable[[Design], Generator]
    steps: Callable[[Design], tuple[Step, ...]]
    finish: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
