"""The Verilog, or the C++, that a verdict is about."""

from __future__ import annotations

import hashlib
from pathlib import Path

from hlsgen.boards import Board
from hlsgen.emit.hls import files_of
from hlsgen.emit.verilog import library
from hlsgen.errors import ConfigError
from hlsgen.graph import Graph
from hlsgen.graph.parts import split, streams


def language_of(folder: Path) -> str:
    """The language of a build folder: C++ lies in hls/, Verilog in rtl/."""
    return "hls" if (folder / "hls").is_dir() and not (folder / "rtl").is_dir() else "verilog"


def sources(folder: Path, graph: Graph, language: str = "verilog") -> list[str]:
    """The files that `graph`'s design is made of, relative to build folder `folder`.

    Raises:
        ConfigError: one is missing.
    """
    names = _names(graph, language)
    if missing := [name for name in names if not (folder / name).is_file()]:
        raise ConfigError(f"{folder / missing[0]}: missing; run the stage emit")
    return names


def rtl_digest(folder: Path, graph: Graph) -> str:
    """SHA-256 over names and contents of those files; a missing one changes it too."""
    digest = hashlib.sha256()
    for name in _names(graph, language_of(folder)):
        path = folder / name
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "missing"
        digest.update(f"{name}|{content}|".encode())
    return digest.hexdigest()


def netlist_of(folder: Path, graph: Graph, board: Board) -> Path:
    """Where the board's build puts the netlist that Yosys made."""
    top = "top" if board.flow == "nextpnr" else "axis"
    return folder / "synth" / f"{graph.name}_{top}.json"


def _names(graph: Graph, language: str) -> list[str]:
    if language == "hls":
        return files_of(graph)
    names = [name for name, _ in library(graph)]
    for part in split(graph):
        names += _modules(part.graph, ["core"])
    if streams(graph):
        windows = [node.name for node in graph.nodes if node.op.streams]
        names += [f"{graph.name}_{name}.v" for name in (*windows, "core")]
    names += [f"{graph.name}_{name}.v" for name in ("stage", "axis")]
    return [f"rtl/{name}" for name in names]


def _modules(graph: Graph, behind: list[str]) -> list[str]:
    nodes = [node.name for node in graph.nodes if node.inputs]
    return [f"{graph.name}_{name}.v" for name in (*nodes, *behind)]
