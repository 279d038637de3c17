"""One frame through a core, inside the simulator: what does it answer?"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cocotb
from cocotb.triggers import Timer


@cocotb.test()
async def replay(dut: Any) -> None:
    """Drive the frame in one clock, its complement in all others; write the answer down.

    So a core that is too quick or too slow answers for something else.
    """
    order = json.loads(Path(os.environ["HLSGEN_REPLAY"]).read_text(encoding="utf-8"))
    frame, latency = int(order["frame"], 16), int(order["latency"])
    other = frame ^ ((1 << len(dut.x.value)) - 1)
    dut.rst.value = 0
    dut.valid_in.value = 1
    for value in [*[other] * (latency + 1), frame, *[other] * (latency - 1)]:
        dut.x.value = value
        await _clock(dut)
    dut.clk.value = 0
    await Timer(1, "ns")
    Path("answer.json").write_text(json.dumps({"y": f"{dut.y.value.to_unsigned():x}"}))


async def _clock(dut: Any) -> None:
    dut.clk.value = 0
    await Timer(1, "ns")
    dut.clk.value = 1
    await Timer(1, "ns")
