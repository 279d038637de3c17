"""One row with one seed: trained, built to Verilog, synthesised, compared and counted."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers import netlist
from benchmarks.peers.variant import core
from benchmarks.results.convention import Counted
from benchmarks.results.record import Run
from hlsgen.boards import load_board
from hlsgen.errors import CheckFailed
from hlsgen.flow import STAGES, Job, Listener, run
from hlsgen.graph import Graph, load
from hlsgen.graph.interp import run as evaluate
from hlsgen.ledger import key_of
from hlsgen.netlist import Flat
from hlsgen.project import Project
from hlsgen.samples import load_labelled
from hlsgen.tools import TOOLS
from hlsgen.train.metrics import Metrics

BOARD = "u280"
FAMILY = "xcup"
# What an epoch or a stage of a row is told as: a text, and the share of the row that is done.
Tell = Callable[[str, float], None]
CHANGED = "changed during the run"
_TRAINING = 0.9  # of a row's time, about
_CODE = ("graph", "nn", "train", "frontend", "passes", "emit", "netlist", "optimise.py", "sat.py",
         "flow.py", "templates/verilog")  # fmt: skip


@dataclass(frozen=True)
class Task:
    """A row with one seed.

    `data` identifies the data set's files; `folder` is where it is built.
    """

    row: str
    project: Project
    data: str
    folder: Path

    @property
    def record(self) -> Path:
        """Where its `Run` is kept."""
        return self.folder / "run.json"

    @property
    def settings(self) -> str:
        """Digest over what decides the numbers, beside the code."""
        # A data file is known by its content, wherever it lies.
        source = "npz" if self.data else self.project.data.source
        settings = self.project.model_dump(exclude={"title": True, "limits": True})
        settings["data"]["source"] = source
        board = load_board(BOARD).model_dump(include={"fabric", "shell"})
        return key_of(json.dumps([settings, board], sort_keys=True), self.data)


def code_key() -> str:
    """Digest over hlsgen's source, the counting, and the tools.

    Raises:
        ToolMissing: Yosys is not there.
    """
    from importlib.metadata import version

    tools = [TOOLS[name].find().identity for name in ("yosys", "yosys-abc")]
    files = [Path(netlist.__file__), Path(__file__)]
    return key_of(*tools, version("torch"), files=files, code=_CODE)


def measure(task: Task, code: str, tell: Tell) -> Run:
    """Everything about `task`; `code` was the source's digest at the beginning.

    Raises:
        HlsgenError: as the stage that failed.
        CheckFailed: the netlist's answer differs from the graph's on a test sample.
    """
    job = Job(task.project, load_board(BOARD), task.folder)
    listener = Listener(
        stage=lambda name, state: tell(name, 0.0 if name == "train" else _TRAINING),
        epoch=lambda at: tell(
            f"epoch {at.epoch} of {at.epochs}, {100 * at.validation_accuracy:.2f} %",
            _TRAINING * at.epoch / at.epochs,
        ),
    )
    run(job, STAGES[: STAGES.index("emit") + 1], listener)
    tell("synthesis", _TRAINING)
    final = load(job.folder / "graph" / "final")
    start = time.perf_counter()
    module = netlist.synthesise(core(job.folder, final), job.folder / "netlist")
    synth_s = time.perf_counter() - start
    tell("netlist against graph", 0.5 * (1 + _TRAINING))
    accuracy = _accuracy(module, final, job.folder)
    metrics = Metrics.model_validate_json((job.trained / "metrics.json").read_bytes())
    count = netlist.count(module)
    (feed,) = final.feeds()
    return Run(
        row=task.row,
        seed=task.project.seed,
        settings=task.settings,
        code=code if code_key() == code else CHANGED,
        accuracy=accuracy,
        trained_accuracy=metrics.test_accuracy,
        validation_accuracy=metrics.validation_accuracy,
        epoch=metrics.epoch,
        samples=metrics.samples,
        split=metrics.digest,
        words=(final.wires[feed.name].lanes, final.wires[feed.name].bits),
        counted=counted(load(job.folder / "graph" / "export")),
        luts=count.luts,
        lut=count.lut,
        sites=count.sites,
        carry=count.carry,
        wide=count.wide,
        ff=count.ff,
        latency_cycles=final.latency[final.outputs[0]],
        train_s=_train_s(job.trained, metrics.samples["train"]),
        synth_s=synth_s,
        script=_script(job.folder / "netlist" / "synth.ys"),
        torch=metrics.torch,
        yosys=TOOLS["yosys"].find().version,
    )


def counted(exported: Graph) -> Counted:
    """Which parts the whole core holds."""
    kinds = {node.op.kind for node in exported.nodes}
    (feed,) = exported.feeds()
    return Counted(
        quantiser="no",
        encoder="yes" if exported.wires[feed.name].bits > 1 else "none",
        head="yes" if "sum" in kinds else "none",
        argmax="yes" if "argmax" in kinds else "no",
    )


def _accuracy(module: Flat, final: Graph, folder: Path) -> float:
    """Test accuracy of the netlist, which must answer as the graph on every test sample."""
    words, labels = load_labelled(folder / "graph" / "samples.npz")
    differ = netlist.wrong(module, final, words, final.latency[final.outputs[0]])
    if differ:
        raise CheckFailed(
            f"{folder}: the synthesised netlist differs from the graph on {differ} of"
            f" {len(words)} test samples; run hlsgen verify on this folder"
        )
    (feed,) = final.feeds()
    classes = evaluate(final, {feed.name: words})[final.outputs[0]].reshape(len(words), -1)[:, 0]
    return float((classes == labels).mean())


def _train_s(trained: Path, samples: int) -> float:
    """Seconds of all epochs, those before an interruption too."""
    history = json.loads((trained / "history.json").read_text(encoding="utf-8"))
    return float(sum(samples / epoch["samples_per_s"] for epoch in history))


def _script(path: Path) -> str:
    """The command that synthesises, without the name of the module."""
    lines = path.read_text(encoding="utf-8").splitlines()
    (line,) = (line for line in lines if line.startswith("synth_"))
    return line.partition(" -top ")[0]
