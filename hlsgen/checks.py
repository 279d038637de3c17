"""The commands that look for mistakes: `sim`, `prove` and `mutate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hlsgen import flow
from hlsgen.errors import CheckFailed, ConfigError
from hlsgen.graph import load
from hlsgen.graph.parts import streams
from hlsgen.mutate import Campaign, Work
from hlsgen.options import (
    BUILD,
    BoardName,
    Checked,
    Fps,
    Language,
    NetworkSize,
    Output,
    ProjectPath,
    Samples,
    Verbose,
    is_build_folder,
    log,
    made_for,
    run_stages,
)
from hlsgen.proof.families import FAMILIES
from hlsgen.proof.sweep import BUDGET
from hlsgen.samples import load_samples
from hlsgen.sat import Budget
from hlsgen.screen import (
    Mutants,
    Proofs,
    err,
    print_csim,
    print_score,
    print_simulation,
    say,
)
from hlsgen.verify.csim import simulate_cpp
from hlsgen.verify.equivalence import prove, prove_netlist
from hlsgen.verify.simulation import simulate_rtl
from hlsgen.verify.sources import language_of

# Of the random vectors.
_SEED = 1
# Families that are proved on beside the board's own.
_FAMILIES = ("xcup", "ecp5", "ice40")
# Differences of a C simulation that are told.
_SHOWN = 20


def sim_command(
    project: Checked,
    frames: Annotated[
        int | None,
        typer.Option(
            "--frames", metavar="N", min=1,
            help="Test samples through the core. Default: as many as `verify` takes.",
        ),
    ] = None,
    fps: Fps = None, board: BoardName = None, hdl: Language = "verilog", output: Output = BUILD,
    verbose: Verbose = False, data: Samples = None, budget_lut: NetworkSize = None,
) -> None:  # fmt: skip
    """Simulate the core on test samples and compare each layer: Verilog in exactly its clocks."""
    if is_build_folder(project):
        made = made_for(project, board)
        log(verbose)
        folder = project
    else:
        job = run_stages(
            "emit", project, board, hdl, output, False, verbose, data, budget_lut, fps=fps
        )
        made, folder = job.board, job.folder
    graph, samples = (
        load(folder / "graph" / "final"),
        load_samples(folder / "graph" / "samples.npz"),
    )
    if frames and frames > len(samples):
        raise ConfigError(f"--frames is {frames}: there are {len(samples)} test samples")
    width = made.shell.width_bits
    if language_of(folder) == "hls":
        with err.status("C simulation: compiling, then running"):
            compiled = simulate_cpp(folder, graph, samples, width, _SEED, frames=frames)
        print_csim(compiled)
        if compiled.differences:
            raise CheckFailed("\n".join(map(str, compiled.differences[:_SHOWN])))
        return
    with err.status("simulation: compiling, then running"):
        seen = simulate_rtl(folder, graph, samples, width, _SEED, frames=frames)
    print_simulation(graph, seen)
    if seen.failed:
        raise CheckFailed("\n".join(f"{name}: {text}" for name, text in seen.failed.items()))


def prove_command(
    project: Checked,
    family: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help=f"FPGA family: {', '.join(FAMILIES)}; may be given again. Default: the board's"
            f" and {', '.join(_FAMILIES)}.",
            autocompletion=lambda: list(FAMILIES),
        ),
    ] = None,
    netlist: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Prove this JSON netlist of one --family instead."),
    ] = None,
    time_limit: Annotated[
        float, typer.Option(metavar="S", min=0.0, help="Seconds for one bit of an output.")
    ] = BUDGET.time_s,
    board: BoardName = None, hdl: Language = "verilog", output: Output = BUILD,
    verbose: Verbose = False, data: Samples = None, budget_lut: NetworkSize = None,
) -> None:  # fmt: skip
    """Prove by SAT that Verilog and mapped netlists are the graph: each layer, and the core."""
    _need_verilog("prove", hdl, project)
    if is_build_folder(project):
        made = made_for(project, board)
        log(verbose)
        folder = project
    else:
        job = run_stages(
            "emit", project, board, "verilog", output, False, verbose, data, budget_lut
        )
        made, folder = job.board, job.folder
    samples = load_samples(folder / "graph" / "samples.npz")
    budget = Budget(BUDGET.conflicts, time_limit)
    with Proofs() as show:
        if netlist:
            if len(family or ()) != 1:
                raise ConfigError("--netlist needs one --family: that of its cells")
            prove_netlist(folder, netlist, str(family and family[0]), samples,
                          budget=budget, listener=show.listener)  # fmt: skip
        else:
            names = family or [*dict.fromkeys((made.fabric, *_FAMILIES))]
            prove(folder, names, samples, budget=budget, listener=show.listener)
    say(f"proofs: {folder / 'prove' / 'proof.json'}; the graph as AIGER: prove/graph.aig")


def mutate_command(
    project: ProjectPath,
    each: Annotated[
        int, typer.Option(metavar="N", min=1, help="Faults of each kind on each level.")
    ] = 8,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Of the choice of faults.")] = 1,
    board: BoardName = None, hdl: Language = "verilog", output: Output = BUILD,
    verbose: Verbose = False, data: Samples = None, budget_lut: NetworkSize = None,
) -> None:  # fmt: skip
    """Put faults into graph, Verilog, netlist and bitstream, and count which rung finds them."""
    _need_verilog("mutate", hdl, project)
    job = run_stages("build", project, board, "verilog", output, False, verbose, data, budget_lut)
    score_file = job.folder / "mutate" / "score.json"
    if streams(load(job.folder / "graph" / "final")):
        raise ConfigError(
            f"{job.folder}: hlsgen mutate was not yet tried as a whole on networks that take images"
            " pixel by pixel; rtl_tests/test_streaming.py puts faults into their windows"
        )
    samples = load_samples(job.folder / "graph" / "samples.npz")
    with Mutants() as tell:
        work = Work(job.folder, job.board, samples, flow.agreement(job, samples))
        score = Campaign(work, each, seed).run(tell)
    score.save(score_file)
    print_score(score, score_file)
    if score.survivors:
        raise CheckFailed(f"{len(score.survivors)} of {len(score.counted)} faults survived")


def _need_verilog(command: str, hdl: str, project: Path) -> None:
    """Raise a ConfigError where a command that works on Verilog gets C++."""
    if hdl == "hls" or (is_build_folder(project) and language_of(project) == "hls"):
        raise ConfigError(
            f"hlsgen {command} works on Verilog and the netlists made of it, and this is HLS C++,"
            " whose check is C simulation: `hlsgen verify --hdl hls`. The same network's Verilog is"
            " proved with --hdl verilog"
        )
