"""What several test files share: reproducible properties, a small network, forgotten tools."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import settings

from hlsgen.graph import Graph, Node, check
from hlsgen.graph.ops import Argmax, Input, Lut, Sum, Thermometer
from hlsgen.tools.tool import _find

# The same cases in every run: a failure in CI can be repeated at home.
settings.register_profile("hlsgen", derandomize=True, deadline=None, max_examples=30)
settings.load_profile("hlsgen")


@pytest.fixture
def small() -> Graph:
    """Two features of three bits, five comparisons, four LUTs, two classes; not pipelined."""
    src = np.array([[0, 1, -1], [1, 2, 3], [4, -1, -1], [0, 2, 4]])
    luts = Lut.of(src, np.array([2, 3, 1, 3]), np.array([0x6, 0xE8, 0x2, 0x96]))
    return check(
        Graph(
            "small",
            (
                Node("x", Input(3, np.zeros(2), np.ones(2))),
                Node(
                    "bits",
                    Thermometer(np.array([0, 0, 1, 1, 1]), np.array([2, 5, 1, 4, 7])),
                    ("x",),
                ),
                Node("layer", luts, ("bits",)),
                Node("counts", Sum.of(np.arange(4), np.array([2, 2]), np.zeros(2)), ("layer",)),
                Node("y", Argmax(), ("counts",)),
            ),
            ("y",),
        )
    )


@pytest.fixture
def fresh_tools() -> Iterator[None]:
    """Tools are searched for again in this test and in the one after it."""
    _find.cache_clear()
    yield
    _find.cache_clear()
