"""The AMD Alveo build: network as free-running RTL kernel between two data movers, and its host.

    samples in HBM[0] -> mm2s (HLS) -> kernel (RTL) -> s2mm (HLS) -> answers in HBM[1]

Vitis rules kept here: AMD UG1393, "Kernel Interface Requirements" and "package_xo Command".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hlsgen.boards import Board
from hlsgen.emit.render import render
from hlsgen.errors import ConfigError
from hlsgen.plan import Plan, Step

_ANSWER_BITS = 32  # of one answer in memory
_MOVERS = ("mm2s", "s2mm")
# Behavioural for all others; Vivado gets a copy that asks for its primitives.
_PRIMITIVES = ("hlsgen_carry.v", "hlsgen_lut.v")


def plan(
    name: str,
    board: Board,
    *,
    frame_beats: int,
    result_bits: int,
    clock_mhz: float,
    rtl_files: Sequence[str],
) -> Plan:
    """Files below `vitis/` and the steps from them to `<name>.xclbin`.

    Args:
        name: of the project; the network's top module is `<name>_axis`.
        board: a board of flow "vitis" whose shell is AXI-Stream.
        frame_beats: input beats of `board.shell.width_bits` bits in one frame.
        result_bits: bits of one answer, 1..32; it comes in one output beat.
        clock_mhz: clock of all kernels, whole MHz.
        rtl_files: the network's Verilog, relative to the build folder.

    Raises:
        ConfigError: the board has another flow, or a number is out of range.
    """
    if board.vitis is None or board.shell.kind != "axis":
        raise ConfigError(f"board {board.name} cannot be built with Vitis: flow is {board.flow!r}")
    _check(board, frame_beats, result_bits, clock_mhz)
    sources = _packaged(rtl_files)
    values: dict[str, object] = {
        "name": name,
        "kernel": f"{name}_kernel",
        "top": f"{name}_axis",
        "title": board.title,
        "part": board.part,
        "platform": board.vitis.platform,
        "memory": board.vitis.memory,
        "width": board.shell.width_bits,
        "beat_bytes": board.shell.width_bits // 8,
        "data": f"[{board.shell.width_bits - 1}:0]",
        "keep": f"[{board.shell.width_bits // 8 - 1}:0]",
        "frame_beats": frame_beats,
        "result_bits": result_bits,
        "clock_mhz": int(clock_mhz),
        "sources": sources,
        "xo": f"vitis/{name}_kernel.xo",
        "steps": (steps := _steps(name, board.vitis.platform, int(clock_mhz), sources)),
    }
    names = ("kernel.v", *_PRIMITIVES, "package_kernel.tcl", "link.cfg", "host/host.cpp",
             "host/Makefile", "README.md", *(f"{mover}.cpp" for mover in _MOVERS))  # fmt: skip
    files = {f"vitis/{file}": render(f"vitis/{file}.j2", **values) for file in names}
    return Plan(files, steps)


def _packaged(rtl_files: Sequence[str]) -> list[str]:
    """The kernel's Verilog, with Vivado's copies of the libraries."""
    copied = {f"rtl/{file}" for file in _PRIMITIVES}
    kept = [name for name in rtl_files if name not in copied]
    return [*kept, *(f"vitis/{file}" for file in _PRIMITIVES), "vitis/kernel.v"]


def pack_frames(
    values: NDArray[np.int64], bits: int, width_bits: int, beat_words: int = 0, slot_bits: int = 0
) -> bytes:
    """Frames as the host program reads them.

    Args:
        values: int64 [frames, values of one frame], in the order they are sent.
        bits: width of one value; negative ones become two's complement.
        width_bits: width of a beat; each frame is padded with zeros to whole beats.
        beat_words: values that the core takes together, in a slot of their own; 0: all.
        slot_bits: width of such a slot; 0: no more than the values take.

    Returns:
        Little-endian bytes, value 0 least significant.
    """
    frames, words = values.shape[0], beat_words or values.shape[1]
    slots = values.shape[1] // words
    raw = ((values[:, :, None] >> np.arange(bits)) & 1).reshape(frames, slots, words * bits)
    slotted = np.zeros((frames, slots, slot_bits or words * bits), dtype=np.uint8)
    slotted[:, :, : words * bits] = raw
    used = slotted.shape[1] * slotted.shape[2]
    padded = np.zeros((frames, -(-used // width_bits) * width_bits), dtype=np.uint8)
    padded[:, :used] = slotted.reshape(frames, used)
    return np.packbits(padded, axis=1, bitorder="little").tobytes()


def _check(board: Board, frame_beats: int, result_bits: int, clock_mhz: float) -> None:
    if frame_beats < 1:
        raise ConfigError(f"a frame of {frame_beats} beats cannot be sent, must be at least 1")
    if not 1 <= result_bits <= _ANSWER_BITS:
        raise ConfigError(
            f"an answer has {result_bits} bits, but the Vitis host program takes 1 to"
            f" {_ANSWER_BITS}: let the network end in an argmax"
        )
    if not 1 <= clock_mhz <= board.clock.max_mhz or clock_mhz != int(clock_mhz):
        raise ConfigError(
            f"hardware.clock_mhz is {clock_mhz:g}, must be a whole number of MHz from 1 to"
            f" {board.clock.max_mhz:g} on {board.name}"
        )


def _steps(name: str, platform: str, clock_mhz: int, sources: Sequence[str]) -> tuple[Step, ...]:
    script, kernel = "vitis/package_kernel.tcl", f"vitis/{name}_kernel.xo"
    package = Step(
        "vivado",
        ("-mode", "batch", "-nojournal", "-nolog", "-source", script),
        makes=(kernel,),
        reads=(script, *sources),
        log="package_kernel",
    )
    movers = tuple(_compile(mover, platform, clock_mhz) for mover in _MOVERS)
    objects = (kernel, *(step.makes[0] for step in movers))
    product = f"{name}.xclbin"
    link = Step(
        "v++",
        ("-l", *_common(platform, "link"), "--config", "vitis/link.cfg", "-o", product, *objects),
        makes=(product,),
        reads=("vitis/link.cfg", *objects),
        log="link_xclbin",
    )
    return (package, *movers, link)


def _compile(mover: str, platform: str, clock_mhz: int) -> Step:
    source, product = f"vitis/{mover}.cpp", f"vitis/{mover}.xo"
    clock = ("--hls.clock", f"{clock_mhz * 1_000_000}:{mover}")
    return Step(
        "v++",
        ("-c", *_common(platform, mover), "-k", mover, *clock, "-o", product, source),
        makes=(product,),
        reads=(source,),
        log=f"compile_{mover}",
    )


def _common(platform: str, stage: str) -> tuple[str, ...]:
    """Options that keep what v++ leaves behind below `vitis/`."""
    kinds = ("temp", "log", "report")
    folders = tuple(word for kind in kinds for word in (f"--{kind}_dir", f"vitis/{kind}/{stage}"))
    return ("-t", "hw", "--platform", platform, *folders)
