"""The interpreter on one core."""

from __future__ import annotations

import os

import numpy as np

from benchmarks.figure import Figure, Figures, seconds
from benchmarks.networks import random_network
from hlsgen.graph.interp import random_feeds, run

LUTS, SAMPLES = 2000, 4096


def measure() -> Figures:
    """LUT evaluations in a second, in a network with encoder, popcount and argmax."""
    # numpy's bit operations use one thread anyway; this keeps the operating system from helping.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    graph = random_network(LUTS)
    feeds = random_feeds(graph, SAMPLES, np.random.default_rng(0))
    run(graph, feeds)
    whole = seconds(lambda: run(graph, feeds), 9)
    return {
        "luts": Figure(LUTS * SAMPLES / whole / 1e6, "M LUT/s", at_least=50),
        "samples": Figure(SAMPLES / whole, "1/s"),
    }
