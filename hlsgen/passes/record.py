"""What the passes did, as `graph/opt.json` of a build folder."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hlsgen.errors import ConfigError
from hlsgen.graph.ir import Area
from hlsgen.passes.estimate import Size
from hlsgen.paths import write_atomic


@dataclass(frozen=True)
class Step:
    """One pass on one graph: its size before and after, and the seconds that it took."""

    name: str
    before: Size
    after: Size
    time_s: float


@dataclass(frozen=True)
class Change:
    """A step that changed the function, and the accuracy on validation data before and after."""

    name: str
    what: str
    before: float
    after: float
    samples: int


@dataclass
class Record:
    """Steps that changed the graph, accepted changes of its function, and warnings."""

    steps: list[Step] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        write_atomic(path, json.dumps(asdict(self), indent=1) + "\n")

    @staticmethod
    def load(path: Path) -> Record:
        """Read what `save` wrote.

        Raises:
            ConfigError: not there, or damaged.
        """
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            return Record(
                [_step(entry) for entry in document["steps"]],
                [Change(**entry) for entry in document["changes"]],
                list(document["warnings"]),
            )
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}; run the stage opt") from error
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path}: damaged ({error}); run the stage opt again") from error


def _step(entry: dict[str, Any]) -> Step:
    sizes = (
        Size(Area(**entry[when]["area"]), entry[when]["levels"], entry[when]["cycles"])
        for when in ("before", "after")
    )
    before, after = sizes
    return Step(entry["name"], before, after, entry["time_s"])
