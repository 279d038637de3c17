"""The AXI-Stream shell where its traffic is not random but nasty."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cocotb
from cocotb.triggers import Timer

TRAFFIC = json.loads(Path(os.environ["HLSGEN_TRAFFIC"]).read_text())
FRAMES: list[list[int]] = TRAFFIC["frames"]
ANSWERS: list[list[int]] = TRAFFIC["answers"]
# Clocks in which the shell takes nothing while frames follow each other without a gap.
REFUSED = TRAFFIC["clocks"] - sum(map(len, FRAMES))
# A beat and its tlast; None is a clock in which nothing is offered.
Offer = tuple[int, int] | None
DRAIN = 60


def beats(frame: Sequence[int]) -> list[Offer]:
    """A whole frame, tlast on its last beat."""
    return [(data, int(i == len(frame) - 1)) for i, data in enumerate(frame)]


def expected(answers: Sequence[Sequence[int]]) -> list[Offer]:
    """The beats of these answers."""
    return [beat for answer in answers for beat in beats(answer)]


async def start(dut: Any) -> None:
    """Idle inputs, three clocks of reset."""
    for name in ("s_axis_tdata", "s_axis_tvalid", "s_axis_tlast", "m_axis_tready"):
        getattr(dut, name).value = 0
    await reset(dut, 3)


async def reset(dut: Any, clocks: int) -> None:
    """Reset for so many clocks."""
    dut.rst.value = 1
    for _ in range(clocks):
        dut.clk.value = 0
        await Timer(1, "ns")
        dut.clk.value = 1
        await Timer(1, "ns")
    dut.rst.value = 0


async def exchange(
    dut: Any, offers: Sequence[Offer], take: Callable[[int], bool] = lambda clock: True
) -> tuple[list[Offer], int]:
    """Offer beats until all are taken and DRAIN more clocks; the answers, and clocks refused."""
    waiting, got, refused, clock, drain = deque(offers), [], 0, 0, DRAIN
    while drain:
        assert clock < 20_000, f"stuck with {len(waiting)} beats to send"
        offer = waiting[0] if waiting else None
        dut.s_axis_tvalid.value = int(offer is not None)
        dut.s_axis_tdata.value, dut.s_axis_tlast.value = offer or (0, 0)
        taking = take(clock)
        dut.m_axis_tready.value = int(taking)
        dut.clk.value = 0
        await Timer(1, "ns")
        if waiting and (offer is None or dut.s_axis_tready.value):
            waiting.popleft()
        elif waiting:
            refused += 1
        if taking and dut.m_axis_tvalid.value:
            got.append((dut.m_axis_tdata.value.to_unsigned(), int(dut.m_axis_tlast.value)))
        drain -= not waiting and taking
        clock += 1
        dut.clk.value = 1
        await Timer(1, "ns")
    dut.s_axis_tvalid.value = 0
    return got, refused


@cocotb.test()
async def back_to_back(dut: Any) -> None:
    """As many beats a clock as the core takes, as long as frames are not shorter than answers."""
    await start(dut)
    got, refused = await exchange(dut, [beat for frame in FRAMES for beat in beats(frame)])
    assert got == expected(ANSWERS)
    assert refused == REFUSED


@cocotb.test()
async def early_tlast(dut: Any) -> None:
    """A frame cut short by tlast vanishes; the next one is whole."""
    await start(dut)
    offers = []
    for i, frame in enumerate(FRAMES):
        cut = i % len(frame)
        if cut:
            offers += [(data, int(k == cut - 1)) for k, data in enumerate(frame[:cut])]
        offers += beats(frame)
    got, _ = await exchange(dut, offers)
    assert got == expected(ANSWERS)


@cocotb.test()
async def reset_in_mid_frame(dut: Any) -> None:
    """Reset forgets half a frame."""
    await start(dut)
    for cut in range(1, len(FRAMES[0])):
        partial: list[Offer] = [(data, 0) for data in FRAMES[1][:cut]]
        got, _ = await exchange(dut, [*beats(FRAMES[0]), *partial])
        assert got == expected(ANSWERS[:1])
        await reset(dut, 1)
        got, _ = await exchange(dut, beats(FRAMES[2]))
        assert got == expected(ANSWERS[2:3])


@cocotb.test()
async def reset_with_answers_waiting(dut: Any) -> None:
    """After a reset no answer of before it appears, and the full credit is back."""
    await start(dut)
    for clocks in range(1, 12):
        dut.m_axis_tready.value = 0
        for data, last in [beat for frame in FRAMES[:3] for beat in beats(frame)][:clocks]:
            dut.s_axis_tvalid.value, dut.s_axis_tdata.value, dut.s_axis_tlast.value = 1, data, last
            dut.clk.value = 0
            await Timer(1, "ns")
            dut.clk.value = 1
            await Timer(1, "ns")
        dut.s_axis_tvalid.value = 0
        await reset(dut, 1)
        got, refused = await exchange(dut, [beat for frame in FRAMES for beat in beats(frame)])
        assert (got, refused) == (expected(ANSWERS), REFUSED)


@cocotb.test()
async def starvation(dut: Any) -> None:
    """A beat every seventh clock."""
    await start(dut)
    offers: list[Offer] = []
    for frame in FRAMES:
        for beat in beats(frame):
            offers += [*[None] * 6, beat]
    got, refused = await exchange(dut, offers)
    assert (got, refused) == (expected(ANSWERS), 0)


@cocotb.test()
async def full_back_pressure(dut: Any) -> None:
    """Nothing is taken for 300 clocks: the sender is stopped, nothing is lost."""
    await start(dut)
    offers = [beat for frame in FRAMES for beat in beats(frame)]
    got, refused = await exchange(dut, offers, take=lambda clock: clock >= 300)
    assert got == expected(ANSWERS)
    # Only the FIFO, the pipeline's credit and the gathered frame hold frames meanwhile.
    assert refused >= 300 - TRAFFIC["held_clocks"] > 0
