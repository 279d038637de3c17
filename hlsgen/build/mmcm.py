"""Settings of AMD's clock generator, the MMCM: out = in x multiply / (divide x out_divide).

The input divided is what its phase detector sees, that times `multiply` is its oscillator (VCO);
both have ranges. Multiplier and output divider of the first output come in eighths, an output
divider between 1 and 2 there is not. Of all settings that meet the frequency best, the one with
whole numbers, then the smallest `divide`, then the fastest VCO has the least jitter (AMD UG949,
"Using MMCM Settings to Reduce Clock Uncertainty").
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from hlsgen.errors import ConfigError

_EIGHTHS = 8
_TOLERANCE = 0.001


@dataclass(frozen=True)
class Range:
    """From `low` to `high`, both allowed."""

    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Whether `value` lies inside, rounding apart."""
        return self.low - 1e-9 <= value <= self.high + 1e-9


@dataclass(frozen=True)
class Generator:
    """One family's MMCM: `primitive` and ranges, frequencies in MHz of the slowest speed grade."""

    primitive: str
    source: Range
    detector: Range
    vco: Range
    out: Range
    multiply: Range
    divide: int
    out_divide: Range


@dataclass(frozen=True)
class Setting:
    """Parameters of the primitive; `mhz` is the clock that comes out."""

    primitive: str
    multiply: float
    divide: int
    out_divide: float
    vco_mhz: float
    mhz: float


GENERATORS = {
    # AMD DS181 (Artix-7), Table "MMCM Specification", speed grade -1; UG953, MMCME2_BASE.
    "xc7": Generator("MMCME2_BASE", Range(10, 800), Range(10, 450), Range(600, 1200),
                     Range(4.69, 800), Range(2, 64), 106, Range(1, 128)),
    # AMD DS923 and DS931, Table "MMCM Specification", speed grade -1; UG974, MMCME4_BASE.
    "xcup": Generator("MMCME4_BASE", Range(10, 800), Range(10, 450), Range(800, 1600),
                      Range(6.25, 667), Range(2, 128), 106, Range(1, 128)),
}  # fmt: skip


def setting(fabric: str, source_mhz: float, clock_mhz: float) -> Setting:
    """How the MMCM of `fabric` makes `clock_mhz` of `source_mhz`, at most 0.1 % off.

    Raises:
        ConfigError: the family has no MMCM here, a frequency is out of its range, or no setting
            comes near enough; the message names what does.
    """
    if fabric not in GENERATORS:
        raise ConfigError(f"fabric {fabric!r} has no MMCM; allowed: {', '.join(GENERATORS)}")
    generator = GENERATORS[fabric]
    for what, mhz, allowed in (
        ("the board's clock.source_mhz", source_mhz, generator.source),
        ("hardware.clock_mhz", clock_mhz, generator.out),
    ):
        if not allowed.holds(mhz):
            raise ConfigError(
                f"{what} is {mhz:g}: {generator.primitive} takes {allowed.low:g} to"
                f" {allowed.high:g} MHz there"
            )
    found = min(
        _settings(generator, source_mhz, clock_mhz),
        key=lambda made: _jitter(made, abs(made.mhz - clock_mhz)),
        default=None,
    )
    if found is None or abs(found.mhz - clock_mhz) > _TOLERANCE * clock_mhz:
        nearest = "nothing near it" if found is None else f"{found.mhz:.6g} MHz at the nearest"
        raise ConfigError(
            f"hardware.clock_mhz is {clock_mhz:g}: {generator.primitive} makes {nearest} of"
            f" {source_mhz:g} MHz, and {100 * _TOLERANCE:g} % off is allowed: ask for"
            f" {f'{found.mhz:.6g}' if found else 'another clock'}"
        )
    return found


def _jitter(made: Setting, off_mhz: float) -> tuple[float, int, int, float]:
    """Order of the settings, best first."""
    parts = sum(number != int(number) for number in (made.multiply, made.out_divide))
    return round(off_mhz, 9), parts, made.divide, -made.vco_mhz


def _settings(generator: Generator, source_mhz: float, clock_mhz: float) -> Iterator[Setting]:
    """Every multiplier and divider in range, with the output divider that comes nearest."""
    for divide in range(1, generator.divide + 1):
        detector = source_mhz / divide
        if not generator.detector.holds(detector):
            continue
        least = max(generator.multiply.low, generator.vco.low / detector)
        most = min(generator.multiply.high, generator.vco.high / detector)
        first, last = math.ceil(least * _EIGHTHS - 1e-9), math.floor(most * _EIGHTHS + 1e-9)
        for eighths in range(first, last + 1):
            multiply = eighths / _EIGHTHS
            vco = detector * multiply
            out_divide = round(vco / clock_mhz * _EIGHTHS) / _EIGHTHS
            if 1 < out_divide < 2:
                out_divide = float(round(vco / clock_mhz))
            if generator.out_divide.holds(out_divide):
                yield Setting(generator.primitive, multiply, divide, out_divide, vco,
                              vco / out_divide)  # fmt: skip
