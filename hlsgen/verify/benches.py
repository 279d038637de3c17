"""The cocotb benches: they run inside the simulator and compare with packed vectors.

Each clock is two steps of simulated time. Rows travel as one wide integer, so that the number of
Python calls does not grow with the number of nodes.
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import Timer

from hlsgen.verify.bits import from_words, to_words

# Chances that the sender offers a beat and that the receiver takes one, for each phase of the
# stream test: full speed, both random, a receiver that mostly blocks, a sender that mostly waits.
PHASES = ((1.0, 1.0), (0.5, 0.5), (0.9, 0.1), (0.1, 0.9))


def _vectors() -> Any:
    return np.load(Path(os.environ["HLSGEN_VECTORS"]), allow_pickle=False)


async def _reset(dut: Any) -> None:
    for name in ("nodes_x", "core_x", "s_axis_tdata", "s_axis_tvalid", "s_axis_tlast"):
        getattr(dut, name).value = 0
    dut.m_axis_tready.value = 0
    dut.rst.value = 1
    for _ in range(3):
        await _clock(dut)
    dut.rst.value = 0


async def _clock(dut: Any) -> None:
    """One rising edge; inputs set before it are settled by its first step."""
    dut.clk.value = 0
    await Timer(1, "ns")
    dut.clk.value = 1
    await Timer(1, "ns")


async def _compare(dut: Any, name: str, drive: Any, probe: Any) -> None:
    """Drive the rows of check `name`; keep what was seen in `got_<name>.npy`."""
    vectors = _vectors()
    rows = to_words(vectors[f"{name}_drive"])
    mask = to_words(vectors[f"{name}_mask"])
    expect = to_words(vectors[f"{name}_expect"] & vectors[f"{name}_mask"])
    await _reset(dut)
    got = []
    for row in rows:
        drive.value = row
        dut.clk.value = 0
        await Timer(1, "ns")
        got.append(probe.value.to_unsigned())
        dut.clk.value = 1
        await Timer(1, "ns")
    np.save(f"got_{name}.npy", from_words(got, vectors[f"{name}_expect"].shape[1]))
    wrong = sum(seen & care != wanted for seen, care, wanted in zip(got, mask, expect, strict=True))
    assert wrong == 0, f"{wrong} of {len(rows)} rows differ"


@cocotb.test()
async def nodes(dut: Any) -> None:
    """Every node on its own."""
    await _compare(dut, "nodes", dut.nodes_x, dut.nodes_y)


@cocotb.test()
async def core(dut: Any) -> None:
    """Samples through the core, a probe on every node."""
    if "events_beats" in _vectors():
        await _watch(dut)
    else:
        await _compare(dut, "core", dut.core_x, dut.core_probe)


async def _watch(dut: Any) -> None:
    """Offer beats as `hlsgen.verify.events` says; keep what was seen in got_core.npz."""
    vectors = _vectors()
    beats = to_words(vectors["events_beats"])
    offered, entering = (vectors[f"events_{name}"].tolist() for name in ("offered", "entering"))
    count = int(vectors["events_watched"])
    expect = [vectors[f"events_expect_{i}"] for i in range(count)]
    probes = [getattr(dut, f"probe_{i}") for i in range(count)]
    due = sorted(
        (clock, i) for i in range(count) for clock in vectors[f"events_clocks_{i}"].tolist()
    )
    valids: list[int] = []
    got: list[list[int]] = [[] for _ in range(count)]
    beat, at = 0, 0
    await _reset(dut)
    for clock in range(len(vectors["events_expect"])):
        if beat < len(beats) and clock == offered[beat]:
            dut.core_x.value = beats[beat] << 1 | 1
        dut.clk.value = 0
        await Timer(1, "ns")
        valids.append(dut.core_valids.value.to_unsigned())
        while at < len(due) and due[at][0] == clock:
            i = due[at][1]
            got[i].append(probes[i].value.to_unsigned())
            at += 1
        dut.clk.value = 1
        await Timer(1, "ns")
        if beat < len(beats) and clock == entering[beat]:
            dut.core_x.value, beat = 0, beat + 1
    kept: dict[str, Any] = {
        f"watched_{i}": from_words(got[i], expect[i].shape[1]) for i in range(count)
    }
    kept["valids"] = from_words(valids, vectors["events_expect"].shape[1])
    np.savez("got_core.npz", **kept)
    wrong = [i for i in range(count) if not np.array_equal(kept[f"watched_{i}"], expect[i])]
    differing = (kept["valids"] ^ vectors["events_expect"]) & vectors["events_mask"]
    assert not differing.any() and not wrong, f"valids or {len(wrong)} of {count} signals differ"


@cocotb.test()
async def stream(dut: Any) -> None:
    """Frames through the AXI-Stream shell: no beat lost, none invented, order kept."""
    vectors = _vectors()
    send, expect = to_words(vectors["stream_send"]), to_words(vectors["stream_expect"])
    in_beats, out_beats = int(vectors["in_beats"]), int(vectors["out_beats"])
    frames = len(send) // in_beats
    await _reset(dut)
    for phase, (offer, take) in enumerate(PHASES):
        first, last = frames * phase // len(PHASES), frames * (phase + 1) // len(PHASES)
        await _transfer(
            dut,
            send[first * in_beats : last * in_beats],
            expect[first * out_beats : last * out_beats],
            in_beats,
            out_beats,
            random.Random(phase),
            (offer, take),
            int(vectors["clocks_per_beat"]),
        )


async def _transfer(
    dut: Any,
    send: list[int],
    expect: list[int],
    in_beats: int,
    out_beats: int,
    chance: random.Random,
    rates: tuple[float, float],
    clocks_per_beat: int,
) -> None:
    sent, received, offering, held = 0, 0, False, None
    patience = 1000 + int((len(send) * clocks_per_beat + len(expect)) * 4 / min(rates))
    # After the last answer a few more clocks show whether another one is invented.
    surplus = 50
    while surplus:
        patience -= 1
        assert patience, f"stuck: {sent} of {len(send)} beats in, {received} of {len(expect)} out"
        if not offering and sent < len(send) and chance.random() < rates[0]:
            offering = True
            dut.s_axis_tdata.value = send[sent]
            dut.s_axis_tlast.value = int(sent % in_beats == in_beats - 1)
        dut.s_axis_tvalid.value = int(offering)
        taking = chance.random() < rates[1]
        dut.m_axis_tready.value = int(taking)
        dut.clk.value = 0
        await Timer(1, "ns")
        if offering and dut.s_axis_tready.value:
            sent, offering = sent + 1, False
        if dut.m_axis_tvalid.value:
            beat = dut.m_axis_tdata.value.to_unsigned(), int(dut.m_axis_tlast.value)
            assert held in (None, beat), f"answer beat {received} changed while it waited"
            held = None if taking else beat
            if taking:
                assert received < len(expect), f"answer beat {received} was invented"
                wanted = expect[received], int(received % out_beats == out_beats - 1)
                assert beat == wanted, f"answer beat {received} is {beat}, expected {wanted}"
                received += 1
        else:
            assert held is None, f"answer beat {received} was withdrawn before it was taken"
        surplus -= received == len(expect)
        dut.clk.value = 1
        await Timer(1, "ns")
