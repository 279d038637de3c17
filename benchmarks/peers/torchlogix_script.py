"""Run in torchlogix's environment: gates as a model, its circuit simplified, as Verilog.

Usage: python -I torchlogix_script.py FOLDER, which has model.json and gets circuit.v
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from torchlogix import Circuit
from torchlogix.layers import GroupSum, LogicDense


def main() -> None:
    """Build the model, let torchlogix make its circuit, and write the Verilog."""
    folder = Path(sys.argv[1])
    document = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    width, modules = document["inputs"], []
    for gates in document["layers"]:
        modules.append(layer(width, gates))
        width = len(gates)
    model = torch.nn.Sequential(*modules, GroupSum(document["groups"]))
    circuit = Circuit.from_model(model, [document["inputs"]])
    circuit.simplify()
    circuit.write_verilog_code(str(folder / "circuit.v"))


def layer(width: int, gates: list[list[int]]) -> LogicDense:
    """A layer whose wiring and functions are fixed: gates (a, b, table)."""
    made = LogicDense(width, len(gates), parametrization="raw", connections="fixed")
    a, b, table = torch.tensor(gates, dtype=torch.int64).T
    made.connections.indices = torch.stack([a, b])
    # Its number of a function has the output for a = b = 0 as the highest of four bits.
    number = sum((table >> entry & 1) << (3 - entry) for entry in range(4))
    made.weight.data = torch.nn.functional.one_hot(number, 16).to(made.weight.dtype)
    return made


if __name__ == "__main__":
    main()
