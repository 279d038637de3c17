"""The netlist after place and route against the one before: register by register."""

from __future__ import annotations

import time

from hlsgen.graph.aig import Aig
from hlsgen.netlist import Flat
from hlsgen.netlist.cut import Cut
from hlsgen.proof.equivalence import Proof
from hlsgen.proof.sweep import BUDGET
from hlsgen.sat import Budget, Solver

_SHOWN = 3


def prove_routed(before: Flat, after: Flat, budget: Budget = BUDGET) -> Proof:
    """That every register, memory, PLL and pad takes the same in both, whatever the state.

    Shell and board top are part of it: everything that place and route was given.
    """
    start = time.perf_counter()
    aig = Aig()
    sources: dict[str, int] = {}

    def source(name: str) -> int:
        if name not in sources:
            sources[name] = aig.input()
        return sources[name]

    wanted, seen = Cut(aig, before, source), Cut(aig, after, source)
    lost = sorted((set(wanted.sinks) ^ set(seen.sinks)) - wanted.undefined)
    wrong = [name for name, mode in wanted.modes.items() if seen.modes.get(name, mode) != mode]
    unknown: list[str] = []
    with Solver(aig, {}, budget=budget) as solver:
        for name in sorted(set(wanted.sinks) & set(seen.sinks)):
            same = solver.equal(wanted.sinks[name], seen.sinks[name]).equal
            if not same:
                (unknown if same is None else wrong).append(name)
    total = len((set(wanted.sinks) | set(seen.sinks)) - wanted.undefined)
    problems = [
        f"{what}: {', '.join(names[:_SHOWN])}{' and more' if len(names) > _SHOWN else ''}"
        for what, names in (
            ("in one of the netlists only", lost),
            ("takes something else after routing", wrong),
            ("undecided", unknown),
        )
        if names
    ]
    return Proof(
        "routed netlist",
        "refuted" if lost or wrong else "unknown" if unknown else "proved",
        total,
        total - len(lost) - len(wrong) - len(unknown),
        time.perf_counter() - start,
        "; ".join(problems),
    )
