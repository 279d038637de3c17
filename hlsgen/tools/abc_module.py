"""ABC from the `pyosys` wheel as a program: `python -m hlsgen.tools.abc_module ARGS`."""

from __future__ import annotations

import importlib.util
import os
import sys
from importlib.metadata import version
from pathlib import Path


def main() -> int:
    """Replace this process by ABC."""
    # Found, not imported: pyosys loads all of Yosys.
    spec = importlib.util.find_spec("pyosys")
    if spec is None or spec.origin is None:
        return 127
    program = Path(spec.origin).with_name("yosys-abc")
    if not program.is_file():
        return 127
    if sys.argv[1:] == ["-c", "version"]:
        # ABC itself has said 1.01 for many years.
        print(f"ABC of Yosys {version('pyosys')} (pyosys)")  # noqa: T201
        return 0
    os.execv(program, [str(program), *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
