"""Every operator's cells compute what the operator means, on every family."""

from __future__ import annotations

import numpy as np
import pytest

from hlsgen.errors import GraphError
from hlsgen.graph.cells import FIRST, Cells, Table
from hlsgen.graph.fabric import FABRICS
from hlsgen.graph.ir import OPS, Op, Values, Wire


def evaluate(cells: Cells, bits: np.ndarray) -> np.ndarray:
    """Output bits [rows, outputs] of the cells for input bits [rows, inputs]."""
    value = {0: np.zeros(len(bits), dtype=int), 1: np.ones(len(bits), dtype=int)}
    value |= {FIRST + i: bits[:, i] for i in range(cells.inputs)}

    def table(init: int, pins: tuple[int, ...]) -> np.ndarray:
        address = sum((value[pin] << i for i, pin in enumerate(pins)), np.zeros(len(bits), int))
        return np.array([init >> int(a) & 1 for a in address])

    for cell in cells.cells:
        if isinstance(cell, Table):
            value[cell.out] = table(cell.init, cell.pins)
            continue
        carry = value[cell.carry]
        for link in cell.links:
            s, g = table(link.s, link.pins), table(link.g, link.pins[:5])
            value[link.out], carry = s ^ carry, np.where(s == 1, carry, g)
        if cell.carry_out:
            value[cell.carry_out] = carry
    return np.stack([value[out] for out in cells.outputs], axis=1)


def as_bits(values: Values, wire: Wire) -> np.ndarray:
    """[rows, 1, lanes] as bits [rows, lanes * bits], lane by lane."""
    places = np.arange(wire.bits)
    return (values[:, 0, :, None] >> places & 1).reshape(len(values), -1)


def check(op: Op, wires: tuple[Wire, ...], fabric: str, rng: np.random.Generator) -> Cells:
    cells = op.cells(FABRICS[fabric], *wires)
    assert cells is not None
    rows = [v.astype(np.int64) for v in op.stimuli(rng, *wires)]
    inputs = np.concatenate([as_bits(v, w) for v, w in zip(rows, wires, strict=True)], axis=1)
    wanted = as_bits(op.eval(*rows), op.infer(*wires))
    assert (evaluate(cells, inputs) == wanted).all()
    return cells


@pytest.mark.parametrize("fabric", FABRICS)
@pytest.mark.parametrize("kind", [kind for kind, cls in OPS.items() if cls.cells is not Op.cells])
def test_cells_are_the_operator(kind: str, fabric: str) -> None:
    rng = np.random.default_rng(5)
    for _ in range(40):
        op, wires = OPS[kind].example(rng)
        try:
            op.cells(FABRICS[fabric], *wires)
        except GraphError as error:
            # A structure that the family lacks is refused, never made of something else.
            assert f"family {fabric}" in str(error)
            continue
        check(op, wires, fabric, rng)
