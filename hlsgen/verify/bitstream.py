"""The bitstream, decoded and compared with the configuration that the router wrote."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

from hlsgen.errors import ConfigError
from hlsgen.tools import TOOLS
from hlsgen.verify.bitstream_memory import memory_differences
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

    Compared are the contents of every LUT and every routing arc in the logic tiles, and contents
    and settings of the block memories, both ways. And packing must give the same file: the decoded
    configuration, so that nothing was left undecoded, and the router's, for all other settings.

    Args:
        folder: a build folder; the decoded configuration goes to verify/<name>.config.
        name: of the graph.

    Returns:
        `checked` is the number of LUT words, arcs, and words and settings of memories, and one for
        the file.

    Raises:
        ConfigError: the bitstream or the configuration is missing or damaged.
        ToolMissing, ToolFailed: ecpunpack or ecppack; a damaged bitstream fails there.
    """
    began = time.monotonic()
    bitstream = f"{name}.bit"
    config = folder / "route" / f"{name}_top.config"
    asked = _settings(config)
    if not (folder / bitstream).is_file():
        raise ConfigError(f"{folder / bitstream}: no bitstream here; run the stage build")
    decoded = f"verify/{name}.config"
    _make("ecpunpack", (bitstream, decoded), folder)
    got = _settings(folder / decoded)
    texts = [path.read_text(encoding="utf-8") for path in (config, folder / decoded)]
    count, in_memories = memory_differences(*texts)
    differences = [*_differences(asked, got), *in_memories]
    if _packs_differently(folder, name, decoded):
        differences.append(f"{bitstream} differs from what its decoded configuration packs to")
    # What is in words above is not said again.
    if not differences and _packs_differently(folder, name, f"route/{name}_top.config"):
        differences.append(f"{bitstream} differs from what the router's configuration packs to")
    return BoardRun(
        checked=len({*asked, *got}) + count + 1,
        failed=len(differences),
        reason="; ".join(differences[:_SHOWN]),
        clocks=0,
        time_s=time.monotonic() - began,
        tool=f"ecpunpack {TOOLS['ecpunpack'].find().version}",
    )


def _packs_differently(folder: Path, name: str, config: str) -> bool:
    packed = f"verify/{name}.bit"
    _make("ecppack", (config, packed, "--compress"), folder)
    return (folder / packed).read_bytes() != (folder / f"{name}.bit").read_bytes()


def _make(tool: str, args: tuple[str, ...], folder: Path) -> None:
    log_file = folder / "logs" / f"verify_{tool}.log"
    TOOLS[tool].run(args, cwd=folder, makes=[args[1]], log_file=log_file)


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
