"""Tools that tests are marked with, and fixtures that several files share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hlsgen.errors import ToolMissing
from hlsgen.tools import TOOLS

NEEDS = {
    "verilator": ("perl", "verilator", "make", "g++"),
    "yosys": ("yosys", "yosys-abc"),
    "nextpnr": (
        *("nextpnr-ecp5", "ecppack", "ecppll", "nextpnr-ice40", "icepack"),
        *("nextpnr-himbaechel", "gowin_pack", "nextpnr-nexus", "prjoxide"),
    ),
}


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose tool is missing, or fail it if HLSGEN_REQUIRE lists the tool."""
    required = os.environ.get("HLSGEN_REQUIRE", "").split(",")
    for mark, tools in NEEDS.items():
        if item.get_closest_marker(mark) is None:
            continue
        try:
            for tool in tools:
                TOOLS[tool].find()
        except ToolMissing as error:
            if mark in required:
                pytest.fail(f"HLSGEN_REQUIRE lists {mark}: {error}", pytrace=False)
            pytest.skip(str(error))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty build folder that the tests of one file share."""
    return tmp_path_factory.mktemp("build")
