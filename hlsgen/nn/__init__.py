"""The layers of a network that hlsgen trains and exports."""

from hlsgen.nn.head import Argmax, Popcount
from hlsgen.nn.layer import Layer
from hlsgen.nn.lut import LutLayer
from hlsgen.nn.network import Architecture, LutNetwork, Network
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
    "Network",
    "Popcount",
    "Quantiser",
    "RandomWiring",
    "Thermometer",
]
