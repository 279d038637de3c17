"""One row with one seed: trained, built to Verilog, synthesised, compared and counted."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers import clocked, frames, netlist
from benchmarks.peers.variant import core
from benchmarks.results.built import Core, build
from benchmarks.results.convention import Counted
from benchmarks.results.record import Run
from hlsgen.boards import load_board
from hlsgen.errors import CheckFailed, ConfigError
from hlsgen.flow import Job, Listener
from hlsgen.graph import Graph
from hlsgen.graph.interp import run as evaluate
from hlsgen.graph.parts import split, streams
from hlsgen.graph.schedule import pace
from hlsgen.ledger import key_of
from hlsgen.netlist import Flat, read_design
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

    `data` identifies the data set's files; `folder` is where it is built. `layer` is a window of
    the graph; what stands behind it is counted alone, too.
    """

    row: str
    project: Project
    data: str
    folder: Path
    layer: str = ""

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
        kept = [self.layer] if self.layer else []
        return key_of(json.dumps([settings, board, *kept], sort_keys=True), self.data)


def code_key() -> str:
    """Digest over hlsgen's source, the counting, and the tools.

    Raises:
        ToolMissing: Yosys is not there.
    """
    from importlib.metadata import version

    tools = [TOOLS[name].find().identity for name in ("yosys", "yosys-abc")]
    files = [Path(str(module.__file__)) for module in (netlist, frames, clocked)]
    files += [Path(__file__), Path(__file__).with_name("built.py")]
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
    made = build(job, listener)
    final = made.final
    tell("synthesis", _TRAINING)
    start = time.perf_counter()
    keep = layer_of(final, task.layer)
    module = netlist.synthesise(core(job.folder, final), job.folder / "netlist", keep)
    synth_s = time.perf_counter() - start
    tell("netlist against graph", 0.5 * (1 + _TRAINING))
    accuracy = _accuracy(module, made, job.folder)
    metrics = Metrics.model_validate_json((job.trained / "metrics.json").read_bytes())
    count = netlist.count(module)
    (feed,) = final.feeds()
    wire = final.wires[feed.name]
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
        words=(wire.lanes * wire.beats, wire.bits),
        counted=counted(made.exported),
        luts=count.luts,
        lut=count.lut,
        sites=count.sites,
        carry=count.carry,
        wide=count.wide,
        ff=count.ff,
        latency_cycles=pace(final).latency,
        blocks=count.blocks,
        layer=_lut_of(job.folder / "netlist", keep),
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
        windows="yes" if streams(exported) else "none",
    )


def layer_of(final: Graph, layer: str) -> tuple[str, ...]:
    """The module of the layer behind the window `layer`; none without a name.

    Raises:
        ConfigError: there is no such window.
    """
    modules = {part.source: f"{part.graph.name}_core" for part in split(final) if part.source}
    if layer and layer not in modules:
        raise ConfigError(f"no layer behind {layer!r}; there are {', '.join(modules) or 'none'}")
    return (modules[layer],) if layer else ()


def _lut_of(folder: Path, modules: tuple[str, ...]) -> int | None:
    """LUTs of the module that was kept in the netlist; None if none was."""
    design = read_design(folder / netlist.NETLIST) if modules else None
    counts = [netlist.count(design.flatten(module)).lut for module in modules if design]
    return sum(counts) if counts else None


def _accuracy(module: Flat, made: Core, folder: Path) -> float:
    """Test accuracy of the netlist, which must answer as the graph on every test sample.

    Raises:
        CheckFailed: it does not, or the graph answers as the trained network does not.
    """
    final = made.final
    (feed,) = final.feeds()
    words, labels = load_labelled(folder / "graph" / "samples.npz")
    answers = evaluate(final, {feed.name: words})
    classes = answers[final.outputs[0]].reshape(len(words), -1)[:, 0]
    if made.classes is not None and (other := int((made.classes != classes).sum())):
        raise CheckFailed(
            f"{folder}: the graph differs from the trained network on {other} of {len(words)}"
            " test samples"
        )
    if streams(final):
        differ = frames.wrong_frames(module, final, words, answers)
    else:
        differ = netlist.wrong(module, final, words, final.latency[final.outputs[0]])
    if differ:
        raise CheckFailed(
            f"{folder}: the synthesised netlist differs from the graph on {differ} of"
            f" {len(words)} test samples; run hlsgen verify on this folder"
        )
    return float((classes == labels).mean())


def _train_s(trained: Path, samples: int) -> float:
    """Seconds of all epochs, those before an interruption too."""
    history = json.loads((trained / "history.json").read_text(encoding="utf-8"))
    return float(sum(samples / epoch["samples_per_s"] for epoch in history))


def _script(path: Path) -> str:
    """The command that synthesises, without names of modules; what it keeps comes before."""
    lines = path.read_text(encoding="utf-8").splitlines()
    (line,) = (line for line in lines if line.startswith("synth_"))
    kept = [line.rpartition(" ")[0] + " LAYER; " for line in lines if line.startswith("setattr ")]
    return "".join(kept) + line.partition(" -top ")[0]
