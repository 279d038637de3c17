"""Networks of up to a million LUTs through opt, emit and estimate."""

from __future__ import annotations

import math
import time

from benchmarks.figure import Figure, Figures
from benchmarks.networks import CLOCK_MHZ, random_network
from hlsgen.emit import emit
from hlsgen.graph.fabric import FABRICS
from hlsgen.passes import opt, size

LUTS = (10_000, 100_000, 1_000_000)
FABRIC = FABRICS["xcup"]


def measure() -> Figures:
    """Seconds for each size, and the exponent of growth between the two largest."""
    spent = []
    for luts in LUTS:
        graph = random_network(luts, 2, repeats=0.1)
        start = time.perf_counter()
        final = opt(graph, FABRIC, CLOCK_MHZ)
        emit(final, 8, FABRIC)
        size(final, FABRIC)
        spent.append(time.perf_counter() - start)
        del graph, final
    ratio = math.log(spent[-1] / spent[-2]) / math.log(LUTS[-1] / LUTS[-2])
    return {
        "time_10k": Figure(spent[0], "s"),
        "time_100k": Figure(spent[1], "s", at_most=60),
        "time_1m": Figure(spent[2], "s", at_most=1200),
        "exponent": Figure(ratio, "", at_most=1.15),
    }
