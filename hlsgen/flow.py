"""The stages in order, each run only when its inputs changed.

    train -> export -> opt -> emit -> verify -> build -> report

This is the one place that knows the whole chain; every stage's work is a function elsewhere.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock, Timeout

from hlsgen.budget import count_luts
from hlsgen.build import board_plan, check_compiles, log_of, run_step
from hlsgen.build.fit import check_fit
from hlsgen.emit import emit
from hlsgen.errors import CheckFailed, ConfigError, ToolMissing
from hlsgen.graph import Graph, load
from hlsgen.graph.fabric import Fabric
from hlsgen.graph.ir import Values
from hlsgen.job import STAGES, Job, Listener, bring
from hlsgen.ledger import Ledger, key_of
from hlsgen.optimise import optimise_files
from hlsgen.passes.fold import Limits
from hlsgen.plan import Plan, Step
from hlsgen.report import Report, judge, make_report
from hlsgen.report.vendor_files import report_places
from hlsgen.samples import load_samples
from hlsgen.tools import TOOLS, csim
from hlsgen.tools.abc import map_tables
from hlsgen.verify import assemble, verify_part

# What the checks of the ladder depend on.
_VERIFYING = (
    *("graph", "passes", "emit", "netlist", "proof", "verify", "tools"),
    *(f"templates/{name}" for name in ("verify", "proof", "formal", "hls")),
)

# The part of the ladder that follows each step of a build; the bitstream is packed only behind
# what was checked and found good.
_CHECKS = {"synth": "netlist", "route": "routed", "pack": "bitstream"}

# By language: the folder of its files, and the part of the ladder that judges them.
_FOLDERS = {"verilog": "rtl", "hls": "hls"}
_FIRST_PART = {"verilog": "rtl", "hls": "hls"}

__all__ = ["STAGES", "Job", "Listener", "agreement", "plan_of", "run"]


def run(job: Job, stages: Sequence[str], listener: Listener) -> None:
    """Bring `stages` up to date, in order.

    A stage whose inputs changed, or whose products did, is done again. If it fails, or makes
    something else than before, the products of every later stage are removed: no old bitstream
    or report stands beside a new network.
    Only Verilog that was edited by hand is kept, unless `emit` is the last stage, so that
    `verify` judges what lies there.

    Raises:
        HlsgenError: as the stage that failed; nothing half made is left behind. Where `build`
            lacks a vendor tool, the later stages are done before the error is raised.
        CheckFailed: see `judge`.
    """
    job.root.mkdir(parents=True, exist_ok=True)
    lock = FileLock(job.root / f".{job.project.name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        listener.wait(job.project.name)
        lock.acquire()
    try:
        _run(job, stages, listener)
    finally:
        lock.release()


def _run(job: Job, stages: Sequence[str], listener: Listener) -> None:
    _emitted.cache_clear()
    if "build" in stages and job.language == "hls":
        check_compiles(job.board)
    if "export" in stages:
        _describe(job)
    missing: ToolMissing | None = None
    for name in stages:
        try:
            _STAGES[name](job, listener, name == stages[-1])
        except ToolMissing as error:
            if name != "build":
                raise
            missing = error
        if name == "opt" and "build" in stages:
            # Proofs of a large network take long: what fits no device is told before them.
            check_fit(load(job.folder / "graph" / "final"), job.board)
    report = None
    if "report" in stages:
        report = Report.load(job.folder / "report" / "report.json")
        listener.report(report)
    if missing:
        raise ToolMissing(
            f"{missing}\nEverything that does not need it is done. The build is ready to run in"
            f" {job.folder}; the same command goes on from there once the tool is installed."
        )
    if report:
        judge(report, job.folder, accept=job.accept)


def _describe(job: Job) -> None:
    """What the build folder is for, so that it can be judged without the project."""
    copies = {"project.json": job.project.model_dump_json(indent=1) + "\n"}
    copies["board.json"] = job.board.model_dump_json(indent=1) + "\n"
    Plan(copies).write(job.folder)


def _train(job: Job, listener: Listener, last: bool) -> None:
    project = job.project
    if job.budget_luts and not project.train.cost:
        raise ConfigError(
            "--budget-lut chooses from the networks that training found at a price for LUTs, and"
            " train.cost is 0: this run makes one; set it, for instance to 0.02"
        )
    settings = [project.seed, project.data, project.inputs, project.model, project.train]
    code = ("graph", "nn", "train", *(("passes", "budget.py") if project.train.cost else ()))
    key = key_of(*settings, files=project.data_files, code=code)

    finished = (job.trained / "metrics.json").is_file()

    def work() -> list[Path]:
        from hlsgen.train import train

        # A run that was cut short goes on; one that ended is not taken for the new one.
        if finished:
            shutil.rmtree(job.trained)
        train(project, job.trained, listener.epoch, count_luts)
        return [job.trained / name for name in ("model.pt", "history.json", "metrics.json")]

    bring(listener, job.trained.parent, "train", key, last, work)
    if job.budget_luts:
        from hlsgen.train import choose

        choose(project, job.trained, job.budget_luts, job.network)


def _export(job: Job, listener: Listener, last: bool) -> None:
    folder, graph_folder = job.folder, job.folder / "graph"
    model, metrics = job.network / "model.pt", job.network / "metrics.json"
    settings = [job.project.seed, job.project.data, job.project.inputs, job.project.model]
    key = key_of(*settings, files=[model, metrics], code=("graph", "nn", "train", "frontend"))

    def work() -> list[Path]:
        from hlsgen.frontend.export import export_files

        return export_files(model, metrics, job.project, graph_folder, listener.samples)

    bring(listener, folder, "export", key, last, work)


def _opt(job: Job, listener: Listener, last: bool) -> None:
    graph_folder = job.folder / "graph"
    samples = ("samples.npz", "train_samples.npz", "val_samples.npz")
    files = [graph_folder / name for name in ("export.json", "export.npz", *samples)]
    hardware, abc = job.project.hardware, _identity("yosys-abc")
    limits = Limits(job.board.resources.lut, job.board.block_memories)
    settings = (job.board.logic, hardware, job.project.opt, abc, limits)
    key = key_of(*settings, files=files, code=("graph", "passes", "sat.py", "optimise.py"))

    def work() -> list[Path]:
        logic, wish = job.board.logic, job.project.opt
        mapper = map_tables if abc else None
        return optimise_files(graph_folder, wish, logic, hardware, mapper, limits)

    bring(listener, job.folder, "opt", key, last, work)


def _identity(tool: str) -> str:
    """The identity of a program that is of use but not needed; empty where it is not there."""
    try:
        return TOOLS[tool].find().identity
    except ToolMissing:
        return ""


def _emit(job: Job, listener: Listener, last: bool) -> None:
    files = [job.folder / "graph" / name for name in ("final.json", "final.npz")]
    code = ("graph", "emit", f"templates/{job.language}")
    key = key_of(job.board.shell, job.board.logic, job.language, files=files, code=code)

    def work() -> list[Path]:
        plan = _rtl(job)
        shutil.rmtree(job.folder / _FOLDERS[job.language], ignore_errors=True)
        plan.write(job.folder)
        return [job.folder / name for name in plan.files]

    bring(listener, job.folder, "emit", key, last, work)


def _rtl(job: Job) -> Plan:
    graph = load(job.folder / "graph" / "final")
    return _emitted(graph, job.board.shell.width_bits, job.board.logic, job.language)


@lru_cache(maxsize=1)
def _emitted(graph: Graph, width: int, fabric: Fabric, language: str) -> Plan:
    """Three stages of a run need the same text."""
    return emit(graph, width, fabric, language)


def _verify(job: Job, listener: Listener, last: bool) -> None:
    folder = job.folder
    graph_folder = folder / "graph"
    names = ("final.json", "final.npz", "samples.npz", "export_check.json")
    files = [graph_folder / name for name in names]
    files += [folder / name for name in sorted(_rtl(job).files)]
    if job.language == "hls":
        tools = [csim.identity()]
    else:
        tools = [TOOLS[name].find().identity for name in ("verilator", "g++")]
        tools.append(version("cocotb"))
    files += [graph_folder / name for name in ("export.json", "export.npz", "train_samples.npz")]
    key = key_of(job.board.shell, job.accept, *tools, files=files, code=_VERIFYING)

    def work() -> list[Path]:
        return _checked(job, _FIRST_PART[job.language])

    bring(listener, folder, "verify", key, last, work)
    assemble(folder, job.board)


def _checked(job: Job, part: str) -> list[Path]:
    """Do one part of the ladder."""
    verify_part(job.folder, job.board, part, accept=job.accept)
    coverage = ("coverage.json", "coverage.npz") if part in _FIRST_PART.values() else ()
    return [job.folder / "verify" / name for name in (f"{part}.json", *coverage)]


def agreement(job: Job, samples: Values) -> Callable[[Graph], bool]:
    """Rung 0 as a question: does the trained network agree with a graph on `samples`?"""
    from hlsgen.frontend.export import agreement

    words = samples[:, 0] if samples.shape[1] == 1 else samples
    return agreement(job.network / "model.pt", job.project, words)


def plan_of(job: Job) -> Plan:
    """The board's build: what `build` writes and runs."""
    graph = load(job.folder / "graph" / "final")
    samples = load_samples(job.folder / "graph" / "samples.npz")
    return board_plan(graph, job.board, _rtl(job), job.project.hardware.clock_mhz,
                      job.project.seed, samples, job.language)  # fmt: skip


