"""The operators. A new one is a file here and a line below."""

from hlsgen.graph.ops.argmax import Argmax, Duel, index_bits
from hlsgen.graph.ops.count import Count
from hlsgen.graph.ops.io import Input, Pixels, Port
from hlsgen.graph.ops.join import Join
from hlsgen.graph.ops.lut import Lut
from hlsgen.graph.ops.register import Register
from hlsgen.graph.ops.sum import Sum
from hlsgen.graph.ops.thermometer import Thermometer
from hlsgen.graph.ops.tiled import Tiled
from hlsgen.graph.ops.waiting import Merge, Pad, Serialize, Waiting
from hlsgen.graph.ops.window import Window

__all__ = [
    "Argmax",
    "Count",
    "Duel",
    "Input",
    "Join",
    "Lut",
    "Merge",
    "Pad",
    "Pixels",
    "Port",
    "Register",
    "Serialize",
    "Sum",
    "Thermometer",
    "Tiled",
    "Waiting",
    "Window",
    "index_bits",
]
