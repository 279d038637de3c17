"""The report as a value: numbers that know where they come from, and nothing that is guessed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from hlsgen.errors import ConfigError
from hlsgen.passes.record import Change
from hlsgen.paths import write_atomic
from hlsgen.verify.verdict import Rung, rung_of

FORMAT = 1
MISSING = "\N{EN DASH}"

Stage = Literal["estimate", "train", "verify", "synth", "route", "board"]
Value = float | int | bool | None


@dataclass(frozen=True)
class Number:
    """One number of the report, or None where it was not measured.

    Args:
        value: in `unit`; a `fraction` lies in 0..1. None is "not measured", never zero.
        unit: empty for plain counts without one.
        stage: the stage that fixed it; `estimate` is a model, everything else a measurement.
        tool: the program that made it.
        source: the files of the build folder (or the rule) that it was taken from.
    """

    value: Value
    unit: str
    stage: Stage
    tool: str
    source: str

    def __str__(self) -> str:
        if self.value is None:
            return MISSING
        if isinstance(self.value, bool):
            return "yes" if self.value else "no"
        if self.unit == "fraction":
            return f"{100 * self.value:.2f} %"
        return f"{_digits(self.value)} {self.unit}".rstrip()


def _digits(value: float) -> str:
    """Counts in full, other values with four significant digits."""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def show(value: float | None) -> str:
    """A table cell: counts in full, others short, nothing measured as a dash."""
    if value is None:
        return MISSING
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


def signed(percent: float | None) -> str:
    """A deviation for a table cell; a dash where one side is missing."""
    if percent is None:
        return MISSING
    return f"{percent:+.1f} %" if percent else "0 %"


@dataclass(frozen=True)
class Layer:
    """One node of the graph: estimated LUTs and registers, and `lut_synth`, `ff_synth` by Yosys.

    `part` is the part of the design that it counts with. `toggles` are output bits that change
    from one inference to the next, on average; `clocks` are those of an inference in which the
    layer works, `memory_bits` what its memories hold; `entries` are those of a LUT layer's tables,
    `entries_reached` those that the data addresses.
    """

    name: str
    kind: str
    part: str
    lanes: int
    bits: int
    latency_cycles: int
    lut: int
    ff: int
    lut_synth: int | None = None
    ff_synth: int | None = None
    toggles: float | None = None
    energy_nj: float | None = None
    entries: int | None = None
    entries_reached: int | None = None
    clocks: int | None = None
    memory_bits: int | None = None


@dataclass(frozen=True)
class Part:
    """Cells of one part of the design: estimated from the graph, and counted by Yosys.

    `pairs` of the LUTs hold two functions, None on a family that has no such LUTs.
    `deviation_percent` is how far the estimated LUTs are off the counted ones. None is "not
    estimated" or "not run".
    """

    name: str
    lut: int | None
    ff: int | None
    carry: int | None
    pairs: int | None
    lut_synth: int | None
    ff_synth: int | None
    carry_synth: int | None
    deviation_percent: float | None


@dataclass(frozen=True)
class Pass:
    """Estimated LUTs before and after one pass; levels, registers and cycles after it."""

    name: str
    lut_before: int
    lut: int
    levels: int
    ff: int
    latency_cycles: int


@dataclass(frozen=True)
class Optimiser:
    """What `opt` did: one entry a pass that changed the graph, with the core's estimate around it.

    `changes` are those of what the network computes, each with the accuracy on validation data
    before and after; `warnings` are sentences.
    """

    passes: tuple[Pass, ...] = ()
    changes: tuple[Change, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Limit:
    """One `[limits]` entry of the project and what became of it."""

    name: str
    min: float | None
    max: float | None
    value: Value
    status: Literal["kept", "broken", "not measured"]

    def __str__(self) -> str:
        limits = ((">=", self.min), ("<=", self.max))
        bounds = [f"{sign} {bound:g}" for sign, bound in limits if bound is not None]
        found = self.status if self.value is None else f"{self.value:g}"
        return f"{self.name} is {found}, must be {' and '.join(bounds) or 'anything'}"


@dataclass(frozen=True)
class Report:
    """Everything that one build folder shows.

    `parts` are the rows of the table of area, `optimiser` is None where it left no record.
    `fan_in` holds, for "export" (before optimisation) and "final" (after), how many LUTs read
    0..6 inputs. `confusion[label][class]` counts test samples; `labels` are the classes' names,
    empty if not known. `facts` is provenance, `notes` are sentences that a reader must know
    before quoting a number.
    """

    name: str
    board: str
    numbers: dict[str, Number]
    parts: tuple[Part, ...] = ()
    layers: tuple[Layer, ...] = ()
    optimiser: Optimiser | None = None
    rungs: tuple[Rung, ...] = ()
    limits: tuple[Limit, ...] = ()
    fan_in: dict[str, tuple[int, ...]] = field(default_factory=dict)
    confusion: tuple[tuple[int, ...], ...] | None = None
    labels: tuple[str, ...] = ()
    facts: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def verified(self) -> bool | None:
        """True or False as verification found; None where no verdict is about these files."""
        value = self.numbers["verified"].value
        return None if value is None else bool(value)

    @property
    def broken(self) -> tuple[Limit, ...]:
        """The limits that a measured number exceeds."""
        return tuple(limit for limit in self.limits if limit.status == "broken")

    def save(self, path: Path) -> None:
        """Write the report as JSON; the same report gives the same bytes.

        The entries of `numbers` stand at the top level, beside `format`, `name` and the tables.
        """
        document = asdict(self)
        numbers = document.pop("numbers")
        text = json.dumps({"format": FORMAT, **document, **numbers}, indent=1, allow_nan=False)
        write_atomic(path, text + "\n")

    @staticmethod
    def load(path: Path) -> Report:
        """Read what `save` wrote.

        Raises:
            ConfigError: the file is missing, damaged, or of another format.
        """
        try:
            return _from_document(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path}: not a report of format {FORMAT}: {error}") from error


def _from_document(document: dict[str, Any]) -> Report:
    if document.pop("format") != FORMAT:
        raise ValueError("unknown format")
    tables = {name: document.pop(name) for name in Report.__dataclass_fields__ if name in document}
    confusion = tables["confusion"]
    return Report(
        numbers={name: Number(**entry) for name, entry in document.items()},
        name=tables["name"],
        board=tables["board"],
        parts=tuple(Part(**entry) for entry in tables["parts"]),
        layers=tuple(Layer(**entry) for entry in tables["layers"]),
        optimiser=_optimiser(tables["optimiser"]),
        rungs=tuple(rung_of(entry) for entry in tables["rungs"]),
        limits=tuple(Limit(**entry) for entry in tables["limits"]),
        fan_in={name: tuple(counts) for name, counts in tables["fan_in"].items()},
        confusion=None if confusion is None else tuple(tuple(row) for row in confusion),
        labels=tuple(tables["labels"]),
        facts=tables["facts"],
        notes=tuple(tables["notes"]),
    )


def _optimiser(entry: dict[str, Any] | None) -> Optimiser | None:
    if entry is None:
        return None
    return Optimiser(
        tuple(Pass(**each) for each in entry["passes"]),
        tuple(Change(**each) for each in entry["changes"]),
        tuple(entry["warnings"]),
    )
