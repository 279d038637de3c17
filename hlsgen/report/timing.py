"""Clock frequency that the router reached."""

from __future__ import annotations

from hlsgen.report.evidence import Route


def routed_mhz(route: Route, clock_mhz: float) -> float | None:
    """Fmax of the core's clock: the one whose constraint is nearest to `clock_mhz`.

    A board has further clocks (the oscillator before the PLL); of equally near ones the slowest
    counts. None if the router reports no clock.
    """
    nearest = min(
        route.fmax.values(),
        key=lambda clock: (abs(clock.constraint - clock_mhz), clock.achieved),
        default=None,
    )
    return nearest.achieved if nearest else None
