"""A serial line to the simulated UART: what is sent bit by bit, and what comes back."""

from __future__ import annotations

from typing import Any

from cocotb.triggers import Timer

CLOCKS_PER_BIT = 8


class Line:
    """Drives rxd and decodes txd of `dut`; bytes that came back are in `received`."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.received: list[int] = []
        self._levels: list[int] = []

    async def reset(self) -> None:
        """Three clocks of reset on an idle line."""
        self.dut.rst.value = 1
        await self.level(1, 3)
        self.dut.rst.value = 0
        self.received, self._levels = [], []
        await self.level(1, 4)

    async def level(self, rxd: int, clocks: int) -> None:
        """Hold rxd for so many clocks."""
        self.dut.rxd.value = rxd
        for _ in range(clocks):
            self.dut.clk.value = 0
            await Timer(1, "ns")
            self._watch(int(self.dut.txd.value))
            self.dut.clk.value = 1
            await Timer(1, "ns")

    async def send(self, *data: int, stop: int = 1) -> None:
        """Bytes without a pause; `stop` 0 leaves out the stop bit."""
        for byte in data:
            for bit in (0, *(byte >> i & 1 for i in range(8)), stop):
                await self.level(bit, CLOCKS_PER_BIT)

    async def answer(self, count: int, patience: int = 1000) -> list[int]:
        """The next `count` bytes that come back, or fewer if none comes for long."""
        while len(self.received) < count and patience:
            await self.level(1, 1)
            patience -= 1
        got, self.received = self.received[:count], self.received[count:]
        return got

    def _watch(self, txd: int) -> None:
        """Every bit must last CLOCKS_PER_BIT clocks exactly."""
        if txd and not self._levels:
            return
        self._levels.append(txd)
        if len(self._levels) == 10 * CLOCKS_PER_BIT:
            bits = [
                self._levels[i : i + CLOCKS_PER_BIT]
                for i in range(0, len(self._levels), CLOCKS_PER_BIT)
            ]
            assert all(len(set(bit)) == 1 for bit in bits), f"ragged bits: {bits}"
            assert (bits[0][0], bits[9][0]) == (0, 1), "no start or stop bit"
            self.received.append(sum(bit[0] << i for i, bit in enumerate(bits[1:9])))
            self._levels = []
