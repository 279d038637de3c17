"""One measured number, its target, and the seconds that a call takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

Record = dict[str, float | str | bool | None]


@dataclass(frozen=True)
class Figure:
    """A measured `value` in `unit`; without a bound it has no target."""

    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def target(self) -> str | None:
        """The bound in words, or None."""
        if self.at_most is not None:
            return f"at most {self.at_most:g}"
        return None if self.at_least is None else f"at least {self.at_least:g}"

    @property
    def ok(self) -> bool | None:
        """Whether the target is met, or None without one."""
        if self.at_most is not None:
            return self.value <= self.at_most
        return None if self.at_least is None else self.value >= self.at_least

    def record(self) -> Record:
        """The entry of the JSON file; four significant digits."""
        value = float(f"{self.value:.4g}")
        return {"value": value, "unit": self.unit, "target": self.target, "ok": self.ok}


Figures = dict[str, Figure]


def seconds(work: Callable[[], object], repeats: int = 1) -> float:
    """Median wall-clock time of `repeats` calls, in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)
