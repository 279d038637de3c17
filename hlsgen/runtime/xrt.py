"""An AMD accelerator card behind XRT: frames and answers in its memory, movers around each core.

Names and signatures are those of XRT's Python module, src/python/pybind11/src/pyxrt.cpp of
github.com/Xilinx/XRT. A compute unit is chosen as "kernel:{unit}" ("XRT Native APIs" there).
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from .device import Device
from .errors import BadInput, DeviceError, driver

if TYPE_CHECKING:
    from pathlib import Path

    from .device import Bytes
    from .interface import Interface

# Frames of one run of one unit, at most, bytes of them, and seconds that the core works on them.
_FRAMES, _BYTES, _RUN_S = 65536, 64 << 20, 0.1
_TIMEOUT_S = 10.0
# How long one call waits: XRT holds Python's lock meanwhile, and the power is read in between.
_SLICE_MS = 50
# XRT renamed it in 2024: github.com/Xilinx/XRT/pull/8191.
_EXAMINE = "`xbutil examine` (newer XRT: `xrt-smi examine`)"
_INSTALL = (
    "install XRT (github.com/Xilinx/XRT) and run `source /opt/xilinx/xrt/setup.sh`, with the Python"
    " that XRT was installed for"
)


class _Unit:
    """One core: its movers, and a buffer for each in the bank that the mover reaches."""

    def __init__(self, pyxrt: Any, card: Any, uuid: Any, options: dict[str, Any], n: int) -> None:
        self._pyxrt, self._card = pyxrt, card
        self.names = [f"{options[role]}_{n}" for role in ("reader", "writer")]
        self._reader, self._writer = (
            pyxrt.kernel(card, uuid, f"{options[role]}:{{{unit}}}")
            for role, unit in zip(("reader", "writer"), self.names)  # noqa: B905 (Python 3.8)
        )
        self._frames: Any = None
        self._answers: Any = None
        self._room = 0

    def fill(self, frames: Bytes, answer_bytes: int) -> None:
        """Bring the frames into the card's memory."""
        if len(frames) > self._room:
            self._frames = self._buffer(frames.nbytes, self._reader)
            self._answers = self._buffer(len(frames) * answer_bytes, self._writer)
            self._room = len(frames)
        self._frames.write(np.ascontiguousarray(frames), 0)
        to_device = self._pyxrt.xclBOSyncDirection.XCL_BO_SYNC_BO_TO_DEVICE
        self._frames.sync(to_device, frames.nbytes, 0)

    def _buffer(self, size: int, kernel: Any) -> Any:
        return self._pyxrt.bo(self._card, size, self._pyxrt.bo.normal, kernel.group_id(0))

    def start(self, frames: int, beats: int) -> list[tuple[str, Any]]:
        """Start both movers, the one that takes the answers first; names and runs."""
        begun = []
        jobs = (
            (self.names[1], self._writer, self._answers, frames),
            (self.names[0], self._reader, self._frames, beats),
        )
        for name, kernel, buffer, count in jobs:
            run = self._pyxrt.run(kernel)
            run.set_arg(0, buffer)
            run.set_arg(1, count)
            run.start()
            begun.append((name, run))
        return begun

    def fetch(self, frames: int, answer_bytes: int) -> Bytes:
        """The answers, out of the card's memory."""
        size = frames * answer_bytes
        direction = self._pyxrt.xclBOSyncDirection.XCL_BO_SYNC_BO_FROM_DEVICE
        self._answers.sync(direction, size, 0)
        raw = np.asarray(self._answers.read(size, 0)).tobytes()
        return np.frombuffer(raw, np.uint8).reshape(frames, answer_bytes)


