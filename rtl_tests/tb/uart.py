"""The UART shell: frames, lost bytes, noise on the line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cocotb

from rtl_tests.tb.line import CLOCKS_PER_BIT, Line

TRAFFIC = json.loads(Path(os.environ["HLSGEN_TRAFFIC"]).read_text())
FRAMES: list[list[int]] = TRAFFIC["frames"]
ANSWERS: list[list[int]] = TRAFFIC["answers"]
IDLE_CLOCKS: int = TRAFFIC["idle_clocks"]


async def check_frame(line: Line, i: int) -> None:
    """Frame `i` is answered right."""
    await line.send(*FRAMES[i])
    assert await line.answer(len(ANSWERS[i])) == ANSWERS[i]


@cocotb.test()
async def frames(dut: Any) -> None:
    """Each frame is answered, and the lamps show the answer's last byte."""
    line = Line(dut)
    await line.reset()
    for i, answer in enumerate(ANSWERS):
        await check_frame(line, i)
        assert dut.led.value.to_unsigned() == answer[-1]
    await line.level(1, 300)
    assert line.received == []


@cocotb.test()
async def without_pause(dut: Any) -> None:
    """The next frame may follow before the answer is out."""
    line = Line(dut)
    await line.reset()
    await line.send(*(byte for frame in FRAMES for byte in frame))
    wanted = [byte for answer in ANSWERS for byte in answer]
    assert await line.answer(len(wanted)) == wanted


@cocotb.test()
async def silence_resynchronises(dut: Any) -> None:
    """A long silence in mid-frame drops the partial frame, a short one does not."""
    line = Line(dut)
    await line.reset()
    for i in range(1, len(FRAMES[0])):
        await line.send(*FRAMES[0][:i])
        await line.level(1, IDLE_CLOCKS + 20)
        await check_frame(line, i)
        await line.send(*FRAMES[0][:i])
        await line.level(1, IDLE_CLOCKS - 10 * CLOCKS_PER_BIT)
        await line.send(*FRAMES[0][i:])
        assert await line.answer(len(ANSWERS[0])) == ANSWERS[0]


@cocotb.test()
async def glitch_is_no_start_bit(dut: Any) -> None:
    """A low level shorter than half a bit is noise."""
    line = Line(dut)
    await line.reset()
    for clocks in range(1, CLOCKS_PER_BIT // 2):
        await line.send(FRAMES[clocks][0])
        await line.level(0, clocks)
        await line.level(1, 12 * CLOCKS_PER_BIT)
        await line.send(*FRAMES[clocks][1:])
        assert await line.answer(len(ANSWERS[clocks])) == ANSWERS[clocks]


@cocotb.test()
async def byte_without_stop_bit_is_dropped(dut: Any) -> None:
    """As on a line with another baud rate, or a break."""
    line = Line(dut)
    await line.reset()
    for i, noise in enumerate((0x00, 0x55, 0xFE)):
        await line.send(FRAMES[i][0])
        await line.send(noise, stop=0)
        await line.level(1, 2 * CLOCKS_PER_BIT)
        await line.send(*FRAMES[i][1:])
        assert await line.answer(len(ANSWERS[i])) == ANSWERS[i]
    await line.level(0, 50 * CLOCKS_PER_BIT)
    await line.level(1, IDLE_CLOCKS + 20)
    assert line.received == []
    await check_frame(line, 3)


@cocotb.test()
async def reset_in_mid_byte(dut: Any) -> None:
    """Reset while a byte comes in and an answer goes out."""
    line = Line(dut)
    await line.reset()
    await line.send(*FRAMES[0], FRAMES[1][0])
    await line.level(0, 3 * CLOCKS_PER_BIT)
    await line.reset()
    await check_frame(line, 2)


@cocotb.test()
async def baud_rates_three_percent_apart(dut: Any) -> None:
    """Bits a little longer or shorter than ours: the last sample is still inside the stop bit."""
    line = Line(dut)
    await line.reset()
    for percent in (97, 103):
        for byte in FRAMES[0]:
            edges = [0, *(byte >> i & 1 for i in range(8)), 1]
            for i, bit in enumerate(edges):
                start, end = (n * CLOCKS_PER_BIT * percent // 100 for n in (i, i + 1))
                await line.level(bit, end - start)
        assert await line.answer(len(ANSWERS[0])) == ANSWERS[0]
