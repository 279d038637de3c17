"""A UART shell whose answers are longer than its frames."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cocotb

from rtl_tests.tb.line import Line

TRAFFIC = json.loads(Path(os.environ["HLSGEN_TRAFFIC"]).read_text())
FRAMES: list[list[int]] = TRAFFIC["frames"]
ANSWERS: list[list[int]] = TRAFFIC["answers"]


@cocotb.test()
async def overrun(dut: Any) -> None:
    """Frames come faster than answers can leave: some are lost, the lamps say so, none is wrong."""
    line = Line(dut)
    await line.reset()
    await line.send(*(byte for frame in FRAMES for byte in frame))
    size = len(ANSWERS[0])
    got = await line.answer(size * len(FRAMES), patience=20_000)
    assert len(got) % size == 0
    answered = [got[i : i + size] for i in range(0, len(got), size)]
    assert 0 < len(answered) < len(FRAMES)
    remaining = iter(ANSWERS)
    assert all(any(answer == known for known in remaining) for answer in answered)
    assert dut.led.value.to_unsigned() == 0xFF
    await line.reset()
    await line.send(*FRAMES[0])
    assert await line.answer(size) == ANSWERS[0]
    assert dut.led.value.to_unsigned() == ANSWERS[0][-1]
