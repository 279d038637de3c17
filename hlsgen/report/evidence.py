"""What lies in a build folder, read and checked; the report uses nothing else."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from hlsgen.boards import Board
from hlsgen.errors import ConfigError
from hlsgen.graph import Graph, load
from hlsgen.graph.ir import Values
from hlsgen.project import Project
from hlsgen.schema import Record
from hlsgen.verify.verdict import Verdict

R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Samples:
    """The test set as the hardware sees it: words [n, features], labels [n]."""

    x: Values
    y: NDArray[np.int64]


@dataclass(frozen=True)
class Evidence:
    """The contents of a build folder; None for a file that is not there.

    `export` and `final` are the graph before and after optimisation.
    """

    final: Graph
    project: Project | None = None
    board: Board | None = None
    export: Graph | None = None
    samples: Samples | None = None
    metrics: dict[str, Any] | None = None
    verdict: Verdict | None = None
    stat: dict[str, Any] | None = None
    route: dict[str, Any] | None = None


def collect(folder: Path) -> Evidence:
    """Read the build folder.

    Raises:
        GraphError: `graph/final` is missing or damaged.
        ConfigError: another file is there and damaged; the message names it.
    """
    verdict, export = folder / "verify/verdict.json", folder / "graph/export"
    return Evidence(
        final=load(folder / "graph/final"),
        project=_record(folder / "project.json", Project),
        board=_record(folder / "board.json", Board),
        export=load(export) if export.with_suffix(".json").is_file() else None,
        samples=_samples(folder / "graph/samples.npz"),
        metrics=_json(folder / "graph/metrics.json"),
        verdict=Verdict.load(verdict) if verdict.is_file() else None,
        stat=_json(folder / "synth/stat.json", "design"),
        route=_json(folder / "route/report.json", "utilization"),
    )


def _json(path: Path, key: str | None = None) -> dict[str, Any] | None:
    """A JSON object that must have `key`, or None where there is no file."""
    if not path.is_file():
        return None
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(_damaged(path, error)) from error
    if not isinstance(document, dict) or (key and not isinstance(document.get(key), dict)):
        wanted = f"an object with {key!r}" if key else "an object"
        raise ConfigError(_damaged(path, f"must be {wanted}"))
    return document


def _record(path: Path, record: type[R]) -> R | None:
    if not path.is_file():
        return None
    try:
        return record.model_validate_json(path.read_bytes())
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
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise ConfigError(_damaged(path, error)) from error
    if x.ndim < 2 or y.shape != x.shape[:1] or {x.dtype.kind, y.dtype.kind} - set("iu"):
        raise ConfigError(
            _damaged(path, f"x is {x.dtype} {x.shape}, y is {y.dtype} {y.shape};"
                     " must be integers [n, features] and [n]")
        )  # fmt: skip
    return Samples(x.astype(np.int64), y.astype(np.int64))


def _damaged(path: Path, why: object) -> str:
    return f"{path}: damaged or truncated ({why}); remove it and run its stage again"
