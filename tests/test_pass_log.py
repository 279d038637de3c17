"""What optimisation says: each line shows its change, and a clock out of reach is warned of."""

from __future__ import annotations

import numpy as np
import pytest

from hlsgen.graph import Graph, Node, check
from hlsgen.graph.fabric import FABRICS
from hlsgen.graph.ops import Input, Lut, Thermometer
from hlsgen.passes import fmax_mhz, opt

ECP5 = FABRICS["ecp5"]


def network() -> Graph:
    """Two words; lanes 0 and 2 of the code are twins."""
    pins = np.array([[0, 1], [1, 2]])
    tables = Lut.of(pins, np.array([2, 2]), np.array([0b1000, 0b1110], dtype=np.uint64))
    nodes = (
        Node("x", Input(3, np.zeros(2), np.ones(2))),
        Node("bits", Thermometer(np.array([0, 1, 0]), np.array([3, 3, 3])), ("x",)),
        Node("luts", tables, ("bits",)),
    )
    return check(Graph("net", nodes, ("luts",)))


def test_each_line_shows_its_change(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    opt(network(), ECP5, 5.0)
    size = "2 LUTs of 4 inputs, {} lanes, {} cycles"
    seven, six, end = size.format(7, 0), size.format(6, 0), size.format(8, 1)
    assert [record.getMessage() for record in caplog.records] == [
        f"dedup (nodes changed: 1): {seven} -> {seven}",  # only wiring
        f"dead (nodes changed: 1): {seven} -> {six}",
        f"simplify (nodes changed: 1): {six} -> {six}",  # pins in order
        f"insert_registers (nodes changed: 1): {six} -> {end}",
    ]


def test_a_clock_out_of_reach_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("WARNING")
    opt(network(), ECP5, 300.0)
    assert caplog.records == []
    graph = opt(network(), ECP5, 800.0)
    (record,) = caplog.records
    delay_ns = ECP5.table_ns(3)
    assert f"the estimate is {fmax_mhz(graph, ECP5):.1f} MHz" in record.getMessage()
    assert f"takes an estimated {delay_ns:.2f} ns of a period of 1.25 ns" in record.getMessage()
    assert "slowest node, bits," in record.getMessage()
