"""TOML files become frozen records, with every mistake in them reported at once."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from hlsgen.errors import ConfigError


class Record(BaseModel):
    """A frozen record: unknown keys, wrong types and values out of range are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


R = TypeVar("R", bound=Record)


def load_toml(path: Path, record: type[R]) -> R:
    """Read `path` as one `record`.

    Raises:
        ConfigError: the file is missing or not TOML, or a key is unknown, missing, of the wrong
            type or out of range; the message has one line per mistake: file, key, value, rule.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    try:
        # JSON mode keeps strict types and yet lets a TOML array become a tuple.
        return record.model_validate_json(json.dumps(table, default=str))
    except ValidationError as error:
        raise ConfigError("\n".join(_lines(path, record, error))) from error


def _lines(path: Path, record: type[Record], error: ValidationError) -> list[str]:
    lines = []
    mistakes = error.errors(include_url=False)
    # A list whose items are wrong is then also too short for pydantic: the items say enough.
    parents = {mistake["loc"][:end] for mistake in mistakes for end in range(len(mistake["loc"]))}
    for mistake in mistakes:
        if mistake["loc"] in parents:
            continue
        key = ".".join(str(part) for part in mistake["loc"])
        if mistake["type"] == "extra_forbidden":
            known = ", ".join(_keys(record, mistake["loc"][:-1]))
            lines.append(f"{path}: unknown key {key}; allowed here: {known}")
        elif mistake["type"] == "missing":
            lines.append(f"{path}: {key} is missing")
        else:
            rule = mistake["msg"].removeprefix("Input ").removeprefix("Value error, ")
            seen = f"{key} is {mistake['input']!r}: " if key else ""  # the whole file says nothing
            lines.append(f"{path}: {seen}{rule}")
    return lines


def _keys(record: type[Record], loc: tuple[int | str, ...]) -> list[str]:
    """Keys allowed in the table at `loc`, as far as it is a plain nested record."""
    for part in loc:
        field = record.model_fields.get(str(part))
        inner = field.annotation if field else None
        if not (isinstance(inner, type) and issubclass(inner, Record)):
            return ["see docs/reference.md"]
        record = inner
    return sorted(record.model_fields)
