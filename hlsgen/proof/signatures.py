"""What the variables of a growing and-inverter graph are on samples, to find equal ones with."""

from __future__ import annotations

from collections.abc import Mapping

from hlsgen.graph.aig import Aig


class Signatures:
    """Bit i of a literal's signature is its value on sample i.

    Args:
        aig: may grow; see `grow`.
        feeds: literal of an input -> its samples; inputs that are not fed are 0.
        samples: how many, at least one.
    """

    def __init__(self, aig: Aig, feeds: Mapping[int, int], samples: int) -> None:
        self._aig, self.samples = aig, samples
        self._feeds = dict(feeds)
        self._values: list[int] = []
        self.grow()

    def grow(self) -> None:
        """Take in the variables that were made since."""
        values, ones = self._values, (1 << self.samples) - 1
        for variable in range(len(values), len(self._aig)):
            fans = self._aig.fan_in(variable)
            if fans:
                a, b = fans
                x, y = values[a >> 1], values[b >> 1]
                values.append((x ^ ones if a & 1 else x) & (y ^ ones if b & 1 else y))
            else:
                values.append(self._feeds.get(2 * variable, 0))

    def add(self, feeds: Mapping[int, int], samples: int) -> None:
        """More samples, as for the constructor."""
        self.grow()
        for literal, bits in feeds.items():
            self._feeds[literal] = self._feeds.get(literal, 0) | bits << self.samples
        more = self._aig.simulate(feeds, samples)
        self._values = [
            old | new << self.samples for old, new in zip(self._values, more, strict=True)
        ]
        self.samples += samples

    def of(self, variable: int) -> tuple[int, int]:
        """The signature, inverted where it would be 1 on the first sample; and whether it is."""
        value = self._values[variable]
        inverted = value & 1
        return value ^ ((1 << self.samples) - 1 if inverted else 0), inverted
