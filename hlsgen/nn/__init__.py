"""The layers of a network that hlsgen trains and exports."""

from hlsgen.nn.binary import Sums, Tiled
from hlsgen.nn.binary_network import BinaryArchitecture, BinaryNetwork
from hlsgen.nn.branches import Addition, Merge, Pad
from hlsgen.nn.convolution import ConvolutionArchitecture, ConvolutionNetwork
from hlsgen.nn.gates import GateLayer, GateNetwork
from hlsgen.nn.head import Argmax, Popcount, Votes
from hlsgen.nn.layer import Layer
from hlsgen.nn.lut import LutLayer
from hlsgen.nn.lut_network import LutNetwork
from hlsgen.nn.lutnet import LutNetNetwork, NodeArchitecture
from hlsgen.nn.network import Architecture, Network
from hlsgen.nn.neurons import NeuronNetwork
from hlsgen.nn.quantiser import Quantiser
from hlsgen.nn.thermometer import Thermometer
from hlsgen.nn.trees import TreeNetwork
from hlsgen.nn.window import AnyOf, Window
from hlsgen.nn.wiring import LearnedWiring, RandomWiring

__all__ = [
    "Addition",
    "AnyOf",
    "Architecture",
    "Argmax",
    "BinaryArchitecture",
    "BinaryNetwork",
    "ConvolutionArchitecture",
    "ConvolutionNetwork",
    "GateLayer",
    "GateNetwork",
    "Layer",
    "LearnedWiring",
    "LutLayer",
    "LutNetNetwork",
    "LutNetwork",
    "Merge",
    "Network",
    "NeuronNetwork",
    "NodeArchitecture",
    "Pad",
    "Popcount",
    "Quantiser",
    "RandomWiring",
    "Sums",
    "Thermometer",
    "Tiled",
    "TreeNetwork",
    "Votes",
    "Window",
]
