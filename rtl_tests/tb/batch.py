"""Batches through `hlsgen_batch` and the network behind it, as a DMA sends and takes them."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cocotb
from cocotb.triggers import Timer

TRAFFIC = json.loads(Path(os.environ["HLSGEN_TRAFFIC"]).read_text())
FRAMES: list[list[int]] = TRAFFIC["frames"]
ANSWERS: list[list[int]] = TRAFFIC["answers"]
# Frames of each batch, in order; together all of them.
BATCHES: list[int] = TRAFFIC["batches"]
MOST_CLOCKS = 20_000
DRAIN = 80
Beat = tuple[int, int]


async def clock(dut: Any) -> None:
    """One clock; inputs are set before."""
    dut.ap_clk.value = 0
    await Timer(1, "ns")
    dut.ap_clk.value = 1
    await Timer(1, "ns")


async def start(dut: Any) -> None:
    """Idle inputs, reset for some clocks and until it has passed the network's registers."""
    for name in ("from_host_tdata", "from_host_tvalid", "from_host_tlast", "to_host_tready"):
        getattr(dut, name).value = 0
    for level in (0, 1):
        dut.ap_rst_n.value = level
        for _ in range(8):
            await clock(dut)


def batches() -> Iterator[tuple[list[list[int]], list[list[int]]]]:
    """Frames and answers of each batch."""
    first = 0
    for size in BATCHES:
        yield FRAMES[first : first + size], ANSWERS[first : first + size]
        first += size


def sent(frames: list[list[int]]) -> list[Beat]:
    """What the DMA sends: tlast with the last beat of the batch only."""
    beats = [data for frame in frames for data in frame]
    return [(data, int(i == len(beats) - 1)) for i, data in enumerate(beats)]


async def exchange(dut: Any, offers: list[Beat], seed: int, stalls: float) -> list[Beat]:
    """Send beats and take answers with random pauses, as many clocks more as answers need."""
    rng = random.Random(seed)
    waiting, got, drain, held, offering = list(offers), [], DRAIN, None, False
    for _ in range(MOST_CLOCKS):
        # What is offered stays until it is taken.
        offering = bool(waiting) and (offering or rng.random() >= stalls)
        dut.from_host_tvalid.value = int(offering)
        dut.from_host_tdata.value, dut.from_host_tlast.value = waiting[0] if waiting else (0, 0)
        taking = rng.random() >= stalls
        dut.to_host_tready.value = int(taking)
        dut.ap_clk.value = 0
        await Timer(1, "ns")
        if dut.to_host_tvalid.value:
            beat = dut.to_host_tdata.value.to_unsigned(), int(dut.to_host_tlast.value)
            # The same for answers, and for their tlast.
            assert held in (None, beat), f"{held} became {beat}"
            held = None if taking else beat
            if taking:
                got.append(beat)
        else:
            assert held is None, "an answer was withdrawn"
        if offering and dut.from_host_tready.value:
            waiting.pop(0)
            offering = False
        drain = DRAIN if waiting or dut.to_host_tvalid.value else drain - 1
        dut.ap_clk.value = 1
        await Timer(1, "ns")
        if not drain:
            return got
    raise AssertionError(f"stuck with {len(waiting)} beats to send")


def expected(answers: list[list[int]]) -> list[Beat]:
    """All answers of a batch, tlast with the last beat of the last."""
    beats = [data for answer in answers for data in answer]
    return [(data, int(i == len(beats) - 1)) for i, data in enumerate(beats)]


async def all_batches(dut: Any, seed: int, stalls: float) -> None:
    """One batch right behind the other."""
    await start(dut)
    offers = [beat for frames, _ in batches() for beat in sent(frames)]
    want = [beat for _, answers in batches() for beat in expected(answers)]
    assert await exchange(dut, offers, seed, stalls) == want


@cocotb.test()
async def without_pause(dut: Any) -> None:
    """The DMA is always ready."""
    await all_batches(dut, 1, 0.0)


@cocotb.test()
async def with_pauses(dut: Any) -> None:
    """Neither side is ready all the time."""
    for seed in range(4):
        await all_batches(dut, seed, 0.5)


@cocotb.test()
async def starved(dut: Any) -> None:
    """Hardly ever ready."""
    await all_batches(dut, 9, 0.9)


@cocotb.test()
async def a_batch_that_ends_within_a_frame(dut: Any) -> None:
    """The part of a frame is dropped; the next batch is not harmed."""
    await start(dut)
    frames, answers = FRAMES[:3], ANSWERS[:3]
    cut = sent([*frames[:2], frames[2][:-1]])
    got = await exchange(dut, cut, 3, 0.0)
    assert [data for data, _ in got] == [data for answer in answers[:2] for data in answer]
    assert await exchange(dut, sent(frames), 4, 0.3) == expected(answers)


@cocotb.test()
async def reset_within_a_batch(dut: Any) -> None:
    """Nothing of it is left behind."""
    await start(dut)
    await exchange(dut, sent(FRAMES[:4])[:-3], 5, 0.2)
    await start(dut)
    assert await exchange(dut, sent(FRAMES[:2]), 6, 0.2) == expected(ANSWERS[:2])
