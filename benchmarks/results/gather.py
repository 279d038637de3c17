"""From rows to tasks, and from single runs to the lines of the tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.variant import NotRun
from benchmarks.results.convention import Convention
from benchmarks.results.datasets import digest, prepare
from benchmarks.results.measure import FAMILY, Task
from benchmarks.results.pool import Name, Outcome
from benchmarks.results.record import Missing, Result, Run, load_run, spread
from benchmarks.results.rows import ROOT, DataFile, Row, Rows, project_of
from hlsgen.errors import ConfigError


@dataclass(frozen=True)
class Plan:
    """The tasks of the rows that can be run; reasons for the others, by row."""

    tasks: tuple[Task, ...]
    reasons: dict[str, str]


def choose(rows: Rows, only: Sequence[str], *, fast: bool) -> list[Row]:
    """The rows asked for; of `fast` ones the first seed only.

    Raises:
        ConfigError: no row has such a name, or none is left.
    """
    known = [row.id for row in rows.row]
    if wrong := [name for name in only if name not in known]:
        raise ConfigError(f"--only {wrong[0]}: no such row; there are {', '.join(known)}")
    chosen = [row for row in rows.row if not only or row.id in only]
    if fast:
        chosen = [row.model_copy(update={"seeds": row.seeds[:1]}) for row in chosen if row.fast]
    if not chosen:
        raise ConfigError("no row is left to run; mark some as fast = true in rows.toml")
    return chosen


def plan(
    rows: Sequence[Row],
    sets: Mapping[str, DataFile],
    data: Path | None,
    root: Path,
    joined: Path,
) -> Plan:
    """What there is to do below `root`, with the files in `data`; `joined` is for those made.

    Raises:
        ConfigError: a row's project or override cannot be used.
    """
    tasks, reasons = list[Task](), dict[str, str]()
    for row in rows:
        try:
            source = prepare(sets[row.data], data, joined)
        except NotRun as error:
            reasons[row.id] = f"not run: {error}"
            continue
        content = digest(sets[row.data], data)
        for seed in row.seeds:
            folder = root / row.id / f"seed{seed}"
            project = project_of(row, seed, source)
            tasks.append(Task(row.id, project, content, folder, row.layer))
    return Plan(tuple(tasks), reasons)


def finished(tasks: Iterable[Task], code: str, *, keep: bool) -> dict[Name, Run]:
    """Runs that need not be done again; `keep` takes those of earlier states of the source too."""
    found = {}
    for task in tasks:
        run = load_run(task.record)
        if run and run.settings == task.settings and (keep or run.code == code):
            found[task.row, task.project.seed] = run
    return found


def gather(
    rows: Sequence[Row], sets: Mapping[str, DataFile], made: Plan, outcome: Outcome, code: str
) -> tuple[tuple[Result, ...], tuple[Missing, ...]]:
    """Rows with numbers, and rows without; a mean over the seeds that did not fail is no result."""
    results, missing = [], []
    contents = {task.row: task.data for task in made.tasks}
    for row in rows:
        if reason := made.reasons.get(row.id) or _failed(row, outcome):
            missing.append(Missing(id=row.id, group=row.group, reason=reason))
            continue
        runs = [outcome.runs[row.id, seed] for seed in row.seeds]
        results.append(_result(row, sets[row.data], contents[row.id], runs, code))
    return tuple(results), tuple(missing)


def _failed(row: Row, outcome: Outcome) -> str:
    """Which seeds failed, and why; empty if none did."""
    failed = [
        f"seed {seed}: {outcome.failures[row.id, seed]}"
        for seed in row.seeds
        if (row.id, seed) in outcome.failures
    ]
    # The page must not tell on which machine it was made.
    return f"failed: {'; '.join(failed)}".replace(f"{ROOT}/", "") if failed else ""


def _result(row: Row, data: DataFile, content: str, runs: Sequence[Run], code: str) -> Result:
    first = runs[0]
    rest = first.samples["train"] + first.samples["validation"]
    where = " --data DIR" if content else ""
    layers = [run.layer for run in runs if run.layer is not None]
    return Result(
        id=row.id,
        group=row.group,
        note=row.note,
        convention=Convention(
            dataset=data.title,
            digest=content,
            tests=first.samples["test"],
            counted=first.counted,
            stage="synthesis",
            tool="Yosys",
            family=FAMILY,
        ),
        script=first.script,
        version=first.yosys,
        selection=f"{first.samples['validation']} of {rest} samples beside the test part",
        command=f".venv/bin/python -m benchmarks.results --only {row.id}{where}",
        goal=row.goal,
        older=any(run.code != code for run in runs),
        seeds=row.seeds,
        accuracy=spread([run.accuracy for run in runs]),
        validation=spread([run.validation_accuracy for run in runs]),
        lut=spread([run.lut for run in runs]),
        sites=spread([run.sites for run in runs]),
        carry=spread([run.carry for run in runs]),
        ff=spread([run.ff for run in runs]),
        latency_cycles=spread([run.latency_cycles for run in runs]),
        blocks=spread([run.blocks for run in runs]),
        layer=spread(layers) if layers else None,
        train_s=spread([run.train_s for run in runs]),
        runs=tuple(runs),
    )
