"""`[limits]` of the project, held against the numbers of the report."""

from __future__ import annotations

from collections.abc import Mapping

from hlsgen.project import Range
from hlsgen.report.number import Limit, Number


def check_limits(limits: Mapping[str, Range], numbers: Mapping[str, Number]) -> tuple[Limit, ...]:
    """Every limit with its verdict; one on a number that was not measured is not passed."""
    return tuple(_check(name, bounds, numbers[name]) for name, bounds in limits.items())


def _check(name: str, bounds: Range, number: Number) -> Limit:
    value = number.value
    if value is None:
        return Limit(name, bounds.min, bounds.max, None, "not measured")
    low = bounds.min is not None and value < bounds.min
    high = bounds.max is not None and value > bounds.max
    return Limit(name, bounds.min, bounds.max, value, "broken" if low or high else "kept")
