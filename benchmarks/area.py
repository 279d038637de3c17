"""`python -m benchmarks.area`: LUTs of hlsgen's cores beside those of others, network by network.

Every variant computes the same trained network, is synthesised for UltraScale+ by one Yosys script
(`benchmarks.peers.netlist`), simulated on real samples from its netlist, and counted whole:
comparisons, tables, sums and argmax. One whose answers differ is shown as wrong, without numbers.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.flow import ROOT
from benchmarks.peers import head
from benchmarks.peers.alkaid import alkaid
from benchmarks.peers.behavioural import behavioural
from benchmarks.peers.first_column import first_column
from benchmarks.peers.netlist import Count, count, samples, synthesise, wrong
from benchmarks.peers.torchlogix import torchlogix
from benchmarks.peers.variant import NotRun, Variant, core
from hlsgen.boards import load_board
from hlsgen.errors import HlsgenError
from hlsgen.flow import STAGES, Job, Listener, run
from hlsgen.graph import Graph, load
from hlsgen.paths import write_atomic
from hlsgen.project import Opt, load_project
from hlsgen.tools import TOOLS

BOARD, SAMPLES = "u280", 1000
_WIDTH = 140  # of the table in a file
HEAD, FIRST = "head_10x200", "first column"
# LUT cells beside the first column's, and LUT sites of the head for each bit that it adds.
MOST_OF_FIRST, MOST_PER_BIT = 0.7, 0.75
MNIST = ROOT.parent / "shared" / "data" / "mnist.npz"


@dataclass(frozen=True)
class Place:
    """Where one target is measured.

    `graph` is the network to compute, `exported` its file, `build` the build folder of hlsgen,
    `folder` for what is made here, `peers` for their environments.
    """

    graph: Graph
    exported: Path
    build: Path
    folder: Path
    peers: Path


@dataclass(frozen=True)
class Target:
    """Something to compute: `prepare` trains or makes it below a folder."""

    name: str
    prepare: Callable[[Path], Place]


@dataclass(frozen=True)
class Row:
    """One variant of one target; `count` is None where `status` says why."""

    target: str
    variant: str
    status: str
    tool: str = ""
    equal: int = 0
    samples: int = 0
    note: str = ""
    count: Count | None = field(default=None)


def example(name: str, data: Path | None = None) -> Callable[[Path], Place]:
    """An example, trained and brought to Verilog for `BOARD`; `data` stands for its source.

    Raises:
        NotRun: `data` is not there.
    """

    def prepare(root: Path) -> Place:
        if data and not data.is_file():
            raise NotRun(f"{data} is not there: give its place by --mnist")
        # All compute the network as it was trained: no change of its function.
        project = load_project(ROOT / "examples" / name).model_copy(update={"opt": Opt()})
        if data:
            source = project.data.model_copy(update={"source": f"npz:{data.resolve()}"})
            project = project.model_copy(update={"data": source})
        job = Job(project, load_board(BOARD), root / "area")
        run(job, STAGES[: STAGES.index("emit") + 1], Listener())
        exported = job.folder / "graph" / "export"
        folder = root / "area" / "variants" / name
        return Place(load(exported), exported, job.folder, folder, root / "peers")

    return prepare


def targets(mnist: Path) -> tuple[Target, ...]:
    """What is measured, in the order of the table."""
    return (
        Target("digits", example("digits")),
        Target("mnist", example("mnist", mnist)),
        Target(HEAD, _head),
    )


def _head(root: Path) -> Place:
    """Popcount and argmax alone, made without training."""
    folder = root / "area" / HEAD
    graph = head.build(folder)
    exported, variants = folder / "graph" / "export", root / "area" / "variants" / HEAD
    return Place(graph, exported, folder, variants, root / "peers")


def _hlsgen(place: Place) -> Variant:
    return core(place.build, load(place.build / "graph" / "final"))


def _first(place: Place) -> Variant:
    folder = place.folder / "first_column"
    return first_column(place.exported, place.graph.name, folder, ROOT, Path(sys.executable))


def _behavioural(place: Place) -> Variant:
    path = place.folder / "behavioural" / "core.v"
    write_atomic(path, behavioural(place.graph))
    return Variant("plain Verilog", (path,))


def _torchlogix(place: Place) -> Variant:
    return torchlogix(place.graph, place.folder / "torchlogix", place.peers)


def _alkaid(place: Place) -> Variant:
    return alkaid(place.graph, place.exported, place.folder / "alkaid", place.peers)


VARIANTS: dict[str, Callable[[Place], Variant]] = {
    "hlsgen": _hlsgen,
    FIRST: _first,
    "behavioural": _behavioural,
    "torchlogix": _torchlogix,
    "alkaid": _alkaid,
}


def measure(target: str, name: str, place: Place) -> Row:
    """What one variant takes; it is counted only if its answers are right."""
    try:
        variant = VARIANTS[name](place)
        module = synthesise(variant, place.folder / "netlists" / name)
    except (NotRun, HlsgenError) as error:
        return Row(target, name, f"not run: {error}")
    words = samples(place.build, SAMPLES)
    differ = wrong(module, place.graph, words, variant.latency)
    counts = None if differ else count(module)
    status = "wrong" if differ else "counted"
    equal = len(words) - differ
    return Row(target, name, status, variant.tool, equal, len(words), variant.note, counts)


def goals(rows: Iterable[Row]) -> list[tuple[str, float, float, bool]]:
    """What is to be reached: name, value, bound, and whether it is."""
    counts = {(row.target, row.variant): row.count for row in rows if row.count}
    found = []
    for (target, variant), other in counts.items():
        mine = counts.get((target, "hlsgen"))
        if mine is None or variant == "hlsgen":
            continue
        if target != HEAD and variant == FIRST:
            ratio = mine.lut / other.lut
            found.append((f"{target}: LUT cells / first column's", ratio, MOST_OF_FIRST,
                          ratio <= MOST_OF_FIRST))  # fmt: skip
        ratio = mine.sites / other.sites
        found.append((f"{target}: LUT sites / {variant}'s", ratio, 1.0, ratio < 1.0))
    if mine := counts.get((HEAD, "hlsgen")):
        share = mine.sites / (head.CLASSES * head.BITS)
        found.append((f"{HEAD}: LUT sites a bit", share, MOST_PER_BIT, share <= MOST_PER_BIT))
    return found


def record(rows: list[Row]) -> dict[str, object]:
    """The content of the JSON file."""
    entries = []
    for row in rows:
        entry = dataclasses.asdict(row)
        if row.count:
            entry["count"] = {"lut": row.count.lut, **dataclasses.asdict(row.count)}
        entries.append(entry)
    yosys = TOOLS["yosys"].find().version
    wanted = [
        {"name": name, "value": value, "at_most": bound, "met": met}
        for name, value, bound, met in goals(rows)
    ]
    return {"name": "area", "yosys": yosys, "family": "xcup", "rows": entries, "goals": wanted}


def table(rows: Iterable[Row]) -> Table:
    """One line for each row; ratios are of sites, to hlsgen's of the same target."""
    heads = ("network", "variant", "LUT cells", "LUT sites", "/ hlsgen", "CARRY8", "FF", "equal")
    shown = Table(*heads, "tool", "")
    first: dict[str, int] = {}
    for row in rows:
        if row.count is None:
            equal = f"{row.equal} of {row.samples}" if row.samples else ""
            shown.add_row(row.target, row.variant, *["–"] * 5, equal, row.tool,
                          f"[red]{row.status}[/red]")  # fmt: skip
            continue
        if row.variant == "hlsgen":
            first[row.target] = row.count.sites
        ratio = f"{row.count.sites / first[row.target]:.2f}" if row.target in first else "–"
        shown.add_row(
            *(row.target, row.variant, f"{row.count.lut:,}", f"{row.count.sites:,}", ratio),
            *(f"{row.count.carry:g}", f"{row.count.ff:,}", f"{row.equal} of {row.samples}"),
            *(row.tool, row.note),
        )
    return shown


