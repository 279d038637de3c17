"""Sums become compressor trees and argmax a tournament: small nodes that registers can part."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np

from hlsgen.graph.fabric import Fabric
from hlsgen.graph.ir import Graph, Node, Wire
from hlsgen.graph.ops import Argmax, Count, Duel, Join, Sum
from hlsgen.passes.compress import Tree, Use, plan
from hlsgen.passes.names import Names

# Numbers added by one node of a tree of adders: two fit one carry chain.
_NUMBERS_AT_ONCE = 2

# Lanes in each column of a sum that is being compressed.
Lanes = list[list[int]]
# First column, lanes and digits of a counter.
Taken = tuple[int, list[list[int]], int]


def split_head(
    fabric: Fabric, clock_mhz: float, *, quick: bool = False
) -> Callable[[Graph], Graph]:
    """The pass that builds sums and argmax of what `fabric` offers, for `clock_mhz`.

    `quick` plans are for estimates.
    """

    def split(graph: Graph) -> Graph:
        """Sums of bits as compressor trees, other sums as adder trees, argmax as a tournament."""
        nodes: list[Node] = []
        names = Names(graph)
        for node in graph.nodes:
            wires = graph.inputs_of(node)
            if isinstance(node.op, Sum) and _split(node.op):
                nodes.append(node)
            elif isinstance(node.op, Sum) and wires[0].lo >= 0 and wires[0].hi <= 1:
                nodes.extend(_compressed(node, node.op, fabric, quick, names))
            elif isinstance(node.op, Sum):
                nodes.extend(_adder_tree(node, node.op, wires[0], names))
            elif isinstance(node.op, Argmax) and wires[0].lanes > 1 and wires[0].lo < wires[0].hi:
                nodes.extend(_tournament(node, wires[0], fabric, 1000.0 / clock_mhz, names))
            else:
                nodes.append(node)
        return dataclasses.replace(graph, nodes=tuple(nodes))

    return split


def relative(graph: Graph) -> Graph:
    """Biases that all classes share change no decision: where only argmax reads, they go."""
    readers: dict[str, list[Node]] = {node.name: [] for node in graph.nodes}
    for node in graph.nodes:
        for name in node.inputs:
            readers[name].append(node)
    nodes = []
    for node in graph.nodes:
        decided = readers[node.name] and all(isinstance(r.op, Argmax) for r in readers[node.name])
        if isinstance(node.op, Sum) and decided and node.name not in graph.outputs:
            bias = node.op.bias - node.op.bias.min()
            nodes.append(dataclasses.replace(node, op=dataclasses.replace(node.op, bias=bias)))
        else:
            nodes.append(node)
    return dataclasses.replace(graph, nodes=tuple(nodes))


def _compressed(node: Node, op: Sum, fabric: Fabric, quick: bool, names: Names) -> Iterator[Node]:
    """Stages of counters, then numbers; what they are to be below 0 is taken off those."""
    # Below 0 no counter counts: what is missing to 0 is taken off at the end.
    lowest = min(int(op.bias.min()), 0)
    bias = op.bias - lowest
    most = int((op.sizes + bias).max())
    if most == 0:
        yield node
        return
    columns = [_columns(op, g, int(bias[g])) for g in range(len(op.bias))]
    bounds = [int(size + extra) for size, extra in zip(op.sizes, bias, strict=True)]
    trees = [
        plan(tuple(map(len, lanes)), max(bound.bit_length(), 1), fabric, quick=quick)
        for lanes, bound in zip(columns, bounds, strict=True)
    ]
    source = node.inputs[0]
    depth = max(len(tree.stages) for tree in trees)
    # At least one stage: it also brings the bits of a sum that needs no counter into order.
    for level in range(max(depth, 1)):
        stage = _stage(columns, trees, level, last=level >= depth - 1)
        name = names.free(f"{node.name}_{level}")
        yield Node(name, stage, (source,), node.origin)
        source = name
    offset = np.concatenate([[0], np.cumsum([sum(map(len, lanes)) for lanes in columns])])
    joined = Join(most, offset.astype(np.int32))
    if not lowest:
        yield dataclasses.replace(node, op=joined, inputs=(source,))
        return
    word = names.free(f"{node.name}_word")
    yield Node(word, joined, (source,), node.origin)
    n = len(op.bias)
    final = Sum.of(np.arange(n), np.ones(n, dtype=np.int64), np.full(n, lowest))
    yield dataclasses.replace(node, op=final, inputs=(word,))


def _columns(op: Sum, group: int, bias: int) -> Lanes:
    """The lanes of one sum by weight: one added twice counts once, at weight two."""
    times = Counter(op.src[op.offset[group] : op.offset[group + 1]].tolist())
    bits = max([bias, *times.values()], default=0).bit_length()
    columns: Lanes = [[] for _ in range(bits)]
    for lane, count in times.items():
        for i, column in enumerate(columns):
            if count >> i & 1:
                column.append(lane)
    for i, column in enumerate(columns):
        if bias >> i & 1:
            column.append(Count.ONE)
    return columns


def _stage(columns: list[Lanes], trees: list[Tree], level: int, *, last: bool) -> Count:
    """One stage of all sums; `columns` becomes the lanes that it puts out.

    The last one puts out each number without gaps: a column that nothing comes into is a 0.
    """
    groups: list[list[list[int]]] = []
    digits: list[int] = []
    lane = 0
    for g, tree in enumerate(trees):
        made: Lanes = []
        # By weight: the digits that the last stage puts out are then those of the number in order.
        ordered = sorted(_taken(columns[g], tree, level), key=lambda t: t[0])
        for start, taken, count in _without_gaps(ordered) if last else ordered:
            groups.append(taken)
            digits.append(count)
            for i in range(count):
                made += [[] for _ in range(start + i + 1 - len(made))]
                made[start + i].append(lane)
                lane += 1
        columns[g] = made
    return dataclasses.replace(Count.of(groups), digits=np.array(digits, dtype=np.int32))


def _without_gaps(ordered: list[Taken]) -> Iterator[Taken]:
    """The counters, and a 0 for each column that none of them puts a digit into."""
    column = 0
    for start, taken, count in ordered:
        yield from ((empty, [[Count.ZERO]], 1) for empty in range(column, start))
        yield start, taken, count
        column = start + count


def _taken(columns: Lanes, tree: Tree, level: int) -> Iterator[Taken]:
    """First column, lanes and digits of each counter of a stage, and of each bit left alone."""
    # Taken from the end, which costs nothing however many are left.
    rest = [column[::-1] for column in columns]
    uses = tree.stages[level] if level < len(tree.stages) else ()
    for use in uses:
        for _ in range(use.times):
            yield use.start, [_pop(rest, use, i) for i in range(len(use.columns))], use.digits
    for i, column in enumerate(rest):
        for lane in reversed(column):
            yield i, [[lane]], 1


def _pop(rest: Lanes, use: Use, i: int) -> list[int]:
    column = rest[use.start + i]
    return [column.pop() for _ in range(use.columns[i])]


def _split(op: Sum) -> bool:
    """Whether there is nothing to split: at most one lane each, as the last step leaves them."""
    return bool((op.sizes <= 1).all()) and bool((op.bias < 0).any())


def _adder_tree(node: Node, whole: Sum, wire: Wire, names: Names) -> Iterator[Node]:
    """Levels of partial sums of two numbers; the last keeps the node's name and adds the bias."""
    op, source, level = whole, node.inputs[0], 0
    while True:
        # The bias rides on the last addition and counts as one of its terms.
        if op.sizes.max() + bool(whole.bias.any()) <= _NUMBERS_AT_ONCE:
            yield dataclasses.replace(node, op=op, inputs=(source,))
            return
        parts = -(-op.sizes // _NUMBERS_AT_ONCE)
        # Group sizes as even as possible, so that no partial sum is wider than needed.
        sizes = np.concatenate([_even(size, n) for size, n in zip(op.sizes, parts, strict=True)])
        partial = Sum.of(op.src, sizes, np.zeros(len(sizes), dtype=np.int64))
        name = names.free(f"{node.name}_{level}")
        yield Node(name, partial, (source,), node.origin)
        wire, source, level = partial.infer(wire), name, level + 1
        op = Sum.of(np.arange(len(sizes)), parts, whole.bias)


def _even(total: int, parts: int) -> np.ndarray:
    """`total` split into `parts` sizes that differ by at most one."""
    share, rest = divmod(int(total), max(int(parts), 1))
    return np.array([share + 1] * rest + [share] * (int(parts) - rest), dtype=np.int64)


def _tournament(
    node: Node, wire: Wire, fabric: Fabric, period_ns: float, names: Names
) -> Iterator[Node]:
    """Rounds of duels; the last one's output is the index of the winner."""
    source, classes = node.inputs[0], wire.lanes
    rounds = (classes - 1).bit_length()
    for level in range(rounds):
        last = level == rounds - 1
        op = _duel(level, classes if last else 0, wire, fabric, period_ns)
        name = node.name if last else names.free(f"{node.name}_{level}")
        yield Node(name, op, (source,), node.origin)
        wire, source = op.infer(wire), name


def _duel(tags: int, classes: int, wire: Wire, fabric: Fabric, period_ns: float) -> Duel:
    """The smaller form that fits the clock, or the faster one if none does."""
    forms = [Duel(tags, classes)]
    if fabric.compares:
        forms.append(Duel(tags, classes, chained=True))
    budget = period_ns - fabric.register_ns
    fitting = [form for form in forms if form.delay_ns(fabric, wire) <= budget]
    if not fitting:
        return min(forms, key=lambda form: form.delay_ns(fabric, wire))
    return min(fitting, key=lambda form: form.area(fabric, wire).lut)
