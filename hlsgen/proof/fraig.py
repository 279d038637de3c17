"""Graphs in one and-inverter graph, where lanes that compute the same become the same literal.

After each layer its lanes are compared with those of all nodes before, of this graph and of those
that were built before it (functionally reduced AIGs: Mishchenko, Chatterjee, Jiang and Brayton,
"FRAIGs: A Unifying Representation for Logic Synthesis and Verification", 2005). What reads them
then reads the same literals, and structural hashing finds it equal without any proof.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hlsgen.graph.aig import TRUE, Aig, Word, extend
from hlsgen.graph.ir import Graph, Wire
from hlsgen.graph.ops import Sum
from hlsgen.proof.signatures import Signatures
from hlsgen.proof.sums import decided, folded
from hlsgen.sat import Budget, Model, Solver

# Parts whose lanes are not looked for: sums are in one form (see `proof.sums`), or too hard.
_HEAD = ("popcount", "argmax")
# Earlier lanes that are tried for one.
_TRIES = 4
# Conflicts for one lane; lanes of one node that may run out of them before the rest is left alone.
_LANE = Budget(10_000)
_MISSES = 8
# Models that are collected before they become samples: each time all is simulated.
_MODELS = 64


@dataclass
class Blasted:
    """The words of each node, and the wires that they are on."""

    words: dict[str, list[Word]] = field(default_factory=dict)
    wires: dict[str, Wire] = field(default_factory=dict)


class Fraig:
    """Builds graphs over the same inputs.

    Args:
        aig: where they are built.
        feeds: literal of an input -> samples, to find equal lanes with.
        samples: how many.
        care: lanes are equal if they are wherever this literal is 1.
        budget: of the solver, for one lane, if it is less than what is usual here.
    """

    def __init__(
        self, aig: Aig, feeds: Mapping[int, int], samples: int, care: int, budget: Budget
    ) -> None:
        self._aig = aig
        self._inputs = sorted(feeds)
        self._signatures = Signatures(aig, feeds, samples)
        lane = Budget(min(budget.conflicts, _LANE.conflicts), budget.time_s)
        self._solver = Solver(aig, {}, (), () if care == TRUE else (care,), lane)
        # Lanes that no earlier one is equal to, and for the others the earlier one.
        self._first: dict[int, None] = {}
        self._same: dict[int, int] = {}
        self._by_signature: dict[int, list[int]] = {}
        self._random = random.Random(4)
        self._enter(0)

    def __enter__(self) -> Fraig:
        return self

    def __exit__(self, *_: object) -> None:
        self._solver.close()

    def blast(self, graph: Graph, feeds: Mapping[str, list[Word]]) -> Blasted:
        """The words of every node; sums that only decide are known up to what all add."""
        made = Blasted()
        only_decide = decided(graph)
        for node in graph.nodes:
            op = node.op
            wires = tuple(made.wires[name] for name in node.inputs)
            values = tuple(made.words[name] for name in node.inputs) or (feeds[node.name],)
            if isinstance(op, Sum) and node.name in only_decide:
                op = folded(op, wires[0], values[0], relative=True)
            if isinstance(op, Sum):
                words = self._sums(op, wires[0], values[0])
            else:
                words = op.logic(self._aig, wires, values)
            if op.part not in _HEAD:
                self._reduce(literal for word in words for literal in word)
            made.words[node.name] = [[self._found(literal) for literal in word] for word in words]
            made.wires[node.name] = op.infer(*wires)
        return made

    def _sums(self, op: Sum, wire: Wire, words: list[Word]) -> list[Word]:
        """What `op` adds, without what cancels, in as many bits as it has."""
        less = folded(op, wire, words, relative=False)
        signed, bits = less.infer(wire).signed, op.infer(wire).bits
        made = less.logic(self._aig, (wire,), (words,))
        return [extend(word, bits, signed=signed) for word in made]

    def _found(self, literal: int) -> int:
        return self._same.get(literal >> 1, literal & ~1) ^ literal & 1

    def _reduce(self, literals: Iterable[int]) -> None:
        """Look for lanes that are equal to the literals."""
        known = self._same.keys() | self._first.keys()
        waiting = [v for v in dict.fromkeys(lit >> 1 for lit in literals) if v not in known]
        self._signatures.grow()
        misses = 0
        while waiting:
            models: list[Model] = []
            rest = []
            for variable in waiting:
                if len(models) == _MODELS or not (answer := self._look(variable, misses, models)):
                    rest.append(variable)
                else:
                    misses += answer == "unknown"
            if models:
                self._learn(models)
            waiting = rest

    def _look(self, variable: int, misses: int, models: list[Model]) -> str:
        """What became of a variable; nothing if a model tells it from what it seemed to be."""
        signature, inverted = self._signatures.of(variable)
        unknown = False
        for other in self._by_signature.get(signature, ())[:_TRIES] if misses < _MISSES else ():
            literal = 2 * other ^ inverted ^ self._signatures.of(other)[1]
            answer = self._solver.equal(2 * variable, literal)
            if answer.equal:
                self._same[variable] = literal
                return "equal"
            if answer.model is not None:
                models.append(answer.model)
                return ""
            unknown = True
        self._enter(variable)
        return "unknown" if unknown else "new"

    def _enter(self, variable: int) -> None:
        self._first[variable] = None
        self._by_signature.setdefault(self._signatures.of(variable)[0], []).append(variable)

    def _learn(self, models: list[Model]) -> None:
        """The models become samples; inputs that they leave open are random."""
        feeds = {
            literal: sum(
                model.get(literal >> 1, bool(self._random.getrandbits(1))) << i
                for i, model in enumerate(models)
            )
            for literal in self._inputs
        }
        self._signatures.add(feeds, len(models))
        self._by_signature = {}
        for variable in self._first:
            self._by_signature.setdefault(self._signatures.of(variable)[0], []).append(variable)
