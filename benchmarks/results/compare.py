"""Goals, and whether numbers made anew lie within the spread that was stated."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.results.record import Document, Result

# Around the stated mean: accuracy (a share) and LUTs (relative) by so much, or by so many standard
# deviations over the seeds, whichever is more.
ACCURACY, DEVIATIONS, LUT = 0.003, 3.0, 0.03


def verdict(result: Result) -> str:
    """Whether the goal is reached, in words, or by how much it is missed; empty without one."""
    goal, missed = result.goal, []
    if goal.accuracy is not None and result.accuracy.mean < goal.accuracy:
        missed.append(f"{100 * (goal.accuracy - result.accuracy.mean):.2f} points")
    if goal.lut6 is not None and result.lut.mean > goal.lut6:
        missed.append(f"{result.lut.mean - goal.lut6:,.0f} LUT")
    if missed:
        return f"missed by {' and '.join(missed)}"
    return "reached" if goal.accuracy is not None or goal.lut6 is not None else ""


def wanted(result: Result) -> str:
    """The goal in words; empty without one."""
    goal, parts = result.goal, []
    if goal.accuracy is not None:
        parts.append(f"at least {100 * goal.accuracy:.1f} %")
    if goal.lut6 is not None:
        parts.append(f"at most {goal.lut6:,} LUT")
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
