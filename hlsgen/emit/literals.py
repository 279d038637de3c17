"""Verilog literals and bit ranges: filters of the templates."""

from __future__ import annotations

from hlsgen.graph.ir import Wire


def hex_literal(value: int, bits: int) -> str:
    """`value` as a sized hexadecimal literal."""
    return f"{bits}'h{value:0{-(-bits // 4)}x}"


def at_least(threshold: int, bits: int) -> int:
    """The truth table of x >= `threshold` for an unsigned x of `bits` bits."""
    return (1 << (1 << bits)) - (1 << threshold)


def literal(value: int, wire: Wire, signed: bool = False) -> str:
    """`value` as a decimal literal wide enough for the wire, signed if the wire or `signed` is."""
    if not (wire.signed or signed):
        return f"{wire.bits}'d{value}"
    # One bit more: the most negative number has no positive counterpart of the same width.
    bits = max(wire.bits, abs(value).bit_length()) + 1
    return f"{'-' if value < 0 else ''}{bits}'sd{abs(value)}"


def lane(
    wire: Wire,
    port: str,
    index: int,
    signed: bool = False,
    *,
    plain: bool = False,
    bits: int | None = None,
    drop: int = 0,
) -> str:
    """Lane `index` of `port` as an expression.

    Args:
        wire: the port's wire.
        port: its name in the module.
        index: the lane.
        signed: make it a signed expression even if the wire is not.
        plain: only the bits, without sign.
        bits: cut or extend the lane to so many bits.
        drop: leave out so many low bits.
    """
    low, high = index * wire.bits + drop, (index + 1) * wire.bits - 1
    if bits is not None and bits < high - low + 1:
        high = low + bits - 1
    text = f"{port}[{low}]" if low == high else f"{port}[{high}:{low}]"
    if bits is not None and bits > high - low + 1:
        extra = bits - (high - low + 1)
        fill = f"{port}[{high}]" if wire.signed else "1'b0"
        text = f"{{{{{extra}{{{fill}}}}}, {text}}}"
    if plain:
        return text
    if wire.signed:
        return f"$signed({text})"
    return f"$signed({{1'b0, {text}}})" if signed else text
