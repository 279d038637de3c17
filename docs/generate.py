"""Write docs/reference.md from the code: `python docs/generate.py`."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import typer

from hlsgen.boards import Board
from hlsgen.cli import app
from hlsgen.errors import HlsgenError
from hlsgen.graph.ir import OPS
from hlsgen.paths import write_atomic
from hlsgen.project import Project
from hlsgen.report.number import Limit, Number, Part, Report
from hlsgen.report.summary import LABELS
from hlsgen.schema import Record
from hlsgen.tools import TOOLS

FILE = Path(__file__).with_name("reference.md")

HEAD = """# Reference

Written by `python docs/generate.py` from the code; edit that, not this file.
"""

VARIABLES = """| `XDG_CACHE_HOME` | where compiled simulations are kept (`~/.cache`) |
| `CHIPDB`, `PRJXRAY_DB_DIR` | folders of openXC7's databases (`/snap/openxc7/current/...`) |
| `HLSGEN_REQUIRE` | for tests: tools, with commas, whose absence is a failure, not a skip |
"""

BUILD = """## Build folder

    build/
      <name>/                 shared by all boards
        manifest.json           inputs of the training, digests of its products
        train/                  model.pt, last.ckpt, history.json, metrics.json
      <name>-<board>/
        manifest.json           inputs of each stage, digests of its products
        project.json board.json the project and the board that this was built for
        graph/                  export.*, final.*, samples.npz (test), train_samples.npz,
                                metrics.json, export_check.json; opt.json: what each pass did
        rtl/                    the Verilog; hlsgen_*.v are the same in every design
        hls/                    in its place the C++ of `--hdl hls`; the folder ends in -hls then
        sim/                    test bench, vectors, what was seen, results.xml
        verify/                 verdict.json: rung by rung, what was compared, how many values, with
                                what result; rtl.json or hls.json, netlist.json, routed.json,
                                bitstream.json are its parts; coverage.json, coverage.npz: table
                                entries that the data reaches
        prove/                  netlists and scripts of the proofs, graph.aig, proof.json,
                                counterexample.json, control/
        mutate/                 score.json: each fault put in, and the rungs that found it
        synth/                  netlist; stat.json: cells of the whole, layers.json: of each layer;
                                flow nextpnr: top module, clock generator
        route/                  flow nextpnr: pins, placed and routed design, report.json
        vitis/                  flow vitis: kernel, data movers, link configuration, host program
        vivado/                 flow vivado: scripts, constraints, block design
        host/                   interface.json, classify.py, hlsgen_runtime/: the host side, without
                                hlsgen; measured.json: what a self-test saw on the board,
                                simulated.json: in its simulated shell
        report/                 report.json, report.html
        logs/                   one .log a step, the command on top; replay_*.sh runs it again
        <name>.bit | .bin (iCE40) | .fs (Gowin) | .xclbin    the file that configures the device

