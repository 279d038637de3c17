"""The clocks that a board can make, and the one that a project gets there.

Computed before the network is pipelined, since the clock decides where registers go. The generator
that is built later is the one found here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from hlsgen.boards import Board
from hlsgen.errors import ConfigError
from hlsgen.project import Project

log = logging.getLogger(__name__)

# A clock as near as this to the one asked for is that one.
_SAME = 1e-6


@dataclass(frozen=True)
class Setting:
    """Dividers of a clock generator as its parameters want them, and the clock in MHz."""

    mhz: float
    dividers: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class GowinLimits:
    """Ranges of an rPLL in MHz: at its phase detector, of its oscillator, of its output."""

    detector: tuple[float, float]
    oscillator: tuple[float, float]
    output: tuple[float, float]


# By `gowin.family`, for the speed grades of our boards (C6/I5 and C8/I7): Gowin DS117E and DS226E,
# "PLL parameters", as Apicula's gowin_pll quotes them.
GOWIN_LIMITS = {
    "GW1N-9C": GowinLimits((3.0, 400.0), (400.0, 1200.0), (3.125, 600.0)),
    "GW2A-18C": GowinLimits((3.0, 500.0), (500.0, 1250.0), (3.90625, 625.0)),
}
_GOWIN_ODIV = (2, 4, 8, 16, 32, 48, 64, 80, 96, 112, 128)

# Lattice FPGA-TN-02052 (iCE40 sysCLOCK PLL): ranges in MHz, and the loop filter's setting for
# phase detector frequencies below each bound.
_ICE40_DETECTOR, _ICE40_OSCILLATOR, _ICE40_OUTPUT = (10.0, 133.0), (533.0, 1066.0), (16.0, 275.0)
_ICE40_FILTER = ((17.0, 1), (26.0, 2), (44.0, 3), (66.0, 4), (101.0, 5), (134.0, 6))


def ice40_settings(source_mhz: float) -> Iterator[Setting]:
    """What SB_PLL40 makes of `source_mhz` with simple feedback: f (DIVF + 1) / (DIVR + 1) / 2^DIVQ.

    Yields:
        One setting for each set of dividers within the ranges.
    """
    for divr in range(16):
        detector = source_mhz / (divr + 1)
        if not _ICE40_DETECTOR[0] <= detector <= _ICE40_DETECTOR[1]:
            continue
        loop_filter = next(number for bound, number in _ICE40_FILTER if detector < bound)
        for divf in range(128):
            oscillator = detector * (divf + 1)
            if not _ICE40_OSCILLATOR[0] <= oscillator <= _ICE40_OSCILLATOR[1]:
                continue
            for divq in range(1, 7):
                output = oscillator / 2**divq
                if _ICE40_OUTPUT[0] <= output <= _ICE40_OUTPUT[1]:
                    dividers = ("DIVR", divr), ("DIVF", divf), ("DIVQ", divq)
                    yield Setting(output, (*dividers, ("FILTER_RANGE", loop_filter)))


def gowin_settings(source_mhz: float, family: str) -> Iterator[Setting]:
    """What an rPLL makes of `source_mhz`: f (FBDIV_SEL + 1) / (IDIV_SEL + 1).

    Yields:
        For each pair of dividers within the ranges the setting with the slowest oscillator.

    Raises:
        ConfigError: the ranges of `family` are not known here.
    """
    limits = GOWIN_LIMITS.get(family)
    if limits is None:
        known = ", ".join(GOWIN_LIMITS)
        raise ConfigError(f"gowin.family is {family!r}: clock generators are known for {known}")
    for idiv in range(64):
        detector = source_mhz / (idiv + 1)
        if not limits.detector[0] <= detector <= limits.detector[1]:
            continue
        for fbdiv in range(64):
            output = detector * (fbdiv + 1)
            if not limits.output[0] <= output <= limits.output[1]:
                continue
            low, high = limits.oscillator
            odiv = next((n for n in _GOWIN_ODIV if low <= output * n <= high), None)
            if odiv is not None:
                dividers = ("IDIV_SEL", idiv), ("FBDIV_SEL", fbdiv), ("ODIV_SEL", odiv)
                yield Setting(output, dividers)


def settings(board: Board) -> list[Setting] | None:
    """All that the board's clock generator makes, within the board's maximum.

    Returns:
        None where a vendor's or family's own program computes the generator: the clock asked for
        is then taken as it is, and that program refuses what it cannot make.
    """
    if board.flow != "nextpnr" or board.fabric == "ecp5":
        return None
    made: Iterator[Setting] = iter(())
    if board.fabric == "ice40":
        made = ice40_settings(board.clock.source_mhz)
    elif board.fabric == "gowin" and board.gowin:
        made = gowin_settings(board.clock.source_mhz, board.gowin.family)
    return [setting for setting in made if setting.mhz <= board.clock.max_mhz]


def setting_for(board: Board, clock_mhz: float) -> Setting:
    """The setting that makes `clock_mhz` on a board whose generator hlsgen computes.

    Raises:
        ConfigError: none does; the message says which clocks are near.
    """
    made = settings(board) or []
    near = min(made, key=lambda one: (abs(one.mhz - clock_mhz), one.dividers), default=None)
    if near is None or abs(near.mhz - clock_mhz) > _SAME * clock_mhz:
        raise out_of_range(board, clock_mhz)
    return near


def clock_for(board: Board, wish_mhz: float) -> float:
    """The clock in MHz for a project that asks for `wish_mhz`: the fastest there is, not above it.

    `clock.reach_mhz` of the board, where it is given, bounds the wish: on such a device networks
    reach no more, and a project is written for many boards.

    Raises:
        ConfigError: the board has no clock so slow, or the wish is above its maximum.
    """
    bound = min(wish_mhz, board.clock.reach_mhz or wish_mhz)
    if bound > board.clock.max_mhz:
        raise out_of_range(board, wish_mhz)
    made = settings(board)
    if made is None:
        return bound
    clocks = [board.clock.source_mhz, *(one.mhz for one in made)]
    fitting = [mhz for mhz in clocks if mhz <= bound * (1 + _SAME)]
    if not fitting:
        raise out_of_range(board, wish_mhz)
    return max(fitting)


def clocked(project: Project, board: Board) -> Project:
    """`project` at the clock that it gets on `board`; a change is said in the log.

    Raises:
        ConfigError: see `clock_for`.
    """
    wish_mhz = project.hardware.clock_mhz
    clock_mhz = clock_for(board, wish_mhz)
    if abs(clock_mhz - wish_mhz) <= _SAME * wish_mhz:
        return project
    why = "clocks that its generator makes"
    if board.clock.reach_mhz and board.clock.reach_mhz < wish_mhz:
        why = f"networks reach {board.clock.reach_mhz:g} MHz there as a rule"
    log.info(
        "board %s runs at %g MHz, not at the %g MHz that hardware.clock_mhz asks for (%s)",
        board.name, clock_mhz, wish_mhz, why,
    )  # fmt: skip
    hardware = project.hardware.model_copy(update={"clock_mhz": clock_mhz})
    return project.model_copy(update={"hardware": hardware})


def out_of_range(board: Board, clock_mhz: float) -> ConfigError:
    """Says which clocks there are, where `clock_mhz` is none of them."""
    made = sorted({round(one.mhz, 6) for one in settings(board) or ()})
    allowed = [f"{board.clock.source_mhz:g} MHz, its own clock"]
    if settings(board) is None:
        allowed = [f"at most {board.clock.max_mhz:g} MHz"]
    elif made:
        below = max((mhz for mhz in made if mhz <= clock_mhz), default=None)
        above = min((mhz for mhz in made if mhz >= clock_mhz), default=None)
        near = [f"{mhz:g}" for mhz in (below, above) if mhz is not None]
        allowed.append(
            f"and {made[0]:g} to {made[-1]:g} MHz by its generator, near it {' and '.join(near)}"
        )
    return ConfigError(
        f"hardware.clock_mhz is {clock_mhz:g}: board {board.name} allows {', '.join(allowed)}"
    )
