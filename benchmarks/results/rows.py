"""What is run: `rows.toml` as records, and the project of each row and seed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, field_validator, model_validator

from hlsgen.errors import ConfigError
from hlsgen.project import Project, load_project
from hlsgen.schema import Record, load_toml

ROOT = Path(__file__).parents[2]
ROWS = Path(__file__).with_name("rows.toml")
Share = Annotated[float, Field(ge=0.0, le=1.0)]
_NAME = r"^[a-z][a-z0-9_]*$"


class DataFile(Record):
    """Where a data set lies below the folder of `--data`.

    One `file`, or two, `train` and `test` (arrays x and y each), or none: then the project's own
    source is used. Where `groups` names an array of the file, samples with the same number there
    stay together, and every fifth group, drawn once for all seeds, is the test part.
    """

    title: str
    file: str = ""
    train: str = ""
    test: str = ""
    groups: str = ""

    @model_validator(mode="after")
    def _either(self) -> DataFile:
        if bool(self.train) != bool(self.test) or (self.file and self.train):
            raise ValueError("give `file`, or both `train` and `test`, or none of them")
        return self

    @property
    def files(self) -> tuple[str, ...]:
        """The files that must be there."""
        return tuple(name for name in (self.file, self.train, self.test) if name)


class Goal(Record):
    """What a row is to reach: mean test accuracy (a share) at least, LUT cells at most.

    `fewer` names other rows, and how many times fewer LUTs the layer of this row is to have than
    theirs, at equal accuracy (`benchmarks.results.compare.EQUAL`).
    """

    accuracy: Share | None = None
    lut6: Annotated[int, Field(ge=1)] | None = None
    fewer: dict[str, Annotated[float, Field(gt=0.0)]] = Field(default_factory=dict)


class Row(Record):
    """One line of the results: a project, trained once for each seed.

    `overrides` holds keys of the project that differ, as tables: `train.epochs`, `model.layers`.
    `layer` names a window of a network that streams: what stands behind it stays a module in
    synthesis, and its LUTs are counted alone, too.
    """

    id: Annotated[str, Field(pattern=_NAME)]
    project: str
    data: str
    group: str
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]
    fast: bool = False
    note: str = ""
    layer: str = ""
    goal: Goal = Goal()
    overrides: dict[str, Any] = Field(default_factory=dict)

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) < len(seeds):
            raise ValueError("each seed may be listed once")
        return seeds


class Rows(Record):
    """The content of `rows.toml`."""

    data: dict[str, DataFile]
    row: tuple[Row, ...]

    @model_validator(mode="after")
    def _whole(self) -> Rows:
        names = [row.id for row in self.row]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"row.id {twice[0]!r} is taken twice; each row needs its own")
        for row in self.row:
            if row.data not in self.data:
                known = ", ".join(sorted(self.data))
                raise ValueError(f"row {row.id}: data is {row.data!r}; [data] has {known}")
            layers = [other.id for other in self.row if other.layer]
            if wrong := [name for name in row.goal.fewer if name not in layers or not row.layer]:
                raise ValueError(f"row {row.id}: goal.fewer: {wrong[0]!r} and it need a layer each")
        return self


def load_rows(path: Path = ROWS) -> Rows:
    """Read the rows.

    Raises:
        ConfigError: a mistake in the file.
    """
    return load_toml(path, Rows)


def project_of(row: Row, seed: int, source: Path | None) -> Project:
    """The project of one row and seed; `source` is the data file that stands for its own source.

    Raises:
        ConfigError: no project there, or an override that it does not accept.
    """
    project = load_project(ROOT / row.project)
    table = _merged(project.model_dump(mode="json"), {**row.overrides, "seed": seed})
    if source:
        table["data"]["source"] = f"npz:{source.resolve()}"
    try:
        return Project.model_validate_json(json.dumps(table)).at(project.folder)
    except ValidationError as error:
        mistakes = (
            f"row {row.id}: overrides: {'.'.join(map(str, each['loc']))} is {each['input']!r}:"
            f" {each['msg']}"
            for each in error.errors(include_url=False)
        )
        raise ConfigError("\n".join(mistakes)) from error


def _merged(table: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`table` with `changes`, table by table."""
    merged = dict(table)
    for key, value in changes.items():
        inner = merged.get(key)
        if isinstance(inner, dict) and isinstance(value, dict):
            merged[key] = _merged(inner, value)
        else:
            merged[key] = value
    return merged
