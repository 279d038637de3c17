"""What the mock tools share: they play AMD's tools, well or badly, as $MOCK_MODE says.

ok       makes the product
fail     half a product, an error line, exit code 1
silent   exit code 0 without touching the product
lying    the product and exit code 0, but an error line
warning  the product, with a critical warning
old      an old version
garbage  a version that cannot be read
hang     never ends
"""

# ruff: noqa: T201
from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

MODE = os.environ.get("MOCK_MODE", "ok")


def version(line: str) -> None:
    """Print the version as the real tool does (`line` has {} for it)."""
    tool = Path(sys.argv[0]).name.upper().replace("+", "P")  # $MOCK_VERSION_VPP for v++
    usual = os.environ.get(f"MOCK_VERSION_{tool}", "2023.2")
    number = {"old": "2019.2", "garbage": "unknown"}.get(MODE, usual)
    print(f"****** {line.format(number)}")
    sys.exit(0)


def error(tool: str, message: str) -> NoReturn:
    """End as the tool does when something is wrong with what it is given."""
    print(f"ERROR: [{tool}] {message}")
    sys.exit(1)


def needs(tool: str, inputs: list[str]) -> None:
    """End with an error unless all `inputs` are there."""
    for name in inputs:
        if not Path(name).is_file():
            error(tool, f"no such file: {name}")


def platform(name: str) -> dict[str, Any]:
    """What the mock platform `name` has, from below $PLATFORM_REPO_PATHS."""
    for root in os.environ.get("PLATFORM_REPO_PATHS", "").split(os.pathsep):
        file = Path(root) / name / f"{name}.xpfm"
        if name and file.is_file():
            return dict(json.loads(file.read_text()))
    error("v++", f"no platform was found that matches '{name}'")


def play(tool: str, inputs: list[str], product: str, content: str = "") -> None:
    """Record the call, then make `product` (with `content`) or not."""
    if record := os.environ.get("MOCK_RECORD"):
        with Path(record).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps([tool, *sys.argv[1:]]) + "\n")
    needs(tool, inputs)
    print(f"INFO: [{tool}] working on {product}", flush=True)
    if MODE == "hang":
        time.sleep(600)
    if MODE == "warning":
        print("CRITICAL WARNING: [Board 49-71] the board definition is not installed")
    if MODE in ("fail", "lying"):
        print(f"ERROR: [{tool} 17-70] Application Exception: out of licences")
    if MODE != "silent":
        Path(product).write_text("half" if MODE == "fail" else content or f"{tool} made this\n")
    sys.exit(1 if MODE == "fail" else 0)


def play_script(tool: str, recorder: Any, script: str, *args: str) -> None:
    """Run `script` with its commands recorded (see tcl_recorder), so that it makes its products.

    $MOCK_ANSWERS, JSON, is what commands answer in place of what they would in a good run.
    """
    if record := os.environ.get("MOCK_RECORD"):
        with Path(record).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps([tool, *sys.argv[1:]]) + "\n")
    print(f"INFO: [{tool}] sourcing {script}", flush=True)
    if MODE == "hang":
        time.sleep(600)
    if MODE == "silent":
        sys.exit(0)
    if MODE == "warning":
        print("CRITICAL WARNING: [Board 49-71] the board definition is not installed")
    from tcl_recorder import TclFailure

    recorder.answers = json.loads(os.environ.get("MOCK_ANSWERS", "{}"))
    try:
        recorder.run(script, *args)
    except TclFailure as error:
        # What a script raises itself has no prefix, and Tcl's trace stands behind it.
        own = str(error).startswith("hlsgen:")
        print(str(error) if own else f"ERROR: [{tool} 1-1] {error}")
        print(*["    invoked from within"] * 20, sep="\n")
        sys.exit(1)
    finally:
        print(*recorder.output, sep="\n")
    if MODE in ("fail", "lying"):
        print(f"ERROR: [{tool} 17-70] Application Exception: out of licences")
    sys.exit(1 if MODE == "fail" else 0)
