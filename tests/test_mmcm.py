"""Settings of AMD's clock generator keep to the ranges of the data sheets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlsgen.build.mmcm import GENERATORS, Setting, setting
from hlsgen.errors import ConfigError


def check_ranges(fabric: str, source_mhz: float, made: Setting) -> None:
    """Written from the data sheets once more, apart from the code."""
    slow, fast, most = (600, 1200, 64) if fabric == "xc7" else (800, 1600, 128)
    detector = source_mhz / made.divide
    assert 10 - 1e-6 <= detector <= 450 + 1e-6
    assert slow - 1e-6 <= detector * made.multiply <= fast + 1e-6
    assert 2 <= made.multiply <= most
    assert 1 <= made.divide <= 106
    assert made.out_divide == 1 or 2 <= made.out_divide <= 128
    assert (8 * made.multiply).is_integer()
    assert (8 * made.out_divide).is_integer()
    assert made.mhz == pytest.approx(source_mhz * made.multiply / made.divide / made.out_divide)
    assert made.vco_mhz == pytest.approx(detector * made.multiply)


@given(
    fabric=st.sampled_from(sorted(GENERATORS)),
    source_mhz=st.sampled_from((12.0, 33.333, 50.0, 100.0, 125.0, 156.25, 200.0, 300.0)),
    clock_mhz=st.floats(7.0, 600.0),
)
def test_every_setting_is_one_that_the_device_has(
    fabric: str, source_mhz: float, clock_mhz: float
) -> None:
    try:
        made = setting(fabric, source_mhz, clock_mhz)
    except ConfigError as error:
        assert "at the nearest" in str(error)
        return
    check_ranges(fabric, source_mhz, made)
    assert abs(made.mhz - clock_mhz) <= 0.001 * clock_mhz


@pytest.mark.parametrize(
    ("fabric", "source_mhz", "clock_mhz", "expected"),
    [
        ("xc7", 100.0, 50.0, (12.0, 1, 24.0)),
        ("xc7", 100.0, 100.0, (12.0, 1, 12.0)),
        ("xc7", 12.0, 48.0, (64.0, 1, 16.0)),
        ("xcup", 100.0, 250.0, (15.0, 1, 6.0)),
        ("xcup", 100.0, 62.5, (15.0, 1, 24.0)),
        ("xcup", 300.0, 297.0, (99.0, 20, 5.0)),
    ],
)
def test_the_setting_with_the_least_jitter(
    fabric: str, source_mhz: float, clock_mhz: float, expected: tuple[float, int, float]
) -> None:
    made = setting(fabric, source_mhz, clock_mhz)
    assert made.mhz == pytest.approx(clock_mhz, abs=1e-9)
    assert (made.multiply, made.divide, made.out_divide) == expected


@pytest.mark.parametrize(
    ("fabric", "source_mhz", "clock_mhz", "message"),
    [
        ("ecp5", 25.0, 50.0, "fabric 'ecp5' has no MMCM; allowed: xc7, xcup"),
        ("xc7", 9.0, 50.0, "the board's clock.source_mhz is 9: MMCME2_BASE takes 10 to 800 MHz"),
        ("xc7", 100.0, 4.0, "hardware.clock_mhz is 4: MMCME2_BASE takes 4.69 to 800 MHz there"),
        (
            "xcup",
            100.0,
            668.0,
            "hardware.clock_mhz is 668: MMCME4_BASE takes 6.25 to 667 MHz",
        ),
        ("xcup", 10.0, 650.0, "MMCME4_BASE makes 640 MHz at the nearest of 10 MHz"),
    ],
)
def test_out_of_range(fabric: str, source_mhz: float, clock_mhz: float, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        setting(fabric, source_mhz, clock_mhz)
    assert message in str(caught.value)
