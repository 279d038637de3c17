"""ABC as a function from one network of tables to another."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hlsgen.tools import TOOLS

TIME_LIMIT_S = 300.0


def map_tables(blif: str, library: str, commands: str, *, limit_s: float = TIME_LIMIT_S) -> str:
    """What `commands` make of a network, both in BLIF; `library` is ABC's list of LUT sizes.

    Raises:
        ToolMissing: yosys-abc is not there.
        ToolFailed: a command failed, wrote nothing, or took longer than `limit_s`.
    """
    with tempfile.TemporaryDirectory(prefix="hlsgen-abc-") as name:
        folder = Path(name)
        (folder / "in.blif").write_text(blif, encoding="utf-8")
        (folder / "luts").write_text(library, encoding="utf-8")
        script = f"read_lut luts; read_blif in.blif; {commands}; write_blif out.blif"
        TOOLS["yosys-abc"].run(
            ["-c", script],
            cwd=folder,
            makes=["out.blif"],
            log_file=folder / "log",
            timeout_s=limit_s,
        )
        return (folder / "out.blif").read_text(encoding="utf-8")
