"""hlsgen before sums, argmax and tables were built cell by cell: the baseline of the area."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

from benchmarks.peers.variant import NotRun, Variant

# The last commit whose sums and argmax were left to synthesis.
COMMIT = "0dcea4e9a3a4ac67ca468cd5492380305ae93fcb"
_CODE = """
import sys
from pathlib import Path
from hlsgen.emit import emit
from hlsgen.graph import load
from hlsgen.graph.fabric import FABRICS
from hlsgen.passes import opt

graph = opt(load(Path(sys.argv[1])), FABRICS["xcup"], 50.0)
emit(graph, 8).write(Path(sys.argv[2]))
print(graph.latency[graph.outputs[0]])
"""


def first_column(exported: Path, name: str, folder: Path, root: Path, python: Path) -> Variant:
    """The core that the old code makes of an exported graph.

    Args:
        exported: the graph's file.
        name: of the graph.
        folder: where the code and what it makes go.
        root: of this repository.
        python: the interpreter, with hlsgen's own packages.

    Raises:
        NotRun: the history of the repository is not here.
    """
    code = folder / "code"
    if not (code / "hlsgen").is_dir():
        command = ["git", "-C", str(root), "archive", COMMIT, "hlsgen", "templates", "boards"]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode:
            raise NotRun(f"commit {COMMIT[:8]} is not here: {done.stderr.decode().strip()}")
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            archive.extractall(code, filter="data")
    made = folder / name
    done = subprocess.run(
        [python, "-c", _CODE, exported.resolve(), made],
        capture_output=True, text=True, check=False, cwd=folder, env={"PYTHONPATH": str(code)},
    )  # fmt: skip
    if done.returncode:
        raise NotRun(f"commit {COMMIT[:8]} fails: {done.stderr.strip()[-300:]}")
    shells = {f"{name}_{shell}.v" for shell in ("axis", "stage", "uart")}
    sources = tuple(p for p in sorted((made / "rtl").glob("*.v")) if p.name not in shells)
    latency = int(done.stdout)
    return Variant(f"hlsgen {COMMIT[:8]}", sources, f"{name}_core", latency, f"latency {latency}")
