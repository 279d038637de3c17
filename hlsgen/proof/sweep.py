"""Equivalence of a circuit with its specification, stage by stage.

Both circuits live in one and-inverter graph. Where a value of the specification (the output of a
layer) is found again in the circuit, that is proved first, and then stands for it in what follows:
each proof is about one layer. Found means: equal in simulation; only a SAT proof makes it count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hlsgen.graph.aig import TRUE, Aig
from hlsgen.sat import Budget, Model, Solver

# Places of a circuit that are tried for one value of the specification.
_TRIES = 4
# Conflicts for a value inside, which need not be there: from the stage before, from the inputs.
_NEAR, _FAR = Budget(2_000), Budget(200)
# Values of a stage that may in a row be out of reach from the inputs: the others are then as well.
_MISSES = 8

BUDGET = Budget(5_000_000, 600.0)


@dataclass(frozen=True)
class Stage:
    """Values of the specification; `fact` is a literal that they keep 1, such as their range."""

    name: str
    values: Sequence[int]
    fact: int = TRUE


@dataclass(frozen=True)
class Pair:
    """An output of the circuit and what it must be equal to."""

    name: str
    circuit: int
    wanted: int


@dataclass
class Swept:
    """What was proved. `inside` counts, for each stage, the values that the circuit has too."""

    inside: dict[str, tuple[int, int]] = field(default_factory=dict)
    proved: list[Pair] = field(default_factory=list)
    refuted: list[tuple[Pair, Model]] = field(default_factory=list)
    unknown: list[Pair] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether every output was proved."""
        return not (self.refuted or self.unknown)


class Sweep:
    """The specification's values, and where the circuit has them.

    Args:
        aig: holds both circuits.
        feeds: literal of an input -> samples, to find equal values with.
        samples: how many.
        budget: of the solver, for one output.
    """

    def __init__(
        self, aig: Aig, feeds: Mapping[int, int], samples: int, budget: Budget = BUDGET
    ) -> None:
        self._aig = aig
        self._values = aig.simulate(feeds, samples)
        self._ones = (1 << samples) - 1
        self._merged: dict[int, int] = {}
        self._cuts: set[int] = set()
        self._facts: list[int] = []
        self._budget = budget

    def run(self, stages: Sequence[Stage], pairs: Sequence[Pair], care: int = TRUE) -> Swept:
        """Prove `pairs` equal wherever `care` is 1, by way of the values of `stages`, in order."""
        result = Swept()
        doubtful = []
        for pair in pairs:
            # A difference that simulation shows needs no proof.
            if sample := self._differs(pair, care):
                result.refuted.append((pair, sample))
            else:
                doubtful.append(pair)
        places = self._places([pair.circuit for pair in pairs])
        for stage in stages:
            inner = {literal & ~1 for literal in stage.values if literal > TRUE}
            found = self._stage(sorted(inner), stage.fact, places)
            result.inside[stage.name] = (found, len(inner))
        self._outputs(doubtful, care, result)
        return result

    def _differs(self, pair: Pair, care: int) -> Model | None:
        apart = (self._of(pair.circuit) ^ self._of(pair.wanted)) & self._of(care)
        if not apart:
            return None
        at = (apart & -apart).bit_length() - 1
        return {variable: bool(value >> at & 1) for variable, value in enumerate(self._values)}

    def _of(self, literal: int) -> int:
        value = self._values[literal >> 1]
        return value ^ self._ones if literal & 1 else value

    def _places(self, outputs: Sequence[int]) -> dict[int, list[int]]:
        """Variables of the circuit by what they are in simulation, inverted or not."""
        places: dict[int, list[int]] = {}
        for variable in self._aig.cone(outputs):
            places.setdefault(self._plain(variable), []).append(variable)
        return places

    def _plain(self, variable: int) -> int:
        value = self._values[variable]
        return value ^ self._ones if value & 1 else value

    def _stage(self, literals: Sequence[int], fact: int, places: Mapping[int, list[int]]) -> int:
        """Look for the values of one stage in the circuit; how many are there."""
        found = {literal >> 1 for literal in literals if not self._aig.fan_in(literal >> 1)}
        with self._near() as near, self._far(_FAR) as far:
            misses = 0
            for literal in literals:
                at = places.get(self._plain(literal >> 1), ())[:_TRIES]
                same = self._same(near, literal, at)
                # Where one place was found near, that others look alike is mostly chance.
                if at and not same and misses < _MISSES:
                    same = self._same(far, literal, at)
                    misses = 0 if same else misses + 1
                for variable, other in same:
                    found |= {literal >> 1, variable}
                    self._merge(2 * variable, other)
            if near.equal(fact, TRUE).equal:
                self._facts.append(fact)
        self._cuts.update(found)
        return len({literal >> 1 for literal in literals} & found)

    def _same(self, solver: Solver, literal: int, at: Sequence[int]) -> list[tuple[int, int]]:
        """The variables among `at` that are the literal, and what each of them is equal to."""
        value = self._values[literal >> 1]
        others = [(v, literal ^ (self._values[v] ^ value) & 1) for v in at]
        return [(v, other) for v, other in others if solver.equal(2 * v, other).equal]

    def _near(self) -> Solver:
        """Values that were found are free, but keep their facts: proofs about one stage."""
        return Solver(self._aig, dict(self._merged), set(self._cuts), self._facts, _NEAR)

    def _far(self, budget: Budget) -> Solver:
        """Everything down to the inputs."""
        return Solver(self._aig, dict(self._merged), (), (), budget)

    def _merge(self, a: int, b: int) -> None:
        """Let the earlier of two equal literals stand for the later, so that no cone has a loop."""
        a, b = max(a, b), min(a, b)
        if a >> 1 != b >> 1:
            self._merged[a >> 1] = b ^ (a & 1)

    def _outputs(self, pairs: Sequence[Pair], care: int, result: Swept) -> None:
        with self._near() as near, self._far(self._budget) as far:
            for pair in pairs:
                if near.equal(pair.circuit, pair.wanted, care).equal:
                    result.proved.append(pair)
                    continue
                answer = far.equal(pair.circuit, pair.wanted, care)
                if answer.equal:
                    result.proved.append(pair)
                elif answer.model is not None:
                    result.refuted.append((pair, answer.model))
                else:
                    result.unknown.append(pair)
