"""Rung 3: what place and route made, and the bitstream that was packed from it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from hlsgen.boards import Board
from hlsgen.emit import framing
from hlsgen.errors import ConfigError
from hlsgen.graph.ir import Graph, Values
from hlsgen.graph.schedule import pace
from hlsgen.netlist import Flat, ice40, read_design
from hlsgen.proof.equivalence import Proof
from hlsgen.proof.routed import prove_routed
from hlsgen.verify import bitstream_ice40
from hlsgen.verify.bits import pack, to_words
from hlsgen.verify.routed import BoardRun, check_bitstream, simulate_board
from hlsgen.verify.sources import netlist_of
from hlsgen.verify.vectors import beats, bits_of
from hlsgen.verify.verdict import Rung, Timer, what

# Clocks of simulated board time that are worth it, and at most so many frames.
_CLOCKS, _FRAMES = 3_000_000, 64
# Half a frame and a silence are tried where the silence is not longer.
_SILENCE = 6_000_000
# Why the files of a family behind place and route are not read back.
_UNREAD = {
    "gowin": "hlsgen has no models of the cells that nextpnr-himbaechel places for Gowin",
    "nexus": "hlsgen has no models of the cells that nextpnr-nexus places",
}
_UNDECODED = {
    "gowin": "Apicula decodes bitstreams to Verilog, which hlsgen does not compare",
    "nexus": "prjoxide decodes no fixed wires, so that what was routed cannot be compared",
}
_STATUS = {"proved": "passed", "refuted": "failed", "unknown": "unknown"}


def routed(folder: Path, graph: Graph, board: Board, samples: Values) -> Iterator[Rung]:
    """The routed netlist: every register proved, and frames through the board's pins.

    Of families whose placed cells have no models the rungs say so.
    """
    timer, top = Timer(), f"{graph.name}_top"
    reason = _UNREAD.get(board.fabric, "")
    if not reason:
        old = read_design(netlist_of(folder, graph, board))
        new = read_design(folder / "route" / f"{top}.json")
        if board.fabric == "ice40" and (unknown := sorted(ice40.unread(new))):
            reason = f"hlsgen has no models of placed {', '.join(unknown)}"
    if reason:
        yield from (_not_run(name, reason) for name in ("routed netlist", "board simulation"))
    elif board.fabric == "ice40":
        before, after = ice40.before_and_after(old, top, new)
        yield _proved(prove_routed(before, after), timer)
        yield _board_simulation(folder, graph, samples, after)
    else:
        yield _proved(prove_routed(old.flatten(top), new.flatten("top")), timer)
        yield _board_simulation(folder, graph, samples)


def _proved(proof: Proof, timer: Timer) -> Rung:
    return Rung(
        3,
        "routed netlist",
        _STATUS[proof.status],  # type: ignore[arg-type]
        what("routed netlist"),
        checked=proof.outputs,
        failed=proof.outputs - proof.proved if proof.status == "refuted" else 0,
        tool="hlsgen's own cell models, Glucose 4",
        reason=proof.reason,
        time_s=timer.time_s,
    )


def _board_simulation(
    folder: Path, graph: Graph, samples: Values, placed: Flat | None = None
) -> Rung:
    """`placed`: an iCE40 netlist in its primitives."""
    clocks, idle = (_parameter(folder, graph, name) for name in ("CLOCKS_PER_BIT", "IDLE_CLOCKS"))
    found = pace(graph)
    frames, answers = traffic(graph, samples, clocks)
    run = simulate_board(
        folder,
        f"route/{graph.name}_top.json",
        "top",
        frames,
        answers,
        clocks,
        "board",
        # The core must take what fills the dropped frame up before the next one comes.
        silence_clocks=idle + 1000 + found.interval if idle < _SILENCE else 0,
        latency=found.latency,
        ice40=placed,
    )
    return _simulated("board simulation", run)


def _not_run(name: str, reason: str) -> Rung:
    return Rung(3, name, "not run", what(name), reason=reason)


def bitstream(folder: Path, graph: Graph, board: Board) -> Rung:
    """The packed file, decoded again."""
    if board.fabric == "ice40":
        return _simulated("bitstream", bitstream_ice40.check_bitstream(folder, graph.name))
    if board.fabric in _UNDECODED:
        return _not_run("bitstream", _UNDECODED[board.fabric])
    return _simulated("bitstream", check_bitstream(folder, graph.name))


def _simulated(name: str, run: BoardRun) -> Rung:
    return Rung(
        3,
        name,
        "failed" if run.failed else "passed",
        what(name),
        checked=run.checked,
        failed=run.failed,
        tool=run.tool,
        reason=run.reason,
        time_s=run.time_s,
    )


def _parameter(folder: Path, graph: Graph, name: str) -> int:
    """A parameter of the UART shell in rtl/, in clocks.

    Raises:
        ConfigError: the shell is missing or does not say.
    """
    path = folder / "rtl" / f"{graph.name}_uart.v"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    found = re.search(rf"{name} = (\d+)", text)
    if not found:
        raise ConfigError(f"{path}: no UART shell with {name} here; run the stage build")
    return int(found.group(1))


def traffic(graph: Graph, samples: Values, clocks: int) -> tuple[list[list[int]], list[list[int]]]:
    """Frames and answers in bytes: as many samples as a few million clocks can carry."""
    frame = framing(graph, 8)
    count = max(2, min(_FRAMES, _CLOCKS // (clocks * 10 * frame.in_beats), len(samples)))
    data = bits_of(graph, {graph.feeds()[0].name: samples[:count]})
    sent, wanted = (to_words(pack(bits)) for bits in beats(graph, data, 8))
    return _groups(sent, frame.in_beats), _groups(wanted, frame.out_beats)


def _groups(words: list[int], size: int) -> list[list[int]]:
    return [list(part) for part in np.array(words).reshape(-1, size).tolist()]
