"""Goals, and whether numbers made anew lie within the spread that was stated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.results.record import Document, Result

# Around the stated mean: accuracy (a share) and LUTs (relative) by so much, or by so many standard
# deviations over the seeds, whichever is more.
ACCURACY, DEVIATIONS, LUT = 0.003, 3.0, 0.03
# Two mean accuracies are equal if they are no further apart; what is more accurate is fine, too.
EQUAL = 0.002
# Below this two shares of samples are the same number.
_ROUNDING = 1e-9


def verdict(result: Result, others: Mapping[str, Result]) -> str:
    """Whether the goal is reached, in words, or by how much it is missed; empty without one.

    Args:
        result: a row.
        others: the rows that it may be compared with, by their ids.
    """
    goal, missed = result.goal, []
    if goal.accuracy is not None and result.accuracy.mean < goal.accuracy:
        missed.append(f"{100 * (goal.accuracy - result.accuracy.mean):.2f} points")
    if goal.lut6 is not None and result.lut.mean > goal.lut6:
        missed.append(f"{result.lut.mean - goal.lut6:,.0f} LUT")
    for ratio in ratios(result, others):
        least = goal.fewer[ratio.other]
        if ratio.times < least:
            missed.append(f"{least - ratio.times:.2f} x of {ratio.other}")
        if ratio.points < -100 * (EQUAL + _ROUNDING):
            missed.append(f"{-ratio.points - 100 * EQUAL:.2f} points of {ratio.other}")
    if missed:
        return f"missed by {' and '.join(missed)}"
    if absent := [name for name in goal.fewer if name not in others]:
        return f"not compared with {', '.join(absent)}"
    return "reached" if wanted(result) else ""


@dataclass(frozen=True)
class Ratio:
    """A row's layer against that of another row.

    Args:
        other: its id.
        times: so many times the LUTs of this row's layer has the other's.
        points: of mean test accuracy that this row has more.
    """

    other: str
    times: float
    points: float


def ratios(result: Result, others: Mapping[str, Result]) -> Iterator[Ratio]:
    """The row against those that its goal names and that are there."""
    for name in result.goal.fewer:
        other = others.get(name)
        if other and other.layer and result.layer:
            points = 100 * (result.accuracy.mean - other.accuracy.mean)
            yield Ratio(name, other.layer.mean / result.layer.mean, points)


def wanted(result: Result) -> str:
    """The goal in words; empty without one."""
    goal, parts = result.goal, []
    if goal.accuracy is not None:
        parts.append(f"at least {100 * goal.accuracy:.1f} %")
    if goal.lut6 is not None:
        parts.append(f"at most {goal.lut6:,} LUT")
    for name, times in goal.fewer.items():
        parts.append(f"layer {times:g} x smaller than {name}'s, as accurate")
    return ", ".join(parts)


def deviations(results: Sequence[Result], stated: Document) -> list[str]:
    """One sentence for every value outside the spread, and for every row that is not stated."""
    rows = {result.id: result for result in stated.results}
    found = []
    for result in results:
        if result.id not in rows:
            found.append(f"{result.id}: no stated result; run make results and keep what it wrote")
            continue
        found += _outside(result, rows[result.id])
    return found


def _outside(result: Result, stated: Result) -> list[str]:
    found = []
    if result.convention != stated.convention:
        names = ", ".join(result.convention.differs(stated.convention))
        found.append(f"{result.id}: another convention than stated: {names}")
    within = max(ACCURACY, DEVIATIONS * stated.accuracy.sd)
    luts = max(LUT * stated.lut.mean, DEVIATIONS * stated.lut.sd)
    for run in result.runs:
        if abs(run.accuracy - stated.accuracy.mean) > within:
            found.append(
                f"{result.id}, seed {run.seed}: accuracy {100 * run.accuracy:.2f} %, stated"
                f" {100 * stated.accuracy.mean:.2f} ± {100 * within:.2f} %"
            )
        if abs(run.lut - stated.lut.mean) > luts:
            found.append(
                f"{result.id}, seed {run.seed}: {run.lut:,} LUT, stated"
                f" {stated.lut.mean:,.0f} ± {luts:,.0f}"
            )
    return found
