"""Verilog's literals and the lanes of a wire."""

from __future__ import annotations

import pytest

from hlsgen.emit.literals import hex_literal, lane, literal
from hlsgen.graph import Wire

UNSIGNED, SIGNED, BIT = Wire(4, 0, 6), Wire(4, -3, 2), Wire(4, 0, 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (hex_literal(0, 1), "1'h0"),
        (hex_literal(0xBEEF, 16), "16'hbeef"),
        (hex_literal(5, 64), "64'h0000000000000005"),
        (literal(6, UNSIGNED), "3'd6"),
        (literal(6, UNSIGNED, signed=True), "4'sd6"),
        (literal(-3, SIGNED), "-4'sd3"),
        (literal(-4, Wire(1, -4, 3)), "-4'sd4"),
        (literal(2, SIGNED), "4'sd2"),
        (literal(-9, SIGNED), "-5'sd9"),
        (lane(BIT, "x", 2), "x[2]"),
        (lane(BIT, "x", 2, signed=True), "$signed({1'b0, x[2]})"),
        (lane(UNSIGNED, "x", 1), "x[5:3]"),
        (lane(UNSIGNED, "x", 1, signed=True), "$signed({1'b0, x[5:3]})"),
        (lane(SIGNED, "x", 0), "$signed(x[2:0])"),
    ],
)
def test_literals_and_lanes(text: str, expected: str) -> None:
    assert text == expected
