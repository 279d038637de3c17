"""FPGA families: how many inputs a LUT has and how long a signal takes (estimates)."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fabric:
    """One family's logic. Delays in ns include the average wire that follows."""

    name: str
    lut_inputs: int
    lut_ns: float
    mux_ns: float
    carry_bit_ns: float
    register_ns: float

    def luts_for(self, inputs: int) -> float:
        """LUTs for one incompressible function of `inputs` (at most six) inputs."""
        return 1.0 if inputs <= self.lut_inputs else float(2 ** (inputs - self.lut_inputs))

    def table_ns(self, inputs: int) -> float:
        """Delay of one function of `inputs` inputs; wider ones add dedicated multiplexers."""
        return self.lut_ns + self.mux_ns * max(0, inputs - self.lut_inputs)

    def adder_ns(self, bits: int) -> float:
        """Delay of one carry-chain addition or comparison of `bits` bits."""
        return self.lut_ns + self.carry_bit_ns * bits

    def levels(self, fan_in: int) -> int:
        """LUT levels of a tree that reduces `fan_in` signals to one."""
        return max(1, math.ceil(math.log(max(fan_in, 2), self.lut_inputs)))


FABRICS = {
    fabric.name: fabric
    for fabric in (
        # Set by hand with margin, not fitted: the digits example is estimated at 60 MHz, and
        # nextpnr 0.11 routes it at 75.
        Fabric("ecp5", 4, 1.6, 0.4, 0.06, 0.9),
        # Set by hand, compared with no tool.
        Fabric("xcup", 6, 0.55, 0.15, 0.015, 0.2),
    )
}
