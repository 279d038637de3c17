"""Questions to the solver, and the sweep over two circuits: against every combination."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hlsgen.graph.aig import FALSE, TRUE, Aig, Word, constant
from hlsgen.proof.sweep import Pair, Stage, Sweep, Swept
from hlsgen.sat import Budget, Model, Solver

SEEDS = st.integers(0, 2**32 - 1)

# --- the solver -------------------------------------------------------------------------------


def random_literals(rng: np.random.Generator, inputs: int, ands: int) -> tuple[Aig, Word, Word]:
    """A circuit, its inputs and all its literals."""
    aig = Aig()
    fed = aig.inputs(inputs)
    literals = [*fed, TRUE]
    for _ in range(ands):
        a, b = (literals[i] ^ int(rng.integers(2)) for i in rng.integers(0, len(literals), 2))
        literals.append(aig.xor(a, b) if rng.random() < 0.4 else aig.conj(a, b))
    return aig, fed, literals


def every(aig: Aig, inputs: Word) -> tuple[list[int], int]:
    """All variables on every combination of the inputs, and all ones."""
    count = 1 << len(inputs)
    feeds = {x: sum((s >> i & 1) << s for s in range(count)) for i, x in enumerate(inputs)}
    return aig.simulate(feeds, count), (1 << count) - 1


def of_model(aig: Aig, inputs: Word, model: Model, literal: int) -> int:
    """What the circuit makes of a model's inputs."""
    feeds = {x: int(model.get(x >> 1, False)) for x in inputs}
    return aig.simulate(feeds, 1)[literal >> 1] ^ literal & 1


@given(seed=SEEDS)
@settings(max_examples=40)
def test_the_solver_agrees_with_every_combination_question_after_question(seed: int) -> None:
    """One solver for all questions: what it learned must not change a later answer."""
    rng = np.random.default_rng(seed)
    aig, inputs, literals = random_literals(rng, 4, 25)
    value, ones = every(aig, inputs)

    def of(literal: int) -> int:
        return value[literal >> 1] ^ (ones if literal & 1 else 0)

    alike = {}
    for literal in [*literals, *(x ^ 1 for x in literals)]:
        alike.setdefault(of(literal), []).append(literal)
    with Solver(aig, {}) as solver:
        for _ in range(40):
            a, b, care = (
                literals[i] ^ int(rng.integers(2)) for i in rng.integers(0, len(literals), 3)
            )
            if rng.integers(2):
                b = alike[of(a)][int(rng.integers(len(alike[of(a)])))]
            if rng.integers(2):
                care = TRUE
            answer = solver.equal(a, b, care)
            assert answer.equal == (not (of(a) ^ of(b)) & of(care))
            if not answer.equal:
                assert answer.model is not None
                x, y, z = (of_model(aig, inputs, answer.model, v) for v in (a, b, care))
                assert (x != y, z) == (True, 1)
                assert all(of_model(aig, inputs, answer.model, 2 * v) == bit
                           for v, bit in answer.model.items() if v)  # fmt: skip


def test_a_merged_variable_is_what_stands_for_it() -> None:
    """Also inverted, through two steps, and below the literal that is asked about."""
    aig = Aig()
    a, b, c = aig.inputs(3)
    both, other = aig.conj(a, b), aig.conj(a, c)
    above = aig.conj(other, b)
    with Solver(aig, {}) as solver:
        assert solver.equal(other, both ^ 1).equal is False
    with Solver(aig, {other >> 1: both ^ 1, c >> 1: b}) as solver:
        assert solver.equal(other, both ^ 1).equal is True
        assert solver.equal(other, both).equal is False
        assert solver.equal(above, aig.conj(both ^ 1, b)).equal is True
        assert solver.equal(c, b).equal is True


def test_a_cut_variable_is_free_and_its_facts_hold() -> None:
    aig = Aig()
    a, b, c = aig.inputs(3)
    first, second = aig.conj(a, b), aig.conj(a, b ^ 1)  # never both
    claim = aig.conj(first, second)
    with Solver(aig, {}) as solver:
        assert solver.equal(claim, FALSE).equal is True
    cuts = {first >> 1, second >> 1}
    with Solver(aig, {}, cuts) as solver:
        assert solver.equal(claim, FALSE).equal is False
        assert solver.equal(aig.conj(claim, c), aig.conj(c, claim)).equal is True
    with Solver(aig, {}, cuts, [claim ^ 1]) as solver:
        assert solver.equal(claim, FALSE).equal is True
        assert solver.equal(first, FALSE).equal is False
    with Solver(aig, {}, (), [a, b ^ 1]) as solver:
        assert solver.equal(second, TRUE).equal is True


def products(bits: int) -> tuple[Aig, Word, Word, Word]:
    """a * b and b * a, each by its own rows: equal, and hard for a solver."""
    aig = Aig()
    inputs = aig.inputs(2 * bits)
    a, b = inputs[:bits], inputs[bits:]

    def product(x: Word, y: Word) -> Word:
        total = constant(0, 2 * bits)
        for i, bit in enumerate(y):
            row = [FALSE] * i + [aig.conj(bit, other) for other in x]
            total = aig.add(total, [*row, *[FALSE] * (2 * bits - len(row))])
        return total

    return aig, inputs, product(a, b), product(b, a)


