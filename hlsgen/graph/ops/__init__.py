"""The operators. A new one is a file here and a line below."""

from hlsgen.graph.ops.argmax import Argmax, Duel, Tag, Untag, index_bits
from hlsgen.graph.ops.io import Input
from hlsgen.graph.ops.lut import Lut
from hlsgen.graph.ops.register import Register
from hlsgen.graph.ops.sum import Sum
from hlsgen.graph.ops.thermometer import Thermometer

__all__ = [
    "Argmax",
    "Duel",
    "Input",
    "Lut",
    "Register",
    "Sum",
    "Tag",
    "Thermometer",
    "Untag",
    "index_bits",
]
