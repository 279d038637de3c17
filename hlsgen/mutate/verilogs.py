"""Faults of the Verilog: edits of the text, one place each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hlsgen.emit import modules_of
from hlsgen.graph.ir import Graph
from hlsgen.graph.ops import Register
from hlsgen.mutate.nodes import changes

# Kinds of faults inside nodes: those with few places first, each lane shows one.
NODE_KINDS = (
    "draw lost",
    "wrong winner",
    "wrong class order",
    "lost lane",
    "threshold off by one",
    "chain bit",
    "lost bit",
    "pair bit",
    "swapped pins",
    "table bit",
)


@dataclass(frozen=True)
class Edit:
    """A fault of one file: `old` (at `start`) becomes `new`.

    `layer` and `lanes` say where it can show; a layer of "" is the shell or a library.
    """

    kind: str
    file: str
    start: int
    old: str
    new: str
    layer: str = ""
    lanes: tuple[int, ...] = ()

    @property
    def what(self) -> str:
        """The place in words."""
        lane = f", lane {self.lanes[0]}" if self.lanes else ""
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
    """Faults inside the nodes' modules, each in other lanes of its layer."""
    waiting: dict[str, list[Edit]] = {kind: [] for kind in NODE_KINDS}
    for edit in _node_edits(folder, graph, rng):
        waiting[edit.kind].append(edit)
    for edits in waiting.values():
        order = rng.permutation(len(edits))
        edits[:] = [edits[i] for i in order]
    taken: set[tuple[str, int]] = set()
    chosen: list[Edit] = []
    # One of each kind in turn, so that none takes all the lanes that others need.
    for _ in range(each):
        for edits in waiting.values():
            while edits:
                edit = edits.pop()
                shows = {(edit.layer, lane) for lane in edit.lanes}
                if not shows & taken:
                    taken |= shows
                    chosen.append(edit)
                    break
    return chosen


def _node_edits(folder: Path, graph: Graph, rng: np.random.Generator) -> Iterator[Edit]:
    modules = modules_of(graph)
    for node in graph.nodes:
        if node.inputs and not node.op.streams:
            file = f"rtl/{modules[node.name]}.v"
            text = (folder / file).read_text(encoding="utf-8")
            for change in changes(node.op, graph.inputs_of(node), text, rng):
                start, old = change.old
                yield Edit(change.kind, file, start, old, change.new, node.name, change.lanes)


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
    ("library pair", "hlsgen_lut.v", r"INIT\(INIT1\)\) lut1", "INIT(INIT0)) lut1"),
    ("carry not made", "hlsgen_carry.v", r"s \? c\[i\] : g;", "s ? c[i] : 1'b0;"),
    ("carry not let in", "hlsgen_carry.v", r"assign c\[0\] = ci;", "assign c[0] = 1'b0;"),
    ("carry out too early", "hlsgen_carry.v", r"assign co = c\[N\];", "assign co = c[N-1];"),
    ("place to stop", "hlsgen_window.v", r"FIRST = KERNEL - 1", "FIRST = KERNEL"),
    ("row too long", "hlsgen_window.v", r"== LAST\) \? NONE", "== LAST) ? ONE"),
    ("frame not filled", "hlsgen_frames.v", r"\(filling \| last\)", "filling"),
    ("bad frame answered", "hlsgen_frames.v", r"known & ~drop;", "known;"),
    ("sum without carry", "hlsgen_carry.v", r"assign o\[i\] = s \^ c\[i\];", "assign o[i] = s;"),
)  # fmt: skip


def structural(folder: Path, graph: Graph) -> list[Edit]:
    """Faults of registers, core, shell and library that these files have a place for."""
    registers = [node.name for node in graph.nodes if isinstance(node.op, Register)]
    register = registers[0] if registers else "REG"
    # The register's part, where the graph has several.
    name = modules_of(graph).get(register, f"{graph.name}_REG").removesuffix(f"_{register}")
    modules = sorted((folder / "rtl").glob(f"{graph.name}_*.v"))
    design = "".join(path.read_text(encoding="utf-8") for path in modules)
    found = []
    for kind, file, old, new in _STRUCTURAL:
        named, pattern, template = (
            text.replace("NAME_REG", f"{name}_{register}").replace("NAME_core", f"{name}_core")
            .replace("NAME", graph.name).replace("REG", register)
            for text in (file, old, new)
        )  # fmt: skip
        path = folder / "rtl" / named
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        if not _MATTERS.get(kind, _always)(design, new):
            continue  # no cell of this design changes
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


def _always(design: str, new: str) -> bool:
    return True


def _rows(design: str, *, entered: bool = False, left: bool = False, longer: bool = False) -> bool:
    """Whether a chain of the design has a carry that comes in, or one that is read, or carries.

    The first of two or more positions of a counter makes a carry that its next one adds.
    """
    chains = re.findall(r"\.N\((\d+)\)(?:[^;]*?)\.co\((\w*)\), \.ci\(([^)]*)\)", design)
    return any(
        (entered and carry != "1'b0")
        or (left and out != "")
        or (longer and out == "" and int(positions) > 1)
        for positions, out, carry in chains
    )


# Whether a fault of a library changes anything that the design uses.
_MATTERS: dict[str, Callable[[str, str], bool]] = {
    "library table": _told_apart,
    "library pair": lambda design, new: bool(
        re.search(r"hlsgen_pair #\(32'h(\w+), 32'h(?!\1\))", design)
    ),
    "carry not made": lambda design, new: _rows(design, left=True, longer=True),
    "carry not let in": lambda design, new: _rows(design, entered=True),
    "carry out too early": lambda design, new: _rows(design, left=True),
    "sum without carry": lambda design, new: _rows(design, longer=True),
}
