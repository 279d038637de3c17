"""No board: the shell that lies in rtl/ of a build folder, compiled with Verilator."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hlsgen.emit.render import render
from hlsgen.errors import ToolFailed, ToolMissing
from hlsgen.paths import data_dir, write_atomic
from hlsgen.runtime.device import Device
from hlsgen.runtime.errors import BadInput, DeviceError, DriverMissing
from hlsgen.runtime.interface import Interface
from hlsgen.tools.tool import run_command
from hlsgen.tools.verilator_native import build_native

if TYPE_CHECKING:
    from hlsgen.runtime.device import Bytes

_SEED = "1"
# Clocks of reset and a few more, before the first byte; more than uart_board.v.j2 waits.
_SETTLE_CLOCKS = 300
# Bits of silence behind the last answer; uart_main.cpp knows them too.
_AFTER_BITS = 25
# Clocks without any sign that are no pause but a core that hangs.
_PATIENCE = 4_000_000
# Clocks of one run of the program, about a second or two, and frames.
_CLOCKS, _FRAMES = 2_000_000, 65_536
_TIMEOUT_S = 600.0
_BITS = 10  # of a byte on the line
# What the emitted Verilog is not free of, as in all simulations of it.
_QUIET = "`verilator_config\nlint_off -rule WIDTHEXPAND\nlint_off -rule WIDTHTRUNC\n"


class SimulatedDevice(Device):
    """The network's shell, driven clock by clock: times are those of its clock.

    Args:
        interface: of the board.
        root: a whole build folder; the simulation goes to sim/selftest in it.

    Raises:
        BadInput: no Verilog there.
        DriverMissing: Verilator or the compiler.
        DeviceError: they fail.
    """

    transport = "simulation"
    simulated = True

    def __init__(self, interface: Interface, root: Path) -> None:
        super().__init__(interface)
        self._serial = interface.transport == "uart"
        self._here = root / "sim" / "selftest"
        self._logs = root / "logs" / "selftest"
        self._bit = self._clocks_per_bit(root) if self._serial else 0
        self._program = self._compile(root).resolve()
        width = interface.width_bits
        self._beats = interface.frame_bytes * 8 // width
        self._answer_beats = -(-interface.answer_bits * interface.lanes // width)
        bytes_ = max(interface.frame_bytes, self._answer_beats)
        clocks = _BITS * self._bit * bytes_ if self._serial else self._beats
        self.at_once = max(1, min(_FRAMES, _CLOCKS // clocks))
        self._hz = interface.clock_mhz * 1e6

    def exchange(self, frames: Bytes) -> tuple[Bytes, float]:
        """Through the shell, from a reset; the time is that of its clock."""
        try:
            clocks, raw = self._serially(frames) if self._serial else self._in_beats(frames)
        except ToolFailed as error:
            raise DeviceError(str(error)) from error
        # Cores that take many clocks a frame show themselves only now.
        self.at_once = max(1, min(self.at_once, _CLOCKS * len(frames) // clocks))
        return raw, clocks / self._hz

    def close(self) -> None:
        """Nothing is held."""

    def _clocks_per_bit(self, root: Path) -> int:
        path = self._shell(root)
        found = re.search(r"CLOCKS_PER_BIT = (\d+)", path.read_text(encoding="utf-8"))
        if not found:
            raise BadInput(f"{path}: is no UART shell: it has no CLOCKS_PER_BIT; build again")
        return int(found.group(1))

    def _shell(self, root: Path) -> Path:
        kind = "uart" if self._serial else "axis"
        path = root / "rtl" / f"{self.interface.name}_{kind}.v"
        if not path.is_file():
            raise BadInput(
                f"{path}: not here, so there is nothing to simulate: name a whole build folder of"
                " language verilog, on which `hlsgen build` was run"
            )
        return path

    def _compile(self, root: Path) -> Path:
        name = self.interface.name
        shell = self._shell(root)
        other = f"{name}_{'axis' if self._serial else 'uart'}.v"
        found = sorted(path.name for path in shell.parent.glob("*.v"))
        sources = ["quiet.vlt", *(f"../../rtl/{file}" for file in found if file != other)]
        templates = data_dir("templates")
        write_atomic(self._here / "quiet.vlt", _QUIET)
        if self._serial:
            main = templates / "verify" / "uart_main.cpp"
            write_atomic(self._here / "board.v", render("simulation/uart_board.v.j2", name=name))
            sources.append("board.v")
        else:
            main = templates / "simulation" / "axis_main.cpp"
        top = "board" if self._serial else f"{name}_axis"
        try:
            return build_native(sources, top, main, self._here / "obj", self._logs)
        except ToolMissing as error:
            raise DriverMissing(str(error)) from error
        except ToolFailed as error:
            raise DeviceError(str(error)) from error

    def _run(self, arguments: list[str], makes: list[str]) -> None:
        run_command(
            "simulation",
            [str(self._program), *arguments],
            cwd=self._here,
            makes=makes,
            log_file=self._logs / "simulation.log",
            env={},
            timeout_s=_TIMEOUT_S,
            errors=r"^%Error\b",
        )

    def _serially(self, frames: Bytes) -> tuple[int, Bytes]:
        """Through the serial line, bit by bit."""
        size = self.interface.answer_bytes
        # A board that answers more bytes than it is sent must drain before the next frame.
        waits = size > frames.shape[1]
        lines = [f"{self._bit} {_SETTLE_CLOCKS} {_PATIENCE} {len(frames) * size}"]
        for number, frame in enumerate(frames.tolist()):
            before = number * size if waits else 0
            lines += [f"{before} {byte} 0" for byte in frame]
        write_atomic(self._here / "traffic.txt", "\n".join(lines) + "\n")
        self._run(["traffic.txt", "answers.txt", _SEED], ["answers.txt"])
        clocks, state, *got = (self._here / "answers.txt").read_text("utf-8").splitlines()
        raw = np.array([int(byte) for byte in got], dtype=np.uint8)
        used = int(clocks) - _SETTLE_CLOCKS - _AFTER_BITS * self._bit
        return used, self._whole(raw, len(frames), size, state)

    def _in_beats(self, frames: Bytes) -> tuple[int, Bytes]:
        """As beats of the AXI-Stream, without a gap."""
        beat = self.interface.width_bits // 8
        write_atomic(self._here / "frames.bin", frames.tobytes())
        numbers = (beat, self._beats, self._answer_beats, _PATIENCE)
        files = ["answers.bin", "result.txt"]
        # An empty file of answers is none that was not made.
        self._run(["frames.bin", *files, _SEED, *map(str, numbers)], files[1:])
        clocks, state = (self._here / "result.txt").read_text("utf-8").splitlines()
        raw = np.frombuffer((self._here / "answers.bin").read_bytes(), np.uint8)
        return int(clocks), self._whole(raw, len(frames), beat * self._answer_beats, state)

    @staticmethod
    def _whole(raw: Bytes, frames: int, size: int, state: str) -> Bytes:
        """The answers [frames, size]; an error where they are not that many."""
        if state != "complete" or len(raw) < frames * size:
            raise DeviceError(f"simulation: frame {len(raw) // size}: {state}")
        if len(raw) > frames * size:
            extra = len(raw) - frames * size
            raise DeviceError(f"simulation: answers are out of step: {extra} bytes more came")
        return raw.reshape(frames, size)