def _build(job: Job, listener: Listener, last: bool) -> None:
    """Each step of the board's plan is a stage of its own, so that a failed build goes on."""
    plan, rtl, folder = plan_of(job), _rtl(job).files, job.folder
    Plan({name: text for name, text in plan.files.items() if name not in rtl}).write(folder)
    sources = [folder / name for name in sorted(plan.files)]
    missing: ToolMissing | None = None
    for number, step in enumerate(plan.steps, 1):
        reads = [folder / name for name in step.reads]
        try:
            key = key_of(step, TOOLS[step.tool].find().identity, files=[*sources, *reads])
        except ToolMissing as error:
            missing = error
            break

        def work(step: Step = step) -> list[Path]:
            listener.step(step, log_of(step, folder))
            run_step(step, folder)
            return [folder / name for name in step.makes]

        name = f"build:{number}:{step.log or step.tool}"
        bring(listener, folder, name, key, last, work)
        _check(job, listener, name, step, last)
    assemble(folder, job.board)
    if missing:
        raise missing


def _check(job: Job, listener: Listener, name: str, step: Step, last: bool) -> None:
    """The part of the ladder that judges what a step made; a red one stops the build."""
    part = _CHECKS.get(step.log)
    if part is None or job.language == "hls":
        return
    names = ("graph/final.json", "graph/final.npz", "graph/samples.npz", *step.reads, *step.makes)
    files = [job.folder / file for file in names]
    key = key_of(job.board, job.accept, files=files, code=_VERIFYING)

    def work() -> list[Path]:
        return _checked(job, part)

    try:
        bring(listener, job.folder, f"{name} checked", key, last, work)
    except CheckFailed:
        if part == "bitstream":
            Ledger(job.folder).discard([name])
        raise


def _report(job: Job, listener: Listener, last: bool) -> None:
    folder = job.folder
    assemble(folder, job.board)
    names = ("project.json", "board.json", "verify/verdict.json", "verify/coverage.json",
             "synth/stat.json", "synth/layers.json",
             "graph/opt.json",
             "route/report.json", "graph/export.npz", "graph/final.npz", "graph/final.json",
             "graph/samples.npz", "graph/metrics.json", "host/measured.json")  # fmt: skip
    files = [folder / name for name in names]
    files += [folder / name for name in sorted(_rtl(job).files)]
    vendor = report_places(folder, job.board, job.project.name)
    files += [folder / name for name in sorted(vendor.values())]
    key = key_of(
        sorted(vendor.values()),
        files=files,
        code=("report", "graph", "passes", "boards.py", "templates/report"),
    )

    def work() -> list[Path]:
        make_report(folder)
        return [folder / "report" / name for name in ("report.json", "report.html")]

    bring(listener, folder, "report", key, last, work)


_STAGES: dict[str, Callable[[Job, Listener, bool], None]] = {
    "train": _train,
    "export": _export,
    "opt": _opt,
    "emit": _emit,
    "verify": _verify,
    "build": _build,
    "report": _report,
}
