"""C simulation: the openly licensed headers of HLS, and the program that g++ makes with them."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from hlsgen.errors import ToolMissing
from hlsgen.tools import TOOLS
from hlsgen.tools.program_cache import ProgramCache
from hlsgen.tools.tool import run_command

# -O2 compiles for longer than it saves; warnings are about the headers.
_FLAGS = ("-std=c++14", "-O1", "-w")
_PACKAGE = "hls4ml"


def headers() -> Path:
    """Where ap_int.h and hls_stream.h lie; the package around them is not imported.

    Raises:
        ToolMissing: it is not installed.
    """
    # Of a package at the top, this looks for its folder and runs nothing.
    spec = importlib.util.find_spec(_PACKAGE)
    for place in (spec and spec.submodule_search_locations) or ():
        folder = Path(place) / "templates" / "vivado" / "ap_types"
        if (folder / "ap_int.h").is_file():
            return folder
    raise ToolMissing(
        "C simulation needs ap_int.h and hls_stream.h, which the Python package"
        f" {_PACKAGE} carries; it is not installed. Run `make setup`: it comes from PyPI."
    )


def identity() -> str:
    """The compiler and the headers, for reports."""
    try:
        package = version(_PACKAGE)
    except PackageNotFoundError:
        package = "of unknown version"
    return f"g++ {TOOLS['g++'].find().version}, ap_types of {_PACKAGE} {package}"


def compile_program(
    source: str, reads: Sequence[str], folders: Sequence[str], folder: Path, logs: Path
) -> Path:
    """Compile C++ with the headers of HLS; a program that was made before is fetched.

    Args:
        source: in `folder`.
        reads: all other files that it includes, relative to `folder`, but for the headers of HLS.
        folders: where they are looked for, relative to `folder`.
        folder: gets the program `csim`.
        logs: gets what the compiler says.

    Raises:
        ToolMissing, ToolFailed: no compiler or headers, or it does not compile.
    """
    program = folder / "csim"
    cache = ProgramCache(folder, [source, *reads], [identity(), *_FLAGS], ("g++",))
    if cache.fetch(program):
        return program
    own = [f"-I{name}" for name in folders]
    args = [*_FLAGS, *own, "-isystem", str(headers()), "-o", program.name, source]
    TOOLS["g++"].run(args, cwd=folder, makes=[program.name], log_file=logs / "csim_compile.log")
    cache.keep(program)
    return program


def run_program(program: Path, makes: str, log_file: Path) -> None:
    """Run it in its folder; a stream read while empty, or left full, is a failure.

    Raises:
        ToolFailed: it did not end well.
    """
    command = [str(program.resolve())]
    errors = r"^WARNING\b|^ERROR\b"
    run_command("C simulation", command, cwd=program.parent, makes=[makes],
                log_file=log_file, env={}, errors=errors)  # fmt: skip
