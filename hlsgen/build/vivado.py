"""AMD boards without a platform: Vivado alone makes the bitstream.

Boards with a UART get the same shell as those of flow nextpnr, around it the family's clock
generator. Boards with a processor get an overlay for PYNQ:

    DDR memory -> DMA -> network (Verilog, or the IP of Vitis HLS) -> DMA -> DDR memory

Vivado's rules kept here: AMD UG835 (Tcl commands), UG994 (block designs, module references), UG912
(configuration properties).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hlsgen import __version__
from hlsgen.boards import Board, Vivado
from hlsgen.build import hls_project
from hlsgen.build.area import MACROS
from hlsgen.build.mmcm import setting
from hlsgen.emit import emit_uart, framing
from hlsgen.emit.render import render
from hlsgen.errors import ConfigError
from hlsgen.graph.ir import Graph
from hlsgen.paths import data_dir
from hlsgen.plan import Plan, Step

# Behavioural for all others; Vivado gets copies that ask for its primitives.
_PRIMITIVES = ("hlsgen_carry.v", "hlsgen_lut.v")
# CFGBVS and CONFIG_VOLTAGE by the voltage of the configuration bank (AMD UG470, UG570): 7-series
# boards have it at 3.3 V where their pins are LVCMOS33, UltraScale+ ones at 1.8 V.
_CONFIGURATION = {
    "LVCMOS33": ("VCCO", "3.3"),
    "LVCMOS25": ("VCCO", "2.5"),
    "LVCMOS18": ("GND", "1.8"),
}
_REPORTS = tuple(
    f"reports/{name}.rpt" for name in ("utilization", "hierarchy", "timing_summary", "power", "drc")
)


@dataclass(frozen=True)
class Processor:
    """What the ports of a processor are called, and how wide they are at most.

    Args:
        control, memory: AXI ports: out of the processor, and into its memory.
        control_clock, memory_clock: their clocks.
        clock, reset: what it supplies.
        memory_bits: widest memory port.
        address_bits: of its memory.
        fabric: of such devices.
    """

    control: str
    memory: str
    control_clock: str
    memory_clock: str
    clock: str
    reset: str
    memory_bits: int
    address_bits: int
    fabric: str


# AMD PG082 and UG585 (Zynq-7000), PG201 and UG1085 (Zynq UltraScale+).
PROCESSORS = {
    "zynq7": Processor("M_AXI_GP0", "S_AXI_HP0", "M_AXI_GP0_ACLK", "S_AXI_HP0_ACLK",
                       "FCLK_CLK0", "FCLK_RESET0_N", 64, 32, "xc7"),
    "zynqmp": Processor("M_AXI_HPM0_FPD", "S_AXI_HP0_FPD", "maxihpm0_fpd_aclk", "saxihp0_fpd_aclk",
                        "pl_clk0", "pl_resetn0", 128, 40, "xcup"),
}  # fmt: skip


def plan(graph: Graph, board: Board, sources: Plan, clock_mhz: float) -> Plan:
    """Files below `vivado/` and the steps to `<name>.bit`, for a processor also `<name>.hwh`.

    Args:
        graph: the optimised graph.
        board: a board of flow "vivado".
        sources: what `emit` made of the graph: Verilog below rtl/ or C++ below hls/.
        clock_mhz: clock of the network.

    Raises:
        ConfigError: the board lacks a pin or has a shell of the wrong kind, its clock cannot be
            made, or the language does not fit.
    """
    options = board.vivado
    if options is None:
        raise ConfigError(f"board {board.name}: flow vivado needs a table [vivado]")
    if not 0 < clock_mhz <= board.clock.max_mhz:
        raise ConfigError(
            f"hardware.clock_mhz is {clock_mhz:g}, board {board.name} allows at most"
            f" {board.clock.max_mhz:g}"
        )
    if board.fabric not in MACROS:
        known = ", ".join(MACROS)
        raise ConfigError(f"board {board.name}: fabric is {board.fabric!r}, Vivado takes {known}")
    if options.processor:
        return _overlay(graph, board, options, sources, clock_mhz)
    return _bare(graph, board, options, sources, clock_mhz)


def _bare(graph: Graph, board: Board, options: Vivado, sources: Plan, clock_mhz: float) -> Plan:
    """UART shell, clock generator and pins."""
    if board.shell.baud is None:
        raise ConfigError(f"board {board.name}: without vivado.processor the shell must be a uart")
    if not any(name.startswith("rtl/") for name in sources.files):
        raise ConfigError(
            f"board {board.name} has a UART shell, which is Verilog: --hdl hls is for boards with"
            " an AXI-Stream shell"
        )
    clocks = ("clk_p", "clk_n") if options.differential else ("clk",)
    if missing := {*clocks, "uart_rxd", "uart_txd"} - set(board.pins):
        raise ConfigError(f"board {board.name}: [pins] lacks {', '.join(sorted(missing))}")
    known = {*clocks, "uart_rxd", "uart_txd", *board.lamps, *board.constants}
    if unknown := sorted(set(board.pins) - known):
        raise ConfigError(
            f"board {board.name}: unknown pin {', '.join(unknown)} in [pins]; allowed:"
            f" {', '.join(clocks)}, uart_rxd, uart_txd, led0 to led7 and the keys of [constants]"
        )
    if options.io_type not in _CONFIGURATION:
        allowed = ", ".join(_CONFIGURATION)
        raise ConfigError(f"board {board.name}: vivado.io_type is {options.io_type!r}: {allowed}")
    source_mhz = board.clock.source_mhz
    shell = emit_uart(graph, clock_mhz, board.shell.baud)
    values: dict[str, object] = {
        "version": __version__,
        "digest": graph.digest,
        "name": graph.name,
        "board": board,
        "clock_mhz": clock_mhz,
        "clock_ports": clocks,
        "period_ns": 1000.0 / source_mhz,
        "mmcm": None if clock_mhz == source_mhz else setting(board.fabric, source_mhz, clock_mhz),
        "pins": {port: board.pins[port] for port in sorted(board.pins)},
        "outputs": ("uart_txd", *board.lamps, *board.constants),
        "configuration": _CONFIGURATION[options.io_type],
        "device": _device(board),
    }
    own = {**_libraries(board.fabric), **shell.files}
    top = f"vivado/{graph.name}_top.v"
    values["sources"] = read = [*_verilog({**sources.files, **own}), top]
    files = {**own, top: render("vivado/top.v.j2", **values)}
    made = (f"{graph.name}.bit", *_REPORTS)
    steps = (_run("build", (*read, "vivado/pins.xdc"), made),)
    values |= {"steps": steps, "source_folder": "rtl", "ip_folder": ""}
    for name in ("pins.xdc", "build.tcl", "program.tcl", "README.md"):
        files[f"vivado/{name}"] = render(f"vivado/{name}.j2", **values)
    return Plan(files, steps)


def _device(board: Board) -> str:
    """What the programmer calls the device: the part without package and speed grade."""
    found = re.match(r"xc7[a-z]\d+t?|xc[a-z]+\d+[a-z]*", board.part)
    if found is None:
        raise ConfigError(f"board {board.name}: part {board.part!r} is no AMD device")
    return found.group()


def _check_overlay(board: Board, options: Vivado) -> None:
    """Raise a ConfigError unless the processor of `board` can feed its shell."""
    processor, width = PROCESSORS[options.processor], board.shell.width_bits
    if board.shell.kind != "axis":
        raise ConfigError(
            f"board {board.name}: vivado.processor {options.processor!r} needs a shell of kind"
            f" 'axis', not {board.shell.kind!r}"
        )
    if board.fabric != processor.fabric:
        raise ConfigError(
            f"board {board.name}: fabric is {board.fabric!r}, but {options.processor} devices are"
            f" {processor.fabric!r}"
        )
    if width not in (32, 64, 128) or width > processor.memory_bits:
        raise ConfigError(
            f"board {board.name}: shell.width_bits is {width}: the DMA of {options.processor}"
            f" takes 32, 64 or 128, at most {processor.memory_bits}"
        )
    if not options.board_part:
        raise ConfigError(f"board {board.name}: vivado.board_part is empty: presets need it")


def _overlay(graph: Graph, board: Board, options: Vivado, sources: Plan, clock_mhz: float) -> Plan:
    """A block design: processor, DMA and network."""
    _check_overlay(board, options)
    processor, width = PROCESSORS[options.processor], board.shell.width_bits
    vendor, board_name, part, *_ = [*options.board_part.split(":"), "", ""]
    name = graph.name
    values: dict[str, object] = {
        "version": __version__,
        "digest": graph.digest,
        "name": name,
        "board": board,
        "clock_mhz": clock_mhz,
        "width": width,
        "frame_beats": framing(graph, width).in_beats,
        "board_parts": f"{vendor}:{board_name}:{part}:*",
        "ports": processor,
        "memory_bits": processor.memory_bits,
        "address_bits": processor.address_bits,
    }
    batch = (data_dir("templates") / "vivado" / "hlsgen_batch.v").read_text(encoding="utf-8")
    own = {"vivado/hlsgen_batch.v": batch}
    synthesis, ip_folder = Plan({}), ""
    if any(file.startswith("rtl/") for file in sources.files):
        own |= _libraries(board.fabric)
        own[f"vivado/{name}_kernel.v"] = render("vivado/network.v.j2", **values)
        read = _verilog({**sources.files, **own})
    else:
        synthesis = hls_project.plan(name, board.part, sorted(sources.files), clock_mhz)
        ip_folder, read = hls_project.IP, sorted(own)
    made = (f"{name}.bit", f"{name}.hwh", *_REPORTS)
    reads = (*read, *((f"{ip_folder}/component.xml",) if ip_folder else ()))
    steps = (_run("overlay", reads, made),)
    values |= {"sources": read, "ip_folder": ip_folder, "steps": (*synthesis.steps, *steps)}
    values["source_folder"] = "hls" if ip_folder else "rtl"
    for file in ("overlay.tcl", "README.md"):
        own[f"vivado/{file}"] = render(f"vivado/{file}.j2", **values)
    return synthesis | Plan(own, steps)


def _libraries(fabric: str) -> dict[str, str]:
    """Vivado's copies of the libraries with primitives."""
    return {
        f"vivado/{library}": render(
            "vivado/primitives.v.j2", library=library, macros=MACROS[fabric]
        )
        for library in _PRIMITIVES
    }


def _verilog(files: Mapping[str, str | bytes]) -> list[str]:
    """The Verilog to read: Vivado's copies in place of the libraries."""
    replaced = {f"rtl/{library}" for library in _PRIMITIVES}
    return sorted(file for file in files if file.endswith(".v") and file not in replaced)


def _run(script: str, reads: Sequence[str], makes: Sequence[str]) -> Step:
    """One run of Vivado in batch mode."""
    file = f"vivado/{script}.tcl"
    args = ("-mode", "batch", "-nojournal", "-nolog", "-source", file)
    return Step("vivado", args, tuple(makes), (file, *reads), log="bitstream")
