"""The bitstream, decoded and compared with the configuration that the router wrote."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

from hlsgen.errors import ConfigError
from hlsgen.tools import TOOLS
from hlsgen.verify.board_run import BoardRun

# Words with this value are what the device has where nothing is configured: not in a decoded file.
_DEFAULT = re.compile(r"1+")
_LOGIC_TILE = ":PLC2"
# Inside a slice several settings share bits, so that a decoded one may have another name.
_INSIDE = "_SLICE"

_SHOWN = 5

# (tile, what is configured) -> its value.
_Setting = tuple[str, str]


def check_bitstream(folder: Path, name: str) -> BoardRun:
    """Decode <name>.bit and compare it with route/<name>_top.config.

    Compared are the contents of every LUT and every routing arc in the logic tiles, both ways; and
    packing the decoded configuration again must give the same file, so that nothing in it was
    left undecoded.

    Args:
        folder: a build folder; the decoded configuration goes to verify/<name>.config.
        name: of the graph.

    Returns:
        `checked` is the number of LUT words and arcs, and one for the file.

    Raises:
        ConfigError: the bitstream or the configuration is missing or damaged.
        ToolMissing, ToolFailed: ecpunpack or ecppack; a damaged bitstream fails there.
    """
    began = time.monotonic()
    bitstream = f"{name}.bit"
    asked = _settings(folder / "route" / f"{name}_top.config")
    if not (folder / bitstream).is_file():
        raise ConfigError(f"{folder / bitstream}: no bitstream here; run the stage build")
    decoded, again = f"verify/{name}.config", f"verify/{name}.bit"
    for tool, args, made in (
        ("ecpunpack", (bitstream, decoded), decoded),
        ("ecppack", (decoded, again, "--compress"), again),
    ):
        TOOLS[tool].run(
            args, cwd=folder, makes=[made], log_file=folder / "logs" / f"verify_{tool}.log"
        )
    got = _settings(folder / decoded)
    differences = list(_differences(asked, got))
    if (folder / again).read_bytes() != (folder / bitstream).read_bytes():
        differences.append(f"{bitstream} differs from what its decoded configuration packs to")
    return BoardRun(
        checked=len({*asked, *got}) + 1,
        failed=len(differences),
        reason="; ".join(differences[:_SHOWN]),
        clocks=0,
        time_s=time.monotonic() - began,
        tool=f"ecpunpack {TOOLS['ecpunpack'].find().version}",
    )


def _settings(path: Path) -> dict[_Setting, str]:
    """LUT words that are not the default, and arcs, of a configuration file.

    Raises:
        ConfigError: there is no such file, or it has none.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path}: no configuration here ({error}); run the stage build"
        ) from error
    tile, settings = "", {}
    for line in lines:
        kind, *rest = line.split() or [""]
        if kind.startswith("."):
            tile = rest[0] if kind == ".tile" and rest else ""
        elif tile and len(rest) == 2:
            what, value = rest
            lut = kind == "word:" and what.endswith(".INIT") and not _DEFAULT.fullmatch(value)
            arc = kind == "arc:" and tile.endswith(_LOGIC_TILE) and not value.endswith(_INSIDE)
            if lut or arc:
                settings[tile, f"{kind[:-1]} {what}"] = value
    if not settings:
        raise ConfigError(f"{path}: no LUT and no arc in it: is it a configuration for ECP5?")
    return settings


def _differences(asked: dict[_Setting, str], got: dict[_Setting, str]) -> Iterator[str]:
    """Each setting that the router's and the decoded configuration have differently."""
    for key in sorted({*asked, *got}):
        wanted, seen = (values.get(key, "the default") for values in (asked, got))
        if wanted != seen:
            tile, what = key
            yield f"tile {tile}, {what}: the router asked for {wanted}, the bitstream has {seen}"
