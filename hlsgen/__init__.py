"""hlsgen: from a trained network to a verified FPGA bitstream."""

__version__ = "0.1.0"
