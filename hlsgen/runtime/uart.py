"""A board behind a serial line."""

from __future__ import annotations

import errno
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from .device import Device
from .errors import BadInput, DeviceError, driver

if TYPE_CHECKING:
    from .device import Bytes
    from .interface import Interface

# What pyserial lets through where a port went away.
_LOST: tuple[type[Exception], ...] = (OSError,)
try:
    import termios

    _LOST += (termios.error,)
except ImportError:  # Windows
    pass

# Longer than the silence after which the board drops half a frame.
RESYNC_S = 0.2
_BITS = 10  # of a byte on the line
# Bytes under way at once, each way: less than any driver's buffer.
_OUT, _BACK = 2048, 1024
# Longer than a USB adapter holds bytes back.
_ADAPTER_S = 0.03


class UartDevice(Device):
    """Frames over a serial port, several under way at once where the board can take it.

    Args:
        interface: of the board.
        port: as pyserial takes it: /dev/ttyUSB0, COM3, or a URL.
        baud: instead of the built speed; for a board whose clock is not the built one.
        timeout_s: how long an answer may take; None: twice what its bytes take, and a second.

    Raises:
        DriverMissing: pyserial.
        BadInput: no port, or none of this name.
        DeviceError: the port is in use, or may not be opened.
    """

    transport = "uart"

    def __init__(
        self,
        interface: Interface,
        port: str | None,
        baud: int | None = None,
        timeout_s: float | None = None,
    ) -> None:
        super().__init__(interface)
        serial = driver("serial", "pip install pyserial")
        if port is None:
            raise BadInput(f"no serial port was given: name one ({_ports()})")
        speed = baud or interface.options["baud"]
        length = interface.frame_bytes + interface.answer_bytes
        # There and back, twice over for the adapter.
        self._timeout_s = timeout_s or 2 * length * _BITS / speed + 1
        self._quiet_s = _ADAPTER_S + 2 * interface.answer_bytes * _BITS / speed
        # A board that answers more than it is sent must drain before the next frame.
        fits = interface.answer_bytes <= interface.frame_bytes
        window = min(_OUT // interface.frame_bytes, _BACK // interface.answer_bytes)
        self._window = max(1, window) if fits else 1
        self.at_once = 4 * self._window
        try:
            self._port = serial.serial_for_url(
                port, speed, timeout=self._timeout_s, write_timeout=None, exclusive=True
            )
        except (OSError, ValueError) as error:
            raise _explained(error, port) from error
        self._settle()

    def _settle(self) -> None:
        """Let the board drop what it has of a frame, and drop what it said."""
        time.sleep(RESYNC_S)
        self._port.reset_input_buffer()
        self._in_step = True

    def exchange(self, frames: Bytes) -> tuple[Bytes, float]:
        """Over the line, several frames under way at once."""
        if not self._port.is_open:
            raise DeviceError("the port was closed: connect again")
        try:
            if not self._in_step:
                self._settle()
            self._in_step = False
            self._silent("before the first frame")
            start = time.perf_counter()
            answers = self._stream(frames)
            spent = time.perf_counter() - start
            time.sleep(self._quiet_s)
            self._silent(f"after the answers to {len(frames)} frames")
        except _LOST as error:
            raise DeviceError(f"{error}; is the board still plugged in?") from error
        self._in_step = True
        return np.frombuffer(answers, np.uint8).reshape(len(frames), -1), spent

    def _stream(self, frames: Bytes) -> bytes:
        sent, got, size = 0, bytearray(), self.interface.answer_bytes
        for number in range(len(frames)):
            if sent - number <= self._window // 2:
                more = min(number + self._window, len(frames))
                self._port.write(frames[sent:more].tobytes())
                sent = more
            answer = self._port.read(size)
            if len(answer) < size:
                part = f"only {len(answer)} of {size} bytes" if answer else "no answer"
                raise DeviceError(
                    f"frame {number}: {part} within {self._timeout_s:.1f} s: is the board"
                    " configured, is this its port?"
                )
            got += answer
        return bytes(got)

    def _silent(self, when: str) -> None:
        extra = self._port.in_waiting
        if extra:
            data = self._port.read(min(extra, 8)).hex()
            raise DeviceError(
                f"answers are out of step: {extra} bytes more came {when} ({data}); is the board"
                f" configured with {self.interface.product}, does another program use it?"
            )

    def close(self) -> None:
        """Close the port."""
        self._port.close()


def _ports() -> str:
    """The serial ports of this machine, in words."""
    ports: Any = driver("serial.tools.list_ports", "pip install pyserial")
    found = [port.device for port in ports.comports()]
    return f"there are {', '.join(sorted(found))}" if found else "none is plugged in"


def _explained(error: Exception, port: str) -> DeviceError:
    """What to do where a port cannot be opened."""
    number = getattr(error, "errno", None)
    if number in (errno.EAGAIN, errno.EBUSY, errno.EWOULDBLOCK):
        return DeviceError(f"{port} is in use: close the other program that has it open ({error})")
    if number in (errno.EACCES, errno.EPERM):
        return DeviceError(
            f"{error}; may you use this port? Join its group (often dialout) and log in again"
        )
    if number == errno.ENOENT:
        return BadInput(f"no such port {port} ({_ports()}): is the board plugged in?")
    return BadInput(f"{error}; is the board plugged in, may you use this port?")
