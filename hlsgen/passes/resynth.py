"""Clusters of tables mapped anew by ABC, kept where the result is smaller and proved equal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from hlsgen.errors import GraphError, ToolFailed
from hlsgen.graph import truth
from hlsgen.graph.aig import FALSE, TRUE, Aig
from hlsgen.graph.cells import FIRST, Builder, Cells
from hlsgen.graph.fabric import Fabric
from hlsgen.graph.ir import Graph
from hlsgen.passes.blif import read_blif, write_blif
from hlsgen.passes.cluster import clusters, layered, live, network, replaced
from hlsgen.sat import Budget, Solver

# (network, LUT library, commands) -> network: runs ABC; BLIF and ABC's format of LUT libraries.
Mapper = Callable[[str, str, str], str]

# Tables of one run: ABC's time grows faster than their number.
_AT_ONCE = 512
# Networks of several layers are not cut; larger ones are left alone.
_LARGEST = 5_000
_BUDGET = Budget(100_000, 60.0)
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
            name = cluster[-1].name
            if len(before.tables) > _LARGEST:
                warn(f"{name}: {len(before.tables):,} tables are too many to be mapped anew")
            elif _promising(before, fabric):
                after = _mapped(before, fabric, mapper, partial(_named, warn, name))
                if after.luts(fabric) < before.luts(fabric):
                    graph = replaced(graph, cluster, layered(after))
        return graph

    return resynthesise_tables


def _named(warn: Callable[[str], None], name: str, text: str) -> None:
    warn(f"{name}: {text}")


def _promising(cells: Cells, fabric: Fabric) -> bool:
    """Whether tables read tables, or are wider than the family's LUTs.

    One layer of tables that each fit a LUT is as small as it can be: trained tables share nothing.
    """
    made = {table.out for table in cells.tables}
    return any(
        len(table.pins) > fabric.lut_inputs or not made.isdisjoint(table.pins)
        for table in cells.tables
    )


def _mapped(cells: Cells, fabric: Fabric, mapper: Mapper, warn: Callable[[str], None]) -> Cells:
    """The smallest network found; the parts of one without shared tables are mapped at a time."""
    parts = list(_parts(cells))
    with ThreadPoolExecutor(_WORKERS) as pool:
        found = list(pool.map(lambda part: _smallest(part, fabric, mapper, warn), parts))
    builder = Builder(cells.inputs)
    signals = {i: i for i in range(FIRST + cells.inputs)}
    for part, network_ in zip(parts, found, strict=True):
        made = {i: i for i in range(FIRST + cells.inputs)}
        for table in network_.tables:
            made[table.out] = builder.table(table.init, [made[pin] for pin in table.pins])
        outs = (made[out] for out in network_.outputs)
        signals |= dict(zip(part.outputs, outs, strict=True))
    return live(builder.cells([signals[out] for out in cells.outputs]))


def _parts(cells: Cells) -> Iterator[Cells]:
    """Tables that read inputs only, some at a time; a network of several levels as a whole."""
    made = {table.out for table in cells.tables}
    if any(not made.isdisjoint(table.pins) for table in cells.tables):
        yield Cells(cells.inputs, cells.tables, tuple(sorted(made & set(cells.outputs))))
        return
    for start in range(0, len(cells.tables), _AT_ONCE):
        some = cells.tables[start : start + _AT_ONCE]
        yield Cells(cells.inputs, some, tuple(table.out for table in some))


def _smallest(cells: Cells, fabric: Fabric, mapper: Mapper, warn: Callable[[str], None]) -> Cells:
    """The network itself, or the smallest of what ABC's scripts make of it."""
    best = cells
    for commands in _scripts(fabric):
        try:
            text = mapper(write_blif(cells), _library(fabric), commands)
            found = read_blif(text, cells.inputs, len(cells.outputs))
        except (ToolFailed, GraphError) as error:
            warn(f"kept as it is, since mapping it anew failed: {error}")
            continue
        if found.luts(fabric) >= best.luts(fabric):
            # Where plain mapping finds nothing, the tables share nothing: more work is in vain.
            if fabric.lut_inputs == truth.MAX_INPUTS:
                break
            continue
        if (wrong := _differs(cells, found)) is not None:
            warn(f"kept as it is, since ABC's result is not proved equal: {wrong}")
            continue
        best = found
    return best


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
