"""Run in torchlogix's environment: one training step of one layer for each line of input.

Usage: python -I torchlogix_train_script.py LAYER, a JSON object; see `torchlogix_train`. For each
line it prints one, a JSON object with the seconds of processor time that the step took.
"""

from __future__ import annotations

import json
import os
import sys
import time

import torch
from torch.nn.functional import cross_entropy
from torchlogix.layers import GroupSum, LogicDense

CLASSES = 10


def main() -> None:
    """Take a step whenever a line comes; the first ones are not told."""
    layer = json.loads(sys.argv[1])
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what the compiler prints is no answer
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = network(layer)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01, fused=True)
    forward = torch.compile(model) if layer["compiled"] else model
    x = torch.randint(2, (layer["batch"], layer["features"])).float()
    y = torch.randint(CLASSES, (layer["batch"],))

    def step() -> float:
        start = time.process_time()
        optimiser.zero_grad()
        cross_entropy(forward(x), y).backward()
        optimiser.step()
        return time.process_time() - start

    for _ in range(2):
        step()
    for _ in sys.stdin:
        print(json.dumps({"seconds": step()}), file=answers, flush=True)


def network(layer: dict[str, int]) -> torch.nn.Sequential:
    """The layer in its Walsh parametrisation, the quicker one of two for six inputs."""
    learned = {"connections": "learnable"} if layer["candidates"] else {}
    dense = LogicDense(
        layer["features"],
        layer["luts"],
        lut_rank=layer["fan_in"],
        parametrization="warp",
        connections_kwargs={"num_candidates": layer["candidates"]} if learned else {},
        **learned,
    )
    return torch.nn.Sequential(dense, GroupSum(CLASSES, tau=8.0))


if __name__ == "__main__":
    main()
