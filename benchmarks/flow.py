"""The whole chain for the digits example, as `make bitstream` runs it after set-up."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.figure import Figure, Figures, seconds

ROOT = Path(__file__).parents[1]


def measure() -> Figures:
    """Time from an empty build folder to the report, and of a second run with nothing to do."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first = seconds(lambda: _bitstream(folder))
        before = _written(folder)
        second = seconds(lambda: _bitstream(folder))
        after = _written(folder)
        changed = sum(before.get(path) != written for path, written in after.items())
        return {
            "bitstream": Figure(first, "s", at_most=600),
            "again": Figure(second, "s"),
            "files_made_again": Figure(changed, "", at_most=0),
        }


def _bitstream(folder: Path) -> None:
    command = [sys.executable, "-m", "hlsgen", "bitstream", "examples/digits", "-o", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"hlsgen ended with exit code {done.returncode}:\n{done.stderr}")


def _written(folder: Path) -> dict[Path, int]:
    """When each file of the build was last written, in ns."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