A file is written whole or not at all. A stage whose inputs have not changed is not run again.
"""


def reference() -> str:
    """The whole text of docs/reference.md."""
    parts = [HEAD, *_commands(), *_exit_codes(), *_project(), *_board(), *_operators(),
             *_report(), *_environment(), BUILD]  # fmt: skip
    return "\n".join(parts)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(
        f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |\n" for row in lines
    )


def _commands() -> Iterator[str]:
    group: Any = typer.main.get_command(app)
    yield "## Commands\n"
    yield _table(
        ("Command", "Does"),
        (
            (f"`hlsgen {' '.join([name, *_arguments(command)])}`", _first(command.help))
            for name, command in group.commands.items()
        ),
    )
    yield "The commands with a `PROJECT` (a folder with `project.toml`, or the file) take:\n"
    options = group.commands["bitstream"].params
    yield _table(
        ("Option", "Meaning", "Default"),
        (
            (f"`{' '.join([*option.opts, option.metavar or '']).strip()}`", option.help or "",
             f"`{option.default}`" if option.default not in (None, False) else "")
            for option in options if option.param_type_name == "option" and option.name != "help"
        ),
    )  # fmt: skip
    yield "Some commands take more:\n"
    shared = {option.name for option in options}
    yield _table(
        ("Option", "Meaning", "Default"),
        (
            (f"`{name} {' '.join([*option.opts, option.metavar or '']).strip()}`",
             option.help or "",
             f"`{option.default}`" if option.default not in (None, False) else "")
            for name, command in group.commands.items() for option in command.params
            if option.param_type_name == "option" and option.name not in shared
        ),
    )  # fmt: skip
    yield (
        "`verify` and `report` also take a build folder: they then check and report exactly the"
        " files that lie there.\n"
    )


def _arguments(command: Any) -> list[str]:
    return [p.metavar or "" for p in command.params if p.param_type_name == "argument"]


def _first(text: str | None) -> str:
    return inspect.cleandoc(text or "").split("\n\n")[0].replace("\n", " ")


def _exit_codes() -> Iterator[str]:
    errors = sorted(HlsgenError.__subclasses__(), key=lambda error: error.exit_code)
    yield "## Exit codes\n"
    rows = [("0", "", "good")]
    rows += [
        (str(error.exit_code), f"`{error.__name__}`", _first(error.__doc__)) for error in errors
    ]
    rows[-1:] += [("130", "", "interrupted; the next run goes on from the last finished stage")]
    yield _table(("Code", "Error", "Meaning"), rows)


def _project() -> Iterator[str]:
    yield "## project.toml\n"
    yield "A key without a default must be given.\n"
    yield from _record(Project, "")


def _board() -> Iterator[str]:
    yield "## boards/NAME.toml\n"
    yield from _record(Board, "")


def _record(record: type[Record], prefix: str, brackets: str = "[]") -> Iterator[str]:
    """The keys of `record`, then its tables."""
    schema = record.model_json_schema()
    tables = {name: inner for name in record.model_fields if (inner := _inner(record, name))}
    if prefix:
        opening, closing = brackets[: len(brackets) // 2], brackets[len(brackets) // 2 :]
        yield f"### {opening}{prefix}{closing}\n"
    yield f"{inspect.cleandoc(record.__doc__ or '')}\n"
    required = schema.get("required", [])
    yield _table(
        ("Key", "Allowed", "Default"),
        (
            (f"`{name}`", _allowed(entry, schema), "" if name in required else _default(entry))
            for name, entry in schema["properties"].items()
            if name not in tables
        ),
    )
    for name, inner in tables.items():
        repeated = getattr(record.model_fields[name].annotation, "__origin__", None) is tuple
        brackets = "[[]]" if repeated else "[]"
        yield from _record(inner, f"{prefix}.{name}" if prefix else name, brackets)


def _inner(record: type[Record], name: str) -> type[Record] | None:
    """The record that key `name` holds, if it is a table of its own."""
    annotation = record.model_fields[name].annotation
    for option in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(option, type) and issubclass(option, Record):
            return None if getattr(annotation, "__origin__", None) is dict else option
    return None


def _default(entry: dict[str, Any]) -> str:
    value = entry.get("default", {} if entry.get("type") == "object" else None)
    return "none" if value in (None, {}, "") else f"`{value}`"


def _allowed(entry: dict[str, Any], schema: dict[str, Any]) -> str:
    """What a JSON schema entry allows, in words."""
    if "$ref" in entry:
        inner = schema["$defs"][entry["$ref"].rpartition("/")[2]]
        keys = ", ".join(f"`{key}`" for key in inner["properties"])
        return f"a table of {keys}"
    if "anyOf" in entry:
        options = [option for option in entry["anyOf"] if option.get("type") != "null"]
        return " or ".join(_allowed(option, schema) for option in options)
    if "enum" in entry:
        return ", ".join(f"`{value}`" for value in entry["enum"])
    if "const" in entry:
        return f"`{entry['const']}`"
    kind = {"number": "number", "integer": "integer", "string": "text", "boolean": "true or false",
            "array": "list", "object": "table"}[entry["type"]]  # fmt: skip
    if entry["type"] == "array":
        if "prefixItems" in entry:
            each = [_allowed(item, schema) for item in entry["prefixItems"]]
            return f"list of {len(each)}: {'; '.join(each)}"
        return f"list of at least {entry.get('minItems', 0)}: {_allowed(entry['items'], schema)}"
    if entry["type"] == "object":
        return f"table, each value {_allowed(entry['additionalProperties'], schema)}"
    bounds = (("minimum", ">="), ("exclusiveMinimum", ">"), ("maximum", "<="),
              ("exclusiveMaximum", "<"), ("multipleOf", "a multiple of"))  # fmt: skip
    rules = [f"{sign} {entry[bound]:.10g}" for bound, sign in bounds if bound in entry]
    if "maxLength" in entry:
        rules.append(f"at most {entry['maxLength']} characters")
    if "pattern" in entry:
        rules.append(f"matching `{entry['pattern']}`")
    return " ".join([kind, ", ".join(rules)]).strip()


def _operators() -> Iterator[str]:
    yield "## Operators\n"
    yield (
        "Values are integers, `[batch, beats, lanes]`; `x` is the input, lane 0 is least"
        " significant.\n"
    )
    yield _table(
        ("Kind", "Definition", "Cycles"),
        ((f"`{kind}`", _first(op.__doc__), str(op.latency)) for kind, op in sorted(OPS.items())),
    )


def _report() -> Iterator[str]:
    yield "## report.json\n"
    numbers = ", ".join(f"`{item.name}`" for item in fields(Number))
    yield f"Each of these entries is an object of {numbers} ([what they mean](report.md)):\n"
    yield _table(("Entry", "Meaning"), ((f"`{name}`", label) for name, label in LABELS.items()))
    limit = ", ".join(f"`{item.name}`" for item in fields(Limit))
    tables = ", ".join(f"`{item.name}`" for item in fields(Report) if item.name != "numbers")
    part = ", ".join(f"`{item.name}`" for item in fields(Part))
    yield (
        f"Beside them stand `format` (an integer), {tables}. Entries of `limits` have {limit}."
        f" Entries of `parts` have {part}; those that end in `_synth` are Yosys's counts.\n"
    )


def _environment() -> Iterator[str]:
    yield "## Environment variables\n"
    yield (
        _table(
            ("Variable", "Meaning"),
            (
                (f"`{tool.variable}`", f"path of {tool.name}: {tool.purpose}")
                for tool in TOOLS.values()
            ),
        )
        + VARIABLES
    )


if __name__ == "__main__":
    write_atomic(FILE, reference())
