"""Build digits for every board with open tools and write the table in docs/boards.md.

`python docs/boards.py` builds (minutes a board); `--table` only writes the table again, from
docs/boards.json; `--only NAME` builds one board and keeps the others' rows.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from hlsgen.boards import Board, board_names, load_board
from hlsgen.build import tools_of
from hlsgen.paths import write_atomic

ROOT = Path(__file__).parents[1]
DATA, PAGE = ROOT / "docs" / "boards.json", ROOT / "docs" / "boards.md"
BEGIN, END = "<!-- digits on each board: docs/boards.py -->", "<!-- end of the table -->"
_TIMEOUT_S = 1800

Row = dict[str, Any]


def open_boards() -> list[str]:
    """Boards that are built without a vendor's tools."""
    return [name for name in board_names() if load_board(name).flow == "nextpnr"]


def build(name: str, folder: Path) -> Row:
    """What `hlsgen bitstream` makes of the digits example for one board."""
    command = [sys.executable, "-m", "hlsgen", "bitstream", "examples/digits", "--board", name]
    done = subprocess.run(
        [*command, "-o", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=_TIMEOUT_S,
    )
    here = folder / f"digits-{name}"
    if done.returncode:
        lines = done.stderr.splitlines() + done.stdout.splitlines()
        said = next((line for line in lines if line.startswith("error:")), "error: unknown")
        return {"failure": said.removeprefix("error: ")}
    report = json.loads((here / "report" / "report.json").read_text(encoding="utf-8"))
    project = json.loads((here / "project.json").read_text(encoding="utf-8"))
    product = here / f"digits.{load_board(name).product}"
    return {
        "clock_mhz": project["hardware"]["clock_mhz"],
        **{key: report[key]["value"] for key in ("lut", "ff", "fmax_mhz", "latency_cycles")},
        "bytes": product.stat().st_size,
        "passed": sum(rung["status"] == "passed" for rung in report["rungs"]),
        "not_run": [rung["name"] for rung in report["rungs"] if rung["status"] == "not run"],
    }


def table(rows: dict[str, Row]) -> str:
    """The rows as Markdown, the default board first, then by size."""
    lines = [
        "| Board | Tools | Product | LUT of the device | Clock | Fmax | Latency |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: |",
    ]
    order = sorted(rows, key=lambda name: (name != "ulx3s", load_board(name).resources.lut))
    lines += [f"| {' | '.join(_cells(load_board(name), rows[name]))} |" for name in order]
    return "\n".join(lines)


def _cells(board: Board, row: Row) -> list[str]:
    tools = ", ".join(tool for tool in tools_of(board) if tool not in ("yosys", "room", "ecppll"))
    first = [f"`{board.name}`: {board.title}", f"Yosys, {tools}"]
    if "failure" in row:
        return [*first, row["failure"], *[""] * 4]
    share = 100 * row["lut"] / board.resources.lut if board.resources.lut else 0.0
    return [
        *first,
        f"`digits.{board.product}`, {row['bytes'] / 1000:,.0f} kB",
        f"{row['lut']:,} of {board.resources.lut:,} ({share:.0f} %)",
        f"{row['clock_mhz']:g} MHz",
        f"{row['fmax_mhz']:.1f} MHz",
        f"{row['latency_cycles']} cycle{'s' * (row['latency_cycles'] != 1)}",
    ]


def write_page(rows: dict[str, Row]) -> None:
    """Put the table between the two marks in docs/boards.md."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    write_atomic(PAGE, f"{before}{BEGIN}\n{table(rows)}\n{END}{after}")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", action="store_true", help="write the table only")
    parser.add_argument("--only", action="append", choices=open_boards(), help="build this board")
    parser.add_argument("-o", "--output", type=Path, default=Path("build"), metavar="DIR")
    options = parser.parse_args()
    rows: dict[str, Row] = json.loads(DATA.read_text(encoding="utf-8")) if DATA.is_file() else {}
    if not options.table:
        for name in options.only or open_boards():
            print(f"building digits for {name}", flush=True)  # noqa: T201
            rows[name] = build(name, options.output)
            write_atomic(DATA, json.dumps(rows, indent=1, sort_keys=True) + "\n")
    write_page(rows)


if __name__ == "__main__":
    main()
