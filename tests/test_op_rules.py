"""What operators and wires refuse, each with the whole message; what they cost."""

from __future__ import annotations

import re

import numpy as np
import pytest

from hlsgen.errors import GraphError
from hlsgen.graph import Op, Wire
from hlsgen.graph.fabric import FABRICS
from hlsgen.graph.ir import Area
from hlsgen.graph.ops import Duel, Input, Lut, Register, Sum, Tag, Thermometer, Untag

ONES, WIRE = np.ones(2), Wire(3, 0, 1)
BROKEN: list[tuple[Op, tuple[Wire, ...], str]] = [
    (Input(0, ONES, ONES), (), "has words of 0 bits, allowed are 1 to 16"),
    (Input(17, ONES, ONES), (), "has words of 17 bits, allowed are 1 to 16"),
    (Input(8, ONES, np.ones(3)), (), "needs one offset and one scale for each feature"),
    (Input(8, ONES, np.zeros(2)), (), "needs finite offsets and scales > 0"),
    (Input(8, ONES * np.inf, ONES), (), "needs finite offsets and scales > 0"),
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
    (Tag(1), (WIRE,), "has tags of 1 bits, too few for 3 lanes"),
    (Duel(1), (WIRE,), "has tags of 1 bits in lanes of 1 bits"),
    (Untag(2, 3), (WIRE,), "takes 2 bits of lanes that have 1"),
    (Untag(1, 3), (WIRE,), "takes 1 bits of lanes that have 1"),
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
    assert six.area(FABRICS["ecp5"]) == Area(4.0)
    assert six.area(FABRICS["xcup"]) == Area(1.0)
    assert none.area(FABRICS["xcup"]) == Area(0.0)
    assert FABRICS["ecp5"].levels(17) == 3
    assert FABRICS["xcup"].levels(36) == 2
    assert Register().area(FABRICS["ecp5"], Wire(3, 0, 7)) == Area(0.0, 9)
    assert Area(1.5, 2) + Area(2.0, 1) == Area(3.5, 3)
