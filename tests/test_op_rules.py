"""What operators and wires refuse, each with the whole message; what they cost."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from hlsgen.errors import GraphError
from hlsgen.graph import Op, Wire
from hlsgen.graph.fabric import FABRICS
from hlsgen.graph.ir import Area
from hlsgen.graph.ops import Count, Duel, Input, Join, Lut, Pixels, Register, Sum, Thermometer

ONES, WIRE = np.ones(2), Wire(3, 0, 1)
OFFSETS = "needs offsets from 0 to the number of bits, one more than groups"


def counter(**constants: list[int]) -> Op:
    """Two counters, of lanes 0 and 1 and of lane 2, with other constants."""
    return dataclasses.replace(Count.of([[[0, 1]], [[2]]]), **constants)


BROKEN: list[tuple[Op, tuple[Wire, ...], str]] = [
    (Input(0, ONES, ONES), (), "has words of 0 bits, allowed are 1 to 16"),
    (Input(17, ONES, ONES), (), "has words of 17 bits, allowed are 1 to 16"),
    (Input(8, ONES, np.ones(3)), (), "needs one offset and one scale for each feature"),
    (Input(8, ONES, np.zeros(2)), (), "needs finite offsets and scales > 0"),
    (Input(8, ONES * np.inf, ONES), (), "needs finite offsets and scales > 0"),
    (Pixels(8, ONES, ONES, 0), (), "has images of 0 pixels, must be at least 1"),
    (Pixels(0, ONES, ONES, 4), (), "has words of 0 bits, allowed are 1 to 16"),
    (Thermometer(np.arange(2), np.arange(3)), (WIRE,),
     "needs one feature and one threshold for each output lane"),
    (Thermometer(np.array([3]), np.array([0])), (WIRE,), "reads lane 3, its input has 3 lanes"),
    (Lut.of(np.array([[3]]), np.array([1]), np.array([1])), (WIRE,),
     "LUT 0 reads lane 3 on pin 0, its input has lanes 0 to 2 (-1 on unused pins)"),
    (Lut(np.zeros((1, 6)), np.array([0]), np.array([1])), (WIRE,),
     "LUT 0 reads lane 0 on pin 0, its input has lanes 0 to 2 (-1 on unused pins)"),
    (Lut(np.zeros((1, 5)), np.array([5]), np.array([1])), (WIRE,),
     "has src [1, 5] and 1 fan-ins, needs [1, 6]"),
    (Lut(np.zeros((1, 6)), np.array([7]), np.array([1])), (WIRE,),
     "has a LUT with 7 inputs, allowed are 0 to 6"),
    (Lut(np.full((1, 6), -1), np.array([0]), np.array([2])), (WIRE,),
     "LUT 0 sets table bits above 2**0"),
    (Lut.of(np.array([[0]]), np.array([1]), np.array([1])), (Wire(3, 0, 2),),
     "needs one-bit lanes, its input ranges over 0 to 2"),
    (Sum(np.arange(3), np.array([0, 2]), np.zeros(1)), (WIRE,),
     "needs offsets from 0 to the number of lanes, one more than biases"),
    (Sum(np.arange(3), np.array([0, 4, 3]), np.zeros(2)), (WIRE,), "needs ascending offsets"),
    (Sum.of(np.array([3]), np.array([1]), np.zeros(1)), (WIRE,),
     "reads lane 3, its input has 3 lanes"),
    (Duel(1), (WIRE,), "has tags of 1 bits in lanes of 1 bits"),
    (Duel(-1), (WIRE,), "has tags of -1 bits in lanes of 1 bits"),
    (Duel(1, 3), (Wire(3, 0, 7),), "is the last round, its input has 3 lanes, must be 2"),
    (Count.of([[[0]]]), (Wire(3, 0, 2),), "needs one-bit lanes, its input ranges over 0 to 2"),
    (Count.of([[[0]]]), (Wire(3, -1, 0),), "needs one-bit lanes, its input ranges over -1 to 0"),
    (counter(offset=[0, 2]), (WIRE,), OFFSETS),
    (counter(offset=[1, 2, 3]), (WIRE,), OFFSETS),
    (counter(offset=[0, 2, 4]), (WIRE,), OFFSETS),
    (counter(digits=[], offset=[0]), (WIRE,), OFFSETS),
    (counter(offset=[0, 3, 3]), (WIRE,), "needs a shift for each bit, and a bit in each group"),
    (counter(offset=[0, 4, 3]), (WIRE,), "needs a shift for each bit, and a bit in each group"),
    (counter(shift=[0, 0]), (WIRE,), "needs a shift for each bit, and a bit in each group"),
    (counter(src=[0, 1, 3]), (WIRE,), "reads lane 3, its input has 3 lanes"),
    (counter(src=[0, -3, 1]), (WIRE,), "reads lane -3, its input has 3 lanes"),
    (counter(shift=[0, 0, -1]), (WIRE,), "needs shifts from 0 to 61"),
    (counter(shift=[0, 0, 62]), (WIRE,), "needs shifts from 0 to 61"),
    (counter(digits=[2, 0]), (WIRE,), "needs 1 to 62 digits a group"),
    (counter(digits=[63, 1]), (WIRE,), "needs 1 to 62 digits a group"),
    (Join(1, np.array([0, 3])), (Wire(3, 0, 2),),
     "needs one-bit lanes, its input ranges over 0 to 2"),
    (Join(1, np.array([0, 2])), (WIRE,), "needs offsets from 0 to its input's 3 lanes"),
    (Join(1, np.array([1, 3])), (WIRE,), "needs offsets from 0 to its input's 3 lanes"),
    (Join(0, np.array([0])), (WIRE,), "needs offsets from 0 to its input's 3 lanes"),
    (Join(4, np.array([0, 2, 3])), (WIRE,), "has numbers of 2 digits up to 4"),
    (Join(-1, np.array([0, 2, 3])), (WIRE,), "has numbers of 2 digits up to -1"),
    (Join(1, np.array([0, 4, 3])), (WIRE,), "has numbers of 4 digits up to 1"),
]  # fmt: skip


@pytest.mark.parametrize(("op", "wires", "message"), BROKEN)
def test_broken_constants_are_refused(op: Op, wires: tuple[Wire, ...], message: str) -> None:
    with pytest.raises(GraphError, match=f"^{re.escape(message)}$"):
        op.infer(*wires)


@pytest.mark.parametrize(
    ("wire", "bits", "signed"),
    [((0, 0), 1, False), ((0, 1), 1, False), ((0, 8), 4, False), ((3, 7), 3, False),
     ((-1, 0), 1, True), ((-1, 1), 2, True), ((-8, 7), 4, True), ((-9, 0), 5, True)],
)  # fmt: skip
def test_bits_of_a_wire(wire: tuple[int, int], bits: int, signed: bool) -> None:
    found = Wire(3, *wire)
    assert (found.bits, found.signed, found.width_bits) == (bits, signed, 3 * bits)


@pytest.mark.parametrize("arguments", [(0, 0, 1), (1, 1, 0), (1, 0, 1, 0)])
def test_an_impossible_wire_is_refused(arguments: tuple[int, ...]) -> None:
    with pytest.raises(GraphError, match=re.escape("needs lanes >= 1, beats >= 1 and lo <= hi")):
        Wire(*arguments)


def test_area_of_tables_follows_the_lut_size_of_the_family() -> None:
    six = Lut.of(np.arange(6)[None], np.array([6]), np.array([1 << 63], dtype=np.uint64))
    none = Lut.of(np.zeros((1, 1), int), np.array([0]), np.array([1]))
    assert six.area(FABRICS["ecp5"]) == Area(4)
    assert six.area(FABRICS["ice40"]) == Area(7)
    assert six.area(FABRICS["xcup"]) == Area(1)
    assert none.area(FABRICS["xcup"]) == Area(0)
    two = Lut.of(np.array([[0, 1], [2, 3]]), np.array([2, 2]), np.array([6, 8]))
    assert two.area(FABRICS["ecp5"]) == Area(2)
    assert two.area(FABRICS["xcup"]) == Area(1, pairs=1)
    assert Register().area(FABRICS["ecp5"], Wire(3, 0, 7)) == Area(0, 9)
    assert Area(1, 2, 3, 4) + Area(2, 1, 5, 0) == Area(3, 3, 8, 4)


WIDE = (Wire(2, 0, 63),)
LACKING: list[tuple[str, Op, tuple[Wire, ...], str]] = [
    ("ice40", Duel(1, chained=True), WIDE,
     "compares on a carry chain, which family ice40 cannot: its chains add the signals themselves"),
    ("ecp5", Count.of([[list(range(7))]]), (Wire(7, 0, 1),),
     "has a counter of [7] bits in columns, which family ecp5 does not have: it has tables of 4"
     " inputs and chains of pair4, full"),
    ("ice40", Count.of([[[0, 1, 2, 3, 4]]]), (Wire(7, 0, 1),),
     "has a counter of [5] bits in columns, which family ice40 does not have: it has tables of 4"
     " inputs and chains of full"),
]  # fmt: skip


@pytest.mark.parametrize(("fabric", "op", "wires", "message"), LACKING)
def test_what_a_family_lacks_is_refused(
    fabric: str, op: Op, wires: tuple[Wire, ...], message: str
) -> None:
    with pytest.raises(GraphError, match=f"^{re.escape(message)}$"):
        op.cells(FABRICS[fabric], *wires)
    op.cells(FABRICS["xcup"], *wires)
