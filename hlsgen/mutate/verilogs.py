"""Faults of the Verilog: edits of the text, one place each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hlsgen.graph.ir import Graph
from hlsgen.graph.ops import Duel, Lut, Register, Sum, Tag, Thermometer

_LUT = re.compile(
    r"hlsgen_lut(?P<k>\d) #\((?P<bits>\d+)'h(?P<init>[0-9a-f]+)\) u(?P<lut>\d+)"
    r" \((?P<out>[^,]+), (?P<pins>.*)\);"
)


@dataclass(frozen=True)
class Edit:
    """A fault of one file: `old` (at `start`) becomes `new`.

    `layer` and `lane` say where it must show; a layer of "" is the shell or a library.
    """

    kind: str
    file: str
    start: int
    old: str
    new: str
    layer: str = ""
    lane: int | None = None

    @property
    def what(self) -> str:
        """The place in words."""
        lane = "" if self.lane is None else f", lane {self.lane}"
        return f"{Path(self.file).name}{lane}: {_short(self.old)} -> {_short(self.new)}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:57]}..."


def put(folder: Path, edits: list[Edit]) -> None:
    """Write the faults into the files of a build folder; each must still find its text."""
    for file in sorted({edit.file for edit in edits}):
        path = folder / file
        text = path.read_text(encoding="utf-8")
        for edit in sorted((e for e in edits if e.file == file), key=lambda e: -e.start):
            end = edit.start + len(edit.old)
            if text[edit.start : end] != edit.old:
                raise ValueError(f"{file}: {edit.old!r} is not at {edit.start}")
            text = text[: edit.start] + edit.new + text[end:]
        path.write_text(text, encoding="utf-8")


def inside_nodes(folder: Path, graph: Graph, each: int, rng: np.random.Generator) -> list[Edit]:
    """Faults inside the nodes' modules, each in another lane of its layer."""
    taken: set[tuple[str, int]] = set()
    chosen: list[Edit] = []
    for kind in ("table bit", "swapped pins", "threshold off by one", "wrong class order",
                 "lost lane", "wrong class number", "draw lost"):  # fmt: skip
        candidates = [edit for edit in _node_edits(folder, graph, rng) if edit.kind == kind]
        for i in rng.permutation(len(candidates))[: 4 * each]:
            edit = candidates[i]
            place = edit.layer, edit.lane or 0
            if place not in taken and sum(e.kind == kind for e in chosen) < each:
                taken.add(place)
                chosen.append(edit)
    return chosen


def _node_edits(folder: Path, graph: Graph, rng: np.random.Generator) -> Iterator[Edit]:
    for node in graph.nodes:
        file = f"rtl/{graph.name}_{node.name}.v"
        if not node.inputs:
            continue
        text = (folder / file).read_text(encoding="utf-8")
        if isinstance(node.op, Lut):
            yield from _lut_edits(file, node.name, text, rng)
        elif isinstance(node.op, Thermometer):
            yield from _threshold_edits(file, node.name, text)
        elif isinstance(node.op, Sum):
            yield from _sum_edits(file, node.name, text)
        elif isinstance(node.op, Tag):
            for match in re.finditer(r"'d(\d+) \}", text):
                lane = int(match[1])
                yield Edit("wrong class number", file, match.start(), match[0],
                           f"'d{lane ^ 1} }}", node.name, lane)  # fmt: skip
        elif isinstance(node.op, Duel):
            for lane, match in enumerate(re.finditer(r">=", text)):
                yield Edit("draw lost", file, match.start(), ">=", ">", node.name, lane)


def _lut_edits(file: str, layer: str, text: str, rng: np.random.Generator) -> Iterator[Edit]:
    for match in _LUT.finditer(text):
        lane, k = int(match["lut"]), int(match["k"])
        init = int(match["init"], 16) ^ 1 << int(rng.integers(1 << k))
        wrong = f"{init:0{len(match['init'])}x}"
        yield Edit("table bit", file, match.start("init"), match["init"], wrong, layer, lane)
        pins = match["pins"].split(", ")
        if k >= 2 and pins[0] != pins[1]:
            other = ", ".join([pins[1], pins[0], *pins[2:]])
            yield Edit("swapped pins", file, match.start("pins"), match["pins"], other, layer, lane)


def _threshold_edits(file: str, layer: str, text: str) -> Iterator[Edit]:
    """A comparison with t is a table of 2**k - t ones at the top; with t + 1 it has one fewer."""
    for match in _LUT.finditer(text):
        init = int(match["init"], 16)
        lower = f"{init & (init - 1):0{len(match['init'])}x}"
        lane = int(match["lut"])
        yield Edit("threshold off by one", file, match.start("init"), match["init"], lower,
                   layer, lane)  # fmt: skip
    for match in re.finditer(r"y\[(\d+)\] = .* (>=) ", text):
        yield Edit("threshold off by one", file, match.start(2), ">=", ">", layer, int(match[1]))


