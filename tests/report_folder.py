"""A whole build folder made by hand, for the tests of the report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from hlsgen.emit import emit
from hlsgen.graph import Graph, Node, run, save
from hlsgen.graph.fabric import FABRICS
from hlsgen.graph.ir import Area
from hlsgen.graph.ops import Argmax, Input, Lut, Register, Sum, Thermometer
from hlsgen.passes import Record, Size, Step
from hlsgen.passes.record import Change
from hlsgen.verify import Rung, Verdict, rtl_digest

FEATURES, CLASSES, SAMPLES = 8, 4, 60

PROJECT = {
    "name": "tiny",
    "title": "a <b>tiny</b> net",
    "seed": 3,
    "data": {"source": "digits"},
    "model": {"layers": [32]},
    "hardware": {"clock_mhz": 50.0},
}
BOARD = {
    "name": "ulx3s",
    "title": "Radiona ULX3S",
    "vendor": "Radiona",
    "part": "LFE5U-85F",
    "fabric": "ecp5",
    "flow": "nextpnr",
    "clock": {"source_mhz": 25.0, "max_mhz": 200.0},
    "resources": {"lut": 83640, "ff": 83640},
    "shell": {"kind": "uart", "baud": 115200},
    "ecp5": {"device": "85k", "package": "CABGA381", "speed": 6},
    "source": {"part": "a", "clock": "b", "resources": "c"},
}
# Cut from what Yosys 0.70 and nextpnr-ecp5 wrote for a design whose core and layers were kept.
LAYERS = {
    "creator": "Yosys 0.70 (git sha1 28ba3cb92, Release)",
    "modules": {
        "\\tiny_encoder": {"num_cells_by_type": {"$scopeinfo": 9, "LUT4": 9}},
        "\\tiny_luts": {"num_cells_by_type": {"LUT4": 32}},
        "\\tiny_luts_q": {"num_cells_by_type": {"TRELLIS_FF": 32}},
        "\\tiny_sums": {"num_cells_by_type": {"CCU2C": 8, "LUT4": 16}},
        "\\tiny_cls": {"num_cells_by_type": {"LUT4": 7, "PFUMX": 2}},
        "\\tiny_cls_q": {"num_cells_by_type": {"TRELLIS_FF": 2}},
        "\\tiny_core": {
            "num_cells_by_type": {
                **dict.fromkeys(("tiny_encoder", "tiny_luts", "tiny_luts_q"), 1),
                **dict.fromkeys(("tiny_sums", "tiny_cls", "tiny_cls_q"), 1),
                "TRELLIS_FF": 2,
            }
        },
        "\\top": {
            "num_cells_by_type": {
                "CCU2C": 1, "L6MUX21": 3, "LUT4": 12, "PFUMX": 2, "TRELLIS_FF": 12, "tiny_core": 1
            }
        },
    },
    "design": {
        "num_cells_by_type": {
            "CCU2C": 9, "L6MUX21": 3, "LUT4": 76, "PFUMX": 4, "TRELLIS_FF": 48, "tiny_core": 1
        }
    },
}  # fmt: skip
FLAT = {"CCU2C": 9, "L6MUX21": 3, "LUT4": 76, "PFUMX": 4, "TRELLIS_FF": 48}
STAT = {
    "creator": LAYERS["creator"],
    "modules": {"\\top": {"num_cells_by_type": FLAT}},
    "design": {"num_cells_by_type": FLAT},
}
ROUTE = {
    "critical_paths": [],
    "fmax": {
        "$glbnet$clk_25mhz$TRELLIS_IO_IN": {"achieved": 402.5, "constraint": 25},
        "$glbnet$clk_core": {"achieved": 91.25, "constraint": 50},
    },
    "utilization": {
        "TRELLIS_COMB": {"available": 83640, "used": 99},
        "TRELLIS_FF": {"available": 83640, "used": 48},
    },
}


def network(fan_in: int = 6) -> Graph:
    rng = np.random.default_rng(7)
    luts = Lut.of(
        rng.integers(0, 24, (32, 6)),
        np.full(32, fan_in),
        rng.integers(0, 2**64, 32, dtype=np.uint64),
    )
    encoder = Thermometer(np.arange(24) % FEATURES, rng.integers(1, 15, 24))
    sums = Sum.of(np.arange(32), np.full(CLASSES, 8), np.zeros(CLASSES))
    return Graph(
        "tiny",
        (
            Node("x", Input(4, np.zeros(FEATURES), np.ones(FEATURES))),
            Node("encoder", encoder, ("x",)),
            Node("luts", luts, ("encoder",)),
            Node("luts_q", Register(), ("luts",)),
            Node("sums", sums, ("luts_q",)),
            Node("cls", Argmax(), ("sums",)),
            Node("cls_q", Register(), ("cls",)),
        ),
        ("cls_q",),
    )


def record() -> Record:
    """Two passes, one of which changed the function, and a warning."""
    sizes = (Size(Area(lut), 5, cycles) for lut, cycles in ((90, 0), (80, 0), (78, 2)))
    first, second, third = sizes
    return Record(
        [Step("dead", first, second, 0.5), Step("prune", second, third, 0.25)],
        [Change("prune", "two tables became constants", 0.96, 0.955, 200)],
        ["luts: kept as it is, since mapping it anew failed: <timed out>"],
    )


def write(path: Path, document: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))


def write_folder(folder: Path) -> Path:
    """A whole build folder; three of the labels disagree with the network."""
    graph = network(fan_in=4)
    x = np.random.default_rng(1).integers(0, 16, (SAMPLES, FEATURES))
    y = run(graph, {"x": x})["cls_q"][:, 0, 0].copy()
    y[:3] = (y[:3] + 1) % CLASSES
    save(graph, folder / "graph/final")
    save(network(), folder / "graph/export")
    np.savez(folder / "graph/samples.npz", x=x, y=y)
    write(
        folder / "graph/metrics.json",
        {"test_accuracy": 57 / 60, "dataset": "digits", "samples": {"train": 1221, "test": 60}},
    )
    write(folder / "project.json", PROJECT)
    write(folder / "board.json", BOARD)
    write(folder / "synth/stat.json", STAT)
    write(folder / "synth/layers.json", LAYERS)
    record().save(folder / "graph/opt.json")
    write(folder / "route/report.json", ROUTE)
    emit(graph, 8, FABRICS["ecp5"]).write(folder)
    Verdict(
        graph.digest,
        (
            Rung(0, "torch = graph", "passed", "every layer", 360, 0, "hlsgen"),
            Rung(2, "graph = netlist", "not run", "SAT proof", reason="not asked for"),
        ),
        rtl_digest(folder, graph),
    ).save(folder / "verify/verdict.json")
    return folder
