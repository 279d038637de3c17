"""Compiled simulations, kept in the user's cache folder."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from hlsgen.tools import TOOLS

# Programs that are kept; each is half a megabyte to some ten.
_KEPT = 40


class ProgramCache:
    """Compiled simulations in the user's cache folder, by what they were compiled from.

    Args:
        folder: where the names of `sources` start.
        sources: all that the compiler reads of the design.
        arguments: what else decides about the program.
        tools: that compile it.
    """

    def __init__(
        self,
        folder: Path,
        sources: Sequence[str],
        arguments: Sequence[str],
        tools: Sequence[str] = ("verilator", "g++"),
    ) -> None:
        digest = hashlib.sha256()
        for name in tools:
            digest.update(TOOLS[name].find().identity.encode())
        digest.update("|".join(arguments).encode())
        for source in sources:
            path = folder / source
            digest.update(path.read_bytes() if path.is_file() else b"missing")
        self._path = cache_folder() / "simulations" / digest.hexdigest()[:32]

    def fetch(self, program: Path) -> bool:
        """Put the program there if it was compiled before."""
        if not self._path.is_file():
            return False
        program.parent.mkdir(parents=True, exist_ok=True)
        _copy(self._path, program)
        self._path.touch()
        return True

    def keep(self, program: Path) -> None:
        """Remember a program; those that were not wanted for longest go."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        _copy(program, self._path)
        known = sorted(self._path.parent.iterdir(), key=lambda path: path.stat().st_mtime)
        for old in known[:-_KEPT]:
            old.unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> None:
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    shutil.copy2(source, partial)
    partial.replace(target)


def cache_folder() -> Path:
    """Where hlsgen keeps what it compiled for this user."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "hlsgen"
