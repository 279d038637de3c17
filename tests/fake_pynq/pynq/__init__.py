"""PYNQ with a DMA and a network in software: the part of it that a driver needs, and no more.

Names, arguments and behaviour are those of pynq/lib/dma.py, pynq/buffer.py and pynq/pmbus.py of
github.com/Xilinx/PYNQ (image 3.0). A .bit is the JSON file of `fake_network.Network`, with `dma`
(its name), `length_width` (bits of the length register) and `batches` (whether only the last answer
of a transfer is marked as the last beat, or each).

$FAKE_PYNQ, words with commas between: no_device, stall, wrong, short (half an answer), error,
rail_12V, rail_power1, other_rail.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))
from fake_network import Network


def _fault(name: str) -> bool:
    return name in os.environ.get("FAKE_PYNQ", "").split(",")


class PynqBuffer(np.ndarray):
    """Memory that a DMA reaches."""

    physical_address = 0x1000

    def __array_finalize__(self, source: Any) -> None:
        self.pointer = getattr(source, "pointer", 0)

    def freebuffer(self) -> None:
        if not self.pointer:
            raise RuntimeError("freed twice")
        assert not any(dma.recvchannel.running for dma in DMA.made), "a DMA may still write here"
        self.pointer = 0


def allocate(shape: tuple[int, ...], dtype: Any = "u4", target: None = None) -> PynqBuffer:
    """A buffer of whatever was there."""
    buffer = np.full(shape, 0x55, dtype).view(PynqBuffer)
    buffer.pointer = 1
    return buffer


class _Channel:
    """One way of the DMA."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.running, self.idle, self.error, self.transferred = True, True, False, 0
        self._active: Any = None

    def _check(self, array: Any, nbytes: int) -> None:
        if not isinstance(array, PynqBuffer):
            raise AttributeError("object has no attribute 'physical_address'")
        if nbytes > self._size:
            raise ValueError(
                f"Transfer size is {nbytes} bytes, which exceeds the maximum DMA buffer size"
                f" {self._size}."
            )
        if not self.running:
            raise RuntimeError("DMA channel not started")
        if not self.idle:
            raise RuntimeError("DMA channel not idle")

    def stop(self) -> None:
        assert self.idle, "this stop would have no end"
        self.running = False

    def wait(self) -> None:
        if not self.running:
            raise RuntimeError("DMA channel not started")
        if self.error:
            raise RuntimeError("DMA Internal Error (transfer length 0?)")
        assert self.idle, "this wait would have no end"


class _Send(_Channel):
    def __init__(self, size: int, dma: DMA) -> None:
        super().__init__(size)
        self._dma = dma

    def transfer(self, array: Any, start: int = 0, nbytes: int = 0) -> None:
        nbytes = nbytes or array.nbytes - start
        self._check(array, nbytes)
        self._dma._came(np.asarray(array).tobytes()[start : start + nbytes])


class _Receive(_Channel):
    _data = b""

    def transfer(self, array: Any, start: int = 0, nbytes: int = 0) -> None:
        nbytes = nbytes or array.nbytes - start
        self._check(array, nbytes)
        self._active, self._room, self.idle = array[start : start + nbytes], nbytes, False
        self._dma._give()

    def wait(self) -> None:
        super().wait()
        # The processor sees what came when its cache is told.
        self._active[: len(self._data)] = np.frombuffer(self._data, np.uint8)
        self.transferred = len(self._data)


class DMA:
    """An AXI DMA in simple mode, with the network between its streams."""

    made: ClassVar[list[DMA]] = []

    def __init__(self, network: Network) -> None:
        DMA.made = [self]  # to configure the logic ends what was there
        self._network = network
        self.buffer_max_size = 1 << network.settings["length_width"]
        self.sendchannel = _Send(self.buffer_max_size, self)
        self.recvchannel = _Receive(self.buffer_max_size)
        self.recvchannel._dma = self  # type: ignore[attr-defined]
        self._packets: list[bytes] = []

    def write(self, offset: int, value: int) -> None:
        """Of a register: only the reset of both channels."""
        assert (offset, value) in ((0x00, 4), (0x30, 4))
        for channel in (self.sendchannel, self.recvchannel):
            channel.running = channel.idle = False

    def _came(self, raw: bytes) -> None:
        network, out_beats = self._network, self._network.frame.out_beats
        size = out_beats * network.frame.width // 8
        found = [answer.to_bytes(size, "little") for answer in network.answers(raw)]
        if _fault("wrong"):
            found[0] = bytes([found[0][0] ^ 1]) + found[0][1:]
        if _fault("short"):
            found[-1] = found[-1][:-1]
        if not _fault("stall"):
            self._packets += [b"".join(found)] if network.settings["batches"] else found
        self._give()

    def _give(self) -> None:
        """One packet; one that is longer than the transfer is an error, as in the IP."""
        channel = self.recvchannel
        if channel.idle or not self._packets:
            return
        packet = self._packets.pop(0)
        channel._data = packet[: channel._room]
        channel.error = _fault("error") or len(packet) > channel._room
        channel.idle = not channel.error


class Overlay:
    """The logic of the board, configured when this is made."""

    def __init__(self, bitfile_name: str) -> None:
        if _fault("no_device"):
            raise RuntimeError("No Devices Found")
        path = Path(bitfile_name)
        if not path.with_suffix(".hwh").is_file():
            raise OSError(f"Cannot find HWH file for {bitfile_name}")
        network = Network(path)
        setattr(self, network.settings["dma"], DMA(network))


def get_rails(config_file: str | None = None) -> dict[str, SimpleNamespace]:
    """Sensors: of what feeds the board, and of what this feeds."""
    rails = {}
    for fault, name, watts in (("rail_12V", "12V", 9.5), ("rail_power1", "power1", 4.5),
                               ("other_rail", "INT", 1.0)):  # fmt: skip
        if _fault(fault):
            rails[name] = SimpleNamespace(name=name, power=SimpleNamespace(value=watts))
            rails["0V9"] = SimpleNamespace(name="0V9", power=None, voltage=None, current=None)
    return rails
