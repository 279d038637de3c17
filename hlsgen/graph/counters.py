"""Counting bits on carry chains: which bits a chain of which segments can add.

A chain runs through columns of rising weight. Its segments are

    full   one position adds two bits (and the carry) of one column: a full adder;
    pair4  two positions add four bits of the first column, none of the second;
    pair41 two positions add four bits of the first column and one of the second;
    pair6  two positions add six bits of the first column, none of the second.

Into the first column goes one more bit, as the chain's carry. The first position of a pair makes
the parity of its bits, the second adds what is left, the middle bit of their count, at twice the
weight; of pair41 the first lets its first bit into the chain, so that the second adds a full
adder's carry of the other three and a bit more (generalised parallel counters; M. Kumm and P. Zipf,
"Efficient high speed compression trees on Xilinx FPGAs", MBMV 2014, give such forms for LUT6 with
carry chains).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

# A link of a chain: tables of s and g, and its pins.
Links = list[tuple[int, int, Sequence[int]]]

# Positions of a row: chains follow one another on one row, each lets the next one's carry in.
ROW = 24


def _table(k: int, rule: Callable[[list[int]], bool | int]) -> int:
    """The truth table of `rule` on `k` bits."""
    entries = ([entry >> i & 1 for i in range(k)] for entry in range(1 << k))
    return sum(int(bool(rule(bits))) << entry for entry, bits in enumerate(entries))


def _odd(bits: Sequence[int]) -> int:
    return sum(bits) & 1


class Segment(NamedTuple):
    """Positions of a chain, one column each, that take up to so many bits of their columns.

    `links` gives for each position the tables s and g, and which bits they read of those of all
    columns in order; g reads the first five of six.
    """

    bits: tuple[int, ...]
    links: tuple[tuple[int, int, tuple[int, ...]], ...]


SEGMENTS = {
    "full": Segment((2,), ((_table(2, _odd), _table(2, lambda x: x[0]), (0, 1)),)),
    "pair4": Segment(
        (4, 0),
        (
            (_table(4, _odd), _table(4, lambda x: x[0] ^ x[1]), (0, 1, 2, 3)),
            (
                _table(4, lambda x: x[0] & x[1] ^ x[2] & x[3]),
                _table(4, lambda x: x[0] & x[1]),
                (0, 1, 2, 3),
            ),
        ),
    ),
    "pair41": Segment(
        (4, 1),
        (
            (_table(4, _odd), _table(4, lambda x: x[0]), (0, 1, 2, 3)),
            (_table(4, lambda x: x[0] ^ (sum(x[1:]) > 1)), _table(4, lambda x: x[0]), (4, 1, 2, 3)),
        ),
    ),
    "pair6": Segment(
        (6, 0),
        (
            (_table(6, _odd), _table(5, _odd), (0, 1, 2, 3, 4, 5)),
            (
                _table(5, lambda x: sum(x) >> 1 & 1),
                _table(5, lambda x: sum(x) > 3),
                (0, 1, 2, 3, 4),
            ),
        ),
    ),
}


@cache
def segments(columns: tuple[int, ...], offered: tuple[str, ...]) -> tuple[str, ...] | None:
    """The fewest positions that add a chain's columns, its carry not counted; None if none do."""
    if not columns:
        return ()
    best: tuple[str, ...] | None = None
    for name in offered:
        bits = SEGMENTS[name].bits
        here = (*columns, *[0] * (len(bits) - len(columns)))[: len(bits)]
        if any(have > most for have, most in zip(here, bits, strict=True)):
            continue
        rest = segments(columns[len(bits) :], offered)
        if rest is not None and (best is None or length((name, *rest)) < length(best)):
            best = (name, *rest)
    return best


def length(names: Sequence[str]) -> int:
    """Columns that segments run through, and positions that they take."""
    return sum(len(SEGMENTS[name].bits) for name in names)


def chain(
    columns: tuple[int, ...], offered: tuple[str, ...]
) -> tuple[tuple[str, ...], bool] | None:
    """Segments for these bits, and whether the first column's last bit is the carry.

    Of chains of one length one that leaves the carry free.
    """
    plain = segments(columns, offered)
    carried = segments((columns[0] - 1, *columns[1:]), offered) if columns[0] else None
    if plain is not None and (carried is None or length(plain) <= length(carried)):
        return plain, False
    return None if carried is None else (carried, True)


def links(names: Sequence[str], columns: Sequence[Sequence[int]]) -> Links:
    """The positions of a chain's segments on the signals of its columns."""
    made: Links = []
    at = 0
    for name in names:
        segment = SEGMENTS[name]
        pins: list[int] = []
        for offset, most in enumerate(segment.bits):
            here = list(columns[at + offset]) if at + offset < len(columns) else []
            pins += here + [0] * (most - len(here))
        made += [(s, g, [pins[i] for i in read]) for s, g, read in segment.links]
        at += len(segment.bits)
    return made


def end(carry: int) -> tuple[int, int, Sequence[int]]:
    """The position behind a chain: its sum is the chain's carry, and `carry` starts the next."""
    adder = SEGMENTS["full"].links[0]
    return adder[0], adder[1], (carry, carry)
