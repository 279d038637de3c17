"""Benches that go wrong in each way that a runner must notice."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import cocotb
from cocotb.triggers import Timer

MODE = os.environ["HLSGEN_MISBEHAVE"]


@cocotb.test()
async def behave(dut: Any) -> None:
    """Follow the order given in HLSGEN_MISBEHAVE."""
    dut.a.value = 1
    await Timer(1, "ns")
    assert int(dut.y.value) == 0
    if MODE == "wrong":
        assert int(dut.y.value) == 1, "y is not 1"
    if MODE == "error":
        raise ValueError("the bench itself is broken")
    if MODE == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if MODE == "exit":
        os._exit(0)
    while MODE == "hang":
        time.sleep(1)


if MODE == "more":

    @cocotb.test()
    async def more(dut: Any) -> None:
        """A second test, where one is expected."""
