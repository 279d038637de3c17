"""Questions about literals of an and-inverter graph, answered by SAT."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from pysat.solvers import Glucose4

from hlsgen.graph.aig import Aig

# A model: variables of the graph and whether they are 1.
Model = dict[int, bool]

# Conflicts between two looks at the clock.
_SLICE = 20_000
# Variables of old questions after which the solver starts anew: it tries them first in new ones.
_VARIABLES = 50_000


@dataclass(frozen=True)
class Budget:
    """How long one question may take: so many conflicts, and so many seconds from its begin."""

    conflicts: int
    time_s: float = math.inf


@dataclass(frozen=True)
class Answer:
    """`equal` is None where the budget ran out; `model` tells two literals apart."""

    equal: bool | None
    model: Model | None = None


class Solver:
    """An incremental solver on the cones of the literals that are asked about.

    Args:
        aig: the circuit.
        merged: variable -> literal that was proved equal to it and stands for it.
        cuts: variables that may take any value, whatever they are made from.
        facts: literals that are known to be 1.
        budget: of one question.
    """

    def __init__(
        self,
        aig: Aig,
        merged: Mapping[int, int],
        cuts: Collection[int] = (),
        facts: Collection[int] = (),
        budget: Budget = Budget(100_000),
    ) -> None:
        self._aig, self._merged, self._cuts, self._budget = aig, merged, cuts, budget
        self._facts = tuple(facts)
        self._start()

    def _start(self) -> None:
        self._number: dict[int, int] = {0: 1}
        self._solver = Glucose4(bootstrap_with=[[-1]])
        for fact in self._facts:
            self._solver.add_clause([self._encode(fact)])
        self._limit = len(self._number) + _VARIABLES

    def __enter__(self) -> Solver:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give its memory back."""
        self._solver.delete()

    def possible(self, literal: int) -> bool | None:
        """Whether a literal can be 1, or None where the budget runs out."""
        self._refresh()
        return self._ask([self._encode(literal)])

    def equal(self, a: int, b: int, care: int = 1) -> Answer:
        """Whether two literals are equal wherever the literal `care` is 1."""
        self._refresh()
        x, y, always = (self._encode(literal) for literal in (a, b, care))
        if x == y:
            return Answer(True)
        for assumptions in ([always, x, -y], [always, -x, y]):
            answer = self._ask(assumptions)
            if answer is not False:
                return Answer(None) if answer is None else Answer(False, self._model())
        # What was proved helps with what comes.
        if always == -1:
            self._solver.add_clause([-x, y])
            self._solver.add_clause([x, -y])
        return Answer(True)

    def _refresh(self) -> None:
        if len(self._number) > self._limit:
            self.close()
            self._start()

    def _ask(self, assumptions: Sequence[int]) -> bool | None:
        answer: bool | None = None
        end = time.monotonic() + self._budget.time_s
        left = self._budget.conflicts
        while answer is None and left > 0 and time.monotonic() < end:
            self._solver.conf_budget(min(left, _SLICE))
            answer = self._solver.solve_limited(assumptions=list(assumptions))
            left -= _SLICE
        return answer

    def _model(self) -> Model:
        values = self._solver.get_model()
        return {
            variable: values[number - 1] > 0
            for variable, number in self._number.items()
            if number <= len(values)
        }

    def _encode(self, literal: int) -> int:
        """The solver's literal; its cone becomes clauses."""
        stack = [literal >> 1]
        while stack:
            variable = stack[-1]
            if variable in self._number:
                stack.pop()
                continue
            other = self._merged.get(variable)
            fans = (other,) if other is not None else self._aig.fan_in(variable)
            if other is None and (not fans or variable in self._cuts):
                self._number[variable] = len(self._number) + 1
                continue
            missing = [fan >> 1 for fan in fans if fan >> 1 not in self._number]
            if missing:
                stack.extend(missing)
            elif other is not None:
                # Numbers are signed: an inverted stand-in needs a variable of its own.
                self._tie(variable, self._literal(other))
            else:
                self._gate(variable, *(self._literal(fan) for fan in fans))
        return self._literal(literal)

    def _gate(self, variable: int, a: int, b: int) -> None:
        y = self._number[variable] = len(self._number) + 1
        self._solver.append_formula([[-y, a], [-y, b], [y, -a, -b]], no_return=True)

    def _tie(self, variable: int, other: int) -> None:
        y = self._number[variable] = len(self._number) + 1
        self._solver.append_formula([[-y, other], [y, -other]], no_return=True)

    def _literal(self, literal: int) -> int:
        number = self._number[literal >> 1]
        return -number if literal & 1 else number
