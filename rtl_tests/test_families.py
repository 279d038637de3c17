"""Each family's own cells, carry chains among them, proved and refuted; a frame simulated again."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hlsgen.emit import emit
from hlsgen.graph import Graph
from hlsgen.graph.fabric import FABRICS
from hlsgen.netlist import read_design
from hlsgen.passes import opt
from hlsgen.proof.circuits import mapped
from hlsgen.proof.equivalence import prove_core
from hlsgen.proof.families import FAMILIES
from hlsgen.verify.replay import replay_netlist
from rtl_tests.designs import random_network
from rtl_tests.proving import ENOUGH, all_proved, is_right, samples

pytestmark = [pytest.mark.yosys, pytest.mark.verilator]


def network(family: str) -> Graph:
    """Eight input bits, and counts that are worth a carry chain."""
    sizes = {"features": 2, "bits": 4, "code": 14, "layers": (20, 60), "fan_in": (1, 6)}
    return opt(random_network(7, **sizes), FABRICS[family], 60.0)


def parameter(name: str, value: str) -> Callable[[Any], None]:
    return lambda cell: cell["parameters"].update({name: value})


def exchanged(cell: Any) -> None:
    select = cell["connections"]["S"]
    select[0], select[1] = select[1], select[0]


# A carry cell of each family, and a fault in it.
CHAINS: dict[str, tuple[str, Callable[[Any], None]]] = {
    "xc7": ("CARRY4", exchanged),
    "gowin": ("ALU", parameter("ALU_MODE", "1001")),
    "nexus": ("CCU2", parameter("INIT1", "0x1234")),
}


# The three others are proved in test_prove.py.
@pytest.mark.parametrize("family", ["gowin", "nexus", "xc7"])
def test_cores_of_own_cells_are_proved_and_faults_reproduced(tmp_path: Path, family: str) -> None:
    graph = network(family)
    plan = emit(graph, 8, FABRICS[family])
    plan.write(tmp_path)
    sources = [name for name in plan.files if re.fullmatch(r"rtl/.*\.v", name)]
    circuit = mapped(tmp_path, graph, sources, FAMILIES[family])
    all_proved(graph, circuit)
    design = read_design(circuit.core)
    assert is_right(graph, design.flatten("net_core"))
    cells = design.modules["net_core"]["cells"]
    kind, fault = CHAINS[family]
    chains = [name for name, cell in cells.items() if cell["type"] == kind]
    assert len(chains) > 2, Counter(cell["type"] for cell in cells.values())
    refuted = 0
    for name in chains[:: -(-len(chains) // 6)]:
        good = json.dumps(cells[name])
        fault(cells[name])
        flat = design.flatten("net_core")
        proof = prove_core(graph, flat, samples(graph), ENOUGH)
        assert (proof.status == "proved") == is_right(graph, flat)
        if proof.counterexample and not refuted:
            broken = tmp_path / "broken.json"
            broken.write_text(json.dumps({"modules": design.modules}))
            seen = replay_netlist(tmp_path, graph, proof.counterexample, broken, family)
            assert seen.startswith("reproduced in simulation: answer")
        refuted += proof.counterexample is not None
        cells[name] = json.loads(good)
    assert refuted
