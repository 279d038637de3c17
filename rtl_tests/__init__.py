"""Tests that run Verilator, Yosys or nextpnr."""
