"""What nextpnr calls the cells of each family in its report, and the program's name."""

from __future__ import annotations

from hlsgen.boards import Board
from hlsgen.report.evidence import Route
from hlsgen.report.number import Number

_SOURCE = "route/report.json"
# LUTs, registers and block memories. Where registers are missing, they lie in the logic cells that
# are counted as LUTs (iCE40), and only synthesis tells their number. On Gowin positions of carry
# chains are cells apart that take the place of a LUT.
_CELLS: dict[str, dict[str, tuple[str, ...]]] = {
    "ecp5": {"lut": ("TRELLIS_COMB",), "ff": ("TRELLIS_FF",), "blocks": ("DP16KD",)},
    "ice40": {"lut": ("ICESTORM_LC",), "blocks": ("ICESTORM_RAM",)},
    "gowin": {"lut": ("LUT4", "ALU"), "ff": ("DFF",), "blocks": ("BSRAM",)},
    "nexus": {"lut": ("OXIDE_COMB",), "ff": ("OXIDE_FF",), "blocks": ("OXIDE_EBR",)},
}
_ROUTERS = {"gowin": "nextpnr-himbaechel"}


def router(board: Board | None) -> str:
    """The program that placed and routed."""
    fabric = board.fabric if board else "ecp5"
    return _ROUTERS.get(fabric, f"nextpnr-{fabric}")


def used(route: Route | None, board: Board | None, resource: str, unit: str) -> Number:
    """Cells in use after place and route: `resource` is "lut", "ff" or "blocks"."""
    kinds = _CELLS.get(board.fabric if board else "", {}).get(resource, ())
    value = None
    if route and kinds:
        found = [route.utilization[kind].used for kind in kinds if kind in route.utilization]
        value = sum(found) if found else None
    return Number(value, unit, "route", router(board), _SOURCE)
