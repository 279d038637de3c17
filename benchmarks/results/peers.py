"""What others published: `peers.toml` as records."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from benchmarks.results.convention import Convention, Counted, Stage
from benchmarks.results.rows import Share
from hlsgen.schema import Record, load_toml

PEERS = Path(__file__).with_name("peers.toml")


class Peer(Record):
    """A published row; `size` says in words how large it is where no LUTs are published.

    `mark` is S if the number was read in the source itself, R if in a text that quotes it.
    """

    group: str
    system: str
    dataset: str
    accuracy: Share
    lut: Annotated[int, Field(ge=1)] | None = None
    size: str = ""
    counted: Counted = Counted()
    stage: Stage
    tool: str = "not stated"
    family: str = "not stated"
    mark: Literal["S", "R"]
    source: str
    note: str = ""

    @property
    def convention(self) -> Convention:
        """What its numbers mean."""
        return Convention(
            dataset=self.dataset,
            counted=self.counted,
            stage=self.stage,
            tool=self.tool,
            family=self.family,
        )

    @property
    def name(self) -> str:
        """How the reader finds it."""
        return self.system

    @property
    def order(self) -> tuple[float, float]:
        """Small ones first, then the more accurate."""
        return math.inf if self.lut is None else self.lut, -self.accuracy


class Peers(Record):
    """The content of `peers.toml`."""

    peer: tuple[Peer, ...]


def load_peers(path: Path = PEERS) -> Peers:
    """Read the published rows.

    Raises:
        ConfigError: a mistake in the file.
    """
    return load_toml(path, Peers)
