"""The one Jinja environment. A template loops and places; values arrive ready."""

from __future__ import annotations

from functools import cache

import jinja2

from hlsgen.emit.literals import hex_literal, lane, literal
from hlsgen.paths import data_dir


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(data_dir("templates")),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=jinja2.select_autoescape(("html.j2",)),
    )
    environment.filters |= {
        "hex": hex_literal,
        "lane": lane,
        "literal": literal,
    }
    return environment


def render(template: str, **values: object) -> str:
    """Text of `template` (a path below templates/); a name it lacks is an error."""
    return _environment().get_template(template).render(**values)


def has_template(template: str) -> bool:
    """Whether `template` exists."""
    return (data_dir("templates") / template).is_file()
