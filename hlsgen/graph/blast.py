"""A graph as an and-inverter graph: the operators' `logic`, node by node; registers are wires."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hlsgen.graph.aig import Aig, Word, constant
from hlsgen.graph.ir import Graph, Rows, Wire


def blast(graph: Graph, aig: Aig, feeds: Mapping[str, list[Word]]) -> dict[str, list[Word]]:
    """The words of every node, for the words `feeds` of the input nodes."""
    words: dict[str, list[Word]] = {}
    for node in graph.nodes:
        inputs = tuple(words[name] for name in node.inputs) if node.inputs else (feeds[node.name],)
        words[node.name] = node.op.logic(aig, graph.inputs_of(node), inputs)
    return words


def words_of(aig: Aig, wire: Wire) -> list[Word]:
    """New inputs for every bit of a wire."""
    return [aig.inputs(wire.bits) for _ in range(wire.lanes)]


def in_range(aig: Aig, wire: Wire, words: list[Word]) -> int:
    """Whether every lane is within the wire's range."""
    low, high = constant(wire.lo, wire.bits), constant(wire.hi, wire.bits)
    return aig.all(
        bound
        for word in words
        for bound in (
            aig.at_least(word, low, signed=wire.signed),
            aig.at_least(high, word, signed=wire.signed),
        )
    )


def columns(value: Rows, wire: Wire) -> list[list[int]]:
    """Values [rows, 1, lanes] as `Aig.simulate` takes them: for each lane and bit all rows."""
    flat = value.reshape(len(value), -1).T
    return [
        [
            int.from_bytes(
                np.packbits((lane >> bit & 1).astype(np.uint8), bitorder="little"), "little"
            )
            for bit in range(wire.bits)
        ]
        for lane in flat
    ]
