"""The size of a network in training, counted as the circuit that it would become."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hlsgen.graph.fabric import FABRICS
from hlsgen.passes import REDUCE, size

if TYPE_CHECKING:
    from hlsgen.nn import Network

# The family whose six-input LUTs are meant by the LUTs of a front.
FABRIC = "xcup"


def count_luts(network: Network) -> int:
    """Six-input LUTs of the whole circuit: encoder, tables, counts and argmax.

    After the quick passes only, which find nearly all there is to find in a network of one layer;
    `opt` goes on and may end with fewer.
    """
    from hlsgen.frontend.torch import export

    graph = export(network, "network")
    while True:
        before = graph.digest
        for change in REDUCE:
            graph = change(graph)
        if graph.digest == before:
            return size(graph, FABRICS[FABRIC], quick=True).area.lut
