"""`docs/results.md`: the same results give the same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.results.compare import ACCURACY, DEVIATIONS, LUT, verdict, wanted
from benchmarks.results.convention import Convention, Counted, Part, apart
from benchmarks.results.peers import Peer
from benchmarks.results.record import Document, Missing, Result, Spread

_HEAD = Path(__file__).with_name("head.md")


def page(document: Document, peers: Sequence[Peer], plots: dict[str, str], fast: set[str]) -> str:
    """The page in Markdown.

    Args:
        document: rows with and without numbers.
        peers: published rows.
        plots: file of the plot, by group.
        fast: ids of the rows that FAST=1 runs.
    """
    bounds = {"accuracy": 100 * ACCURACY, "deviations": DEVIATIONS, "lut": 100 * LUT}
    lines = [_HEAD.read_text(encoding="utf-8").format(**bounds).rstrip()]
    for group in _groups(document, peers):
        results = [result for result in document.results if result.group == group]
        lines += ["", f"## {group}"]
        for ranked in apart(results):
            lines += _ours(ranked, fast)
        if group in plots:
            lines += ["", f"![Accuracy and LUTs of {group}]({plots[group]})"]
        lines += _missing(missing for missing in document.missing if missing.group == group)
        ours = results[0].convention if results else None
        for table in apart([peer for peer in peers if peer.group == group]):
            lines += _published(table, ours)
    return "\n".join(lines) + "\n"


def _groups(document: Document, peers: Sequence[Peer]) -> list[str]:
    rows: list[Result | Missing | Peer] = [*document.results, *document.missing, *peers]
    return list(dict.fromkeys(row.group for row in rows))


def _ours(table: Sequence[Result], fast: set[str]) -> list[str]:
    first = table[0]
    digest = f", SHA-256 `{first.convention.digest[:16]}`" if first.convention.digest else ""
    tools = ", ".join(sorted({f"Yosys {row.version}, `{row.script}`" for row in table}))
    lines = [
        "",
        f"**{first.convention.dataset}**, {first.convention.tests:,} test samples{digest}."
        f" {_counted(first.convention.counted)}. After synthesis by {tools}.",
        "",
        "| Row | Input | Test accuracy | Validation | LUT | Sites | CARRY8 | FF | Cycles | Goal |"
        " | Seeds | Training |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- | --- | ---: | ---: |",
    ]
    lines += [_row(row, fast) for row in table]
    notes = [f"- {row.id}: {note}" for row in table if (note := _note(row))]
    return lines + (["", *notes] if notes else [])


def _row(row: Result, fast: set[str]) -> str:
    count, bits = row.runs[0].words
    cells = (
        f"{row.id}{' ⚡' if row.id in fast else ''}{' †' if row.older else ''}",
        f"{count} x {bits}",
        _share(row.accuracy),
        f"{100 * row.validation.mean:.2f} %",
        *map(_number, (row.lut, row.sites, row.carry, row.ff, row.latency_cycles)),
        wanted(row),
        f"**{text}**" if (text := verdict(row)).startswith("missed") else text,
        str(len(row.seeds)),
        f"{row.train_s.mean:,.0f} s",
    )
    return f"| {' | '.join(cells)} |"


def _note(row: Result) -> str:
    older = "† measured with another state of the source." if row.older else ""
    trained = [run.trained_accuracy for run in row.runs]
    before = 100 * sum(trained) / len(trained)
    changed = (
        f"the optimiser changed the function: {before:.2f} % before."
        if any(run.accuracy != run.trained_accuracy for run in row.runs)
        else ""
    )
    return " ".join(filter(None, (row.note, changed, older)))


def _missing(rows: Iterable[Missing]) -> list[str]:
    lines = []
    for row in rows:
        reason = " ".join(row.reason.split())
        lines += ["", f"**{row.id}** {reason}"]
    return lines


def _published(table: Sequence[Peer], ours: Convention | None) -> list[str]:
    first = table[0].convention
    by = "" if first.tool == "not stated" else f" by {first.tool}"
    stage = {"size of the network": "network size only", "not stated": "stage not stated"}
    where = stage.get(first.stage, f"after {first.stage}{by}, {first.family}")
    differs = ", ".join(ours.differs(first)) if ours else ""
    note = f" Not comparable with the rows above, as these differ: {differs}." if differs else ""
    return [
        "",
        f"Published, **{first.dataset}**, {where}. {_counted(first.counted)}.{note}",
        "",
        "| System | Test accuracy | LUT | Mark | Source | |",
        "| --- | ---: | ---: | --- | --- | --- |",
        *(_peer(row) for row in table),
    ]


def _peer(row: Peer) -> str:
    lut = f"{row.lut:,}" if row.lut else row.size or "–"
    digits = max(1, len(f"{row.accuracy:.6f}".rstrip("0").partition(".")[2]) - 2)
    accuracy = f"{100 * row.accuracy:.{digits}f} %"
    return f"| {row.system} | {accuracy} | {lut} | {row.mark} | {row.source} | {row.note} |"


_WORDS: dict[Part, str] = {
    "yes": "counted",
    "no": "not counted",
    "none": "none",
    "not stated": "not stated",
}


def _counted(counted: Counted) -> str:
    parts: dict[str, Part] = counted.model_dump()
    text = ", ".join(f"{name} {_WORDS[part]}" for name, part in parts.items())
    return text[0].upper() + text[1:]


def _share(values: Spread) -> str:
    mean = f"{100 * values.mean:.2f}"
    if values.min == values.max:
        return f"{mean} %"
    return f"{mean} ± {100 * values.sd:.2f} % ({100 * values.min:.2f} to {100 * values.max:.2f})"


def _number(values: Spread) -> str:
    if values.min == values.max:
        return f"{values.mean:,g}" if values.mean < 1e5 else f"{values.mean:,.0f}"
    return f"{values.mean:,.0f} ({values.min:,.0f} to {values.max:,.0f})"
