"""Vitis HLS of either generation as a program: `python -m hlsgen.tools.hls_module -f SCRIPT`.

`vitis_hls -f` is gone from release 2025.1 on; `vitis-run --mode hls --tcl` runs the same scripts
and is there from 2023.2 on (AMD UG1702, "vitis-run Command"; Vitis Libraries 2024.2, "Run a L1
Example").
"""

from __future__ import annotations

import os
import shutil
import sys

from hlsgen.errors import ToolMissing
from hlsgen.tools import TOOLS


def main() -> int:
    """Replace this process by the older program where it is there, else by the newer."""
    args = sys.argv[1:]
    if older := shutil.which("vitis_hls"):
        os.execv(older, [older, *args])
    try:
        newer = list(TOOLS["vitis-run"].find().command)
    except ToolMissing as error:
        print(error)  # noqa: T201
        return 127
    if args == ["-version"]:
        args = ["--version"]
    elif args[:1] == ["-f"]:
        args = ["--mode", "hls", "--tcl", *args[1:]]
    os.execv(newer[0], [*newer, *args])


if __name__ == "__main__":
    sys.exit(main())
