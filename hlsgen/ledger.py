"""`manifest.json`: from what each stage's products were made, so that nothing is made twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from enum import Enum
from pathlib import Path

from hlsgen import __version__
from hlsgen.paths import data_dir, file_digest, write_atomic

_PACKAGE = Path(__file__).resolve().parent


class State(Enum):
    """How the products of a stage stand to its inputs."""

    FRESH = "up to date"
    EDITED = "inputs unchanged, products edited by hand"
    STALE = "to be made"


class Ledger:
    """The manifest of one folder. Every change is on disk when the call returns."""

    def __init__(self, folder: Path) -> None:
        """Read the manifest of `folder`; a damaged one counts as empty, so everything is made."""
        self._folder = folder
        self._path = folder / "manifest.json"
        try:
            entries = json.loads(self._path.read_text(encoding="utf-8"))["stages"]
            self._entries: dict[str, dict[str, object]] = dict(entries)
        except (OSError, ValueError, KeyError, TypeError):
            self._entries = {}

    def state(self, stage: str, key: str) -> State:
        """Compare what was recorded of `stage` with `key` and with the files on disk."""
        entry = self._entries.get(stage)
        if not isinstance(entry, dict) or entry.get("key") != key:
            return State.STALE
        if not isinstance(entry.get("products"), dict):
            return State.STALE
        products = self.products(stage)
        if not all((self._folder / name).is_file() for name in products):
            return State.STALE
        edited = [n for n, digest in products.items() if file_digest(self._folder / n) != digest]
        return State.EDITED if edited else State.FRESH

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages recorded here."""
        return tuple(self._entries)

    def products(self, stage: str) -> dict[str, str]:
        """The files that `stage` made, and their digests; empty if it is not recorded."""
        entry = self._entries.get(stage)
        products = entry.get("products") if isinstance(entry, dict) else None
        return dict(products) if isinstance(products, dict) else {}

    def discard(self, stages: Iterable[str]) -> None:
        """Remove the products of `stages` and forget them: what they were made from changes."""
        for stage in stages:
            for name in self.products(stage):
                (self._folder / name).unlink(missing_ok=True)
            self._entries.pop(stage, None)
        self._save()

    def record(self, stage: str, key: str, products: Iterable[Path]) -> None:
        """Note that `stage` made `products` (files below the folder) from what `key` stands for."""
        digests = {
            path.relative_to(self._folder).as_posix(): file_digest(path) for path in products
        }
        self._entries[stage] = {"key": key, "products": digests}
        self._save()

    def _save(self) -> None:
        document = {"hlsgen": __version__, "stages": dict(sorted(self._entries.items()))}
        write_atomic(self._path, json.dumps(document, indent=1) + "\n")


def key_of(*inputs: object, files: Sequence[Path] = (), code: Sequence[str] = ()) -> str:
    """A stage's key: SHA-256 over values, content of files, and hlsgen's version and source.

    Args:
        inputs: values whose `str` says all that matters of them.
        files: input files; a missing one counts as such.
        code: packages ("graph") or modules ("boards.py") of hlsgen, or template folders
            ("templates/verilog"), that the stage runs.
    """
    digest = hashlib.sha256(repr([__version__, *map(str, inputs)]).encode())
    for path in files:
        digest.update(f"|{file_digest(path) if path.is_file() else 'missing'}".encode())
    for name in code:
        templates = name.removeprefix("templates/")
        root = data_dir("templates") / templates if templates != name else _PACKAGE / name
        for path in [root] if root.is_file() else sorted(root.rglob("*")):
            # Python and numba keep compiled code beside the source.
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(file_digest(path).encode())
    return digest.hexdigest()
