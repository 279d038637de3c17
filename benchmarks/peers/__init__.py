"""Other ways to make Verilog of a trained network, for the comparison of area."""
