"""Tables and numbers in the texts that AMD's tools print for people."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TypeVar

from hlsgen.errors import ConfigError

T = TypeVar("T")


class Damage(Exception):
    """What is wrong with a text; the file's name is added where it is known."""


@dataclass(frozen=True)
class Table:
    """One table: names of its columns (none where it has no head), and its rows, unstripped."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def find(self, *names: str) -> Mapping[str, str] | None:
        """The first row that begins with one of `names`, footnote marks apart, by column."""
        for row in self.rows:
            if row[0].strip().rstrip("*") in names:
                return self.named(row)
        return None

    def named(self, row: tuple[str, ...]) -> Mapping[str, str]:
        """The cells of `row` by the names of their columns, or Damage if one is missing."""
        if len(row) != len(self.head):
            raise Damage(f"row {row[0].strip()!r} of a table is cut")
        return dict(zip(self.head, (cell.strip() for cell in row), strict=True))


def number(cell: str | None) -> float | None:
    """The number at the head of a cell; '<0.01', '~0', '12 (1%)' have one; '-', '?', 'NA' none."""
    match = re.match(r"[<~]?\s*(-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?)", (cell or "").strip())
    return float(match.group(1).replace(",", "")) if match else None


def find_tables(text: str) -> list[Table]:
    """All tables drawn with lines of + and -.

    Raises:
        Damage: one has no lower border.
    """
    found = []
    for drawn, group in groupby(map(str.strip, text.splitlines()), _is_drawn):
        lines = list(group)
        if not drawn or not _is_border(lines[0]):
            continue
        if len(lines) < 3 or not _is_border(lines[-1]):
            raise Damage("a table is not closed")
        blocks = [
            [tuple(line.removeprefix("|").removesuffix("|").split("|")) for line in block]
            for border, block in groupby(lines, _is_border)
            if not border
        ]
        head: tuple[str, ...] = ()
        if len(blocks) > 1 or len(lines) - sum(map(len, blocks)) > 2:
            head = tuple(cell.strip() for cell in blocks.pop(0)[-1])
        found.append(Table(head, tuple(row for block in blocks for row in block)))
    return found


def _is_drawn(line: str) -> bool:
    return line.startswith(("|", "+-", "+="))


def _is_border(line: str) -> bool:
    return re.fullmatch(r"[+][-=+]+[+]", line) is not None


def check_contents(text: str) -> None:
    """Raise Damage unless each section that the table of contents names is there."""
    match = re.search(r"Table of Contents\n-+\n((?:\d.*\n)*)", text)
    for title in match.group(1).splitlines() if match else ():
        if f"\n{title}\n{'-' * len(title)}\n" not in text:
            raise Damage(f"section {title!r} is missing")


def word(pattern: str, text: str) -> str | None:
    """The first group of `pattern`, which may begin and end at lines; None where it is not."""
    match = re.search(pattern, text, re.MULTILINE)
    return match.group(1).strip() if match else None


def read_text(path: Path, parse: Callable[[str], T]) -> T:
    """What `parse` finds in a file.

    Raises:
        ConfigError: `parse` raised Damage; the message names the file.
    """
    try:
        return parse(path.read_text(encoding="utf-8", errors="replace"))
    except Damage as error:
        raise ConfigError(
            f"{path}: damaged or truncated ({error}); remove it and run its step again"
        ) from error
