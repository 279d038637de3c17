"""The pipeline register."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hlsgen.graph.aig import Aig, Word
from hlsgen.graph.fabric import Fabric
from hlsgen.graph.ir import Area, Op, Values, Wire, op


@op("register")
@dataclass(frozen=True, eq=False)
class Register(Op):
    """The input, one clock cycle later; data registers have no reset."""

    part: ClassVar[str] = "registers"

    latency: ClassVar[int] = 1

    def infer(self, *wires: Wire) -> Wire:
        return wires[0]

    def eval(self, *values: Values) -> Values:
        return values[0]

    def logic(
        self, aig: Aig, wires: tuple[Wire, ...], values: tuple[list[Word], ...]
    ) -> list[Word]:
        return values[0]

    def area(self, fabric: Fabric, *wires: Wire) -> Area:
        return Area(ff=wires[0].width_bits)

    def delay_ns(self, fabric: Fabric, *wires: Wire) -> float:
        return 0.0

    def levels(self, fabric: Fabric, *wires: Wire) -> int:
        return 0

    @classmethod
    def example(cls, rng: np.random.Generator) -> tuple[Op, tuple[Wire, ...]]:
        return cls(), (Wire(int(rng.integers(1, 5)), int(rng.integers(-2, 1)), 3),)
