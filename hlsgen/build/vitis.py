"""The AMD Alveo build: copies of the network as free-running kernels between data movers, and host.

    samples in HBM[0] -> mm2s_1 (HLS) -> net_1 -> s2mm_1 (HLS) -> answers in HBM[1]
    samples in HBM[2] -> mm2s_2 (HLS) -> net_2 -> s2mm_2 (HLS) -> answers in HBM[3]   and so on

The network's kernel is Verilog, packaged by Vivado, or HLS C++, compiled as the movers are. Rules
kept here: AMD UG1393 (later UG1702), "Kernel Interface Requirements", "package_xo Command", "RTL
Kernel XML File", "--connectivity Options", "Managing Clock Frequencies".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hlsgen.boards import Board, Vitis
from hlsgen.build import hls_project
from hlsgen.build.replication import Core, core_of, regions_of, units_of
from hlsgen.emit import framing
from hlsgen.emit.render import render
from hlsgen.errors import ConfigError
from hlsgen.graph.ir import Graph, Values
from hlsgen.plan import Plan, Step
from hlsgen.runtime.frames import pack_frames

__all__ = ["Core", "core_of", "graph_plan", "pack_answers", "pack_frames", "plan", "units_of"]

_ANSWER_BITS = 32  # of one answer in memory
_BATCH, _RUN_S = 65536, 0.1  # frames and seconds of a run on the card, at most
_MOVERS = ("mm2s", "s2mm")
# Behavioural for all others; Vivado gets a copy that asks for its primitives.
_PRIMITIVES = ("hlsgen_carry.v", "hlsgen_lut.v")
# What every language has below `vitis/`, and what the packaging of Verilog adds.
_FILES = (
    *("link.cfg", "host/host.cpp", "host/Makefile", "README.md"),
    *(f"{mover}.cpp" for mover in _MOVERS),
)
_PACKAGING = ("kernel.v", "kernel.xml", "package_kernel.tcl", *_PRIMITIVES)


def graph_plan(
    graph: Graph,
    board: Board,
    sources: Sequence[str],
    clock_mhz: float,
    samples: Values,
    answers: Values,
    language: str = "verilog",
) -> Plan:
    """The build of `graph`, with as many copies as the board takes, and the host's data.

    Args:
        graph: the optimised graph.
        board: a board of flow "vitis".
        sources: what `emit` wrote in `language`, relative to the build folder.
        clock_mhz: clock of all kernels, whole MHz.
        samples: int64 [n, beats, lanes], which the host program streams.
        answers: int64 [n, 1, lanes], what the interpreter says to them.
        language: "verilog" or "hls".

    Raises:
        ConfigError: not even one copy fits, or see `plan`.
    """
    width, wire = board.shell.width_bits, graph.wires[graph.feeds()[0].name]
    core = core_of(graph, width, board.logic)
    units = units_of(core, board)
    flat, slot = samples.reshape(len(samples), -1), framing(graph, width).slot
    data: dict[str, str | bytes] = {
        "vitis/samples.bin": pack_frames(flat, wire.bits, width, wire.lanes, slot),
        "vitis/expected.bin": pack_answers(answers[:, 0], graph.wires[graph.outputs[0]].bits),
    }
    return Plan(data) | plan(
        graph.name,
        board,
        core,
        clock_mhz=clock_mhz,
        sources=sources,
        units=units,
        regions=regions_of(core, board, units),
        language=language,
        digest=graph.digest,
    )


def plan(
    name: str,
    board: Board,
    core: Core,
    *,
    clock_mhz: float,
    sources: Sequence[str],
    units: int = 1,
    regions: Sequence[str] = (),
    language: str = "verilog",
    digest: str = "",
) -> Plan:
    """Files below `vitis/` and the steps from them to `<name>.xclbin`.

    Args:
        name: of the project; the network's top module is `<name>_axis`, its kernel
            `<name>_kernel`.
        board: a board of flow "vitis" whose shell is AXI-Stream.
        core: the network, whose answers have at most 32 bits.
        clock_mhz: clock of all kernels, whole MHz.
        sources: the network's files, relative to the build folder: Verilog, or those below `hls/`.
        units: copies of the core, see `units_of`.
        regions: for each unit the region that it lies in, '' or nothing where the tool chooses.
        language: "verilog" or "hls".
        digest: of the graph, which the host writes beside what it measures.

    Raises:
        ConfigError: the board has another flow, or a number is out of range.
    """
    if board.vitis is None or board.shell.kind != "axis":
        raise ConfigError(f"board {board.name} cannot be built with Vitis: flow is {board.flow!r}")
    _check(board, board.vitis, core, clock_mhz, units)
    kernel, platform, hls = f"{name}_kernel", board.vitis.platform, language == "hls"
    files = hls_project.compiled(sources) if hls else _packaged(sources)
    network = _compiled(kernel, platform, clock_mhz, files) if hls else _vivado(kernel, files)
    steps = _steps(name, platform, clock_mhz, network)
    values = _values(name, board, board.vitis, core, clock_mhz) | {
        "sources": files,
        "language": language,
        "board": board.name,
        "digest": digest,
        "units": _units(board.vitis, units, regions),
        "most_frames_per_s": units * core.frames_per_s(board, clock_mhz),
        "steps": steps,
    }
    names = _FILES if hls else (*_PACKAGING, *_FILES)
    return Plan({f"vitis/{file}": render(f"vitis/{file}.j2", **values) for file in names}, steps)


def _values(
    name: str, board: Board, vitis: Vitis, core: Core, clock_mhz: float
) -> dict[str, object]:
    """What the templates need of the network and the board."""
    width = board.shell.width_bits
    return {
        "name": name,
        "kernel": f"{name}_kernel",
        "top": f"{name}_axis",
        "xo": f"vitis/{name}_kernel.xo",
        "title": board.title,
        "part": board.part,
        "platform": vitis.platform,
        "bank_mib": vitis.bank_mib,
        "width": width,
        "beat_bytes": width // 8,
        "data": f"[{width - 1}:0]",
        "keep": f"[{width // 8 - 1}:0]",
        "frame_beats": core.frame_beats,
        "result_bits": core.result_bits,
        "clock_mhz": int(clock_mhz),
        "batch": _batch(core, clock_mhz),
    }


def _batch(core: Core, clock_mhz: float) -> int:
    """Frames in one run of the host: enough to hide its start, and done in a tenth of a second."""
    in_time = int(clock_mhz * 1e6 * _RUN_S) // max(core.interval, core.frame_beats)
    return max(1, min(_BATCH, in_time))


def _units(vitis: Vitis, units: int, regions: Sequence[str]) -> list[dict[str, object]]:
    """For each unit: its number, the banks that it reads and writes, and its region."""
    return [
        {
            "number": i + 1,
            "samples": f"{vitis.memory}[{2 * i}]",
            "answers": f"{vitis.memory}[{2 * i + 1}]",
            "region": regions[i] if regions else "",
        }
        for i in range(units)
    ]


def _packaged(rtl_files: Sequence[str]) -> list[str]:
    """The kernel's Verilog, with Vivado's copies of the libraries."""
    copied = {f"rtl/{file}" for file in _PRIMITIVES}
    kept = [name for name in rtl_files if name not in copied]
    return [*kept, *(f"vitis/{file}" for file in _PRIMITIVES), "vitis/kernel.v"]


def pack_answers(values: NDArray[np.int64], bits: int) -> bytes:
    """Answers as the host program reads them.

    Args:
        values: int64 [answers, lanes].
        bits: width of a lane; all lanes of an answer have at most 32 bits.

    Returns:
        A little-endian uint32 an answer: the lanes in two's complement, lane 0 in the low bits.
    """
    lanes = (values & ((1 << bits) - 1)) << (bits * np.arange(values.shape[1]))
    packed: NDArray[np.uint32] = lanes.sum(axis=1).astype("<u4")
    return packed.tobytes()


def _check(board: Board, vitis: Vitis, core: Core, clock_mhz: float, units: int) -> None:
    if core.frame_beats < 1:
        raise ConfigError(f"a frame of {core.frame_beats} beats cannot be sent, must be at least 1")
    if not 1 <= core.result_bits <= _ANSWER_BITS:
        raise ConfigError(
            f"an answer has {core.result_bits} bits, but the Vitis host program takes 1 to"
            f" {_ANSWER_BITS}: let the network end in an argmax"
        )
    if not 1 <= clock_mhz <= board.clock.max_mhz or clock_mhz != int(clock_mhz):
        raise ConfigError(
            f"hardware.clock_mhz is {clock_mhz:g}, must be a whole number of MHz from 1 to"
            f" {board.clock.max_mhz:g} on {board.name}"
        )
    if not 1 <= units <= vitis.banks // 2:
        raise ConfigError(
            f"{units} units cannot be linked on {board.name}, must be 1 to {vitis.banks // 2}:"
            f" each takes 2 of its {vitis.banks} banks"
        )


def _vivado(kernel: str, sources: Sequence[str]) -> Step:
    """The step that packages the network's Verilog."""
    script = "vitis/package_kernel.tcl"
    return Step(
        "vivado",
        ("-mode", "batch", "-nojournal", "-nolog", "-source", script),
        makes=(f"vitis/{kernel}.xo",),
        reads=(script, "vitis/kernel.xml", *sources),
        log="package_kernel",
    )


