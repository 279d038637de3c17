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

MODE = os.environ.get("MOCK_MODE", "ok")


def version(line: str) -> None:
    """Print the version as the real tool does (`line` has {} for it)."""
    number = {"old": "2019.2", "garbage": "unknown"}.get(MODE, "2023.2")
    print(f"****** {line.format(number)}")
    sys.exit(0)


def play(tool: str, inputs: list[str], product: str) -> None:
    """Record the call, then make `product` or not."""
    if record := os.environ.get("MOCK_RECORD"):
        with Path(record).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps([tool, *sys.argv[1:]]) + "\n")
    for name in inputs:
        if not Path(name).is_file():
            print(f"ERROR: [{tool}] no such file: {name}")
            sys.exit(1)
    print(f"INFO: [{tool}] working on {product}", flush=True)
    if MODE == "hang":
        time.sleep(600)
    if MODE == "warning":
        print("CRITICAL WARNING: [Board 49-71] the board definition is not installed")
    if MODE in ("fail", "lying"):
        print(f"ERROR: [{tool} 17-70] Application Exception: out of licences")
    if MODE != "silent":
        Path(product).write_text("half" if MODE == "fail" else f"{tool} made this\n")
    sys.exit(1 if MODE == "fail" else 0)
