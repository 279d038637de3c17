"""Training steps of one layer of LUTs on one core: against plain PyTorch, against torchlogix.

What is compared takes turns in one run, and the median of the rounds' ratios is told. Times are
processor time of single-threaded processes, which other load on the machine changes little.
"""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from benchmarks.figure import Figure, Figures
from benchmarks.peers.torchlogix_train import torchlogix_step
from benchmarks.peers.variant import NotRun
from hlsgen.nn import LutLayer, Popcount, lookup
from hlsgen.nn.kernel import definition, gpu

FEATURES, LUTS, FAN_IN, CANDIDATES, BATCH, CLASSES = 784, 2000, 6, 32, 128, 10
LARGE_LUTS, LARGE_BATCH = 100_000, 256
# Steps of each in a row, so that none starts with the other's data in the caches.
ROUNDS, TURN = 7, 4
PEERS = Path("build/bench/peers")

Step = Callable[[], float]
Layer = Callable[[Tensor], Tensor]


def measure() -> Figures:
    """Times of a step and their ratios, and the memory that a large one takes."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    learned, fixed = LutLayer(FEATURES, LUTS, FAN_IN, CANDIDATES), LutLayer(FEATURES, LUTS, FAN_IN)
    ours = stepper(learned)
    seconds, plain = paired(with_kernel(definition, ours), ours)
    figures = {
        "step": Figure(1e3 * seconds, "ms"),
        "plain_pytorch": Figure(plain, "x", at_least=10),
        "gpu_module": Figure(paired(with_kernel(gpu, ours), ours)[1], "x"),
        "half_support": Figure(paired(stepper(_halved()), ours)[1], "x", at_most=1.05),
        "soft_step": Figure(1e3 * paired(ours, stepper(learned, soft=True))[0], "ms"),
    }
    for wiring, layer, candidates in (("learned", learned, CANDIDATES), ("fixed", fixed, 0)):
        figures |= _torchlogix(wiring, stepper(layer), candidates)
    return figures | {"memory_100k": Figure(_large_gib(), "GiB", at_most=4)}


def stepper(layer: LutLayer, luts: int = LUTS, batch: int = BATCH, *, soft: bool = False) -> Step:
    """A function that takes one training step of `layer` and returns its processor time, s."""
    head = Popcount(luts, CLASSES)
    optimiser = torch.optim.Adam(layer.parameters(), lr=0.01, fused=True)
    x, y = torch.randint(2, (batch, FEATURES)).float(), torch.randint(CLASSES, (batch,))
    forward: Layer = layer
    if soft:
        forward = partial(lookup.interpolate, table=layer.table, wiring=layer.wiring)

    def step() -> float:
        start = time.process_time()
        optimiser.zero_grad()
        cross_entropy(head(forward(x)) / 8, y).backward()
        optimiser.step()
        layer.after_step()
        return time.process_time() - start

    return step


def with_kernel(module: ModuleType, step: Step) -> Step:
    """The step where `module` stands for the kernel.

    `definition` is what one writes in vectorised PyTorch: pins and candidates gathered, slopes by
    a product with the weights of all entries, dot products by batched products. `gpu` has the
    candidates' dot products from an internal function of PyTorch, without a gathered copy.
    """

    def other() -> float:
        with patch.object(lookup, "kernel", module):
            return step()

    return other


def paired(slow: Step, fast: Step) -> tuple[float, float]:
    """Median seconds of `fast`, and the median ratio of `slow` to it, over rounds of one turn each.

    A turn is the mean of its steps without the first.
    """

    def turn(step: Step) -> float:
        step()
        return statistics.mean(step() for _ in range(TURN - 1))

    rounds = [(turn(slow), turn(fast)) for _ in range(ROUNDS)]
    ratio = statistics.median(one / other for one, other in rounds)
    return statistics.median(other for _, other in rounds), ratio


def _halved() -> LutLayer:
    """A layer of which half the pins have left the support."""
    layer = LutLayer(FEATURES, LUTS, FAN_IN, CANDIDATES)
    layer.shrink(torch.rand(LUTS, FAN_IN).argsort(dim=1) < FAN_IN // 2)
    return layer


def _torchlogix(wiring: str, ours: Step, candidates: int) -> Figures:
    """Ratios to torchlogix's step, eager and compiled; none where it cannot be run."""
    figures: Figures = {}
    sizes = {"features": FEATURES, "luts": LUTS, "fan_in": FAN_IN, "batch": BATCH}
    for kind in ("eager", "compiled"):
        name = f"torchlogix_{wiring}_{kind}"
        layer = {**sizes, "candidates": candidates, "compiled": kind == "compiled"}
        try:
            with torchlogix_step(PEERS, **layer) as theirs:
                figures[name] = Figure(paired(theirs, ours)[1], "x", at_least=5)
        except NotRun as error:
            sys.stderr.write(f"kernel: {name} not run: {error}\n")
    return figures


def _large_gib() -> float:
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        return pool.submit(large_step).result()


def large_step() -> float:
    """Take two steps of a large layer; the peak memory of this process, GiB."""
    torch.set_num_threads(1)
    step = stepper(LutLayer(FEATURES, LARGE_LUTS, FAN_IN, CANDIDATES), LARGE_LUTS, LARGE_BATCH)
    for _ in range(2):
        step()
    # Linux counts in KiB.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