def main() -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.area",
        description="Count the LUTs of hlsgen's cores and of other makers' Verilog.",
        epilog="Exit code: 0, or 1 if a goal was missed or a variant gave a wrong answer.",
    )
    parser.add_argument("--only", action="append", metavar="NETWORK", help="may be repeated")
    parser.add_argument("--variant", action="append", choices=VARIANTS, help="may be repeated")
    parser.add_argument("--mnist", type=Path, default=MNIST, help="default: %(default)s")
    parser.add_argument(
        "--out", type=Path, default=Path("build/bench"), metavar="DIR", help="default: %(default)s"
    )
    options = parser.parse_args()
    out, console, rows = options.out.resolve(), Console(), list[Row]()
    console = console if console.is_terminal else Console(width=_WIDTH)
    for target in targets(options.mnist):
        if options.only and target.name not in options.only:
            continue
        try:
            with console.status(f"{target.name}: training, Verilog"):
                place = target.prepare(out)
        except NotRun as error:
            rows.append(Row(target.name, "all", f"not run: {error}"))
            continue
        for name in options.variant or VARIANTS:
            with console.status(f"{target.name}: {name}"):
                rows.append(measure(target.name, name, place))
    write_atomic(out / "area.json", json.dumps(record(rows), indent=1) + "\n")
    console.print(table(rows))
    wanted = Table("goal", "value", "at most", "")
    for name, value, bound, met in goals(rows):
        verdict = "[green]met[/green]" if met else "[red]missed[/red]"
        wanted.add_row(name, f"{value:.3f}", f"{bound:g}", verdict)
    console.print(wanted)
    missed = any(not met for *_, met in goals(rows))
    return int(missed or any(row.status == "wrong" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
