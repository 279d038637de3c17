"""Faults of a packed bitstream: one bit of one LUT's contents."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np

from hlsgen.errors import ConfigError, ToolFailed
from hlsgen.paths import write_atomic
from hlsgen.tools import TOOLS
from hlsgen.verify.bitstream import check_bitstream

_WORD = re.compile(r"^(word: \S+\.INIT) ([01]+)$", re.MULTILINE)


def broken(source: Path, folder: Path, name: str, rng: np.random.Generator) -> tuple[str, bool]:
    """A bitstream with one bit flipped, in `folder`: what was flipped, and whether it is found.

    Args:
        source: a build folder with <name>.bit and route/<name>_top.config.
        folder: where the broken one goes.
        name: of the graph.
        rng: chooses the bit.
    """
    config = f"route/{name}_top.config"
    for file in (config, f"{name}.bit"):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / file, folder / file)
    _run("ecpunpack", (f"{name}.bit", "decoded.config"), folder, "decoded.config")
    text = (folder / "decoded.config").read_text(encoding="utf-8")
    words = list(_WORD.finditer(text))
    word = words[int(rng.integers(len(words)))]
    bit = int(rng.integers(len(word[2])))
    flipped = word[2][:bit] + "10"[int(word[2][bit])] + word[2][bit + 1 :]
    wrong = text[: word.start(2)] + flipped + text[word.end(2) :]
    write_atomic(folder / "wrong.config", wrong)
    _run("ecppack", ("wrong.config", f"{name}.bit", "--compress"), folder, f"{name}.bit")
    what = f"{word[1].removeprefix('word: ')}, bit {bit}"
    try:
        return what, bool(check_bitstream(folder, name).failed)
    except (ConfigError, ToolFailed):
        return what, True


def _run(tool: str, args: tuple[str, ...], folder: Path, made: str) -> None:
    log_file = folder / "logs" / f"{tool}.log"
    TOOLS[tool].run(args, cwd=folder, makes=[made], log_file=log_file)
