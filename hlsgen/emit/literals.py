"""Verilog literals and bit ranges: filters of the templates."""

from __future__ import annotations

from hlsgen.graph.ir import Wire


def hex_literal(value: int, bits: int) -> str:
    """`value` as a sized hexadecimal literal."""
    return f"{bits}'h{value:0{-(-bits // 4)}x}"


def literal(value: int, wire: Wire, signed: bool = False) -> str:
    """`value` as a decimal literal wide enough for the wire, signed if the wire or `signed` is."""
    if not (wire.signed or signed):
        return f"{wire.bits}'d{value}"
    # One bit more: the most negative number has no positive counterpart of the same width.
    bits = max(wire.bits, abs(value).bit_length()) + 1
    return f"{'-' if value < 0 else ''}{bits}'sd{abs(value)}"


def lane(wire: Wire, port: str, index: int, signed: bool = False) -> str:
    """Lane `index` of `port` as an expression, signed if the wire or `signed` is."""
    low, high = index * wire.bits, (index + 1) * wire.bits - 1
    text = f"{port}[{low}]" if low == high else f"{port}[{high}:{low}]"
    if wire.signed:
        return f"$signed({text})"
    return f"$signed({{1'b0, {text}}})" if signed else text
