"""Python environments of the peers, each its own, from the package registry."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.peers.variant import NotRun

_READY = "hlsgen-bench.json"
_SHOWN_LINES = 4


def environment(folder: Path, python: Path, packages: Sequence[Sequence[str]]) -> Path:
    """The interpreter of a virtual environment in `folder`, made if it is not there.

    Args:
        folder: where the environment lies.
        python: the interpreter that it is made of.
        packages: arguments of one `pip install` after the other.

    Raises:
        NotRun: it cannot be made.
    """
    inside = folder / "bin" / "python"
    wanted = json.dumps([str(python), *map(list, packages)])
    ready = folder / _READY
    if inside.exists() and ready.is_file() and ready.read_text(encoding="utf-8") == wanted:
        return inside
    run([python, "-m", "venv", "--clear", folder])
    for arguments in packages:
        run([inside, "-m", "pip", "install", "--quiet", *arguments])
    ready.write_text(wanted, encoding="utf-8")
    return inside


def run(command: Sequence[str | Path]) -> str:
    """What a command prints.

    Raises:
        NotRun: it fails; the message has the last lines of its output.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise NotRun(f"{command[0]}: {error.strerror}") from error
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        shown = "\n".join(lines[-_SHOWN_LINES:])
        raise NotRun(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{shown}")
    return done.stdout


def run_script(python: Path, script: Path, *arguments: Path | str) -> None:
    """Run a file of ours under a peer's interpreter, isolated: no module beside it is found."""
    run([python, "-I", script, *arguments])


def version(python: Path, package: str) -> str:
    """The version of a package in the environment of `python`."""
    code = f"from importlib.metadata import version; print(version({package!r}))"
    return run([python, "-I", "-c", code]).strip()


def find_python(minimum: tuple[int, int]) -> Path:
    """An interpreter of at least version `minimum`: this one, on PATH, or of pyenv.

    Raises:
        NotRun: there is none.
    """
    if sys.version_info[:2] >= minimum:
        return Path(sys.executable)
    code = f"import sys; sys.exit(sys.version_info[:2] < {minimum})"
    for path in _pythons(minimum):
        done = subprocess.run([path, "-I", "-c", code], capture_output=True, check=False)
        if done.returncode == 0:
            return path
    wanted = ".".join(map(str, minimum))
    raise NotRun(f"needs Python {wanted} or newer: not on PATH, none below ~/.pyenv")


def _pythons(minimum: tuple[int, int]) -> Iterator[Path]:
    major, minor = minimum
    for later in range(minor, minor + 4):
        if path := shutil.which(f"python{major}.{later}"):
            yield Path(path)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted(pyenv.glob(f"versions/{major}.*/bin/python"))
