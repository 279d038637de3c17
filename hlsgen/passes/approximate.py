"""Changes of the function that make it smaller, each measured on validation data and bounded.

Off unless the project asks for them. What comes out is the reference that all later steps keep.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hlsgen.graph.interp import run
from hlsgen.graph.ir import Graph, Rows
from hlsgen.graph.ops import Thermometer
from hlsgen.passes.care import reduce_tables, seen_care
from hlsgen.passes.record import Change, Record

# Tries of one search for narrow words: each runs the validation samples.
_TRIES = 400
_ROUNDING = 1e-9  # of shares of samples


@dataclasses.dataclass(frozen=True)
class Allowed:
    """What may change.

    Args:
        unseen: table entries that fewer than so many training samples address may take any value;
            0 keeps all.
        narrow_words: low bits of input words may be dropped, feature by feature.
        accuracy_drop: of the share of validation samples classified right, what all changes
            together may cost.
    """

    unseen: int = 0
    narrow_words: bool = False
    accuracy_drop: float = 0.0


class Labelled:
    """Samples with labels, and how well a graph classifies them.

    Args:
        x: words [n, 1, features].
        y: labels [n].
    """

    def __init__(self, x: Rows, y: NDArray[np.int64]) -> None:
        self.x, self._y = x.astype(np.int64), y

    def __len__(self) -> int:
        return len(self._y)

    def accuracy(self, graph: Graph) -> float:
        """Share of samples whose class the graph's last output names."""
        (feed,) = graph.feeds()
        found = run(graph, {feed.name: self.x})[graph.outputs[-1]][:, 0, 0]
        return float(np.mean(found == self._y))


def approximate(
    graph: Graph, allowed: Allowed, train: Labelled, validation: Labelled, record: Record
) -> Graph:
    """The graph after the changes that are allowed and stay within the accuracy; others are undone.

    Args:
        graph: the exported graph, which ends in a class.
        allowed: what may change.
        train: the training samples: a search may cost no more on them either, since the few
            samples of a validation split let too much pass.
        validation: other samples, which decide.
        record: gets each change with its accuracies, and a warning for each that was undone.
    """
    if not len(validation) or not len(train):
        if allowed.unseen or allowed.narrow_words:
            record.warnings.append(
                f"{len(train)} training and {len(validation)} validation samples here: no change"
                " of the function is tried"
            )
        return graph
    first = validation.accuracy(graph)
    least = first - allowed.accuracy_drop - _ROUNDING

    def settle(name: str, what: str, before: Graph, after: Graph) -> Graph:
        if after == before:
            return before
        was, now = validation.accuracy(before), validation.accuracy(after)
        if now < least:
            record.warnings.append(
                f"{name}: undone, since accuracy on validation data falls from {first:.4f} to"
                f" {now:.4f} and opt.accuracy_drop allows {allowed.accuracy_drop:g}"
            )
            return before
        record.changes.append(Change(name, what, was, now, len(validation)))
        return after

    if allowed.unseen:
        care = seen_care(graph, train.x, allowed.unseen)
        what = f"entries that fewer than {allowed.unseen} of {len(train)} samples address are free"
        graph = settle("unseen", what, graph, reduce_tables(graph, care))
    if allowed.narrow_words:
        known = train.accuracy(graph) - allowed.accuracy_drop - _ROUNDING
        narrower, bits = _narrowed(
            graph,
            lambda trial: validation.accuracy(trial) >= least and train.accuracy(trial) >= known,
        )
        graph = settle("narrow_words", _told(bits), graph, narrower)
    return graph


def _told(dropped: list[int]) -> str:
    """How many features lost how many bits."""
    counts = Counter(dropped)
    lost = [f"{counts[bits]} lose {bits}" for bits in sorted(counts, reverse=True) if bits]
    return f"of {len(dropped)} input words {', '.join(lost) or 'none loses a bit'}"


def _narrowed(graph: Graph, good: Callable[[Graph], bool]) -> tuple[Graph, list[int]]:
    """Thresholds rounded to multiples of powers of two, as far as `good`; the bits dropped."""
    node = next((node for node in graph.nodes if isinstance(node.op, Thermometer)), None)
    if node is None or not isinstance(node.op, Thermometer):
        return graph, []
    op, wire = node.op, graph.inputs_of(node)[0]
    dropped = np.zeros(wire.lanes, dtype=np.int64)
    tries = 0

    def attempt(features: NDArray[np.int64], bits: int) -> None:
        """Drop `bits` bits of all these features, or of each half of them as far as it goes."""
        nonlocal tries
        if not len(features) or tries == _TRIES:
            return
        tries += 1
        wanted = dropped.copy()
        wanted[features] = bits
        if good(_with(graph, node.name, _rounded(op, wanted, wire.hi))):
            dropped[:] = wanted
        elif len(features) > 1:
            half = len(features) // 2
            attempt(features[:half], bits)
            attempt(features[half:], bits)

    for bits in range(1, wire.bits):
        # Only what could do without one bit less is tried with one more.
        attempt(np.flatnonzero(dropped == bits - 1), bits)
    return _with(graph, node.name, _rounded(op, dropped, wire.hi)), dropped.tolist()


def _rounded(op: Thermometer, dropped: NDArray[np.int64], highest: int) -> Thermometer:
    """Thresholds to the nearest multiple of two to the bits dropped of their feature."""
    step = np.int64(1) << dropped[op.feature]
    nearest = (op.threshold + step // 2) // step * step
    inside = (op.threshold > 0) & (op.threshold <= highest)
    # A threshold stays one: neither always reached nor never.
    nearest = np.clip(nearest, step, highest // step * step)
    return dataclasses.replace(op, threshold=np.where(inside, nearest, op.threshold))


def _with(graph: Graph, name: str, op: Thermometer) -> Graph:
    nodes = tuple(
        dataclasses.replace(node, op=op) if node.name == name else node for node in graph.nodes
    )
    return dataclasses.replace(graph, nodes=nodes)
