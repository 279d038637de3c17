"""The graph: what a network is, between PyTorch and hardware."""

from hlsgen.graph import ops
from hlsgen.graph.graphio import load, save
from hlsgen.graph.interp import random_feeds, run
from hlsgen.graph.ir import OPS, Graph, Node, Op, Wire
from hlsgen.graph.rules import check

__all__ = [
    "OPS",
    "Graph",
    "Node",
    "Op",
    "Wire",
    "check",
    "load",
    "ops",
    "random_feeds",
    "run",
    "save",
]
