"""Graphs on disk: structure in `NAME.json`, constants in `NAME.npz`; the format is versioned."""

from __future__ import annotations

import dataclasses
import io
import json
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from hlsgen.errors import GraphError
from hlsgen.graph.ir import OPS, Graph, Node, Op
from hlsgen.graph.rules import check
from hlsgen.paths import write_atomic

FORMAT = 1
# What numpy raises when it reads a damaged .npz.
DAMAGED_NPZ = (
    ValueError,
    EOFError,
    RuntimeError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


def save(graph: Graph, path: Path) -> None:
    """Write `path`.json and `path`.npz, both whole or not at all."""
    arrays: dict[str, Any] = {}
    nodes = []
    for node in graph.nodes:
        fields = {}
        for item in dataclasses.fields(node.op):
            value = getattr(node.op, item.name)
            if isinstance(value, np.ndarray):
                arrays[f"{node.name}.{item.name}"] = value
            else:
                fields[item.name] = value
        entry = {"name": node.name, "op": node.op.kind, "inputs": node.inputs, **fields}
        nodes.append(entry | {"origin": node.origin})
    document = {
        "format": FORMAT,
        "name": graph.name,
        "digest": graph.digest,
        "nodes": nodes,
        "outputs": graph.outputs,
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    write_atomic(path.with_suffix(".npz"), buffer.getvalue())
    write_atomic(path.with_suffix(".json"), json.dumps(document, indent=1) + "\n")


def load(path: Path) -> Graph:
    """Read the graph that `save` wrote to `path` (with or without suffix).

    Raises:
        GraphError: a file is missing, truncated, of an unknown format, or breaks a rule.
    """
    file, data = path.with_suffix(".json"), path.with_suffix(".npz")
    reading = file
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        if document.get("format") != FORMAT:
            found = document.get("format")
            raise GraphError(f"{file}: graph format {found!r}; this hlsgen reads format {FORMAT}")
        reading = data
        # From memory: numpy leaves the file open when it turns out to be damaged.
        with np.load(io.BytesIO(data.read_bytes()), allow_pickle=False) as arrays:
            nodes = tuple(_node(file, entry, arrays) for entry in document["nodes"])
        graph = check(Graph(document["name"], nodes, tuple(document["outputs"])))
        belongs = graph.digest == document["digest"]
    except OSError as error:
        raise GraphError(f"{error.filename}: {error.strerror}") from error
    except DAMAGED_NPZ as error:
        raise GraphError(
            f"{reading}: damaged or truncated ({error}); remove it and run the stage again"
        ) from error
    except (KeyError, TypeError, AttributeError) as error:
        raise GraphError(f"{file}: entry missing or unexpected: {error}") from error
    if not belongs:
        raise GraphError(f"{data}: does not belong to {file.name} (digests differ)")
    return graph


def _node(file: Path, entry: dict[str, Any], arrays: Any) -> Node:
    kind = entry["op"]
    if kind not in OPS:
        raise GraphError(f"{file}: unknown operator {kind!r}; known are {', '.join(sorted(OPS))}")
    cls: type[Op] = OPS[kind]
    constants = {
        item.name: arrays[f"{entry['name']}.{item.name}"]
        if "dtype" in item.metadata
        else entry[item.name]
        for item in dataclasses.fields(cls)
    }
    return Node(entry["name"], cls(**constants), tuple(entry["inputs"]), entry.get("origin", ""))