def _sum_edits(file: str, layer: str, text: str) -> Iterator[Edit]:
    for match in re.finditer(r"s(\d+) = ([^+;]+ \+ )", text):
        yield Edit("lost lane", file, match.start(2), match[2], "", layer, int(match[1]))
    if pair := re.search(r"\{ s(\d+), s(\d+),", text):
        swapped = f"{{ s{pair[2]}, s{pair[1]},"
        yield Edit("wrong class order", file, pair.start(), pair[0], swapped, layer, int(pair[1]))


# Faults that need a simulation of their own: kind, file (NAME is the graph's, REG a register's),
# pattern, replacement.
_STRUCTURAL = (
    ("dropped register", "NAME_REG.v", r"output reg (.*\n\);\n)always @\(posedge clk\) y <= x;",
     r"output wire\1assign y = x;"),
    ("added register", "NAME_REG.v",
     r"(input  wire (\[.*\]) x,(?:.|\n)*)always @\(posedge clk\) y <= x;",
     r"\1reg \2 z;\nalways @(posedge clk) begin z <= x; y <= z; end"),
    ("bypassed register", "NAME_core.v",
     r"NAME_REG i_REG \(\.clk\(clk\), \.x\((\w+)\), \.y\((\w+)\)\);", r"assign \2 = \1;"),
    ("valid early", "NAME_core.v", r"valid_out = valid\[(\d+)\]", "valid_out = valid_in"),
    ("wrong answer", "NAME_core.v", r"assign y = \{", "assign y = ~{"),
    ("dropped stall", "NAME_stage.v", r"\.free\(frame_ready\)\n\);",
     ".free()\n);\nassign frame_ready = 1'b1;"),
    ("dropped stall", "hlsgen_stream.v", r"assign ready = .*;", "assign ready = 1'b1;"),
    ("credit lost", "NAME_stage.v", r"\.give\(answer_valid & answer_ready\)", ".give(1'b0)"),
    ("FIFO too small", "NAME_stage.v", r"\.DEPTH\(\d+\)", ".DEPTH(2)"),
    ("FIFO order", "hlsgen_stream.v", r"store\[first\]", "store[next]"),
    ("last beat lost", "NAME_axis.v", r"\.last\(m_axis_tlast\)\n\);",
     ".last()\n);\nassign m_axis_tlast = 1'b0;"),
    ("beat order", "hlsgen_stream.v", r"frame <= shifted.*;",
     "frame <= {frame[WIDTH*(BEATS-1)-1:0], data};"),
    ("answer bits", "NAME_axis.v", r"(padded = .*)answer", r"\1~answer"),
    ("frame bits", "NAME_axis.v", r"\.frame\(frame\[(\d+):0\]\)", r".frame(~frame[\1:0])"),
    ("library table", "hlsgen_lut.v", r"INIT >> \{a1, a0\}", "INIT >> {a0, a1}"),
    ("library table", "hlsgen_lut.v", r"INIT >> \{a3, a2, a1, a0\}", "INIT >> {a2, a3, a1, a0}"),
    ("library table", "hlsgen_lut.v", r"INIT >> \{a5, a4, a3, a2, a1, a0\}",
     "INIT >> {a5, a4, a3, a2, a0, a1}"),
)  # fmt: skip


def structural(folder: Path, graph: Graph) -> list[Edit]:
    """Faults of registers, core, shell and library that these files have a place for."""
    registers = [node.name for node in graph.nodes if isinstance(node.op, Register)]
    modules = sorted((folder / "rtl").glob(f"{graph.name}_*.v"))
    design = "".join(path.read_text(encoding="utf-8") for path in modules)
    found = []
    for kind, file, old, new in _STRUCTURAL:
        register = registers[0] if registers else "REG"
        named, pattern, template = (
            text.replace("NAME", graph.name).replace("REG", register) for text in (file, old, new)
        )
        path = folder / "rtl" / named
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        if kind == "library table" and not _told_apart(design, new):
            continue  # no table of this design changes
        if match := re.search(pattern, text):
            made = match.expand(template)
            if made != match[0]:
                layer = register if "register" in kind else ""
                found.append(Edit(kind, f"rtl/{named}", match.start(), match[0], made, layer))
    return found


def _told_apart(design: str, address: str) -> bool:
    """Whether some table of the design changes when its pins make up `address`, as "{a0, a1}"."""
    order = [int(pin) for pin in reversed(re.findall(r"a(\d)", address))]
    for match in re.finditer(rf"hlsgen_lut{len(order)} #\(\d+'h([0-9a-f]+)\)", design):
        init = int(match[1], 16)
        for entry in range(1 << len(order)):
            other = sum((entry >> pin & 1) << bit for bit, pin in enumerate(order))
            if init >> entry & 1 != init >> other & 1:
                return True
    return False
