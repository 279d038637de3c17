"""The command `fold`: how a network with engines would be folded, before it is trained or built."""

from __future__ import annotations

import json
import logging

from pydantic import ValidationError
from rich.table import Table

from hlsgen.boards import load_board
from hlsgen.clocks import clocked
from hlsgen.errors import ConfigError
from hlsgen.flow import Job
from hlsgen.graph import Graph, load
from hlsgen.graph.fabric import Fabric
from hlsgen.graph.ops import Tiled
from hlsgen.graph.schedule import pace
from hlsgen.graph.segments import waits
from hlsgen.options import (
    BUILD,
    DEFAULT_BOARD,
    BoardName,
    Fps,
    Output,
    ProjectPath,
    Samples,
    Verbose,
    log,
)
from hlsgen.passes import opt
from hlsgen.passes.fold import Limits, curve, engines, fold, interval_of, tile
from hlsgen.paths import write_atomic
from hlsgen.project import Project, load_project
from hlsgen.screen import out, say


def fold_command(
    project: ProjectPath, board: BoardName = None, fps: Fps = None,
    output: Output = BUILD, verbose: Verbose = False, data: Samples = None,
) -> None:  # fmt: skip
    """Choose rows and columns at a time of each engine, and depths of FIFOs; show what that costs.

    A network that was exported is taken as it is; else one that is not trained, of the same shape.
    """
    log(verbose)
    settings = load_project(project)
    if data is not None:
        settings = settings.reading(data)
    chosen = load_board(board or DEFAULT_BOARD)
    settings = clocked(settings, chosen)
    job = Job(settings, chosen, output, "verilog")
    graph = _graph(job)
    if not waits(graph):
        raise ConfigError(
            f"{settings.name}: none of its weights lie in memory, it takes a beat a clock as it is;"
            " method 'binary' makes networks that fold"
        )
    clock_mhz, fabric = settings.hardware.clock_mhz, job.board.logic
    if fps is not None:
        settings = settings.paced(fps)
    wanted = settings.hardware.frames_per_s
    limits = Limits(job.board.resources.lut, job.board.block_memories)
    bare = _optimised(graph, fabric, clock_mhz, verbose)
    folded = fold(bare, fabric, interval_of(clock_mhz, wanted), limits)
    plan = _plan(folded, job, wanted)
    _show(plan)
    table = Table(title=f"trade-off, at {clock_mhz:g} MHz", title_justify="left")
    for column in ("frames/s", "clocks a frame", "LUTs of engines", "block memories"):
        table.add_column(column, justify="right")
    for point in curve(bare, fabric, limits):
        rate = clock_mhz * 1e6 / point.clocks
        table.add_row(f"{rate:,.0f}", *(f"{n:,}" for n in (point.clocks, point.luts, point.blocks)))
    out.print(table)
    path = job.folder / "fold.json"
    write_atomic(path, json.dumps(plan, indent=1) + "\n")
    say(f"plan: {path}; set hardware.frames_per_s = {wanted:g} to build it")


def _optimised(graph: Graph, fabric: Fabric, clock_mhz: float, verbose: bool) -> Graph:
    """What `opt` makes of the graph; its lines are shown on demand only."""
    passes = logging.getLogger("hlsgen.passes")
    level = passes.level
    passes.setLevel(level if verbose else logging.WARNING)
    try:
        return opt(graph, fabric, clock_mhz)
    finally:
        passes.setLevel(level)


def _graph(job: Job) -> Graph:
    """The exported graph of the build folder, or that of a network as training begins with it."""
    stem = job.folder / "graph" / "export"
    if stem.with_suffix(".json").is_file() and _same_network(job):
        say(f"network: {stem}.json")
        return load(stem)
    from hlsgen.frontend.torch import export
    from hlsgen.train import load_data, of_final_form

    say("network: not exported yet; one of the same shape that is not trained")
    return export(of_final_form(job.project, load_data(job.project)).eval(), job.project.name)


def _same_network(job: Job) -> bool:
    """Whether the build folder's export is of the network that the project describes now."""
    try:
        made = Project.model_validate_json((job.folder / "project.json").read_bytes())
    except (OSError, ValidationError):
        return False
    now = job.project
    return (made.inputs, made.model) == (now.inputs, now.model)


def _plan(graph: Graph, job: Job, wanted: float) -> dict[str, object]:
    found = pace(graph)
    clock_mhz = job.project.hardware.clock_mhz
    rows = []
    for node in engines(graph):
        op, (x,) = node.op, graph.inputs_of(node)
        if not isinstance(op, Tiled):
            continue
        way = tile(graph, node, job.board.logic)
        rows.append({
            "engine": node.name, "rows": op.rows, "columns": op.columns, "pe": op.pe,
            "simd": op.simd, "places": op.places, "clocks_a_beat": op.fold, "beats": x.beats,
            "clocks": way.clocks, "lut": way.luts, "memory_blocks": way.blocks,
            "memory_bits": op.memory_bits(x),
        })  # fmt: skip
    return {
        "network": graph.name,
        "board": job.board.name,
        "clock_mhz": clock_mhz,
        "frames_per_s_wanted": wanted,
        "interval_clocks": found.interval,
        "latency_clocks": found.latency,
        "frames_per_s": clock_mhz * 1e6 / found.interval,
        "engines": rows,
    }


def _show(plan: dict[str, object]) -> None:
    rows = plan["engines"]
    assert isinstance(rows, list)
    table = Table(title=f"{plan['network']} on {plan['board']}", title_justify="left")
    table.add_column("engine")
    keys = {
        "rows": "rows", "columns": "columns", "pe": "pe", "simd": "simd", "places": "FIFO",
        "clocks": "clocks a frame", "lut": "LUTs", "memory_blocks": "blocks",
    }  # fmt: skip
    for head in keys.values():
        table.add_column(head, justify="right")
    for row in rows:
        table.add_row(row["engine"], *(f"{row[key]:,}" for key in keys))
    table.add_section()
    total = {key: sum(row[key] for row in rows) for key in ("lut", "memory_blocks")}
    table.add_row("all", *[""] * 6, *(f"{n:,}" for n in total.values()))
    out.print(table)
    say(
        f"{plan['interval_clocks']:,} clocks from frame to frame: {plan['frames_per_s']:,.0f}"
        f" frames a second at {plan['clock_mhz']:g} MHz; {plan['latency_clocks']:,} clocks latency"
    )
    say("LUTs and blocks are estimates; clocks are exact: `hlsgen sim` compares each one")