def test_a_question_over_budget_has_no_answer() -> None:
    aig, _, one, two = products(7)
    assert one[7] != two[7]
    with Solver(aig, {}, budget=Budget(1)) as solver:
        answer = solver.equal(one[7], two[7])
        assert (answer.equal, answer.model) == (None, None)
        assert solver.equal(one[0], two[0]).equal is True, "and easy ones still have"
    with Solver(aig, {}, budget=Budget(10**9, 0.0)) as solver:
        assert solver.equal(one[7], two[7]).equal is None, "no time"


# --- the sweep --------------------------------------------------------------------------------


def feeds_of(inputs: Word, samples: int, seed: int = 0) -> dict[int, int]:
    rng = np.random.default_rng(seed)
    mask = (1 << samples) - 1
    return {x: int.from_bytes(rng.bytes(samples // 8 + 1), "little") & mask for x in inputs}


def test_a_sweep_over_budget_says_unknown_and_never_proved() -> None:
    aig, inputs, one, two = products(7)
    pairs = [Pair(str(i), a, b) for i, (a, b) in enumerate(zip(one, two, strict=True))]
    result = Sweep(aig, feeds_of(inputs, 64), 64, Budget(1)).run([], pairs)
    assert not result.ok
    assert not result.refuted
    assert {pair.name for pair in result.unknown} >= {"7", "8"}
    assert sorted([*result.proved, *result.unknown], key=pairs.index) == pairs


@given(seed=SEEDS, samples=st.sampled_from([1, 4, 64]))
@settings(max_examples=40)
def test_a_sweep_is_right_whatever_stages_it_goes_by(seed: int, samples: int) -> None:
    """Stages, facts and pairs drawn at random; few samples, so that guesses are often wrong."""
    rng = np.random.default_rng(seed)
    aig, inputs, literals = random_literals(rng, 5, 40)
    value, ones = every(aig, inputs)

    def of(literal: int) -> int:
        return value[literal >> 1] ^ (ones if literal & 1 else 0)

    def draw(count: int) -> Word:
        return [literals[i] ^ int(rng.integers(2)) for i in rng.integers(0, len(literals), count)]

    stages = [Stage(f"s{i}", draw(6), draw(1)[0]) for i in range(3)]
    chosen = draw(12)
    pairs = [Pair(f"p{i}", a, b) for i, (a, b) in enumerate(itertools.pairwise(chosen))]
    alike = {of(literal): literal for literal in literals}
    pairs += [Pair(f"e{i}", a, alike.get(of(a), a)) for i, a in enumerate(draw(8))]
    care = draw(1)[0] if rng.integers(2) else TRUE
    result = Sweep(aig, feeds_of(inputs, samples, seed), samples).run(stages, pairs, care)
    assert not result.unknown
    assert {pair.name for pair in result.proved} == {
        pair.name for pair in pairs if not (of(pair.circuit) ^ of(pair.wanted)) & of(care)
    }
    for pair, model in result.refuted:
        a, b, z = (of_model(aig, inputs, model, v) for v in (pair.circuit, pair.wanted, care))
        assert (a != b, z) == (True, 1)
    assert len(result.proved) + len(result.refuted) == len(pairs)


def test_a_fact_that_is_not_one_is_not_believed() -> None:
    aig = Aig()
    a, b = aig.inputs(2)
    either = aig.disj(a, b)
    pair = Pair("either", either, TRUE)
    result = Sweep(aig, {}, 1).run([Stage("inputs", [a, b], either)], [pair])
    assert [p for p, _ in result.refuted] == [pair]
    # Neither where no sample shows it.
    ones = {a: 0b11, b: 0b11}
    result = Sweep(aig, ones, 2).run([Stage("inputs", [a, b], either)], [pair])
    assert [p for p, _ in result.refuted] == [pair]


def test_inside_counts_the_values_that_the_circuit_has() -> None:
    aig = Aig()
    a, b, c = aig.inputs(3)
    total = aig.xor(aig.xor(a, b), c)
    other = aig.xor(a, aig.xor(b, c))
    pairs = [Pair("y", aig.conj(other, a), aig.conj(total, a))]
    carry = aig.majority(a, b, c)
    result = Sweep(aig, feeds_of([a, b, c], 64), 64).run([Stage("s", [total, carry])], pairs)
    assert result.proved == pairs
    assert result.inside == {"s": (1, 2)}
    assert isinstance(result, Swept)
    assert result.ok


def test_a_value_that_the_circuit_has_inverted_counts() -> None:
    aig = Aig()
    a, b, c = aig.inputs(3)
    total, part = aig.xor(aig.xor(a, b), c), aig.xor(b, c)
    inverse = aig.conj(aig.conj(a ^ 1, part) ^ 1, aig.conj(a, part ^ 1) ^ 1)
    pairs = [Pair("y", aig.conj(inverse, a), aig.conj(total ^ 1, a))]
    result = Sweep(aig, feeds_of([a, b, c], 64), 64).run([Stage("s", [total])], pairs)
    assert result.proved == pairs
    assert result.inside == {"s": (1, 1)}
