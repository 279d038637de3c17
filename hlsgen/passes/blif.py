"""Networks of tables in BLIF (Berkeley Logic Interchange Format, 1992), as ABC reads and writes."""

from __future__ import annotations

from hlsgen.errors import GraphError
from hlsgen.graph.cells import FIRST, Builder, Cells


def write_blif(cells: Cells) -> str:
    """The network: inputs i0, i1, ..., outputs o0, o1, ..., each table's ones as its cover."""

    def name(signal: int) -> str:
        place = signal - FIRST
        return f"i{place}" if place < cells.inputs else f"n{place}"

    lines = [
        ".model net",
        ".inputs " + " ".join(f"i{i}" for i in range(cells.inputs)),
        ".outputs " + " ".join(f"o{i}" for i in range(len(cells.outputs))),
    ]
    for table in cells.tables:
        lines.append(f".names {' '.join(map(name, table.pins))} {name(table.out)}")
        lines += _cover(table.init, len(table.pins))
    for i, signal in enumerate(cells.outputs):
        lines.append(f".names {name(signal)} o{i}" if signal >= FIRST else f".names o{i}")
        lines += ["1 1"] if signal >= FIRST else ["1"] * signal
    return "\n".join([*lines, ".end", ""])


def _cover(init: int, k: int) -> list[str]:
    return [
        "".join(str(entry >> pin & 1) for pin in range(k)) + " 1"
        for entry in range(1 << k)
        if init >> entry & 1
    ]


def read_blif(text: str, inputs: int, outputs: int) -> Cells:
    """The network in `text`, with inputs and outputs named as `write_blif` names them.

    Raises:
        GraphError: the text is cut off, has something else than tables, or a table of more than
            six inputs.
    """
    lines = [line.split() for line in text.replace("\\\n", " ").splitlines()]
    lines = [line for line in lines if line and not line[0].startswith("#")]
    if not lines or lines[-1] != [".end"]:
        raise GraphError("network in BLIF: no .end, the file is cut off")
    builder = Builder(inputs)
    signals = {f"i{i}": FIRST + i for i in range(inputs)}
    waiting: dict[str, tuple[list[str], list[list[str]]]] = {}
    current: list[list[str]] = []
    for line in lines:
        if line[0] == ".names":
            current = []
            waiting[line[-1]] = line[1:-1], current
        elif line[0][0] == ".":
            if line[0] not in (".model", ".inputs", ".outputs", ".end"):
                raise GraphError(f"network in BLIF: {line[0]} is no table")
        else:
            current.append(line)
    for i in range(outputs):
        _build(builder, signals, waiting, f"o{i}")
    return builder.cells([signals[f"o{i}"] for i in range(outputs)])


def _build(
    builder: Builder,
    signals: dict[str, int],
    waiting: dict[str, tuple[list[str], list[list[str]]]],
    wanted: str,
) -> None:
    """Make `wanted` and all that it reads; ABC writes tables in any order."""
    stack = [wanted]
    while stack:
        name = stack[-1]
        if name in signals:
            stack.pop()
            continue
        if name not in waiting:
            raise GraphError(f"network in BLIF: nothing drives {name}")
        pins, cover = waiting[name]
        missing = [pin for pin in pins if pin not in signals]
        if missing and len(stack) <= len(waiting):
            stack += missing
        elif missing:
            raise GraphError(f"network in BLIF: {name} depends on itself")
        else:
            signals[name] = builder.table(_init(name, cover, len(pins)), [signals[p] for p in pins])


def _init(name: str, cover: list[list[str]], k: int) -> int:
    """The truth table of a cover of cubes, all of ones or all of zeros."""
    if k > 6:
        raise GraphError(f"network in BLIF: table {name} has {k} inputs, allowed are 0 to 6")
    hit, value = 0, 1
    for row in cover:
        cube, value = row[0] if k else "", int(row[-1])
        for entry in range(1 << k):
            if all(c == "-" or int(c) == entry >> i & 1 for i, c in enumerate(cube)):
                hit |= 1 << entry
    return hit if value else hit ^ ((1 << (1 << k)) - 1)
