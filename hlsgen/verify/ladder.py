"""`hlsgen verify`: what lies in a build folder against the interpreter, rung by rung.

Each part of the ladder writes what it found to a file of its own in verify/; `verdict.json` is all
of them together. Parts that are about other files than those that lie there do not count.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

from hlsgen.boards import Board
from hlsgen.errors import CheckFailed, ConfigError
from hlsgen.graph import load
from hlsgen.graph.ir import Graph, Values
from hlsgen.graph.parts import streams
from hlsgen.samples import load_samples
from hlsgen.verify import csim
from hlsgen.verify.after_route import bitstream, routed
from hlsgen.verify.control import control
from hlsgen.verify.coverage import write_coverage
from hlsgen.verify.equivalence import of_netlist, of_verilog, optimisation
from hlsgen.verify.simulation import simulation
from hlsgen.verify.sources import language_of, netlist_of, rtl_digest, sources
from hlsgen.verify.verdict import LADDER, Rung, Verdict, what, whole

PARTS = ("rtl", "netlist", "routed", "bitstream")
# Of a folder whose design is C++ there is one part.
_CPP = ("hls",)
# Of images the first so many are looked at for entries of tables: each addresses them many times.
_COVERED = 4096
_AMD = "what is placed, routed and packed for AMD's devices is not read back"


def verify(folder: Path, board: Board, *, seed: int = 1, accept: bool = False) -> Verdict:
    """Check everything that lies in build folder `folder`.

    Args:
        folder: has graph/final.json, graph/samples.npz and rtl/ or hls/; where the stage build was
            run, also a netlist, a routed netlist and a bitstream, which are then checked too.
        board: what it was built for.
        seed: of the random vectors.
        accept: write a red verdict without raising.

    Returns:
        The verdict, also written to verify/verdict.json.

    Raises:
        CheckFailed: something differs; the message names layer and lane. The verdict is written.
        ConfigError, GraphError: a file is missing or damaged.
        ToolMissing, ToolFailed: a program that a check needs.
    """
    for part in _parts_of(folder):
        if part in ("rtl", "hls") or _there(folder, board, part):
            verify_part(folder, board, part, seed=seed, accept=True)
    verdict = assemble(folder, board)
    if verdict.complaints and not accept:
        raise CheckFailed("\n".join([f"{folder}: verification failed", *verdict.complaints]))
    return verdict


def verify_part(
    folder: Path, board: Board, part: str, *, seed: int = 1, accept: bool = False
) -> Verdict:
    """Check one part of the ladder and write verify/<part>.json; see `verify`."""
    graph = load(folder / "graph" / "final")
    samples = load_samples(folder / "graph" / "samples.npz")
    sources(folder, graph, language_of(folder))
    about = graph.digest, rtl_digest(folder, graph)
    rungs = tuple(_PARTS[part](folder, board, graph, samples, seed))
    found = Verdict(about[0], rungs, about[1])
    if found.complaints and accept:
        found = Verdict(about[0], rungs, about[1], accepted=True)
    found.save(folder / "verify" / f"{part}.json")
    assemble(folder, board)
    if found.complaints and not accept:
        raise CheckFailed("\n".join([f"{folder}: verification failed", *found.complaints]))
    return found


def assemble(folder: Path, board: Board) -> Verdict:
    """All parts that are about the graph and the sources in `folder`, as verify/verdict.json.

    Raises:
        ConfigError: a part's file is damaged.
    """
    graph = load(folder / "graph" / "final")
    about = graph.digest, rtl_digest(folder, graph)
    rungs: list[Rung] = []
    accepted = False
    for part in _parts_of(folder):
        path = folder / "verify" / f"{part}.json"
        if path.is_file() and ((found := Verdict.load(path)).graph, found.rtl) == about:
            rungs += found.rungs
            accepted |= found.accepted
    verdict = Verdict(
        about[0], whole(rungs, _reasons(board, language_of(folder))), about[1], accepted
    )
    verdict.save(folder / "verify" / "verdict.json")
    return verdict


def _parts_of(folder: Path) -> tuple[str, ...]:
    return _CPP if language_of(folder) == "hls" else PARTS


def _rtl(folder: Path, board: Board, graph: Graph, samples: Values, seed: int) -> Iterable[Rung]:
    _cover(folder, graph, samples)
    yield _rung0(folder)
    yield from simulation(folder, graph, samples, board.shell.width_bits, seed)
    yield optimisation(folder, graph, samples)
    yield of_verilog(folder, graph, samples)
    yield control(folder, graph, board)


def _hls(folder: Path, board: Board, graph: Graph, samples: Values, seed: int) -> Iterable[Rung]:
    _cover(folder, graph, samples)
    yield _rung0(folder)
    yield optimisation(folder, graph, samples)
    yield csim.rung(folder, graph, samples, board.shell.width_bits, seed)


def _cover(folder: Path, graph: Graph, samples: Values) -> None:
    """Which entries of tables the data reaches."""
    trained = folder / "graph" / "train_samples.npz"
    covered, source = samples, "test samples"
    if trained.is_file():
        covered, source = load_samples(trained), "training and validation samples"
    if streams(graph) and len(covered) > _COVERED:
        covered, source = covered[:_COVERED], f"the first {_COVERED:,} {source}"
    write_coverage(folder, graph, covered, source)


def _netlist(
    folder: Path, board: Board, graph: Graph, samples: Values, seed: int
) -> Iterable[Rung]:
    yield of_netlist(folder, graph, samples, netlist_of(folder, graph, board), board.fabric)


def _routed(folder: Path, board: Board, graph: Graph, samples: Values, seed: int) -> Iterable[Rung]:
    yield from routed(folder, graph, board, samples)


def _bitstream(
    folder: Path, board: Board, graph: Graph, samples: Values, seed: int
) -> Iterable[Rung]:
    yield bitstream(folder, graph, board)


_PARTS: dict[str, Callable[[Path, Board, Graph, Values, int], Iterable[Rung]]] = {
    "rtl": _rtl,
    "hls": _hls,
    "netlist": _netlist,
    "routed": _routed,
    "bitstream": _bitstream,
}


def _there(folder: Path, board: Board, part: str) -> bool:
    """Whether the build left what a part checks; of AMD's devices only Yosys's is read."""
    if part != "netlist" and board.flow != "nextpnr":
        return False
    graph = load(folder / "graph" / "final")
    files = {
        "netlist": netlist_of(folder, graph, board),
        "routed": folder / "route" / f"{graph.name}_top.json",
        "bitstream": folder / f"{graph.name}.{board.product}",
    }
    return files[part].is_file()


def _reasons(board: Board, language: str) -> dict[str, str]:
    """By line of the ladder why it was not run, where it was not."""
    waiting = "hlsgen verify was not run"
    if language == "hls":
        reasons = {name: "this build is in HLS C++" for number, name, _ in LADDER if number < 4}
        return reasons | dict.fromkeys(("PyTorch", "optimisation", "HLS C++"), waiting)
    build = "the stage build has not come so far"
    after = build if board.flow == "nextpnr" else _AMD
    names = ("routed netlist", "board simulation", "bitstream")
    return {
        **dict.fromkeys(("PyTorch", "operators", "layers", "shell"), waiting),
        **dict.fromkeys(("optimisation", "Verilog", "control blocks"), waiting),
        "netlist": build,
        **dict.fromkeys(names, after),
        "HLS C++": "this build is in Verilog; `--hdl hls` runs it",
    }


def _rung0(folder: Path) -> Rung:
    """The comparison with PyTorch that the stage export made and wrote down."""
    path = folder / "graph" / "export_check.json"
    compares = what("PyTorch")
    if not path.is_file():
        return Rung(0, "PyTorch", "not run", compares, reason="the graph was not exported here")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        checked, failed, tool = record["checked"], record["failed"], record["tool"]
    except (ValueError, KeyError) as error:
        raise ConfigError(f"{path}: damaged ({error}); run the stage export") from error
    good = checked and not failed
    return Rung(0, "PyTorch", "passed" if good else "failed", compares, checked, failed, tool)
