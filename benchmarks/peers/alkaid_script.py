"""Run in alkaid's environment: a saved graph as Verilog, below a folder.

Usage: python -I alkaid_script.py GRAPH FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from alkaid.codegen import RTLModel
from alkaid.trace import FVArray, FVArrayInput, trace
from alkaid.trace.fixed_variable import LookupTable


def main() -> None:
    """Trace the graph, write the Verilog, and which bits its ports have."""
    path, folder = Path(sys.argv[1]), Path(sys.argv[2])
    document = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    constants = np.load(path.with_suffix(".npz"))
    values: dict[str, Any] = {}
    for node in document["nodes"]:
        prefix = node["name"] + "."
        own = {k.removeprefix(prefix): constants[k] for k in constants if k.startswith(prefix)}
        sources = [values[name] for name in node["inputs"]]
        if node["op"] == "input":
            words = FVArrayInput(len(own["offset"]))
            values[node["name"]] = words.quantize(0, node["bits"], 0)
        elif node["op"] == "thermometer":
            values[node["name"]] = sources[0][own["feature"]] >= own["threshold"]
        elif node["op"] == "lut":
            values[node["name"]] = tables(sources[0], own)
        elif node["op"] == "sum":
            values[node["name"]] = sums(sources[0], own)
        elif node["op"] == "argmax":
            values[node["name"]] = np.argmax(sources[0])
    answer = values[document["outputs"][0]]
    logic = trace(words, answer, keep_dead_inputs=True)
    RTLModel(logic, folder, prj_name="alkaid_net", print_latency=False).write()
    ports = {"inputs": bits(logic.inp_kifs), "outputs": bits(logic.out_kifs)}
    (folder / "ports.json").write_text(json.dumps(ports), encoding="utf-8")


def tables(x: FVArray, own: dict[str, np.ndarray]) -> FVArray:
    """Each table looked up at the number that its inputs make."""
    made = []
    for src, k, table in zip(own["src"], own["k"], own["table"], strict=True):
        entries = int(table) >> np.arange(1 << int(k), dtype=object) & 1
        address = sum((x[lane] * float(1 << pin) for pin, lane in enumerate(src[: int(k)])), 0.0)
        lookup = LookupTable(entries.astype(np.float64))
        made.append(lookup.lookup(address, (0.0, len(entries) - 1.0, 1.0)))
    return FVArray(np.array(made, dtype=object))


def sums(x: FVArray, own: dict[str, np.ndarray]) -> FVArray:
    """The sums as additions, which alkaid orders."""
    ends = own["offset"]
    made = [
        np.sum(x[own["src"][start:end]]) + float(bias)
        for start, end, bias in zip(ends, ends[1:], own["bias"], strict=False)
    ]
    return FVArray(np.array(made, dtype=object))


def bits(kifs: np.ndarray) -> list[list[int]]:
    """Lowest bit and number of bits of numbers whose sign, integer and fraction bits are given."""
    _, integer, fraction = kifs.astype(int)
    return [[-int(f), int(i + f)] for i, f in zip(integer, fraction, strict=True)]


if __name__ == "__main__":
    main()
