"""Yosys from the `pyosys` wheel as a program: `python -m hlsgen.tools.yosys_module [-s] SCRIPT`."""

from __future__ import annotations

import re
import sys
from importlib.metadata import PackageNotFoundError, version


def main() -> int:
    """Run one Yosys script; Yosys itself ends the process on an error."""
    try:
        release = version("pyosys")
    except PackageNotFoundError:
        return 127
    if sys.argv[1:] == ["--version"]:
        print(f"Yosys {re.sub(r'[^0-9.].*', '', release)} (pyosys)")  # noqa: T201
        return 0
    from pyosys import libyosys

    libyosys.run_pass(f"script {sys.argv[-1]}", libyosys.Design())
    return 0


if __name__ == "__main__":
    sys.exit(main())
