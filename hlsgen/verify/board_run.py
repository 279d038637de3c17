"""What a check of a finished board compared."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BoardRun:
    """How many things were compared and how many differ, with the first difference in words.

    `clocks` were simulated in `time_s`, after compiling for `compile_s`; 0 where nothing was.
    """

    checked: int
    failed: int
    reason: str
    clocks: int
    time_s: float
    tool: str
    compile_s: float = 0.0
