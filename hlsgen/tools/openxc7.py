"""Where openXC7 keeps its databases, as its own makefiles call the places."""

from __future__ import annotations

import os
from pathlib import Path

from hlsgen.errors import ToolMissing

_SNAP = "/snap/openxc7/current/opt/nextpnr-xilinx"
_FAMILIES = {"xc7a": "artix7", "xc7k": "kintex7", "xc7s": "spartan7", "xc7z": "zynq7"}


def databases(part: str) -> tuple[Path, Path]:
    """nextpnr-xilinx' database of a device, and Project X-Ray's of its family.

    Args:
        part: with package and speed grade, such as xc7a100tcsg324-1.

    Raises:
        ToolMissing: one of them is not there; the message says which variable names its place.
    """
    chips = Path(os.environ.get("CHIPDB") or f"{_SNAP}/chipdb")
    rays = Path(os.environ.get("PRJXRAY_DB_DIR") or f"{_SNAP}/external/prjxray-db")
    chip = chips / f"{part.rpartition('-')[0]}.bin"
    family = rays / _FAMILIES.get(part[:4], part[:4])
    if not chip.is_file():
        raise ToolMissing(
            f"{chip}: no chip database of nextpnr-xilinx; set CHIPDB to the folder that holds it"
            " (openXC7's README says how it is made)"
        )
    if not (family / part / "part.yaml").is_file():
        raise ToolMissing(
            f"{family / part / 'part.yaml'}: missing; set PRJXRAY_DB_DIR to the folder of Project"
            " X-Ray's database"
        )
    return chip, family
