"""Clusters of tables mapped anew by ABC, kept where the result is smaller and proved equal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from hlsgen.errors import GraphError, ToolFailed
from hlsgen.graph import truth
from hlsgen.graph.aig import FALSE, TRUE, Aig
from hlsgen.graph.cells import FIRST, Builder, Cells, Table
from hlsgen.graph.fabric import Fabric
from hlsgen.graph.ir import Graph
from hlsgen.passes.blif import read_blif, write_blif
from hlsgen.passes.cluster import clusters, layered, live, network, replaced
from hlsgen.sat import Budget, Solver

# (network, LUT library, commands) -> network: runs ABC; BLIF and ABC's format of LUT libraries.
Mapper = Callable[[str, str, str], str]

# Tables of one run: ABC's time grows faster than their number.
_AT_ONCE = 512
# A network whose tables read tables is one run; it, and all runs of one layer, take minutes.
_LARGEST, _LARGEST_LAYER = 5_000, 10_000
_BUDGET = Budget(100_000)
_WORKERS = 2


def resynthesise(
    fabric: Fabric, mapper: Mapper, warn: Callable[[str], None]
) -> Callable[[Graph], Graph]:
    """The pass that maps networks anew with `mapper`.

    A network whose run fails, or whose result differs, stays as it is, and `warn` is told.
    """

    def resynthesise_tables(graph: Graph) -> Graph:
        """Map LUT layers anew where there is something to gain, by ABC."""
        for cluster in clusters(graph):
            before = network(graph, cluster)
            name, tables = cluster[-1].name, len(before.tables)
            if not _promising(before, fabric):
                continue
            if tables > (_LARGEST if _deep(before) else _LARGEST_LAYER):
                warn(f"{name}: {tables:,} tables are too many to be mapped anew")
                continue
            after, complaints = _mapped(before, fabric, mapper)
            for complaint in complaints:
                warn(f"{name}: {complaint}")
            if after.luts(fabric) < before.luts(fabric):
                graph = replaced(graph, cluster, layered(after))
        return graph

    return resynthesise_tables


def _deep(cells: Cells) -> bool:
    """Whether tables read tables."""
    made = {table.out for table in cells.tables}
    return any(not made.isdisjoint(table.pins) for table in cells.tables)


def _promising(cells: Cells, fabric: Fabric) -> bool:
    """Whether tables read tables, or are wider than the family's LUTs.

    One layer of tables that each fit a LUT is as small as it can be: trained tables share nothing.
    """
    return _deep(cells) or any(len(table.pins) > fabric.lut_inputs for table in cells.tables)


def _mapped(cells: Cells, fabric: Fabric, mapper: Mapper) -> tuple[Cells, list[str]]:
    """The smallest network found, part by part, and what went wrong, in the order of the parts."""
    parts = list(_parts(cells))
    with ThreadPoolExecutor(_WORKERS) as pool:
        found = list(pool.map(lambda part: _smallest(part.cells, fabric, mapper), parts))
    builder = Builder(cells.inputs)
    signals = {i: i for i in range(FIRST + cells.inputs)}
    complaints = []
    for part, (smaller, wrong) in zip(parts, found, strict=True):
        complaints += wrong
        made = dict(enumerate([0, 1, *part.reads]))
        for table in smaller.tables:
            made[table.out] = builder.table(table.init, [made[pin] for pin in table.pins])
        outs = (made[out] for out in smaller.outputs)
        signals |= dict(zip(part.makes, outs, strict=True))
    return live(builder.cells([signals[out] for out in cells.outputs])), complaints


class _Part(NamedTuple):
    """A network of its own: its inputs are the signals `reads`, its outputs `makes`."""

    cells: Cells
    reads: tuple[int, ...]
    makes: tuple[int, ...]


def _parts(cells: Cells) -> Iterator[_Part]:
    """Tables that read inputs only, some at a time; a network of several levels as a whole."""
    step = len(cells.tables) if _deep(cells) else _AT_ONCE
    outputs = set(cells.outputs)
    for start in range(0, len(cells.tables), step):
        some = cells.tables[start : start + step]
        made = {table.out for table in some}
        reads = tuple(sorted({pin for table in some for pin in table.pins} - made))
        place = {signal: FIRST + i for i, signal in enumerate([*reads, *(t.out for t in some)])}
        tables = tuple(
            Table(place[table.out], table.init, tuple(place[pin] for pin in table.pins))
            for table in some
        )
        makes = tuple(table.out for table in some if table.out in outputs)
        yield _Part(Cells(len(reads), tables, tuple(place[out] for out in makes)), reads, makes)


def _smallest(cells: Cells, fabric: Fabric, mapper: Mapper) -> tuple[Cells, list[str]]:
    """The network itself, or the smallest of what ABC's scripts make of it, and what went wrong."""
    best, wrong = cells, []
    for commands in _scripts(fabric):
        try:
            text = mapper(write_blif(cells), _library(fabric), commands)
            found = read_blif(text, cells.inputs, len(cells.outputs))
        except (ToolFailed, GraphError) as error:
            wrong.append(f"kept as it is, since mapping it anew failed: {error}")
            continue
        if found.luts(fabric) >= best.luts(fabric):
            # Where plain mapping finds nothing, the tables share nothing: more work is in vain.
            if fabric.lut_inputs == truth.MAX_INPUTS:
                break
            continue
        if (difference := _differs(cells, found)) is not None:
            wrong.append(f"kept as it is, since ABC's result is not proved equal: {difference}")
            continue
        best = found
    return best, wrong


def _scripts(fabric: Fabric) -> Iterator[str]:
    """Rewriting with choices and mapping for area; LUT packing where tables are split."""
    if fabric.lut_inputs == truth.MAX_INPUTS:
        yield "strash; if -a; mfs2 -a"
    again = "strash; dch; if -a; mfs2 -a"
    yield f"{again}; {again}"
    if fabric.lut_inputs < 6:
        yield f"strash; if -K {fabric.lut_inputs} -a; lutpack; mfs2 -a"


def _library(fabric: Fabric) -> str:
    """Area and delay of tables by size, as far as LUTs are joined without more LUTs."""
    lines = []
    for k in range(1, 7):
        wider = max(0, k - fabric.lut_inputs)
        if fabric.table_luts[k] > 1 << wider:
            break
        lines.append(f"{k} {fabric.table_luts[k]} {1 + 0.2 * wider:g}")
    return "\n".join(lines) + "\n"


def _differs(before: Cells, after: Cells) -> str | None:
    """The first output that is not proved equal."""
    aig = Aig()
    inputs = aig.inputs(before.inputs)
    wanted, got = (_blasted(aig, cells, inputs) for cells in (before, after))
    with Solver(aig, {}, (), (), _BUDGET) as solver:
        for i, (a, b) in enumerate(zip(wanted, got, strict=True)):
            answer = solver.equal(a, b)
            if not answer.equal:
                return f"output {i} {'differs' if answer.model else 'is undecided'}"
    return None


def _blasted(aig: Aig, cells: Cells, inputs: list[int]) -> list[int]:
    """Literals of the outputs."""
    literal = dict(enumerate([FALSE, TRUE, *inputs]))
    for table in cells.tables:
        literal[table.out] = aig.table(table.init, [literal[pin] for pin in table.pins])
    return [literal[out] for out in cells.outputs]
