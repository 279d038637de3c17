"""Changes of the function: measured on validation data, bounded, undone where they cost much."""

from __future__ import annotations

import numpy as np
import pytest

from hlsgen.graph import Graph, Node, check
from hlsgen.graph.ops import Argmax, Input, Lut, Sum, Thermometer
from hlsgen.passes import Record, simplify
from hlsgen.passes.approximate import Allowed, Labelled, approximate

rng = np.random.default_rng(0)
X = rng.integers(0, 8, (400, 1, 2))


def net(thresholds: list[int], table: int = 0b1000) -> Graph:
    """Class 1 where a table of two comparisons says so."""
    nodes = (
        Node("x", Input(3, np.zeros(2), np.ones(2))),
        Node("t", Thermometer(np.array([0, 1]), np.array(thresholds)), ("x",)),
        Node("l", Lut.of(np.array([[0, 1]]), np.array([2]), np.array([table], np.uint64)), ("t",)),
        Node("s", Sum.of(np.array([0, 0]), np.array([0, 2]), np.array([1, 0])), ("l",)),
        Node("y", Argmax(), ("s",)),
    )
    return check(Graph("net", nodes, ("y",)))


def labels(x: np.ndarray, graph: Graph) -> np.ndarray:
    from hlsgen.graph import run

    return run(graph, {"x": x})["y"][:, 0, 0]


def thresholds(graph: Graph) -> list[int]:
    op = graph.by_name["t"].op
    assert isinstance(op, Thermometer)
    return op.threshold.tolist()


def test_nothing_is_changed_unless_allowed() -> None:
    graph, record = net([3, 5]), Record()
    after = approximate(graph, Allowed(), *[Labelled(X, labels(X, graph))] * 2, record)
    assert after == graph
    assert (record.changes, record.warnings) == ([], [])


def test_words_are_narrowed_where_it_costs_nothing() -> None:
    """Words of feature 0 are even, so threshold 3 may be 4, two bits less; feature 1 needs all."""
    even = X.copy()
    even[..., 0] &= 6
    graph, record = net([3, 5]), Record()
    validation = Labelled(even, labels(even, graph))
    after = approximate(graph, Allowed(narrow_words=True), validation, validation, record)
    assert thresholds(after) == [4, 5]
    (change,) = record.changes
    assert (change.name, change.before, change.after, change.samples) == ("narrow_words", 1, 1, 400)
    assert change.what == "of 2 input words 1 lose 2"


def test_more_is_dropped_for_more_accuracy() -> None:
    graph = net([3, 5])
    validation = Labelled(X, labels(X, graph))
    for drop, narrower in ((0.0, False), (0.3, True)):
        record = Record()
        after = approximate(graph, Allowed(0, True, drop), validation, validation, record)
        assert (thresholds(after) != [3, 5]) is narrower
        assert validation.accuracy(after) >= 1 - drop
        assert all(0 < value < 8 for value in thresholds(after))


def test_entries_that_training_never_addresses_are_free() -> None:
    """Where both comparisons agree in training, one of them is enough."""
    train = X[(X[:, 0, 0] >= 4) == (X[:, 0, 1] >= 4)]
    graph, record = net([4, 4]), Record()
    seen = Labelled(train, labels(train, graph))
    validation = Labelled(train, labels(train, graph))
    after = simplify(approximate(graph, Allowed(unseen=1), seen, validation, record))
    op = after.by_name["l"].op
    assert isinstance(op, Lut)
    assert op.k.tolist() == [1]
    assert record.changes[0].name == "unseen"


def test_what_costs_too_much_is_undone_and_told() -> None:
    train = X[(X[:, 0, 0] >= 4) == (X[:, 0, 1] >= 4)]
    graph, record = net([4, 4]), Record()
    seen = Labelled(train, labels(train, graph))
    validation = Labelled(X, labels(X, graph))
    after = approximate(graph, Allowed(unseen=1), seen, validation, record)
    assert after == graph
    assert not record.changes
    (warning,) = record.warnings
    assert "unseen: undone" in warning and "accuracy_drop allows 0" in warning


def test_without_validation_samples_nothing_is_tried() -> None:
    graph, record = net([4, 4]), Record()
    none = Labelled(X[:0], np.zeros(0, np.int64))
    assert approximate(graph, Allowed(1, True), none, none, record) == graph
    assert "0 validation samples" in record.warnings[0]


@pytest.mark.parametrize("least", [1, 3, 400])
def test_visits_are_counted(least: int) -> None:
    from hlsgen.passes.care import seen_care

    graph = net([2, 6])
    (care,) = seen_care(graph, X, least)["l"].tolist()
    bits = np.stack([X[:, 0, 0] >= 2, X[:, 0, 1] >= 6]).astype(int)
    counts = np.bincount(bits[0] + 2 * bits[1], minlength=4)
    assert [care >> entry & 1 for entry in range(4)] == (counts >= least).astype(int).tolist()
