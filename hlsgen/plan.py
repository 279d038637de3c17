"""A plan: the files a stage will write and the commands it will run, as a value.

Making a plan touches no disk, so it can be printed (`--dry-run`) and compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from hlsgen.paths import write_atomic


@dataclass(frozen=True)
class Step:
    """One command: `tool` (a key of `hlsgen.tools.TOOLS`) with `args`, run in the plan's folder.

    `makes` are the files it must make, relative to that folder; `reads` those of earlier steps
    or stages that it needs; `log` is the log's name without suffix.
    """

    tool: str
    args: tuple[str, ...]
    makes: tuple[str, ...]
    reads: tuple[str, ...] = ()
    log: str = ""

    def __str__(self) -> str:
        return f"{self.tool} {' '.join(self.args)}  ->  {', '.join(self.makes)}"


@dataclass(frozen=True)
class Plan:
    """Relative file name -> content, and the steps to run after writing them."""

    files: Mapping[str, str | bytes]
    steps: tuple[Step, ...] = field(default=())

    def __post_init__(self) -> None:
        for name in self.files:
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts:
                raise ValueError(f"plan file {name!r} must lie below the build folder")

    def __or__(self, other: Plan) -> Plan:
        """Both plans, this one's steps first."""
        return Plan({**self.files, **other.files}, self.steps + other.steps)

    def write(self, folder: Path) -> None:
        """Write the files below `folder`; one whose content is already there stays untouched."""
        for name, content in self.files.items():
            path = folder / name
            if not (path.is_file() and path.read_bytes() == _raw(content)):
                write_atomic(path, content)

    def show(self) -> Iterator[str]:
        """Lines that tell what `write` and the steps would do."""
        for name, content in self.files.items():
            yield f"write {name} ({len(_raw(content))} bytes)"
        for step in self.steps:
            yield f"run   {step}"


def _raw(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content
