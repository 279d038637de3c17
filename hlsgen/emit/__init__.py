"""From graph to source text. A plan comes out; no file is opened."""

from hlsgen.emit.verilog import Framing, emit, emit_uart, framing

__all__ = ["Framing", "emit", "emit_uart", "framing"]
