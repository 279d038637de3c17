"""Truth tables in words against tables made bit by bit."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hlsgen.graph import truth

PINS = st.integers(0, 5)
TABLE = st.integers(0, 2**64 - 1)


def bits_of(entry: int) -> list[int]:
    return [entry >> pin & 1 for pin in range(6)]


def tabulate(function: Any) -> int:
    """The table of a function of six bits, entry by entry."""
    return sum(function(bits_of(entry)) << entry for entry in range(64))


def look(table: int, bits: list[int]) -> int:
    return table >> sum(bit << pin for pin, bit in enumerate(bits)) & 1


def changed(bits: list[int], **pins: int) -> list[int]:
    return [pins.get(f"p{i}", bit) for i, bit in enumerate(bits)]


def one(table: int) -> truth.Tables:
    return np.array([table], dtype=np.uint64)


@given(TABLE, PINS, st.integers(0, 1))
def test_cofactor(table: int, pin: int, value: int) -> None:
    expected = tabulate(lambda bits: look(table, changed(bits, **{f"p{pin}": value})))
    assert truth.cofactor(one(table), pin, value)[0] == expected


@given(TABLE, PINS, PINS)
def test_join_and_swap(table: int, a: int, b: int) -> None:
    if a == b:
        return
    joined = tabulate(lambda bits: look(table, changed(bits, **{f"p{b}": bits[a]})))
    assert truth.join(one(table), a, b)[0] == joined
    a, b = min(a, b), max(a, b)
    swapped = tabulate(
        lambda bits: look(table, changed(bits, **{f"p{a}": bits[b], f"p{b}": bits[a]}))
    )
    assert truth.swap(one(table), a, b)[0] == swapped


@given(TABLE, PINS, st.booleans())
def test_depends(table: int, pin: int, ignore: bool) -> None:
    if ignore:
        table = int(truth.cofactor(one(table), pin, 0)[0])
    flips = any(look(table, bits_of(e)) != look(table, bits_of(e ^ 1 << pin)) for e in range(64))
    assert bool(truth.depends(one(table), pin)[0]) == flips


@given(TABLE, st.integers(0, 6))
def test_widen_and_narrow(table: int, k: int) -> None:
    fan_in = np.array([k], dtype=np.uint8)
    narrow = truth.narrow(one(table), fan_in)
    assert narrow[0] == table % 2 ** (2**k)
    expected = tabulate(lambda bits: look(int(narrow[0]), [*bits[:k], *[0] * (6 - k)]))
    assert truth.widen(narrow, fan_in)[0] == expected
    assert truth.mask(fan_in)[0] == 2 ** (2**k) - 1
