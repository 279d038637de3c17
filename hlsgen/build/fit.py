"""Whether a network fits a board: by how much not, and where it would."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hlsgen.boards import Board, board_names, load_board
from hlsgen.errors import ConfigError, GraphError
from hlsgen.graph import load
from hlsgen.graph.ir import Graph
from hlsgen.passes.estimate import size

# A line of nextpnr's table of cells: kind, used, available. The summary of LUTs that nextpnr-ecp5
# prints before the table counts the same cells again, under names of two words.
_USED = re.compile(r"^Info:\s+(\w+):\s+(\d+)/\s*(\d+)\s+\d+%", re.MULTILINE)
_SLOW = re.compile(r"Max frequency for .*?: ([\d.]+) MHz \(FAIL at ([\d.]+) MHz\)")
# The resource of a board that each kind of cell takes.
_CELLS = {
    **{"TRELLIS_COMB": "lut", "TRELLIS_FF": "ff", "DP16KD": "ebr"},
    **{"ICESTORM_LC": "lut", "ICESTORM_RAM": "ebr"},
    **{"LUT4": "lut", "DFF": "ff", "BSRAM": "ebr"},
    **{"OXIDE_COMB": "lut", "OXIDE_FF": "ff", "OXIDE_EBR": "ebr"},
    **{"SLICE_LUTX": "lut", "SLICE_FFX": "ff"},
}
_NAMES = {"lut": "LUTs", "ff": "registers", "ebr": "block memories", "bram36": "block memories"}
# What a board must have to be named as one that would fit: shells take some hundred cells.
_MARGIN = 1.1
# So many boards are named.
_NAMED = 5


@dataclass(frozen=True)
class Lack:
    """A resource of which a network needs more than the device has."""

    resource: str
    needed: int
    available: int

    def __str__(self) -> str:
        return (
            f"{self.needed:,} {_NAMES.get(self.resource, self.resource)}, the device has"
            f" {self.available:,}: {self.needed - self.available:,} too many"
        )


def needs(graph: Graph, board: Board) -> dict[str, int]:
    """Estimated cells of `graph` on `board`, by resource; the shell is not in it."""
    area = size(graph, board.logic, quick=True).area
    return {"lut": area.lut, "ff": area.ff}


def lacking(needed: Mapping[str, int], board: Board) -> list[Lack]:
    """What `board` has too little of; a resource whose number is not known is not judged."""
    found = []
    for resource, count in needed.items():
        available = getattr(board.resources, resource)
        if available is not None and count > available:
            found.append(Lack(resource, count, available))
    return found


def check_fit(graph: Graph, board: Board) -> None:
    """Refuse a network that is too large for `board` by its estimate, before any tool runs.

    Raises:
        ConfigError: it says by how much, for each resource, and which boards would fit.
    """
    if lacks := lacking(needs(graph, board), board):
        raise ConfigError(
            f"{graph.name} does not fit {board.name}: its core alone needs, by estimate,"
            f" {'; '.join(map(str, lacks))}. {_advice(graph, board)}"
        )


def _advice(graph: Graph, board: Board, counted: Mapping[str, int] | None = None) -> str:
    found = larger(graph, board, counted)[:_NAMED]
    boards = (
        f"boards that it fits, smallest first: {', '.join(found)}"
        if found
        else ("no board that hlsgen knows is large enough")
    )
    return f"Use a smaller network, or another board ({boards})"


def _advice_in(folder: Path, counted: Mapping[str, int]) -> str:
    """Advice for what a build folder was made for, as far as it says."""
    board, graph = folder / "board.json", folder / "graph" / "final"
    if not board.is_file() or not graph.with_suffix(".json").is_file():
        return "Use a smaller network, or a larger board"
    return _advice(load(graph), Board.model_validate_json(board.read_bytes()), counted)


def larger(graph: Graph, board: Board, counted: Mapping[str, int] | None = None) -> list[str]:
    """Names of the known boards that `graph` fits, smallest first, by its estimate.

    Args:
        graph: that does not fit `board`.
        board: which is not named.
        counted: what a tool counted for `board`; true for others of the family.
    """
    fitting = []
    for name in board_names():
        other = load_board(name)
        if other.name == board.name or other.resources.lut is None:
            continue
        try:
            known = counted if other.fabric == board.fabric else None
            counts = known or needs(graph, other)
        except GraphError:  # cells of one family only
            continue
        if not lacking({key: int(_MARGIN * n) for key, n in counts.items()}, other):
            fitting.append((other.resources.lut, name))
    return [name for _, name in sorted(fitting)]


def explain_route(message: str, log_file: Path, folder: Path) -> str:
    """Add what to do to the two failures of nextpnr that a larger network or clock causes.

    Args:
        message: of the failure.
        log_file: what nextpnr printed.
        folder: the build folder, which says for what it was made.
    """
    text = log_file.read_text(encoding="utf-8", errors="replace")
    too_big = [
        Lack(_CELLS.get(cell, cell), int(used), int(total))
        for cell, used, total in _USED.findall(text)
        if int(used) > int(total)
    ]
    if too_big:
        needed = "; ".join(dict.fromkeys(map(str, too_big)))
        advice = _advice_in(folder, {lack.resource: lack.needed for lack in too_big})
        return f"the design does not fit: it needs {needed}. {advice}\n{message}"
    if slow := _SLOW.findall(text):
        reached, asked = slow[-1]
        return (
            f"the routed design reaches {reached} of {asked} MHz: lower hardware.clock_mhz\n"
            f"{message}"
        )
    return message
