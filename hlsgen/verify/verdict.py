"""What was compared, how often, by which tool, and what was not run."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from hlsgen.errors import ConfigError
from hlsgen.paths import write_atomic

# What there is, in order. A verdict has a line for each: what was not run is said to be not run.
LADDER = (
    (0, "PyTorch", "PyTorch module = interpreter: every sample, every layer, every table entry"),
    (1, "operators", "each node alone: every table entry, and samples"),
    (1, "layers", "every node inside the core on samples, with bubbles"),
    (1, "shell", "frames through the AXI-Stream shell under random stalls and back-pressure"),
    (2, "optimisation", "optimised graph = exported graph, by SAT"),
    (2, "Verilog", "Verilog = graph, each layer and the whole core with its registers, by SAT"),
    (2, "control blocks", "no beat lost, none invented, order kept, by model checking"),
    (2, "netlist", "synthesised core = graph, by SAT"),
    (3, "routed netlist", "every register takes the same before and after routing, by SAT"),
    (3, "board simulation", "routed netlist through the board's pins = graph, on samples"),
    (3, "bitstream", "decoded bitstream = what was routed"),
    (4, "HLS C++", "C++ = graph: each layer alone and in the core, frames through the kernel"),
)


@dataclass(frozen=True)
class Rung:
    """One line of the verification ladder (docs/architecture.md).

    `checked` counts the comparisons made, `failed` those that differed; `reason` says why a rung
    was not run or could not decide, or shows the first differences. `details` are lines of what
    was done, such as one for each layer.
    """

    number: int
    name: str
    status: Literal["passed", "failed", "unknown", "not run"]
    what: str
    checked: int = 0
    failed: int = 0
    tool: str = ""
    reason: str = ""
    time_s: float = 0.0
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """All rungs, in order.

    `graph` is the digest of the graph that was verified, `rtl` that of its Verilog or C++
    (`rtl_digest`); empty in a file that does not say which it is about. `accepted` says
    that the user asked to go on in spite of a failure.
    """

    graph: str
    rungs: tuple[Rung, ...]
    rtl: str = ""
    accepted: bool = False

    @property
    def ok(self) -> bool | None:
        """Whether all that was run passed; None where nothing was, or something is undecided."""
        found = {rung.status for rung in self.rungs} - {"not run"}
        if "failed" in found:
            return False
        return True if found == {"passed"} else None

    @property
    def complaints(self) -> list[str]:
        """A line for each rung that failed."""
        return [f"{rung.name}: {rung.reason}" for rung in self.rungs if rung.status == "failed"]

    def save(self, path: Path) -> None:
        """Write the verdict as JSON."""
        write_atomic(path, json.dumps({"ok": self.ok} | asdict(self), indent=1) + "\n")

    @staticmethod
    def load(path: Path) -> Verdict:
        """Read what `save` wrote.

        Raises:
            ConfigError: the file is missing or damaged.
        """
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            rungs = tuple(rung_of(rung) for rung in document["rungs"])
            accepted = bool(document.get("accepted", False))
            return Verdict(document["graph"], rungs, document.get("rtl", ""), accepted)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path}: not a verdict of hlsgen: {error}") from error


def rung_of(document: dict[str, Any]) -> Rung:
    """A rung as JSON has it.

    Raises:
        TypeError: unknown or missing keys.
    """
    rung = Rung(**document)
    return replace(rung, details=tuple(rung.details))


def whole(rungs: Iterable[Rung], reasons: dict[str, str]) -> tuple[Rung, ...]:
    """Every line of the ladder: what was run, and `reasons` by name for what was not."""
    ran = {rung.name: rung for rung in rungs}
    if unknown := set(ran) - {name for _, name, _ in LADDER}:
        raise ValueError(f"no line of the ladder is called {', '.join(sorted(unknown))}")
    return tuple(
        ran.get(name, Rung(number, name, "not run", what, reason=reasons.get(name, "")))
        for number, name, what in LADDER
    )


def what(name: str) -> str:
    """What a line of the ladder compares."""
    return next(text for _, known, text in LADDER if known == name)


@dataclass
class Timer:
    """Seconds since it was made."""

    start: float = field(default_factory=time.perf_counter)

    @property
    def time_s(self) -> float:
        """Seconds until now, to a hundredth."""
        return round(time.perf_counter() - self.start, 2)
