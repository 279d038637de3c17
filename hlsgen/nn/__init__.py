"""The layers of a network that hlsgen trains and exports."""

from hlsgen.nn.head import Argmax, Popcount
from hlsgen.nn.layer import Layer
from hlsgen.nn.lut import LutLayer
from hlsgen.nn.network import Architecture, LutNetwork
from hlsgen.nn.quantiser import Quantiser
from hlsgen.nn.thermometer import Thermometer
from hlsgen.nn.wiring import LearnedWiring, RandomWiring

__all__ = [
    "Architecture",
    "Argmax",
    "Layer",
    "LearnedWiring",
    "LutLayer",
    "LutNetwork",
    "Popcount",
    "Quantiser",
    "RandomWiring",
    "Thermometer",
]
