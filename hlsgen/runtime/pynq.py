"""A Zynq board under PYNQ: its processor feeds the network over an AXI DMA.

Names and signatures are those of pynq/lib/dma.py, pynq/buffer.py and pynq/pmbus.py of
github.com/Xilinx/PYNQ. The DMA works in simple mode: a transfer of answers ends where the network
marks a last beat, so it is continued until all have come.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from .device import Device
from .errors import DeviceError, driver

if TYPE_CHECKING:
    from pathlib import Path

    from .device import Bytes
    from .interface import Interface

# Bytes of one transfer where the DMA does not tell: its smallest length register has 8 bits more.
_LONGEST = 1 << 14
_BYTES = 16 << 20
# Seconds that the core works on one transfer, at most: far from the time that is waited.
_RUN_S = 0.1
_TIMEOUT_S = 10.0
# S2MM_DMACR and its bit Reset, which stops both channels whatever they wait for (AMD PG021). PYNQ's
# `stop` of a channel waits for the end of the transfer, so for an answer that never comes.
_CONTROL, _RESET = 0x30, 4
# The rails that carry the whole board (ZCU104) or module (Kria). A sum over all rails would count
# what one feeds the other twice.
_RAILS = ("12V", "power1")


class PynqDevice(Device):
    """A board whose logic is configured from this very processor.

    Args:
        interface: of the board.
        bitfile: the .bit, with the .hwh of the same name beside it.
        timeout_s: how long the answers to one transfer may take; None: 10 s.

    Raises:
        DriverMissing: pynq.
        DeviceError: the logic cannot be configured, or the design has no such DMA.
    """

    transport = "pynq"

    def __init__(self, interface: Interface, bitfile: Path, timeout_s: float | None = None) -> None:
        super().__init__(interface)
        self._pynq: Any = driver(
            "pynq", "run this on the board, under its PYNQ image (pynq.io), as root"
        )
        self._timeout_s = timeout_s or _TIMEOUT_S
        name = interface.options["dma"]
        try:
            self._dma = getattr(self._pynq.Overlay(str(bitfile)), name)
        except AttributeError as error:
            raise DeviceError(
                f"{bitfile}: the design has no DMA {name!r} ({error}): it is another network's, or"
                " the .hwh beside it is"
            ) from error
        except (RuntimeError, OSError, ValueError) as error:
            raise DeviceError(
                f"{bitfile}: cannot be loaded: {error}; run this on the board as root (sudo -E)"
            ) from error
        longest = min(getattr(self._dma, "buffer_max_size", _LONGEST), _BYTES) - 1
        size = max(interface.frame_bytes, interface.answer_bytes)
        if longest < size:
            raise DeviceError(
                f"{bitfile}: its DMA takes {longest} bytes at once, a frame has {size}: make the"
                " DMA's length register wider"
            )
        self.at_once = min(longest // size, interface.frames_in(_RUN_S))
        self._buffers: tuple[Any, Any] | None = None
        self._rail = self._find_rail()

    def exchange(self, frames: Bytes) -> tuple[Bytes, float]:
        """Through the DMA, as many frames at once as it takes."""
        answers, spent = [], 0.0
        try:
            for first in range(0, len(frames), self.at_once):
                part = frames[first : first + self.at_once]
                raw, took = self._batch(part, first)
                answers.append(raw)
                spent += took
        except (RuntimeError, OSError, ValueError) as error:
            raise DeviceError(
                f"DMA: {error}; load the design again: the board or its DMA is not ready"
            ) from error
        return np.concatenate(answers), spent

    def _batch(self, frames: Bytes, first: int) -> tuple[Bytes, float]:
        size = self.interface.answer_bytes
        source, target = self._memory()
        start = time.perf_counter()
        source[: frames.nbytes] = frames.ravel()
        sending, receiving = self._dma.sendchannel, self._dma.recvchannel
        want, got, begun = len(frames) * size, 0, False
        while got < want:
            receiving.transfer(target[got:want])
            if not begun:
                sending.transfer(source[: frames.nbytes])
                begun = True
            self._until_idle(receiving, f"frame {first + got // size}")
            receiving.wait()
            # A driver without this number never stops before the end.
            came = getattr(receiving, "transferred", want - got)
            if came % size or not 0 < came <= want - got:
                raise DeviceError(
                    f"frame {first + got // size}: {came} bytes came, answers have {size} each:"
                    f" another design is loaded than {self.interface.product}"
                )
            got += came
        self._until_idle(sending, f"frame {first + len(frames) - 1}")
        sending.wait()
        raw = np.array(target[:want], dtype=np.uint8).reshape(-1, size)
        return raw, time.perf_counter() - start

    def _memory(self) -> tuple[Any, Any]:
        """Buffers in physical memory for the longest transfer, made once."""
        if self._buffers is None:
            sizes = (self.interface.frame_bytes, self.interface.answer_bytes)
            source, target = (
                self._pynq.allocate(shape=(self.at_once * size,), dtype=np.uint8) for size in sizes
            )
            self._buffers = source, target
        return self._buffers

    def _until_idle(self, channel: Any, what: str) -> None:
        """PYNQ's own wait has no end where no answer comes."""
        deadline = time.monotonic() + self._timeout_s
        while not channel.idle:
            if getattr(channel, "error", False):
                return  # wait() says which
            if time.monotonic() > deadline:
                self._dma.write(_CONTROL, _RESET)
                raise DeviceError(
                    f"{what}: no answer within {self._timeout_s:g} s: is this the design that is"
                    " loaded? Load it again, with its .hwh"
                )

    def _find_rail(self) -> Any:
        rails = self._pynq.get_rails() if hasattr(self._pynq, "get_rails") else {}
        for name in _RAILS:
            sensor = getattr(rails.get(name), "power", None)
            if sensor is not None:
                self.power_source = f"PYNQ, power of rail {name}"
                return sensor
        return None

    def power_w(self) -> float | None:
        """Of the rail that feeds the board, in watts."""
        return float(self._rail.value) if self._rail is not None else None

    def close(self) -> None:
        """Free the buffers, once the DMA cannot write to them; the logic stays configured."""
        if self._buffers is not None:
            self._dma.write(_CONTROL, _RESET)
            for buffer in self._buffers:
                buffer.freebuffer()
            self._buffers = None
