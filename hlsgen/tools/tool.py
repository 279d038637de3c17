"""Find, identify and run an external program so that a stale or missing product never passes."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import logging
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

from hlsgen.errors import ToolFailed, ToolMissing
from hlsgen.paths import write_atomic

log = logging.getLogger(__name__)

_SHOWN_LINES = 12


@dataclass(frozen=True)
class Found:
    """A program that is there: how to start it, its version, and where it lies."""

    command: tuple[str, ...]
    version: str
    path: Path

    @property
    def identity(self) -> str:
        """What a stage's cache key needs to know of the program."""
        stat = self.path.stat()
        raw = f"{self.version}|{self.path.name}|{stat.st_size}"
        return hashlib.sha256(raw.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Tool:
    """A program that stages run.

    Args:
        name: its name on PATH.
        purpose: what hlsgen uses it for, for `hlsgen doctor`.
        install: what to do when it is missing.
        version_args: arguments that make it print its version.
        version_pattern: regular expression whose first group is the version.
        minimum: oldest version accepted, as integers.
        module: Python module (run by `python -m`) that serves as the program when installed.
        script: the program's name among the Python environment's scripts, when installed there.
        errors: regular expression; a line of output that matches means failure.
        env: (variable, value) pairs set for every run.
        default_flow: whether the default board needs it.
        package: the Python package whose version counts where `script` prints none.
    """

    name: str
    purpose: str
    install: str
    version_args: tuple[str, ...] = ("--version",)
    version_pattern: str = r"(\d+(?:\.\d+)+)"
    minimum: tuple[int, ...] = ()
    module: str = ""
    script: str = ""
    errors: str = r"^ERROR\b|^%Error\b"
    env: tuple[tuple[str, str], ...] = ()
    default_flow: bool = True
    package: str = ""

    @property
    def variable(self) -> str:
        """The environment variable that overrides where the program is looked for."""
        return "HLSGEN_" + re.sub(r"\W", "_", self.name).upper()

    @property
    def places(self) -> str:
        """Where `find` looks, in words."""
        inside = f"{self.script or self.module} in {sys.prefix}, then " * bool(
            self.script or self.module
        )
        return f"${self.variable}, then {inside}{self.name} on PATH"

    def find(self) -> Found:
        """The program, from its environment variable, the Python environment, or PATH.

        Raises:
            ToolMissing: it is nowhere, or older than `minimum`.
        """
        found = _find(self, os.environ.get(self.variable))
        numbers = tuple(int(part) for part in re.findall(r"\d+", found.version))
        if self.minimum and numbers < self.minimum:
            wanted = ".".join(map(str, self.minimum))
            raise ToolMissing(
                f"{self.name} {found.version} at {found.path} is too old: {wanted} or newer is"
                f" needed. {self.install}"
            )
        return found

    def candidates(self, chosen: str | None) -> Iterator[tuple[tuple[str, ...], Path]]:
        """Commands to try, best first; `chosen` (from the environment) leaves no alternative."""
        if chosen:
            path = shutil.which(chosen)
            if path is None:
                raise ToolMissing(f"${self.variable} is {chosen!r}, which is not a program")
            yield (path,), Path(path)
            return
        if self.module and (spec := importlib.util.find_spec(self.module)) and spec.origin:
            yield (sys.executable, "-m", self.module), Path(spec.origin)
        scripts = Path(sys.executable).parent
        if self.script and (path := shutil.which(self.script, path=str(scripts))):
            yield (path,), Path(path)
        if path := shutil.which(self.name):
            yield (path,), Path(path)

    def version(self, command: tuple[str, ...]) -> str | None:
        """The version that the program prints, or None if it does not start or says none."""
        if self.package and Path(command[0]).parent == Path(sys.executable).parent:
            return _version_of(self.package)
        try:
            result = subprocess.run(
                [*command, *self.version_args],
                capture_output=True,
                text=True,
                timeout=120,
                env={**os.environ, **dict(self.env)},
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        match = re.search(self.version_pattern, result.stdout + result.stderr)
        return match.group(1) if match and result.returncode == 0 else None

    def run(
        self,
        args: Sequence[str],
        *,
        cwd: Path,
        makes: Sequence[str],
        log_file: Path,
        env: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> str:
        """Run the program and return its output; see `run_command`.

        Raises:
            ToolMissing: see `find`.
            ToolFailed: see `run_command`.
        """
        return run_command(
            self.name,
            [*self.find().command, *args],
            cwd=cwd,
            makes=makes,
            log_file=log_file,
            env={**dict(self.env), **(env or {})},
            timeout_s=timeout_s,
            errors=self.errors,
        )


def run_command(
    name: str,
    command: Sequence[str],
    *,
    cwd: Path,
    makes: Sequence[str],
    log_file: Path,
    env: Mapping[str, str],
    timeout_s: float | None = None,
    errors: str = r"^ERROR\b",
) -> str:
    """Run `command` in `cwd` and return its output.

    The files in `makes` (relative to `cwd`) are deleted first and must exist and hold something
    afterwards. `log_file` gets the command and the whole output; beside it lies a `replay_*.sh`
    that runs the command alone.

    Raises:
        ToolFailed: non-zero exit, a line that matches `errors`, time out, or a product missing;
            none of `makes` is left behind.
    """
    products = [cwd / product for product in makes]
    for product in products:
        product.unlink(missing_ok=True)
        product.parent.mkdir(parents=True, exist_ok=True)
    _write_replay(log_file, command, cwd, env)
    log.debug("%s", shlex.join(command))
    complete = False
    try:
        output, failure = _execute(command, cwd, env, log_file, timeout_s)
        if not failure and re.search(errors, output, re.MULTILINE):
            failure = "exit code 0, but errors in its output"
        missing = [str(path) for path in products if not _holds_something(path)]
        if failure or missing:
            raise ToolFailed(_complaint(name, errors, failure, missing, output, log_file))
        complete = True
    finally:
        if not complete:
            for product in products:
                product.unlink(missing_ok=True)
    return output


def _execute(
    command: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    log_file: Path,
    timeout_s: float | None,
) -> tuple[str, str]:
    """Output, and what went wrong ('' for nothing)."""
    log_file.parent.mkdir(parents=True, exist_ok=True)
    failure = ""
    with log_file.open("w+", encoding="utf-8", errors="replace") as stream:
        stream.write(f"$ {shlex.join(command)}\n")
        stream.flush()
        try:
            code = _run_group(command, cwd, env, stream, timeout_s)
            failure = f"exit code {code}" if code else ""
        except subprocess.TimeoutExpired:
            failure = f"still running after {timeout_s:.0f} s"
        stream.seek(0)
        output = "".join(stream.readlines()[1:])
    return output, failure


def _run_group(
    command: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    output: IO[str],
    timeout_s: float | None,
) -> int:
    """Exit code. Vendor tools are shell scripts around the program: all of it ends with us."""
    process = subprocess.Popen(
        command,
        cwd=cwd,
        stdout=output,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **env},
        start_new_session=True,
    )
    try:
        return process.wait(timeout_s)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _complaint(
    name: str, errors: str, failure: str, missing: list[str], output: str, log_file: Path
) -> str:
    lines = [line for line in output.splitlines() if line.strip()]
    matched = [line for line in lines if re.search(errors, line)]
    shown = matched[:_SHOWN_LINES] or lines[-_SHOWN_LINES:]
    problem = failure or "exit code 0"
    if missing:
        problem += f"; did not make {', '.join(missing)}"
    return "\n".join([f"{name} failed: {problem}", *shown, f"full log: {log_file}"])


@cache
def _find(tool: Tool, chosen: str | None) -> Found:
    """Search once per process: starting a WebAssembly tool to ask its version takes seconds."""
    tried = ""
    for command, path in tool.candidates(chosen):
        if (version := tool.version(command)) is not None:
            return Found(command, version, path)
        tried += f"; `{shlex.join([*command, *tool.version_args])}` told no version"
    raise ToolMissing(f"{tool.name} not found (looked at {tool.places}{tried}). {tool.install}")


def _version_of(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _holds_something(path: Path) -> bool:
    return path.is_dir() or (path.is_file() and path.stat().st_size > 0)


def _write_replay(
    log_file: Path, command: Sequence[str], cwd: Path, env: Mapping[str, str]
) -> None:
    """A shell script that repeats one run by hand."""
    assignments = [f"export {name}={shlex.quote(value)}" for name, value in sorted(env.items())]
    lines = ["#!/bin/sh", f"cd {shlex.quote(str(cwd.resolve()))}", *assignments]
    script = log_file.with_name(f"replay_{log_file.stem}.sh")
    write_atomic(script, "\n".join([*lines, f"exec {shlex.join(command)}"]) + "\n")
    script.chmod(0o755)