def _compiled(kernel: str, platform: str, clock_mhz: float, sources: Sequence[str]) -> Step:
    """The step that compiles the network's C++."""
    main = f"hls/{kernel}.cpp"
    if main not in sources:
        raise ConfigError(f"the HLS sources have no {main}, only {', '.join(sources)}")
    return _compile(kernel, main, platform, clock_mhz, ("-Ihls",), sources)


def _steps(name: str, platform: str, clock_mhz: float, network: Step) -> tuple[Step, ...]:
    movers = tuple(_compile(mover, f"vitis/{mover}.cpp", platform, clock_mhz) for mover in _MOVERS)
    objects = tuple(step.makes[0] for step in (network, *movers))
    product = f"{name}.xclbin"
    link = Step(
        "v++",
        ("-l", *_common(platform, "link"), "--config", "vitis/link.cfg", "-o", product, *objects),
        makes=(product,),
        reads=("vitis/link.cfg", *objects),
        log="link_xclbin",
    )
    return (network, *movers, link)


def _compile(
    kernel: str,
    source: str,
    platform: str,
    clock_mhz: float,
    include: tuple[str, ...] = (),
    reads: Sequence[str] = (),
) -> Step:
    product = f"vitis/{kernel}.xo"
    clock = ("--hls.clock", f"{int(clock_mhz) * 1_000_000}:{kernel}")
    return Step(
        "v++",
        ("-c", *_common(platform, kernel), "-k", kernel, *clock, *include, "-o", product, source),
        makes=(product,),
        reads=tuple(reads) or (source,),
        log=f"compile_{kernel}",
    )


def _common(platform: str, stage: str) -> tuple[str, ...]:
    """Options that keep what v++ leaves behind below `vitis/`."""
    kinds = ("temp", "log", "report")
    folders = tuple(word for kind in kinds for word in (f"--{kind}_dir", f"vitis/{kind}/{stage}"))
    return ("-t", "hw", "--platform", platform, *folders)
