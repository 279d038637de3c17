"""And-inverter graphs: circuits as two-input ANDs with inverted edges, for proofs and simulation.

A literal is an int: twice the number of a variable, plus one where it is inverted; 0 is false and
1 is true. Equal ANDs are one variable (structural hashing), and tables are built in one order of
their pins, so that many equal functions become the same literal without any proof.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

FALSE, TRUE = 0, 1
Word = list[int]  # literals of an integer's bits, the least significant first


class Aig:
    """Variables 1.. are inputs or ANDs, each made after what it reads."""

    def __init__(self) -> None:
        self._left: list[int] = [-1]
        self._right: list[int] = [-1]
        self._known: dict[tuple[int, int], int] = {}

    def __len__(self) -> int:
        return len(self._left)

    def input(self) -> int:
        """A new input's literal."""
        self._left.append(-1)
        self._right.append(-1)
        return 2 * (len(self._left) - 1)

    def inputs(self, count: int) -> Word:
        """Literals of `count` new inputs."""
        return [self.input() for _ in range(count)]

    def conj(self, a: int, b: int) -> int:
        """A and b."""
        if a > b:
            a, b = b, a
        if a <= TRUE:
            return b if a else FALSE
        if a == b:
            return a
        if a ^ b == 1:
            return FALSE
        key = (a, b)
        found = self._known.get(key)
        if found is None:
            found = 2 * len(self._left)
            self._left.append(a)
            self._right.append(b)
            self._known[key] = found
        return found

    def disj(self, a: int, b: int) -> int:
        """A or b."""
        return self.conj(a ^ 1, b ^ 1) ^ 1

    def xor(self, a: int, b: int) -> int:
        """A xor b."""
        if a <= TRUE:
            return b ^ a
        if b <= TRUE:
            return a ^ b
        invert = (a ^ b) & 1
        a, b = a & ~1, b & ~1
        both, none = self.conj(a, b), self.conj(a ^ 1, b ^ 1)
        return self.conj(both ^ 1, none ^ 1) ^ invert

    def mux(self, select: int, high: int, low: int) -> int:
        """`high` where `select` is 1, else `low`."""
        if high == low:
            return high
        if high ^ low == 1:
            return self.xor(select, low)
        return self.disj(self.conj(select, high), self.conj(select ^ 1, low))

    def all(self, literals: Iterable[int]) -> int:
        """Whether all are 1."""
        result = TRUE
        for literal in literals:
            result = self.conj(result, literal)
        return result

    def majority(self, a: int, b: int, c: int) -> int:
        """Whether at least two of three are 1."""
        return self.disj(self.conj(a, b), self.conj(c, self.disj(a, b)))

    def table(self, init: int, pins: Sequence[int]) -> int:
        """Bit a of `init`, where bit i of a is `pins[i]`: a lookup table."""
        init, pins = _normal(init, pins)
        return self._shannon(init, pins, len(pins), {})

    def _shannon(
        self, word: int, pins: Sequence[int], k: int, made: dict[tuple[int, int], int]
    ) -> int:
        half = 1 << k >> 1
        if word == 0:
            return FALSE
        if word == (1 << (1 << k)) - 1:
            return TRUE
        found = made.get((word, k))
        if found is None:
            low, high = word & ((1 << half) - 1), word >> half
            if low == high:
                found = self._shannon(low, pins, k - 1, made)
            else:
                found = self.mux(
                    pins[k - 1],
                    self._shannon(high, pins, k - 1, made),
                    self._shannon(low, pins, k - 1, made),
                )
            made[word, k] = found
        return found

    def add(self, a: Word, b: Word, carry: int = FALSE) -> Word:
        """The sum of two words of one width, modulo two to that width."""
        total = []
        for x, y in zip(a, b, strict=True):
            half = self.xor(x, y)
            total.append(self.xor(half, carry))
            carry = self.majority(x, y, carry)
        return total

    def at_least(self, a: Word, b: Word, *, signed: bool = False) -> int:
        """Whether a >= b, for words of one width."""
        result = TRUE
        if signed:
            # A set sign bit makes a number smaller, every other bit larger.
            a, b = a[:-1] + b[-1:], b[:-1] + a[-1:]
        for x, y in zip(a, b, strict=True):
            result = self.mux(self.xor(x, y), x, result)
        return result

    def fan_in(self, variable: int) -> tuple[int, ...]:
        """The two literals that a variable is the AND of; none for an input."""
        left = self._left[variable]
        return (left, self._right[variable]) if left >= 0 else ()

    def simulate(self, feeds: Mapping[int, int], samples: int) -> list[int]:
        """The values of all variables, in each bit i of sample i.

        Args:
            feeds: literal of an input -> its samples; inputs that are not fed are 0.
            samples: how many there are.
        """
        ones = (1 << samples) - 1
        value = [0] * len(self._left)
        for literal, bits in feeds.items():
            value[literal >> 1] = bits
        for variable, (a, b) in enumerate(zip(self._left, self._right, strict=True)):
            if a >= 0:
                x, y = value[a >> 1], value[b >> 1]
                value[variable] = (x ^ ones if a & 1 else x) & (y ^ ones if b & 1 else y)
        return value

    def cone(self, wanted: Iterable[int]) -> list[int]:
        """The ANDs that `wanted` depend on, in order."""
        used = bytearray(len(self._left))
        for literal in wanted:
            used[literal >> 1] = 1
        left, right = self._left, self._right
        cone = []
        for variable in range(len(left) - 1, 0, -1):
            if used[variable] and left[variable] >= 0:
                used[left[variable] >> 1] = used[right[variable] >> 1] = 1
                cone.append(variable)
        cone.reverse()
        return cone

    def support(self, wanted: Iterable[int]) -> set[int]:
        """Literals of the inputs that `wanted` depend on."""
        wanted = list(wanted)
        read = {literal >> 1 for literal in wanted}
        for variable in self.cone(wanted):
            read |= {self._left[variable] >> 1, self._right[variable] >> 1}
        return {2 * v for v in read if v and self._left[v] < 0}

    def aiger(self, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
        """The circuit in binary AIGER (Biere, "The AIGER And-Inverter Graph Format", 2007)."""
        number = {literal >> 1: i for i, literal in enumerate(inputs, 1)}
        number[0] = 0
        cone = self.cone(outputs)
        number |= {variable: i for i, variable in enumerate(cone, len(inputs) + 1)}

        def renamed(literal: int) -> int:
            return 2 * number[literal >> 1] | literal & 1

        body = bytearray()
        for variable in cone:
            here = 2 * number[variable]
            low, high = sorted((renamed(self._left[variable]), renamed(self._right[variable])))
            for delta in (here - high, high - low):
                body += _varint(delta)
        count = len(inputs) + len(cone)
        head = f"aig {count} {len(inputs)} 0 {len(outputs)} {len(cone)}\n"
        return (head + "".join(f"{renamed(y)}\n" for y in outputs)).encode() + bytes(body)


def constant(value: int, bits: int) -> Word:
    """`value` modulo two to `bits`."""
    return [value >> i & 1 for i in range(bits)]


def extend(word: Word, bits: int, *, signed: bool = False) -> Word:
    """The word cut or extended to `bits`, by its sign or by zeros."""
    fill = word[-1] if signed else FALSE
    return word[:bits] + [fill] * (bits - len(word))


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth says that more follow."""
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _normal(init: int, pins: Sequence[int]) -> tuple[int, Sequence[int]]:
    """The table on distinct, ascending, plain variables: constants and inversions go into it."""
    ascending = all(a < b for a, b in pairwise(pins))
    if ascending and pins and pins[0] > TRUE and not any(pin & 1 for pin in pins):
        return init, pins
    variables = sorted({pin & ~1 for pin in pins if pin > TRUE})
    place = {variable: i for i, variable in enumerate(variables)}
    sources = [(place.get(pin & ~1), pin & 1, i) for i, pin in enumerate(pins)]
    result = 0
    for entry in range(1 << len(variables)):
        address = 0
        for at, inverted, pin in sources:
            address |= ((0 if at is None else entry >> at & 1) ^ inverted) << pin
        result |= (init >> address & 1) << entry
    return result, variables
