"""What was compared, how often, by which tool, and what was not run."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from hlsgen.errors import ConfigError
from hlsgen.paths import write_atomic


@dataclass(frozen=True)
class Rung:
    """One rung of the verification ladder (docs/architecture.md).

    `checked` counts the comparisons made, `failed` those that differed; `reason` says why a rung
    was not run, or shows the first differences.
    """

    number: int
    name: str
    status: Literal["passed", "failed", "not run"]
    what: str
    checked: int = 0
    failed: int = 0
    tool: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Verdict:
    """All rungs, in order.

    `graph` is the digest of the graph that was verified, `rtl` that of its Verilog
    (`rtl_digest`); empty in a file that does not say which Verilog it is about.
    """

    graph: str
    rungs: tuple[Rung, ...]
    rtl: str = ""

    @property
    def ok(self) -> bool:
        """Whether something was run and nothing failed."""
        ran = [rung for rung in self.rungs if rung.status != "not run"]
        return bool(ran) and all(rung.status == "passed" for rung in ran)

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
            rungs = tuple(Rung(**rung) for rung in document["rungs"])
            return Verdict(document["graph"], rungs, document.get("rtl", ""))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path}: not a verdict of hlsgen: {error}") from error