class XrtDevice(Device):
    """A card with the built .xclbin; its units work at the same time.

    Args:
        interface: of the board.
        xclbin: the file that configures it.
        index: of the card among those that XRT lists.
        timeout_s: how long one run of the movers may take; None: 10 s.

    Raises:
        DriverMissing: pyxrt.
        DeviceError: no such card, in use, or it does not take the file.
    """

    transport = "xrt"

    def __init__(
        self, interface: Interface, xclbin: Path, index: int = 0, timeout_s: float | None = None
    ) -> None:
        super().__init__(interface)
        pyxrt: Any = driver("pyxrt", _INSTALL)
        options = interface.options
        self._pyxrt, self._timeout_s, self._stuck = pyxrt, timeout_s or _TIMEOUT_S, ""
        self._beats = interface.frame_bytes * 8 // interface.width_bits
        try:
            self._card = pyxrt.device(index)
            uuid = self._card.load_xclbin(str(xclbin))
            numbers = range(1, options["units"] + 1)
            self._units = [_Unit(pyxrt, self._card, uuid, options, n) for n in numbers]
        except (RuntimeError, OSError) as error:
            raise _explained(error, index, xclbin) from error
        bank = min(options["bank_bytes"], _BYTES)
        most = min(_FRAMES, bank // interface.frame_bytes, interface.frames_in(_RUN_S))
        self._batch = max(1, most)
        self.at_once = self._batch * len(self._units)
        if self.power_w() is not None:
            self.power_source = "XRT, electrical: power_consumption_watts (whole card)"

    def exchange(self, frames: Bytes) -> tuple[Bytes, float]:
        """Through the card's memory, all units at the same time."""
        if self._stuck:
            raise DeviceError(f"{self._stuck}: connect again")
        start, answers = time.perf_counter(), []
        try:
            for first in range(0, len(frames), self.at_once):
                answers += self._round(frames[first : first + self.at_once], first)
        except (RuntimeError, OSError) as error:
            raise DeviceError(f"XRT: {error}; {_EXAMINE} shows the card's state") from error
        return np.concatenate(answers), time.perf_counter() - start

    def _round(self, frames: Bytes, first: int) -> list[Bytes]:
        """As many frames as fit all units at once, an even share for each."""
        size = self.interface.answer_bytes
        shares = [part for part in np.array_split(frames, len(self._units)) if len(part)]
        busy = list(zip(self._units, shares))  # noqa: B905 (Python 3.8)
        for unit, part in busy:
            unit.fill(part, size)
        runs = [(unit.start(len(part), len(part) * self._beats), part) for unit, part in busy]
        deadline = time.monotonic() + self._timeout_s
        for begun, part in runs:
            for name, run in begun:
                self._finish(name, run, deadline, f"frames {first} to {first + len(part) - 1}")
            first += len(part)
        return [unit.fetch(len(part), size) for unit, part in busy]

    def _finish(self, name: str, run: Any, deadline: float, what: str) -> None:
        states = self._pyxrt.ert_cmd_state
        failed = (
            states.ERT_CMD_STATE_ERROR,
            states.ERT_CMD_STATE_ABORT,
            states.ERT_CMD_STATE_NORESPONSE,
        )
        state = run.wait(_SLICE_MS)
        # All other states are of a run under way; not each of them is known to the module.
        while state not in (states.ERT_CMD_STATE_COMPLETED, *failed):
            if time.monotonic() >= deadline:
                break
            state = run.wait(_SLICE_MS)
        if state == states.ERT_CMD_STATE_COMPLETED:
            return
        ended = "failed" if state in failed else f"did not finish in {self._timeout_s:g} s"
        self._stuck = f"the card still waits since {name} did not finish"
        raise DeviceError(
            f"{what}: {name} {ended} (state {state.name}): the core answers late or not at all;"
            " `xbutil reset` (newer XRT: `xrt-smi reset`) frees the card"
        )

    def power_w(self) -> float | None:
        """Of the whole card, in watts."""
        if self._card is None:
            return None
        try:
            raw = self._card.get_info(self._pyxrt.xrt_info_device.electrical)
            watts = float(json.loads(raw)["power_consumption_watts"])
        except (RuntimeError, ValueError, KeyError, TypeError):
            # No sensor: empty, "N/A", or an error of the driver.
            return None
        return watts if watts > 0 else None

    def close(self) -> None:
        """Let go of the card, which XRT then gives to others."""
        self._units, self._card = [], None
        self._stuck = self._stuck or "the card was given back"


def _explained(error: Exception, index: int, xclbin: Path) -> DeviceError:
    """What to do where a card cannot be opened or configured."""
    text = str(error)
    if "busy" in text.lower():
        return DeviceError(
            f"card {index} is in use: end the other program that works on it, or choose another"
            f" card ({text})"
        )
    if "device" in text.lower() and "xclbin" not in text.lower():
        return BadInput(f"card {index}: {text}; {_EXAMINE} lists the cards")
    return DeviceError(
        f"card {index} does not take {xclbin}: {text}; it must be built for the card's platform,"
        f" which {_EXAMINE} tells"
    )
