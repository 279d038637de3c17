"""What lies in a build folder, read and checked; the report uses nothing else."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from hlsgen.boards import Board
from hlsgen.errors import ConfigError
from hlsgen.graph import Graph, load
from hlsgen.graph.graphio import DAMAGED_NPZ
from hlsgen.graph.ir import Values
from hlsgen.passes import Record
from hlsgen.project import Project
from hlsgen.report.vendor_files import Vendor, find_reports
from hlsgen.verify import Verdict, language_of, rtl_digest

M = TypeVar("M", bound=BaseModel)


class _Foreign(BaseModel):
    """A file that another program writes: keys that the report does not need are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Training(_Foreign):
    """`graph/metrics.json`; accuracies are shares, `labels` the classes' names.

    `confusion[label][class]` counts samples.
    """

    dataset: str | None = None
    digest: str | None = None
    labels: tuple[str, ...] = ()
    samples: dict[str, int] = {}
    method: str | None = None
    seed: int | None = None
    epoch: int | None = None
    validation_accuracy: float | None = None
    test_accuracy: float | None = None
    confusion: tuple[tuple[int, ...], ...] | None = None


class Cells(_Foreign):
    """Cells of a module by type, submodules among them."""

    num_cells_by_type: dict[str, int] = {}


class Stat(_Foreign):
    """What Yosys `stat -json` counts; names of modules begin with a backslash."""

    creator: str = "Yosys"
    modules: dict[str, Cells] = {}
    design: Cells


class Clock(_Foreign):
    """One clock of the routed design, in MHz."""

    achieved: float
    constraint: float


class Use(_Foreign):
    """Cells of one type in the routed design."""

    used: int


class Route(_Foreign):
    """The `--report` of nextpnr."""

    fmax: dict[str, Clock] = {}
    utilization: dict[str, Use]


class Reached(_Foreign):
    """Table entries of one layer, and those that the data reaches."""

    layer: str
    entries: int
    reached: int


class CoverageFile(_Foreign):
    """`verify/coverage.json`, as far as the report needs it."""

    graph: str
    samples: int
    source: str
    layers: tuple[Reached, ...]


class MeasuredFile(_Foreign):
    """`host/measured.json`, which `hlsgen selftest` and the host program of Alveo cards write."""

    graph: str
    transport: str
    simulated: bool
    mismatches: int
    throughput_fps: float | None = None
    latency_us: float | None = None
    power_w: float | None = None
    energy_uj: float | None = None


@dataclass(frozen=True)
class Samples:
    """The test set as the hardware sees it: words [n, features], labels [n]."""

    x: Values
    y: NDArray[np.int64]


@dataclass(frozen=True)
class Evidence:
    """The contents of a build folder; None for a file that is not there.

    `export` and `final` are the graph before and after optimisation, `record` is what happened in
    between; `rtl` is the digest of the Verilog or C++, `language` tells which it is. `stat` counts
    the whole design, `by_module` each layer as a module of its own.
    """

    final: Graph
    rtl: str = ""
    language: str = "verilog"
    project: Project | None = None
    board: Board | None = None
    export: Graph | None = None
    record: Record | None = None
    samples: Samples | None = None
    training: Training | None = None
    verdict: Verdict | None = None
    stat: Stat | None = None
    by_module: Stat | None = None
    route: Route | None = None
    coverage: CoverageFile | None = None
    measured: MeasuredFile | None = None
    vendor: Vendor = field(default_factory=Vendor)


def collect(folder: Path) -> Evidence:
    """Read the build folder.

    Raises:
        GraphError: `graph/final` is missing or damaged.
        ConfigError: another file is there and damaged; the message names it.
    """
    verdict, export = folder / "verify/verdict.json", folder / "graph/export"
    record = folder / "graph/opt.json"
    final = load(folder / "graph/final")
    board = _read(folder / "board.json", Board)
    return Evidence(
        final=final,
        rtl=rtl_digest(folder, final),
        language=language_of(folder),
        project=_read(folder / "project.json", Project),
        board=board,
        export=load(export) if export.with_suffix(".json").is_file() else None,
        record=Record.load(record) if record.is_file() else None,
        samples=_samples(folder / "graph/samples.npz"),
        training=_read(folder / "graph/metrics.json", Training),
        verdict=Verdict.load(verdict) if verdict.is_file() else None,
        stat=_read(folder / "synth/stat.json", Stat),
        by_module=_read(folder / "synth/layers.json", Stat),
        route=_read(folder / "route/report.json", Route),
        coverage=_read(folder / "verify/coverage.json", CoverageFile),
        measured=_read(folder / "host/measured.json", MeasuredFile),
        vendor=find_reports(folder, board, final.name),
    )


def _read(path: Path, model: type[M]) -> M | None:
    if not path.is_file():
        return None
    try:
        return model.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ConfigError(_damaged(path, f"{place or 'file'}: {first['msg']}")) from error


def _samples(path: Path) -> Samples | None:
    if not path.is_file():
        return None
    try:
        # From memory: numpy leaves the file open when it turns out to be damaged.
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            x, y = arrays["x"], arrays["y"]
    except (OSError, KeyError, *DAMAGED_NPZ) as error:
        raise ConfigError(_damaged(path, error)) from error
    if x.ndim < 2 or y.shape != x.shape[:1] or {x.dtype.kind, y.dtype.kind} - set("iu"):
        raise ConfigError(
            _damaged(path, f"x is {x.dtype} {x.shape}, y is {y.dtype} {y.shape};"
                     " must be integers [n, features] and [n]")
        )  # fmt: skip
    if y.min(initial=0) < 0:
        raise ConfigError(_damaged(path, f"y holds the label {y.min()}; labels count from 0"))
    return Samples(x.astype(np.int64), y.astype(np.int64))


def _damaged(path: Path, why: object) -> str:
    return f"{path}: damaged or truncated ({why}); remove it and run its stage again"
