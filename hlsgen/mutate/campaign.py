"""Run every fault against the ladder and count which rung finds it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from hlsgen.boards import Board
from hlsgen.emit import kept
from hlsgen.errors import CheckFailed, ConfigError, GraphError, ToolFailed
from hlsgen.graph import load
from hlsgen.graph.ir import Graph, Values
from hlsgen.graph.parts import split
from hlsgen.mutate import bitstreams, graphs, netlists, verilogs
from hlsgen.netlist import read_design
from hlsgen.paths import write_atomic
from hlsgen.proof.circuits import Circuit, proofs, verilog
from hlsgen.proof.control import prove_control
from hlsgen.proof.equivalence import Proof, prove_opt
from hlsgen.proof.routed import prove_routed
from hlsgen.verify.equivalence import parts_with
from hlsgen.verify.simulation import simulate_rtl
from hlsgen.verify.sources import netlist_of, sources

RUNGS = (0, 1, 2, 3)
# Packing and decoding take seconds each.
_BITSTREAMS = 4
# A fault that makes a file unreadable is found; a tool that is not there finds nothing.
_REFUSED = (CheckFailed, ConfigError, GraphError, ToolFailed)
_LANE = re.compile(r"layer (\w+), lane (\d+)")


@dataclass(frozen=True)
class Outcome:
    """One fault: where it was put, whether it changes anything, and the rungs that found it.

    `equivalent` is decided by SAT; None where that cannot be asked (shells, routing, bitstreams).
    """

    level: str
    kind: str
    what: str
    equivalent: bool | None
    found_by: tuple[int, ...]

    @property
    def survived(self) -> bool:
        """Whether a fault that matters was not found."""
        return not self.found_by and not self.equivalent


@dataclass(frozen=True)
class Score:
    """All outcomes, and what was left out."""

    outcomes: tuple[Outcome, ...]
    not_run: tuple[str, ...] = ()

    @property
    def counted(self) -> list[Outcome]:
        """The faults that matter."""
        return [outcome for outcome in self.outcomes if not outcome.equivalent]

    @property
    def survivors(self) -> list[Outcome]:
        """The faults that matter and that nothing found."""
        return [outcome for outcome in self.outcomes if outcome.survived]

    def found(self, without: int | None = None) -> int:
        """How many of `counted` the ladder finds, where one rung may be missing."""
        return sum(bool(set(outcome.found_by) - {without}) for outcome in self.counted)

    def save(self, path: Path) -> None:
        """Write score and outcomes as JSON."""
        document = {
            "caught": self.found(),
            "total": len(self.counted),
            "without_rung": {str(rung): self.found(rung) for rung in RUNGS},
            **asdict(self),
        }
        write_atomic(path, json.dumps(document, indent=1) + "\n")


@dataclass(frozen=True)
class Work:
    """What a campaign works on.

    `rung0` says whether the comparison with PyTorch accepts a graph; None where the trained
    network is not at hand.
    """

    folder: Path
    board: Board
    samples: Values
    rung0: Callable[[Graph], bool] | None = None


class Campaign:
    """Faults of every level in copies of a build folder; the folder itself stays as it is."""

    def __init__(self, work: Work, each: int, seed: int) -> None:
        self._work, self._each = work, each
        self._rng = np.random.default_rng(seed)
        self._folder = work.folder / "mutate" / "work"
        self._graph = load(work.folder / "graph" / "final")
        self.not_run: list[str] = ["board simulation: it takes a compilation for each fault"]

    def run(self, tell: Callable[[Outcome], None]) -> Score:
        """All levels; `tell` hears of each outcome."""
        outcomes = []
        levels = (self._export, self._optimisation, self._nodes, self._structure,
                  self._netlist, self._routed, self._bitstream)  # fmt: skip
        for level in levels:
            for outcome in level():
                tell(outcome)
                outcomes.append(outcome)
        shutil.rmtree(self._folder, ignore_errors=True)
        return Score(tuple(outcomes), tuple(self.not_run))

    def _export(self) -> Iterator[Outcome]:
        """A wrong export: all that follows is made from it, only PyTorch knows better."""
        path = self._work.folder / "graph" / "export"
        if self._work.rung0 is None or not path.with_suffix(".json").is_file():
            self.not_run.append("faults of the export: no trained network here")
            return
        export = load(path)
        for kind, (what, wrong) in graphs.faults(export, self._each, self._rng):
            same = _status(export, wrong, self._work.samples) == "proved"
            found = not self._work.rung0(wrong)
            yield Outcome("export", kind, what, same, (0,) if found else ())

    def _optimisation(self) -> Iterator[Outcome]:
        """A wrong pass: the Verilog is made from its result."""
        path = self._work.folder / "graph" / "export"
        if not path.with_suffix(".json").is_file():
            self.not_run.append("faults of the optimisation: no exported graph here")
            return
        export = load(path)
        for kind, (what, wrong) in graphs.faults(self._graph, self._each, self._rng):
            status = _status(export, wrong, self._work.samples)
            found = status == "refuted"
            yield Outcome("optimisation", kind, what, status == "proved", (2,) if found else ())

    def _nodes(self) -> Iterator[Outcome]:
        """Faults in the modules of nodes: each in lanes of its own, all in one simulation."""
        folder = self._copy()
        edits = verilogs.inside_nodes(folder, self._graph, self._each, self._rng)
        verilogs.put(folder, edits)
        simulated = self._simulated(folder)
        proved = self._proved(folder)
        lanes = {
            (found[1], int(found[2]))
            for proof in proved
            for name in proof.wrong
            if (found := _LANE.match(name))
        }
        for edit in edits:
            shows = {(edit.layer, lane) for lane in edit.lanes}
            rungs = [1] * bool(shows & simulated) + [2] * bool(shows & lanes)
            yield Outcome("Verilog", edit.kind, edit.what, not shows & lanes, tuple(rungs))

    def _structure(self) -> Iterator[Outcome]:
        """Faults of registers, core, shells and library: one at a time."""
        for edit in verilogs.structural(self._work.folder, self._graph):
            folder = self._copy()
            verilogs.put(folder, [edit])
            rungs = []
            if self._simulated(folder):
                rungs.append(1)
            if any(proof.status == "refuted" for proof in self._proved(folder)) or self._control(
                folder
            ):
                rungs.append(2)
            yield Outcome("Verilog", edit.kind, edit.what, None, tuple(rungs))

    def _netlist(self) -> Iterator[Outcome]:
        """Faults of the synthesised core."""
        path = netlist_of(self._work.folder, self._graph, self._work.board)
        if not path.is_file():
            self.not_run.append("faults of the netlist: the stage build was not run")
            return
        broken = self._folder / "netlist.json"
        for core in kept(self._graph)["cores"]:
            for kind, what, document in netlists.faults(path, core, self._each, self._rng):
                write_atomic(broken, json.dumps(document))
                status = self._core(broken)
                rungs = (2,) if status == "refuted" else ()
                yield Outcome("netlist", kind, what, status == "proved", rungs)

    def _routed(self) -> Iterator[Outcome]:
        """Faults of place and route: registers of core and shell are compared one by one."""
        top = f"{self._graph.name}_top"
        path = self._work.folder / "route" / f"{top}.json"
        if not path.is_file():
            self.not_run.append("faults of place and route: no routed netlist here")
            return
        if self._work.board.fabric != "ecp5":
            self.not_run.append("faults of place and route: they are put into ECP5 netlists only")
            return
        netlist = netlist_of(self._work.folder, self._graph, self._work.board)
        before, broken = read_design(netlist).flatten(top), self._folder / "routed.json"
        for kind, what, document in netlists.faults(path, "top", self._each, self._rng):
            write_atomic(broken, json.dumps(document))
            try:
                status = prove_routed(before, read_design(broken).flatten("top")).status
            except _REFUSED:  # such as a loop without a register
                status = "refuted"
            rungs = (3,) if status == "refuted" else ()
            yield Outcome("routed", kind, what, status == "proved", rungs)

    def _bitstream(self) -> Iterator[Outcome]:
        """Faults of the packed file: a bit of a LUT's contents."""
        if self._work.board.fabric != "ecp5":
            self.not_run.append("faults of the bitstream: they are put into ECP5 bitstreams only")
            return
        if not (self._work.folder / f"{self._graph.name}.bit").is_file():
            self.not_run.append("faults of the bitstream: there is none here")
            return
        for _ in range(min(self._each, _BITSTREAMS)):
            what, found = bitstreams.broken(
                self._work.folder, self._folder, self._graph.name, self._rng
            )
            yield Outcome("bitstream", "table bit", what, None, (3,) if found else ())

    def _copy(self) -> Path:
        """What a verification needs, in a fresh folder; compiled programs are kept."""
        for part in ("graph", "rtl"):
            shutil.rmtree(self._folder / part, ignore_errors=True)
            shutil.copytree(self._work.folder / part, self._folder / part)
        return self._folder

    def _simulated(self, folder: Path) -> set[tuple[str, int]]:
        """Layer and lane of what rung 1 finds; the shell and a crash as ("", 0)."""
        width = self._work.board.shell.width_bits
        try:
            return simulate_rtl(folder, self._graph, self._work.samples, width, 1).wrong_lanes()
        except _REFUSED:
            return {("", 0)}

    def _proved(self, folder: Path) -> list[Proof]:
        try:
            circuit = verilog(folder, self._graph, sources(folder, self._graph))
            return self._proofs(circuit)
        except _REFUSED as error:
            return [_refused(str(error))]

    def _core(self, netlist: Path) -> str:
        try:
            return _worst(self._proofs(Circuit("netlist", None, netlist)))
        except _REFUSED:
            return "refuted"

    def _proofs(self, circuit: Circuit) -> list[Proof]:
        parts = parts_with(self._graph, self._work.samples)
        return [proof for part, values in parts for proof in proofs(part, circuit, values)]

    def _control(self, folder: Path) -> bool:
        shell = self._work.board.shell
        try:
            found = prove_control(folder, self._graph, shell.width_bits, uart=False)
        except _REFUSED:
            return True
        return any(proof.status == "refuted" for proof in found)


def _status(before: Graph, after: Graph, samples: Values) -> str:
    """What became of the proofs that each part of one graph is the other's."""
    pairs = zip(parts_with(before, samples), split(after), strict=True)
    return _worst([prove_opt(part, made.graph, values) for (part, values), made in pairs])


def _worst(found: list[Proof]) -> str:
    known = {proof.status for proof in found}
    return next(status for status in ("refuted", "unknown", "proved") if status in known)


def _refused(reason: str) -> Proof:
    """A circuit that cannot even be read is found to be wrong."""
    return Proof("core", "refuted", 0, 0, 0.0, reason)
