"""A training step of torchlogix, in a process of its environment, for a comparison in pairs."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.peers.environment import environment, find_python
from benchmarks.peers.torchlogix import _PACKAGES
from benchmarks.peers.variant import NotRun

_SCRIPT = Path(__file__).with_name("torchlogix_train_script.py")
_SHOWN_LINES = 4


@contextmanager
def torchlogix_step(peers: Path, **layer: int | bool) -> Iterator[Callable[[], float]]:
    """A function that takes one step and returns its seconds of processor time.

    Args:
        peers: where the environments lie.
        layer: what the script reads: `features`, `luts`, `fan_in`, `batch`, `candidates` (0 for
            fixed connections) and `compiled`, whether torch.compile makes kernels of the model.

    Raises:
        NotRun: the environment cannot be made, or the process ends.
    """
    python = environment(peers / "torchlogix", find_python((3, 12)), _PACKAGES)
    command = [python, "-I", _SCRIPT, json.dumps(layer)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr

        def step() -> float:
            try:
                print(file=process.stdin, flush=True)
                line = process.stdout.readline()
            except BrokenPipeError:
                line = ""
            if not line:
                last = process.stderr.read().strip().splitlines()[-_SHOWN_LINES:]
                raise NotRun("torchlogix: its training step failed\n" + "\n".join(last))
            return float(json.loads(line)["seconds"])

        try:
            yield step
        finally:
            process.terminate()
