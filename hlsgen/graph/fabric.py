"""FPGA families: what their logic cells hold, and how long a signal takes (estimates)."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Fabric:
    """One family's logic. Delays in ns include the average wire that follows.

    Args:
        name: of the family, as Yosys calls it.
        lut_inputs: inputs of the lookup table that all else is counted in.
        table_luts: LUTs for one incompressible function of 0, 1, ... 6 inputs.
        dual: whether one LUT can hold two functions that together read at most five signals.
        counters: segments of carry chains that count bits (see `hlsgen.graph.counters`).
        compares: bits of two words that one position of a carry chain compares; 0: none.
        carry_cell: positions in one carry cell.
        carry_luts: LUTs of a carry cell that nothing else can use: as if its positions were used.
        begin: positions that every carry chain needs before the first.
        enter: positions that a signal from outside needs to enter a carry chain.
        free_entries: LUTs of those that Yosys does not count (iCE40: a carry cell alone).
        leave: positions that a carry needs to leave one whose last sum nobody reads.
        lut_ns: one LUT.
        mux_ns: one dedicated multiplexer behind a LUT.
        carry_bit_ns: one position of a carry chain.
        register_ns: clock to output plus set-up, and by how much the slowest wire of a stage is
            slower than the average.
    """

    name: str
    lut_inputs: int
    table_luts: tuple[int, ...]
    dual: bool
    counters: tuple[str, ...]
    compares: int
    carry_cell: int
    carry_luts: int
    begin: int
    enter: int
    free_entries: int
    leave: int
    lut_ns: float
    mux_ns: float
    carry_bit_ns: float
    register_ns: float

    def __hash__(self) -> int:
        # Fabrics are looked up often, and few.
        return hash(self.name)

    def luts_for(self, inputs: int) -> int:
        """LUTs for one incompressible function of `inputs` (at most six) inputs."""
        return self.table_luts[inputs]

    def table_ns(self, inputs: int) -> float:
        """Delay of one function of `inputs` inputs; wider ones add multiplexers."""
        return self.lut_ns + self.mux_ns * max(0, inputs - self.lut_inputs)

    def adder_ns(self, bits: int) -> float:
        """Delay of one carry-chain addition or comparison of `bits` bits."""
        return self.lut_ns + self.carry_bit_ns * bits

    def row_luts(self, positions: int) -> int:
        """LUTs of a carry chain: those of whole cells where they cannot be used apart (ECP5)."""
        whole = self.carry_luts
        return -(-positions // whole) * whole


_XCUP = Fabric(
    name="xcup",
    lut_inputs=6,
    table_luts=(0, 1, 1, 1, 1, 1, 1),
    dual=True,
    counters=("pair6", "pair4", "full"),
    compares=2,
    carry_cell=8,  # CARRY8
    carry_luts=1,
    begin=0,
    enter=0,
    free_entries=0,
    leave=0,
    # Set by hand, compared with no tool.
    lut_ns=0.55,
    mux_ns=0.15,
    carry_bit_ns=0.015,
    register_ns=0.2,
)
# 7-series: the same LUTs, shorter chains, slower.
_XC7 = replace(
    _XCUP,
    name="xc7",
    carry_cell=4,  # CARRY4
    # Set by hand, compared with no tool.
    lut_ns=0.9,
    mux_ns=0.25,
    carry_bit_ns=0.03,
    register_ns=0.6,
)

FABRICS = {
    fabric.name: fabric
    for fabric in (
        Fabric(
            name="ecp5",
            lut_inputs=4,
            table_luts=(0, 1, 1, 1, 1, 2, 4),  # PFUMX and L6MUX21 join LUT4s and take no LUT
            dual=False,
            counters=("pair4", "full"),
            compares=1,
            carry_cell=2,  # CCU2C
            carry_luts=2,
            begin=0,
            enter=1,
            free_entries=0,
            leave=1,
            # Fitted to nextpnr 0.11, speed grade 6: the digits example and random networks of 60 to
            # 400 LUTs, at 25 to 250 MHz, are estimated at 0.86 to 0.98 of what it routes, one of
            # ten at 0.64. `python -m benchmarks --only timing` compares again.
            lut_ns=1.0,  # of which 0.24 ns is the LUT
            mux_ns=0.25,
            carry_bit_ns=0.06,
            register_ns=2.2,  # 0.5 ns, and what the worst wire takes above the average
        ),
        Fabric(
            name="ice40",
            lut_inputs=4,
            table_luts=(0, 1, 1, 1, 1, 3, 7),  # joined by LUTs: there are no multiplexers
            dual=False,
            counters=("full",),
            compares=0,
            carry_cell=1,  # SB_CARRY
            carry_luts=1,
            begin=0,
            enter=1,
            free_entries=1,
            leave=1,
            # Fitted likewise for iCE40 HX8K: 0.85 to 0.99 of what it routes, one of seven at 0.73.
            # LP and UP devices are slower.
            lut_ns=1.2,
            mux_ns=1.2,  # a LUT
            carry_bit_ns=0.12,
            register_ns=3.0,
        ),
        _XCUP,
        _XC7,
        Fabric(
            name="gowin",
            lut_inputs=4,
            table_luts=(0, 1, 1, 1, 1, 2, 4),  # MUX2_LUT5 and MUX2_LUT6 join LUT4s, take no LUT
            dual=False,
            counters=("full",),
            compares=1,
            carry_cell=1,  # ALU
            carry_luts=1,
            begin=0,
            enter=0,
            free_entries=0,
            leave=1,
            # Fitted to nextpnr 0.11 for GW1NR-9C C6/I5: networks of 60 to 200 LUTs, at 30 to 150
            # MHz, were estimated at 0.83 to 1.01 of what it routes, one of six at 0.6, with 1.8
            # for registers; three were routed again with 2.0: 0.89 to 1.00. It knows no delay of
            # LUTs of fewer than four inputs, so they were all given four.
            lut_ns=1.8,
            mux_ns=0.5,  # 0.5 in its timing model
            carry_bit_ns=0.06,
            register_ns=2.0,
        ),
        Fabric(
            name="nexus",
            lut_inputs=4,
            table_luts=(0, 1, 1, 1, 1, 2, 5),  # WIDEFN9 joins two LUT4s; two of those need a LUT
            dual=False,
            counters=("pair41", "full"),
            compares=1,
            carry_cell=2,  # CCU2
            carry_luts=2,
            begin=1,  # what comes in from below is not defined
            enter=0,
            free_entries=0,
            leave=1,
            # Fitted likewise for LIFCL-40, speed grade 9, routed by router1: 0.92 to 0.95, one of
            # six at 2.1 (237 MHz estimated, 115 routed). Slower grades are slower.
            lut_ns=0.5,
            mux_ns=0.4,  # of five inputs one, of six a LUT: in the mean
            carry_bit_ns=0.03,
            register_ns=1.0,
        ),
    )
}
