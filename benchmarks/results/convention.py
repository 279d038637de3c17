"""What a row's numbers mean; rows of two conventions do not enter one ranking."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, Protocol, TypeVar

from hlsgen.errors import ConfigError
from hlsgen.schema import Record

Part = Literal["yes", "no", "none", "not stated"]
Stage = Literal["synthesis", "place and route", "size of the network", "not stated"]


class Counted(Record):
    """Which parts the LUT number holds.

    `quantiser` makes input words of the measured values, `encoder` makes bits of input words,
    `head` adds bits for each class, `argmax` decides. `none` is a part that the network does not
    have: words of one bit have no encoder, as the host has already compared them. `windows` keep
    the pixels of images that enter one a clock; what takes a sample at once has none.
    """

    quantiser: Part = "not stated"
    encoder: Part = "not stated"
    head: Part = "not stated"
    argmax: Part = "not stated"
    windows: Part = "none"


class Convention(Record):
    """All that must be equal before two rows may be ranked.

    `digest` is the SHA-256 of the data file and `tests` the number of test samples; a published
    row names its data set only and leaves them out.
    """

    dataset: str
    digest: str = ""
    tests: int | None = None
    counted: Counted
    stage: Stage
    tool: str
    family: str

    def fields(self) -> dict[str, str]:
        """Every field in words."""
        table = self.model_dump()
        parts = {name: str(value) for name, value in table.pop("counted").items()}
        digest = table.pop("digest")[:12]
        return {**{key: str(value) for key, value in table.items()}, "digest": digest, **parts}

    def differs(self, other: Convention) -> tuple[str, ...]:
        """Names of the fields that are not equal; data that only one side identifies are left."""
        mine, theirs = self.fields(), other.fields()
        if not (self.digest and other.digest):
            mine = {key: value for key, value in mine.items() if key not in ("digest", "tests")}
        return tuple(key for key, value in mine.items() if theirs[key] != value)


class Ranked(Protocol):
    """A row of a table."""

    @property
    def convention(self) -> Convention:
        """What its numbers mean."""

    @property
    def name(self) -> str:
        """How the reader finds it."""

    @property
    def order(self) -> tuple[float, float]:
        """What it is sorted by: LUTs, then errors."""


T = TypeVar("T", bound=Ranked)


def ranking(rows: Iterable[T]) -> list[T]:
    """The rows, smallest first.

    Raises:
        ConfigError: they are of more than one convention.
    """
    found = sorted(rows, key=lambda row: (row.order, row.name))
    for row in found[1:]:
        first = found[0]
        if row.convention == first.convention:
            continue
        names = first.convention.differs(row.convention) or ("digest",)
        mine, theirs = first.convention.fields(), row.convention.fields()
        seen = ", ".join(f"{name} {mine[name]!r} and {theirs[name]!r}" for name in names)
        raise ConfigError(
            f"one ranking of {first.name!r} and {row.name!r}: they differ in {seen}; a ranking"
            " holds rows of one convention: make a table for each (convention.apart)"
        )
    return found


def apart(rows: Sequence[T]) -> list[list[T]]:
    """One ranking for each convention, in the order in which they first occur."""
    conventions = dict.fromkeys(row.convention for row in rows)
    return [ranking(row for row in rows if row.convention == each) for each in conventions]
