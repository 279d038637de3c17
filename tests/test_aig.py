"""The and-inverter graph: every operation against Python's integers, and what it writes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlsgen.graph.aig import FALSE, TRUE, Aig, Word, constant, extend

SEEDS = st.integers(0, 2**32 - 1)


def exhaustive(inputs: Sequence[int]) -> tuple[dict[int, int], int]:
    """Feeds of every combination: sample s gives bit i of s to input i; and how many."""
    count = 1 << len(inputs)
    feeds = {
        literal: sum((s >> i & 1) << s for s in range(count)) for i, literal in enumerate(inputs)
    }
    return feeds, count


def values(aig: Aig, inputs: Sequence[int], literals: Sequence[int]) -> list[list[int]]:
    """For each combination of the inputs the values of the literals."""
    feeds, count = exhaustive(inputs)
    value = aig.simulate(feeds, count)
    return [[value[y >> 1] >> s & 1 ^ y & 1 for y in literals] for s in range(count)]


def number(bits: Sequence[int], *, signed: bool = False) -> int:
    whole = sum(bit << i for i, bit in enumerate(bits))
    return whole - (bits[-1] << len(bits) if signed else 0)


OPERATIONS: dict[str, tuple[int, Callable[..., int], Callable[..., int]]] = {
    "conj": (2, Aig.conj, lambda a, b: a & b),
    "disj": (2, Aig.disj, lambda a, b: a | b),
    "xor": (2, Aig.xor, lambda a, b: a ^ b),
    "mux": (3, Aig.mux, lambda s, high, low: high if s else low),
    "majority": (3, Aig.majority, lambda a, b, c: int(a + b + c >= 2)),
    "all": (4, lambda aig, *x: aig.all(x), lambda *x: int(all(x))),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_its_definition_on_inputs_inversions_and_constants(name: str) -> None:
    """Every choice of arguments, equal ones and constants too, on every combination of inputs."""
    arity, make, defined = OPERATIONS[name]
    aig = Aig()
    a, b = inputs = aig.inputs(2)
    literals = [FALSE, TRUE, a, b, a ^ 1, b ^ 1, aig.conj(a, b), aig.xor(a, b) ^ 1]
    choices = list(itertools.product(range(len(literals)), repeat=arity))
    made = [make(aig, *(literals[i] for i in choice)) for choice in choices]
    for row in values(aig, inputs, [*literals, *made]):
        known, got = row[: len(literals)], row[len(literals) :]
        assert got == [defined(*(known[i] for i in choice)) for choice in choices]


@given(seed=SEEDS)
def test_a_table_is_read_at_the_address_that_its_pins_make(seed: int) -> None:
    """Pins constant, repeated, inverted and in any order."""
    rng = np.random.default_rng(seed)
    aig = Aig()
    inputs = aig.inputs(4)
    k = int(rng.integers(0, 7))
    init = int.from_bytes(rng.bytes(8), "little") & (1 << (1 << k)) - 1
    inner = [aig.conj(inputs[0], inputs[1] ^ 1), aig.xor(inputs[2], inputs[3])]
    choice = [FALSE, TRUE, *inputs, *(x ^ 1 for x in inputs), *inner]
    pins = [choice[i] for i in rng.integers(0, len(choice), k)]
    made = aig.table(init, pins)
    for *known, got in values(aig, inputs, [*pins, made]):
        assert got == init >> number(known) & 1


@given(seed=SEEDS)
def test_one_function_in_another_order_of_pins_is_the_same_literal(seed: int) -> None:
    rng = np.random.default_rng(seed)
    aig = Aig()
    pins, k = aig.inputs(6), 6
    init = int.from_bytes(rng.bytes(8), "little")
    order, inverted = rng.permutation(k).tolist(), rng.integers(0, 2, k).tolist()
    moved = 0
    for entry in range(1 << k):
        # Pin p of the new table is pin order[p] of the old, inverted or not.
        old = sum((entry >> p & 1 ^ inverted[p]) << order[p] for p in range(k))
        moved |= (init >> old & 1) << entry
    first = aig.table(init, pins)
    size = len(aig)
    again = aig.table(moved, [pins[order[p]] ^ inverted[p] for p in range(k)])
    assert again == first
    assert len(aig) == size, "it was found, nothing was made"


def test_equal_ands_are_one_variable() -> None:
    aig = Aig()
    a, b, c = aig.inputs(3)
    assert aig.conj(a, b) == aig.conj(b, a)
    assert aig.disj(a, b) == aig.conj(a ^ 1, b ^ 1) ^ 1
    assert aig.xor(a, b) == aig.xor(b, a) == aig.xor(a ^ 1, b) ^ 1
    assert aig.mux(c, a, a) == a
    assert aig.mux(c, a ^ 1, a) == aig.xor(a, c)
    assert aig.conj(a, a ^ 1) == FALSE
    assert aig.conj(a, b) != aig.conj(a, b ^ 1) != aig.conj(a, c)


@given(seed=SEEDS, width=st.integers(1, 4))
def test_add_is_addition_modulo_two_to_the_width(seed: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    aig = Aig()
    inputs = aig.inputs(2 * width)
    a, b = inputs[:width], inputs[width:]
    offset = int(rng.integers(0, 1 << width))
    carry = [FALSE, TRUE, a[0]][int(rng.integers(3))]
    total, more = aig.add(a, b, carry), aig.add(a, constant(offset, width))
    for row in values(aig, inputs, [*inputs, *total, *more, carry]):
        x, y = number(row[:width]), number(row[width : 2 * width])
        assert number(row[2 * width : 3 * width]) == (x + y + row[-1]) % (1 << width)
        assert number(row[3 * width : -1]) == (x + offset) % (1 << width)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_at_least_compares_numbers_and_constants(width: int, signed: bool) -> None:
    aig = Aig()
    inputs = aig.inputs(2 * width)
    a, b = inputs[:width], inputs[width:]
    limits = [constant(v, width) for v in range(1 << width)]
    made = [aig.at_least(a, b, signed=signed)]
    made += [aig.at_least(a, limit, signed=signed) for limit in limits]
    for row in values(aig, inputs, [*inputs, *made]):
        x, y = (number(row[i : i + width], signed=signed) for i in (0, width))
        got = row[2 * width :]
        assert got[0] == (x >= y)
        assert got[1:] == [x >= number(limit, signed=signed) for limit in limits]


@given(st.integers(-40, 40), st.integers(1, 8), st.integers(1, 8), st.booleans())
def test_extend_keeps_the_number_or_its_lowest_bits(
    value: int, bits: int, wider: int, signed: bool
) -> None:
    word: Word = constant(value, bits)
    assert number(word) == value % (1 << bits)
    meant = number(word, signed=signed)
    result = extend(word, wider, signed=signed)
    assert len(result) == wider
    assert number(result) == meant % (1 << wider)
    if wider >= bits:
        assert number(result, signed=signed) == meant


def test_extend_repeats_the_literal_of_the_sign() -> None:
    word = Aig().inputs(2)
    assert extend(word, 4, signed=True) == [*word, word[1], word[1]]
    assert extend(word, 4) == [*word, FALSE, FALSE]


def test_inputs_that_are_not_fed_are_0() -> None:
    aig = Aig()
    a, b = aig.inputs(2)
    either, neither = aig.disj(a, b), aig.conj(a ^ 1, b ^ 1)
    value = aig.simulate({a: 0b0110}, 4)
    assert value[either >> 1] ^ (0b1111 if either & 1 else 0) == 0b0110
    assert value[neither >> 1] == 0b1001


def random_circuit(rng: np.random.Generator, inputs: int, ands: int) -> tuple[Aig, Word, Word]:
    """A circuit, its inputs, and some of its literals as outputs."""
    aig = Aig()
    fed = aig.inputs(inputs)
    literals = list(fed)
    for _ in range(ands):
        a, b = rng.integers(0, len(literals), 2)
        literals.append(
            aig.conj(literals[a] ^ int(rng.integers(2)), literals[b] ^ int(rng.integers(2)))
        )
    chosen = [literals[i] ^ int(rng.integers(2)) for i in rng.integers(0, len(literals), 5)]
    return aig, fed, [*chosen, FALSE, TRUE]


@given(seed=SEEDS)
def test_cone_and_support_are_what_the_outputs_depend_on(seed: int) -> None:
    aig, fed, outputs = random_circuit(np.random.default_rng(seed), 5, 20)
    # Straight from fan_in, by recursion.
    reached: set[int] = set()

    def visit(variable: int) -> None:
        if variable not in reached:
            reached.add(variable)
            for literal in aig.fan_in(variable):
                visit(literal >> 1)

    for literal in outputs:
        visit(literal >> 1)
    cone = aig.cone(outputs)
    assert set(cone) == {v for v in reached if aig.fan_in(v)}
    place = {v: i for i, v in enumerate(cone)}
    for v in cone:
        assert all(place.get(x >> 1, -1) < place[v] for x in aig.fan_in(v)), "in order"
    assert aig.support(outputs) == {2 * v for v in reached if v and not aig.fan_in(v)}
    assert aig.support(outputs) <= set(fed)
    assert aig.support([FALSE, TRUE]) == set()


def read_aiger(data: bytes) -> tuple[int, list[int], list[tuple[int, int, int]]]:
    """Binary AIGER: number of inputs, the outputs, and the ANDs (left side, two right sides)."""
    head, _, rest = data.partition(b"\n")
    word, *counts = head.split(b" ")
    assert word == b"aig"
    highest, inputs, latches, outputs, ands = map(int, counts)
    assert latches == 0
    assert highest == inputs + ands
    lines = rest.split(b"\n", outputs)
    body = iter(lines[outputs])

    def delta() -> int:
        value, shift = 0, 0
        while True:
            byte = next(body)
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    gates = []
    for i in range(inputs + 1, highest + 1):
        high = 2 * i - delta()
        gates.append((2 * i, high, high - delta()))
    assert next(body, None) is None, "nothing behind the last AND"
    return inputs, [int(line) for line in lines[:outputs]], gates


@given(seed=SEEDS, inputs=st.integers(1, 6), ands=st.sampled_from([0, 5, 40, 300]))
def test_aiger_holds_the_same_function(seed: int, inputs: int, ands: int) -> None:
    """300 ANDs: differences of more than seven bits."""
    aig, fed, outputs = random_circuit(np.random.default_rng(seed), inputs, ands)
    rows = values(aig, fed, outputs)
    count, ends, gates = read_aiger(aig.aiger(fed, outputs))
    assert count == len(fed)
    for sample, row in enumerate(rows):
        value = [0, *(sample >> i & 1 for i in range(count))]

        def of(literal: int, value: list[int] = value) -> int:
            return value[literal >> 1] ^ literal & 1

        for left, high, low in gates:
            assert left > high >= low, "the format's order"
            value.append(of(high) & of(low))
        assert [of(literal) for literal in ends] == row


def test_aiger_of_one_and_is_what_the_format_says() -> None:
    aig = Aig()
    a, b = aig.inputs(2)
    # Variables 1, 2 and 3: 6 = 4 & 2, so the deltas are 2 and 2; the output is inverted: 7.
    assert aig.aiger([a, b], [aig.conj(a, b) ^ 1]) == b"aig 3 2 0 1 1\n7\n\x02\x02"


@pytest.mark.parametrize(
    ("between", "coded"),
    [(63, [126]), (64, [128, 1]), (191, [254, 2]), (8191, [254, 127]), (8192, [128, 128, 1])],
)
def test_aiger_splits_large_differences_into_sevens(between: int, coded: list[int]) -> None:
    """The last input and one that many before it; the AND follows the last."""
    aig = Aig()
    many = aig.inputs(between + 1)
    wanted = f"aig {between + 2} {between + 1} 0 1 1\n{2 * between + 4}\n".encode()
    made = aig.aiger(many, [aig.conj(many[0], many[between])])
    assert made == wanted + bytes([2, *coded])
