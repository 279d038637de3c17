"""nextpnr-ice40 that ends: `python -m hlsgen.tools.reroute ARGUMENTS`, those of nextpnr-ice40.

On some placements router2 of nextpnr-ice40 0.11 moves two nets between the same two wires for ever.
It counts its iterations in its output, so here it is stopped after some, and begun again with the
next seed. Iterations, not seconds, so that the result does not depend on the machine.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

PROGRAM = "nextpnr-ice40"
# Designs that are routed at all took up to some seventy.
_ITERATIONS, _SEEDS = 150, 12
_ITERATION = re.compile(r"^Info:\s+iter=(\d+) ")
_NOT_FOUND, _NO_END = 127, 1


def main() -> int:
    """Exit code of nextpnr-ice40; 1 if no seed leads to an end."""
    here = Path(sys.executable).parent
    program = shutil.which(f"yowasp-{PROGRAM}", path=str(here)) or shutil.which(PROGRAM)
    if program is None:
        return _NOT_FOUND
    args = sys.argv[1:]
    if "--seed" not in args:
        return subprocess.run([program, *args], check=False).returncode
    place = args.index("--seed") + 1
    first = int(args[place])
    for seed in range(first, first + _SEEDS):
        code = _route([program, *args[:place], str(seed), *args[place + 1 :]])
        if code is not None:
            return code
        print(f"Warning: seed {seed} is not routed after {_ITERATIONS} iterations")  # noqa: T201
    print(f"ERROR: none of the seeds {first} to {first + _SEEDS - 1} is routed")  # noqa: T201
    return _NO_END


def _route(command: list[str]) -> int | None:
    """Exit code of one run, whose output is passed on; None if it was stopped."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)  # noqa: T201
            found = _ITERATION.match(line)
            if found and int(found.group(1)) > _ITERATIONS:
                process.kill()
                return None
    return process.returncode


if __name__ == "__main__":
    sys.exit(main())
