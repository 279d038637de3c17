"""A board's netlist, synthesised or routed, simulated from pin to pin against expected answers."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from hlsgen.errors import ConfigError, ToolFailed
from hlsgen.netlist.design import Flat, read_design
from hlsgen.paths import data_dir, write_atomic
from hlsgen.tools import TOOLS
from hlsgen.tools.tool import run_command
from hlsgen.tools.verilator_native import build_native
from hlsgen.verify.bitstream import check_bitstream
from hlsgen.verify.board_run import BoardRun
from hlsgen.verify.structural import TOP, verilog
from hlsgen.verify.verdict import Timer

__all__ = ["BoardRun", "check_bitstream", "simulate_board"]

_SEED = 1
# Clocks until the board has left its reset of 256 clocks after the clock generator locked.
_SETTLE_CLOCKS = 600
# Clocks that an answer may take besides its bytes and the core: more than a shell has stages.
_SHELL_CLOCKS = 5_000
_TIMEOUT_S = 600.0
# In every second frame this share of the bytes is followed by a silence of up to so many bits.
_PAUSES, _PAUSE_BITS = 0.2, 15
_MODELS = ("cells_ecp5.v", "cells_ecp5_block.v")
_MODELS_ICE40 = ("cells_ice40.v",)
_GENERATORS = ("EHXPLLL", "ICESTORM_PLL")
_PORTS = {"clk": "input", "uart_rxd": "input", "uart_txd": "output"}


def simulate_board(
    folder: Path,
    netlist: str,
    top: str,
    frames: Sequence[Sequence[int]],
    answers: Sequence[Sequence[int]],
    clocks_per_bit: int,
    name: str,
    *,
    silence_clocks: int = 0,
    latency: int = 0,
    ice40: Flat | None = None,
) -> BoardRun:
    """Send `frames` over the serial line to a netlist for ECP5 and compare the bytes it answers.

    Every register starts at random where a clock generator resets the design, and as the device
    configures it otherwise. Half of the frames are sent without any pause. A board that stops
    answering fails, from that frame on.

    Args:
        folder: a build folder; the simulation goes to sim/<name>, its logs to logs/<name>.
        netlist: JSON file of Yosys or nextpnr, relative to `folder`.
        top: the board's module there; nextpnr calls it `top`.
        frames: bytes of each frame.
        answers: bytes of each answer, one for each frame.
        clocks_per_bit: of the serial line.
        name: of this simulation.
        silence_clocks: after half a frame that comes first and must be dropped; 0 leaves it out.
        latency: clocks from a frame to its answer in the core.
        ice40: what is simulated instead of an ECP5 netlist: one for iCE40, in its primitives.

    Raises:
        ConfigError: the netlist is missing, damaged, or reads a net that nothing drives.
        ToolMissing, ToolFailed: Verilator or the compiler; the simulation crashed or hung.
    """
    timer, here = Timer(), folder / "sim" / name
    program = _compile(folder, netlist, top, name, ice40)
    compile_s = timer.time_s
    traffic = _traffic(frames, answers, clocks_per_bit, silence_clocks, latency)
    clocks, state, got = _simulate(program, here, traffic, folder / "logs" / name)
    failed, reason = _compare(answers, got, state)
    return BoardRun(
        checked=len(answers),
        failed=failed,
        reason=reason,
        clocks=clocks,
        time_s=timer.time_s - compile_s,
        tool=f"Verilator {TOOLS['verilator'].find().version}",
        compile_s=compile_s,
    )


def _simulate(
    program: Path, here: Path, traffic: Iterator[str], logs: Path
) -> tuple[int, str, list[int]]:
    write_atomic(here / "traffic.txt", "".join(f"{line}\n" for line in traffic))
    run_command(
        "simulation",
        [str(program.resolve()), "traffic.txt", "answers.txt", str(_SEED)],
        cwd=here,
        makes=["answers.txt"],
        log_file=logs / "simulation.log",
        env={},
        timeout_s=_TIMEOUT_S,
        errors=r"^%Error\b",
    )
    return _result(here / "answers.txt")


def _compile(folder: Path, netlist: str, top: str, name: str, ice40: Flat | None) -> Path:
    """The simulation program of a netlist."""
    path, models = folder / netlist, _MODELS_ICE40 if ice40 else _MODELS
    flat = ice40 or read_design(path).flatten(top)
    for port, way in _PORTS.items():
        if flat.directions.get(port) != way or len(flat.ports[port]) != 1:
            found = ", ".join(f"{way} {port}" for port, way in flat.directions.items())
            raise ConfigError(
                f"{path}: module {top!r} must have {way} {port} of 1 bit (found: {found or 'none'})"
                f": this is no board with a serial line"
            )
    here = folder / "sim" / name
    templates = data_dir("templates") / "verify"
    for model in models:
        write_atomic(here / model, (templates / model).read_bytes())
    write_atomic(here / "board.v", verilog(flat, path))
    # Only a clock generator holds the design in reset at first; without one it starts from the
    # values that the device gives its registers.
    locked = any(cell.type in _GENERATORS for cell in flat.cells)
    return build_native(
        [*models, "board.v"],
        TOP,
        templates / "uart_main.cpp",
        here / "obj",
        folder / "logs" / name,
        defines=[] if locked else ["HLSGEN_POWER_UP"],
    )


def _traffic(
    frames: Sequence[Sequence[int]],
    answers: Sequence[Sequence[int]],
    clocks_per_bit: int,
    silence_clocks: int,
    latency: int,
) -> Iterator[str]:
    """The lines that uart_main.cpp reads."""
    if len(frames) != len(answers) or not all(frames) or not all(answers):
        raise ValueError(f"{len(frames)} frames and {len(answers)} answers, none may be empty")
    rng = random.Random(_SEED)
    longest = max((len(answer) for answer in answers), default=0)
    patience = 10 * clocks_per_bit * (longest + 2) + latency + _SHELL_CLOCKS
    yield f"{clocks_per_bit} {_SETTLE_CLOCKS} {patience} {sum(map(len, answers))}"
    if silence_clocks:
        half = [byte ^ 0xFF for byte in frames[0][: max(1, len(frames[0]) // 2)]]
        yield from (f"0 {byte} 0" for byte in half[:-1])
        yield f"0 {half[-1]} {silence_clocks}"
    before = 0
    for i, (frame, answer) in enumerate(zip(frames, answers, strict=True)):
        for byte in frame:
            pause = i % 2 and rng.random() < _PAUSES
            silence = rng.randrange(1, _PAUSE_BITS * clocks_per_bit) if pause else 0
            yield f"{before} {byte} {silence}"
        # A board that answers more bytes than it is sent loses frames if it must not drain.
        before += len(answer) if longest >= len(frame) else 0


def _result(path: Path) -> tuple[int, str, list[int]]:
    """Clocks, what went wrong ('' for nothing), and the bytes that came."""
    try:
        clocks, state, *got = path.read_text(encoding="utf-8").splitlines()
        return int(clocks), "" if state == "complete" else state, [int(byte) for byte in got]
    except ValueError as error:
        raise ToolFailed(f"{path}: damaged ({error}), as the simulation left it") from error


def _compare(answers: Sequence[Sequence[int]], got: Sequence[int], state: str) -> tuple[int, str]:
    """How many answers differ, and the first of them in words."""
    failed, reason, start = 0, "", 0
    for i, answer in enumerate(answers):
        seen = list(got[start : start + len(answer)])
        start += len(answer)
        if seen == list(answer):
            continue
        failed += 1
        came = _hex(seen) or "nothing"
        missing = f" ({state})" if len(seen) < len(answer) and state else ""
        reason = reason or f"frame {i}: expected {_hex(answer)}, got {came}{missing}"
    if not failed and (state or len(got) > start):
        more = f"then {_hex(got[start:]) or 'nothing'} came"
        return 1, f"after the last answer: {state or more}"
    return failed, reason


def _hex(data: Sequence[int]) -> str:
    return " ".join(f"{byte:02x}" for byte in data)
