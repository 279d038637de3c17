"""Proofs of designs that stream: part by part, each layer and each core."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from hlsgen.errors import CheckFailed
from hlsgen.graph import Graph, check, load, random_feeds, save
from hlsgen.graph.ir import Values
from hlsgen.graph.ops import Lut, Window
from hlsgen.passes import opt
from hlsgen.verify.equivalence import optimisation, parts_with, prove
from rtl_tests.designs import ECP5, streaming_network, write_build

pytestmark = [pytest.mark.yosys, pytest.mark.verilator]


@pytest.fixture(scope="module")
def network() -> Graph:
    """Words of two bits; windows of 2 x 2, and of the whole map."""
    return streaming_network(11, (4, 4), ((2, 2), (2, 2), 5), bits=2, channels=2)


@pytest.fixture(scope="module")
def samples(network: Graph) -> Values:
    return random_feeds(network, 40, np.random.default_rng(2))["x"]


@pytest.fixture(scope="module")
def good(folder: Path, network: Graph, samples: Values) -> Path:
    """A build folder with the exported and the optimised graph."""
    write_build(folder, opt(network, ECP5, 250.0, {"x": samples}), 8)
    save(network, folder / "graph" / "export")
    return folder


@pytest.fixture
def copy(good: Path, tmp_path: Path) -> Path:
    """What a test may change."""
    for name in ("rtl", "graph"):
        shutil.copytree(good / name, tmp_path / name)
    return tmp_path


def test_each_part_is_proved(good: Path, samples: Values) -> None:
    graph = load(good / "graph" / "final")
    found = dict(prove(good, ["xcup", "ecp5"], samples))
    assert list(found) == ["optimised graph", "Verilog", "xcup", "ecp5"]
    assert {proof.status for proofs in found.values() for proof in proofs} == {"proved"}
    assert [proof.name.split(", ")[-1] for proof in found["optimised graph"]] == [
        *("net_p0", "net_p1", "net_p2"),
    ]
    layers = {node.name for node in graph.nodes if node.inputs and not node.op.streams}
    cores = {f"p{i} core" for i in range(3)}
    for name in ("Verilog", "xcup", "ecp5"):
        assert {proof.name for proof in found[name]} == layers | cores
    for part, _ in parts_with(graph, samples):
        assert (good / "prove" / f"{part.name}.aig").is_file()
    assert set(json.loads((good / "prove" / "proof.json").read_text())) == set(found)


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_wrong_table_is_refuted_in_its_part_and_seen_in_simulation(
    copy: Path, samples: Values, part: int
) -> None:
    name = {0: "code", 1: "map0", 2: "head"}[part]
    path = copy / "rtl" / f"net_p{part}_{name}.v"
    text, count = re.subn(
        r"(hlsgen_lut\d #\(\d+'h)([0-9a-f]+)",
        lambda match: f"{match[1]}{int(match[2], 16) ^ (1 << 4 * len(match[2]) // 4) - 1:x}",
        path.read_text(),
    )
    assert count
    path.write_text(text)
    with pytest.raises(CheckFailed) as caught:
        prove(copy, [], samples)
    message = str(caught.value)
    others = {f"p{i} " for i in range(3)} - {f"p{part} "}
    assert f"Verilog: p{part} {name}: " in message
    assert not any(f"{other}{word}" in message for other in others for word in ("core", "lane"))
    if "core: " in message:
        assert "reproduced in simulation" in message
        assert "not reproduced" not in message


def test_another_table_than_the_exported_one_is_refuted(copy: Path, samples: Values) -> None:
    final = load(copy / "graph" / "final")
    (node,) = (node for node in final.nodes if node.name == "map0")
    assert isinstance(node.op, Lut)
    other = dataclasses.replace(node.op, table=node.op.table ^ np.uint64(1))
    nodes = tuple(dataclasses.replace(n, op=other) if n is node else n for n in final.nodes)
    rung = optimisation(copy, check(dataclasses.replace(final, nodes=nodes)), samples)
    assert rung.status == "failed"
    told = ("net_p0: proved", "net_p1: refuted", "net_p2: proved")
    for part, detail in zip(told, rung.details, strict=True):
        assert part in detail


def test_another_window_than_the_exported_one_is_a_bug(copy: Path, samples: Values) -> None:
    final = load(copy / "graph" / "final")
    (node,) = (node for node in final.nodes if node.name == "window0")
    assert isinstance(node.op, Window)
    turned = dataclasses.replace(node.op, row=node.op.row[::-1])
    nodes = tuple(dataclasses.replace(n, op=turned) if n is node else n for n in final.nodes)
    with pytest.raises(CheckFailed, match=r"streaming operators .* are not those of the exported"):
        optimisation(copy, check(dataclasses.replace(final, nodes=nodes)), samples)
