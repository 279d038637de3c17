"""The digits example on an Alveo board, as the tests of the Vitis flow plan it."""

from __future__ import annotations

from hlsgen.boards import load_board
from hlsgen.build.vitis import Core, plan
from hlsgen.plan import Plan

PLATFORM = "xilinx_u280_gen3x16_xdma_1_202211_1"
RTL = ("rtl/digits_axis.v", "rtl/digits_l0.v", "rtl/hlsgen_carry.v", "rtl/hlsgen_lut.v")
PACKAGED = (*RTL[:2], "vitis/hlsgen_carry.v", "vitis/hlsgen_lut.v", "vitis/kernel.v")
HLS = ("hls/digits_kernel.cpp", "hls/digits.h")


def digits(**changed: object) -> Plan:
    """Two units of the network in Verilog, frames of two beats; `changed` as `plan` has it."""
    values = {"core": Core(2, 4), "clock_mhz": 250.0, "sources": RTL, "units": 2,
              "regions": ("SLR0", "SLR1")}  # fmt: skip
    return plan("digits", load_board("u280"), **(values | changed))  # type: ignore[arg-type]


def hls(**changed: object) -> Plan:
    """The same from C++."""
    return digits(sources=HLS, language="hls", **changed)
