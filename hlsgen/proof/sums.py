"""Sums in one form, however they are added up, so that graphs can be compared.

This is algebra, not search: adders of another shape are the hardest of what a solver can be asked.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from itertools import pairwise

import numpy as np

from hlsgen.graph.aig import TRUE, Word
from hlsgen.graph.ir import Constants, Graph, Node, Wire
from hlsgen.graph.ops import Argmax, Count, Duel, Join, Sum
from hlsgen.graph.ops.count import full_digits
from hlsgen.passes.pipeline import remove_registers

# Summands of one number, each as often as it weighs, that a compressor tree is written out to.
_MOST_TERMS = 1 << 16


def whole_sums(graph: Graph) -> Graph:
    """The graph without registers, each sum reading no other sum and no compressor tree.

    Nodes that no output depends on go.
    """
    bare = remove_registers(graph)
    nodes: dict[str, Node] = {}
    for node in bare.nodes:
        op, inputs = node.op, node.inputs
        if isinstance(op, Join):
            op, inputs = _dissolved(op, inputs, bare)
        source = nodes.get(inputs[0]) if inputs else None
        if isinstance(op, Sum) and source is not None and isinstance(source.op, Sum):
            op, inputs = _composed(op, source.op), source.inputs
        nodes[node.name] = dataclasses.replace(node, op=op, inputs=inputs)
    return dataclasses.replace(bare, nodes=_read(nodes, bare.outputs))


def decided(graph: Graph) -> set[str]:
    """Nodes whose lanes are only compared, for the index of the largest; no output is one."""
    readers: dict[str, list[Node]] = {node.name: [] for node in graph.nodes}
    for node in graph.nodes:
        for name in node.inputs:
            readers[name].append(node)

    def only_compared(name: str, tags: int) -> bool:
        """Whether all that read `name` finds the largest of what is above `tags` bits."""
        return name not in graph.outputs and all(
            (isinstance(reader.op, Argmax) and tags == 0)
            or (
                isinstance(reader.op, Duel)
                and reader.op.tags == tags
                and bool(reader.op.classes or only_compared(reader.name, tags + 1))
            )
            for reader in readers[name]
        )

    return {node.name for node in graph.nodes if only_compared(node.name, 0)}


def folded(op: Sum, wire: Wire, words: list[Word], *, relative: bool) -> Sum:
    """The sum of what varies: its bias has the constants, and 1 for each bit and its complement.

    Args:
        op: the sum.
        wire: what it reads.
        words: the literals of its lanes.
        relative: take off the bias that all sums share: they are only compared (see `decided`).
    """
    mask = np.array([max(word) <= TRUE for word in words])
    value = [_value(word, wire) if known else 0 for word, known in zip(words, mask, strict=True)]
    whole = op.simplify((wire,), (Constants(mask, np.array(value, dtype=np.int64)),))
    assert isinstance(whole, Sum)
    if wire.lo >= 0 and wire.hi <= 1:
        whole = _cancelled(whole, [word[0] for word in words])
    if not relative:
        return whole
    whole = dataclasses.replace(whole, bias=whole.bias - whole.bias.min())
    made = whole.infer(wire)
    # Rounds of a tournament have room for their tags only where there is something to decide.
    return whole if made.lo < made.hi else op


def _value(word: Word, wire: Wire) -> int:
    value = sum(bit << i for i, bit in enumerate(word))
    return value - (word[-1] << len(word) if wire.signed else 0)


def _cancelled(op: Sum, literals: list[int]) -> Sum:
    """The sum without pairs of complementary bits; each pair adds 1."""
    bias = op.bias.copy()
    lanes: list[int] = []
    sizes = []
    for group, (start, end) in enumerate(pairwise(op.offset.tolist())):
        places: dict[int, list[int]] = {}
        for lane in op.src[start:end].tolist():
            places.setdefault(literals[lane], []).append(lane)
        for literal, found in places.items():
            others = places.get(literal ^ 1, []) if not literal & 1 else []
            pairs = min(len(found), len(others))
            del found[:pairs], others[:pairs]
            bias[group] += pairs
        kept = [lane for found in places.values() for lane in found]
        lanes += kept
        sizes.append(len(kept))
    return Sum.of(np.array(lanes, dtype=np.int32), np.array(sizes), bias)


def _read(nodes: dict[str, Node], outputs: tuple[str, ...]) -> tuple[Node, ...]:
    """Inputs of the graph, and what the outputs depend on."""
    read = set(outputs)
    for node in reversed(nodes.values()):
        if node.name in read:
            read.update(node.inputs)
    return tuple(node for node in nodes.values() if node.name in read or not node.inputs)


def _dissolved(
    join: Join, inputs: tuple[str, ...], graph: Graph
) -> tuple[Join | Sum, tuple[str, ...]]:
    """The sum of the bits that a compressor tree adds; `join` where it may not be that sum."""
    stages: list[Count] = []
    source = graph.by_name[inputs[0]]
    while isinstance(source.op, Count):
        stages.append(source.op)
        source = graph.by_name[source.inputs[0]]
    ends = join.offset.tolist()
    sums = [_terms(join.most, range(a, b), stages) for a, b in pairwise(ends)]
    terms = [found[0] for found in sums if found is not None]
    if not stages or len(terms) < len(sums):
        return join, inputs
    lanes = [np.array(sorted(found.elements()), dtype=np.int32) for found in terms]
    bias = np.array([found[1] for found in sums if found is not None], dtype=np.int64)
    sizes = np.array([len(part) for part in lanes])
    return Sum.of(np.concatenate(lanes), sizes, bias), (source.name,)


def _terms(most: int, digits: range, stages: list[Count]) -> tuple[Counter[int], int] | None:
    """How often each bit below `stages` (the last first) counts in a number, and what is added.

    A digit that is left out changes the number by a multiple of its weight. So the number is the
    sum modulo the weights of all that are left out, and equal to it where neither reaches them.

    Args:
        most: the number's bound; a sum that could be larger is None.
        digits: the lanes of the last stage that are its digits, the lowest first.
        stages: counters, each of which reads the next.
    """
    terms = Counter({lane: 1 << i for i, lane in enumerate(digits)})
    added, modulus = 0, 0
    for stage in stages:
        below: Counter[int] = Counter()
        group_of = np.repeat(np.arange(len(stage.digits)), stage.digits)
        for group in sorted({int(group_of[lane]) for lane in terms}):
            first, end = stage.first[group : group + 2].tolist()
            weight = terms[first]
            kept = [terms.pop(lane) for lane in range(first, end) if lane in terms]
            if not weight or kept != [weight << i for i in range(len(kept))]:
                return None
            if len(kept) < full_digits(tuple(map(len, stage.columns(group)))):
                modulus = math.gcd(modulus, weight << len(kept))
            for shift, column in enumerate(stage.columns(group)):
                for lane in column:
                    if lane == Count.ONE:
                        added += weight << shift
                    elif lane != Count.ZERO:
                        below[lane] += weight << shift
        terms = below
    total = terms.total() + added
    if total > min(most, _MOST_TERMS) or (
        modulus and modulus <= max(total, (1 << len(digits)) - 1)
    ):
        return None
    return terms, added


def _composed(outer: Sum, inner: Sum) -> Sum:
    """The sum that adds what the summands of `outer` are sums of."""
    parts = [inner.src[inner.offset[lane] : inner.offset[lane + 1]] for lane in outer.src]
    lengths = np.array([len(part) for part in parts], dtype=np.int64)
    sizes = np.array([lengths[outer.group == g].sum() for g in range(len(outer.bias))])
    bias = outer.bias + np.bincount(
        outer.group, weights=inner.bias[outer.src], minlength=len(outer.bias)
    ).astype(np.int64)
    src = np.concatenate([*parts, np.zeros(0, dtype=np.int32)])
    return Sum.of(src, sizes, bias)
