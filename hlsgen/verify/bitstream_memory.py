"""Block memories in configurations for ECP5: what the router asked for, and what a bitstream has.

The router configures a memory in a group of two or three tiles, decoding does so tile by tile, and
leaves out what the device has by itself. The contents are sections of their own, which the number
WID of a memory refers to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_CONTENTS, _GROUP, _TILE = ".bram_init", ".tile_group", ".tile"
_MEMORY = re.compile(r"(word|enum): (EBR\d)\.(\S+) (\S+)")
# Settings with bits in several tiles, each of which decodes them by itself.
_SPLIT = re.compile(r"MODE|CSDECODE_[AB]|.*\.(DATA_WIDTH|WRITEMODE)_\w")
# What the device has where nothing is configured. An inverter (...MUX) is not there.
_DEFAULTS = {
    **dict.fromkeys(("REGMODE_A", "REGMODE_B"), "NOREG"),
    **dict.fromkeys(("RESETMODE", "ASYNC_RESET_RELEASE"), "SYNC"),
    "GSR": "ENABLED",
}
# The number of a memory's contents. Memory 3 has its bits in the last two of three tiles: those of
# the other tile are high in what each decodes, and these are the words that decoding leaves out.
_WID, _NONE = "WID", "000000000"
_IN_TWO, _NONE_OF_TWO = "EBR3", ("000011111", "111100000")


@dataclass
class _Memories:
    """Contents by WID; and for the tiles of one memory: its name, settings and their values."""

    contents: dict[str, list[str]] = field(default_factory=dict)
    settings: dict[tuple[str, ...], dict[tuple[str, str], str]] = field(default_factory=dict)


def memory_differences(asked: str, got: str) -> tuple[int, list[str]]:
    """How many words and settings of memories there are, and what differs.

    Args:
        asked: text of the router's configuration.
        got: text of the decoded one.
    """
    wanted, seen = _memories(asked), _memories(got)
    count = sum(map(len, wanted.contents.values())) + sum(map(len, wanted.settings.values()))
    return count, [*_contents(wanted, seen), *_settings(wanted, seen)]


def _memories(text: str) -> _Memories:
    found = _Memories()
    kind, rest = "", tuple[str, ...]()
    for line in text.splitlines():
        if line.startswith("."):
            kind, *others = line.split()
            rest = tuple(others)
        elif kind == _CONTENTS and rest:
            found.contents.setdefault(rest[0], []).extend(line.split())
        elif kind in (_GROUP, _TILE) and (setting := _MEMORY.match(line)):
            _, memory, name, value = setting.groups()
            found.settings.setdefault(rest, {})[memory, name] = value
    return found


def _contents(wanted: _Memories, seen: _Memories) -> Iterator[str]:
    for wid in sorted({*wanted.contents, *seen.contents}, key=int):
        ask, got = wanted.contents.get(wid, []), seen.contents.get(wid, [])
        for i in range(max(len(ask), len(got))):
            pair = [words[i] if i < len(words) else "nothing" for words in (ask, got)]
            if pair[0] != pair[1]:
                yield _differs(f"memory {wid}, word {i}", *pair)


def _settings(wanted: _Memories, seen: _Memories) -> Iterator[str]:
    known = set[tuple[str, str]]()
    for tiles, settings in wanted.settings.items():
        for (memory, name), value in settings.items():
            known.update((tile, memory) for tile in tiles)
            got = _decoded(seen, tiles, memory, name)
            if not _SPLIT.fullmatch(name) and got != value:
                yield _differs(f"tile {tiles[0]}, {memory}.{name}", value, got)
    for (tile, *_), settings in seen.settings.items():
        for memory in sorted({memory for memory, name in settings if name == _WID}):
            if (tile, memory) not in known:
                yield _differs(f"tile {tile}, {memory}", "nothing", "a memory")


def _decoded(seen: _Memories, tiles: tuple[str, ...], memory: str, name: str) -> str:
    """The value that a setting has in one of the tiles."""
    found = [seen.settings.get((tile,), {}).get((memory, name), "") for tile in tiles]
    if name == _WID and memory == _IN_TWO:
        pair = [got or none for got, none in zip(found[-2:], _NONE_OF_TWO, strict=True)]
        return "".join(min(bits) for bits in zip(*pair, strict=True))
    default = _NONE if name == _WID else _DEFAULTS.get(name, name.removesuffix("MUX"))
    return next(filter(None, found), default)


def _differs(what: str, asked: str, got: str) -> str:
    return f"{what}: the router asked for {asked}, the bitstream has {got}"
