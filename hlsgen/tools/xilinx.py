"""AMD's tools. They are licensed and cannot be installed by hlsgen, so nothing else needs them.

Only lines that start with ERROR: mean failure. A CRITICAL WARNING: does not: the tools print some
in good runs too (board files, unconnected side signals), so failing on them would refuse sound
builds. They stay in the log.
"""

from __future__ import annotations

from hlsgen.tools.tool import Tool

_INSTALL = (
    "Install AMD Vitis 2021.1 or newer (it brings Vivado) with the board's platform, then run"
    " `source <install>/Vitis/<version>/settings64.sh` in this shell."
)
_ERRORS = r"^ERROR:"

XILINX = (
    Tool(
        "vivado",
        "packages the network as a Vitis kernel",
        _INSTALL,
        version_args=("-version",),
        version_pattern=r"[Vv]ivado v(\d{4}\.\d+)",
        minimum=(2021, 1),
        errors=_ERRORS,
        default_flow=False,
    ),
    Tool(
        "v++",
        "compiles the data movers and links the xclbin",
        _INSTALL,
        version_pattern=r"v\+\+.* v(\d{4}\.\d+)",
        minimum=(2021, 1),
        errors=_ERRORS,
        default_flow=False,
    ),
)
