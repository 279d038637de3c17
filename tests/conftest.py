"""What several test files share: reproducible properties, a small network, forgotten tools."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from hlsgen import cli, flow
from hlsgen.boards import Board, load_board
from hlsgen.flow import STAGES, Job, Listener
from hlsgen.graph import Graph, Node, check, load
from hlsgen.graph.ops import Argmax, Input, Lut, Sum, Thermometer
from hlsgen.paths import write_atomic
from hlsgen.plan import Step
from hlsgen.project import load_project
from hlsgen.samples import load_samples
from hlsgen.tools import TOOLS
from hlsgen.tools.tool import _find
from hlsgen.verify import Rung, Verdict, assemble, rtl_digest
from hlsgen.verify.coverage import write_coverage
from rtl_tests.tiny_project import write_tiny_project

# The same cases in every run: a failure in CI can be repeated at home.
settings.register_profile("hlsgen", derandomize=True, deadline=None, max_examples=30)
settings.load_profile("hlsgen")


@pytest.fixture
def small() -> Graph:
    """Two features of three bits, five comparisons, four LUTs, two classes; not pipelined."""
    src = np.array([[0, 1, -1], [1, 2, 3], [4, -1, -1], [0, 2, 4]])
    luts = Lut.of(src, np.array([2, 3, 1, 3]), np.array([0x6, 0xE8, 0x2, 0x96]))
    return check(
        Graph(
            "small",
            (
                Node("x", Input(3, np.zeros(2), np.ones(2))),
                Node(
                    "bits",
                    Thermometer(np.array([0, 0, 1, 1, 1]), np.array([2, 5, 1, 4, 7])),
                    ("x",),
                ),
                Node("layer", luts, ("bits",)),
                Node("counts", Sum.of(np.arange(4), np.array([2, 2]), np.zeros(2)), ("layer",)),
                Node("y", Argmax(), ("counts",)),
            ),
            ("y",),
        )
    )


@pytest.fixture
def fresh_tools() -> Iterator[None]:
    """Tools are searched for again in this test and in the one after it."""
    _find.cache_clear()
    yield
    _find.cache_clear()


# --- a project small enough to be trained in a test ---------------------------------------------


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a project that many tests train."""
    folder = tmp_path_factory.mktemp("tiny")
    write_tiny_project(folder)
    return folder


@pytest.fixture(scope="session")
def emitted(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Root of build folders with the project trained and emitted for the default board."""
    root = tmp_path_factory.mktemp("build")
    job = Job(load_project(project), load_board("ulx3s"), root)
    flow.run(job, STAGES[:4], Listener())
    return root


@pytest.fixture
def root(emitted: Path, tmp_path: Path) -> Path:
    """A copy of `emitted` that a test may change."""
    shutil.copytree(emitted, tmp_path / "build")
    return tmp_path / "build"


STAT = {"creator": "Yosys 0.60", "modules": {}, "design": {"num_cells_by_type": {"LUT4": 5}}}
ROUTED = {
    "fmax": {"clk": {"achieved": 80.0, "constraint": 50.0}},
    "utilization": {"TRELLIS_COMB": {"used": 7}, "TRELLIS_FF": {"used": 9}},
}


@pytest.fixture
def stand_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_tools: None) -> list[str]:
    """Programs that are found, and a simulation and build steps that only make their products.

    Returns what was called, in order.
    """
    program = tmp_path / "program"
    versions = (
        "12.2.0 Make 4.3 Version 1.4 ABC 1.01 Yosys 0.60 nextpnr-0.9 vivado v2023.2 v++ v2023.2"
        " prjoxide 0.1 openFPGALoader v0.12.0 fasm2frames xc7frames2bit"
    )
    program.write_text(f"#!/bin/sh\necho '{versions}'\n")
    program.chmod(0o755)
    for tool in TOOLS.values():
        monkeypatch.setenv(tool.variable, str(program))
    called: list[str] = []

    def verify_part(
        folder: Path, board: Board, part: str, *, seed: int = 1, accept: bool = False
    ) -> Verdict:
        called.append("verify" if part in ("rtl", "hls") else part)
        names = {"rtl": "operators", "routed": "routed netlist", "hls": "HLS C++"}
        graph = load(folder / "graph" / "final")
        rung = Rung(1, names.get(part, part), "passed", "stand-in", checked=1)
        verdict = Verdict(graph.digest, (rung,), rtl_digest(folder, graph))
        verdict.save(folder / "verify" / f"{part}.json")
        if part in ("rtl", "hls"):
            write_coverage(folder, graph, load_samples(folder / "graph" / "samples.npz"), "test")
        return verdict

    def verify(folder: Path, board: Board) -> Verdict:
        verify_part(folder, board, "rtl")
        return assemble(folder, board)

    def run_step(step: Step, folder: Path) -> None:
        called.append(step.tool)
        contents = {f"synth/{name}.json": STAT for name in ("stat", "layers")}
        contents["route/report.json"] = ROUTED
        for name in step.makes:
            write_atomic(folder / name, json.dumps(contents.get(name, name)))

    monkeypatch.setattr(flow, "verify_part", verify_part)
    monkeypatch.setattr(cli, "verify", verify)
    monkeypatch.setattr(flow, "run_step", run_step)
    return called
