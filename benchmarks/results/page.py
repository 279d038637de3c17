"""`docs/results.md`: the same results give the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from benchmarks.results.compare import (
    ACCURACY,
    DEVIATIONS,
    EQUAL,
    LUT,
    ratios,
    verdict,
    wanted,
)
from benchmarks.results.convention import Convention, Counted, Part, apart
from benchmarks.results.peers import Peer
from benchmarks.results.record import Document, Missing, Result, Spread

# Title, alignment, and what stands in a row.
_Column = tuple[str, str, Callable[[Result], str]]
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
    bounds["equal"] = 100 * EQUAL
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
    others = {row.id: row for row in table}
    columns = _columns(table, fast)
    notes = [f"- {row.id}: {note}" for row in table if (note := _note(row, others))]
    return [
        "",
        f"**{first.convention.dataset}**, {first.convention.tests:,} test samples{digest}."
        f" {_counted(first.convention.counted)}. After synthesis by {tools}.",
        "",
        f"| {' | '.join(title for title, _, _ in columns)} |".replace("|  |", "| |"),
        f"| {' | '.join(align for _, align, _ in columns)} |",
        *(f"| {' | '.join(cell(row) for _, _, cell in columns)} |" for row in table),
        *(["", *notes] if notes else []),
    ]


def _columns(table: Sequence[Result], fast: set[str]) -> list[_Column]:
    """Title, alignment and content; layers and block memories only where there are such."""
    others = {row.id: row for row in table}
    right, left = "---:", "---"
    layer: list[_Column] = [("Layer", right, lambda row: _number(row.layer) if row.layer else "")]
    blocks: list[_Column] = [("Blocks", right, lambda row: _number(row.blocks))]
    return [
        ("Row", left, lambda row: f"{row.id}{' ⚡' * (row.id in fast)}{' †' * row.older}"),
        ("Input", right, lambda row: "{} x {}".format(*row.runs[0].words)),
        ("Test accuracy", right, lambda row: _share(row.accuracy)),
        ("Validation", right, lambda row: f"{100 * row.validation.mean:.2f} %"),
        *(layer if any(row.layer for row in table) else []),
        ("LUT", right, lambda row: _number(row.lut)),
        ("Sites", right, lambda row: _number(row.sites)),
        ("CARRY8", right, lambda row: _number(row.carry)),
        ("FF", right, lambda row: _number(row.ff)),
        *(blocks if table[0].convention.counted.windows == "yes" else []),
        ("Cycles", right, lambda row: _number(row.latency_cycles)),
        ("Goal", left, wanted),
        ("", left, lambda row: _verdict(row, others)),
        ("Seeds", right, lambda row: str(len(row.seeds))),
        ("Training", right, lambda row: f"{row.train_s.mean:,.0f} s"),
    ]


def _verdict(row: Result, others: Mapping[str, Result]) -> str:
    text = verdict(row, others)
    return f"**{text}**" if text.startswith("missed") else text


def _note(row: Result, others: Mapping[str, Result]) -> str:
    older = "† measured with another state of the source." if row.older else ""
    trained = [run.trained_accuracy for run in row.runs]
    before = 100 * sum(trained) / len(trained)
    changed = (
        f"the optimiser changed the function: {before:.2f} % before."
        if any(run.accuracy != run.trained_accuracy for run in row.runs)
        else ""
    )
    beside = " and ".join(
        f"{ratio.times:.2f} x smaller than {ratio.other}'s ({ratio.points:+.2f} points of accuracy)"
        for ratio in ratios(row, others)
    )
    layer = f"its layer is {beside}." if beside else ""
    return " ".join(filter(None, (row.note, layer, changed, older)))


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
    if counted.windows == "none":
        # Most networks take a sample at once; only the others say what they do with it.
        del parts["windows"]
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
