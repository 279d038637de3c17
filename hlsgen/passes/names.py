"""Names for new nodes."""

from __future__ import annotations

from hlsgen.graph.ir import Graph

_LONGEST = 63  # as `hlsgen.graph.check` allows


class Names:
    """Those that a graph has, and those given since."""

    def __init__(self, graph: Graph) -> None:
        self._taken = set(graph.by_name)

    def free(self, wanted: str) -> str:
        """`wanted`, cut in the middle where it is too long, and counted on where it is taken."""
        stem, _, tail = wanted.rpartition("_")
        name = wanted if len(wanted) <= _LONGEST else f"{stem[: _LONGEST - 1 - len(tail)]}_{tail}"
        number = 0
        while name in self._taken:
            number += 1
            more = f"_{number}"
            name = f"{wanted[: _LONGEST - len(more)]}{more}"
        self._taken.add(name)
        return name
