"""A design of memories of all kinds that Yosys maps to block memories, as behavioural Verilog."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

# Reading what is being written is undefined where a memory says no_rw_check.
_MODULES = """
module rom #(parameter W = 8, D = 512, A = 9, FILE = "8x9.hex") (
    input clk, input [A-1:0] a, output reg [W-1:0] q
);
    (* rom_style = "block", ram_style = "block" *) reg [W-1:0] m [0:D-1];
    initial $readmemh(FILE, m);
    initial q = 0;
    always @(posedge clk) q <= m[a];
endmodule

module line #(parameter W = 8, D = 512, A = 9, FILE = "8x9.hex") (
    input clk, rst, we, re, input [A-1:0] wa, ra, input [W-1:0] d, output reg [W-1:0] q
);
    (* ram_style = "block", no_rw_check *) reg [W-1:0] m [0:D-1];
    initial $readmemh(FILE, m);
    initial q = 0;
    always @(posedge clk) begin
        if (we) m[wa] <= d;
        if (rst) q <= 0; else if (re) q <= m[ra];
    end
endmodule

// Yosys must add what is missing: this one may read what is being written.
module through #(parameter W = 8, D = 512, A = 9) (
    input clk, we, input [A-1:0] wa, ra, input [W-1:0] d, output reg [W-1:0] q
);
    (* ram_style = "block" *) reg [W-1:0] m [0:D-1];
    integer i;
    initial for (i = 0; i < D; i = i + 1) m[i] = i;
    initial q = 0;
    always @(posedge clk) begin
        if (we) m[wa] <= d;
        q <= m[ra];
    end
endmodule

module halves #(parameter W = 18, D = 512, A = 9) (
    input clk, input [1:0] we, input [A-1:0] wa, ra, input [W-1:0] d, output reg [W-1:0] q
);
    (* ram_style = "block", no_rw_check *) reg [W-1:0] m [0:D-1];
    integer i;
    initial for (i = 0; i < D; i = i + 1) m[i] = i;
    initial q = 0;
    always @(posedge clk) begin
        if (we[0]) m[wa][W/2-1:0] <= d[W/2-1:0];
        if (we[1]) m[wa][W-1:W/2] <= d[W-1:W/2];
        q <= m[ra];
    end
endmodule

// One port: what it shows while it writes is the old word, the new one, or what it showed before.
module single #(parameter W = 8, D = 512, A = 9, SHOWS = 0) (
    input clk, we, en, input [A-1:0] a, input [W-1:0] d, output reg [W-1:0] q
);
    (* ram_style = "block" *) reg [W-1:0] m [0:D-1];
    integer i;
    initial for (i = 0; i < D; i = i + 1) m[i] = i;
    initial q = 0;
    always @(posedge clk) if (en) begin
        if (we) m[a] <= d;
        if (SHOWS == 0) q <= m[a];
        else if (SHOWS == 1) q <= we ? d : m[a];
        else if (!we) q <= m[a];
    end
endmodule

// A reset of the output also keeps the port from writing.
module resets #(parameter W = 8, D = 512, A = 9) (
    input clk, rst, we, en, input [A-1:0] a, input [W-1:0] d, output reg [W-1:0] q
);
    (* ram_style = "block" *) reg [W-1:0] m [0:D-1];
    integer i;
    initial for (i = 0; i < D; i = i + 1) m[i] = i;
    initial q = 0;
    always @(posedge clk) begin
        if (rst) q <= 0;
        else if (en) begin
            if (we) m[a] <= d;
            else q <= m[a];
        end
    end
endmodule

module double #(parameter W = 18, D = 512, A = 9) (
    input clk, wea, web, input [A-1:0] a, b, input [W-1:0] da, db, output [W-1:0] q
);
    (* ram_style = "block", no_rw_check *) reg [W-1:0] m [0:D-1];
    integer i;
    initial for (i = 0; i < D; i = i + 1) m[i] = i;
    reg [W-1:0] qa, qb;
    initial qa = 0;
    initial qb = 0;
    assign q = qa ^ qb;
    always @(posedge clk) if (wea) m[a] <= da; else qa <= m[a];
    always @(posedge clk) if (web) m[b] <= db; else qb <= m[b];
endmodule

module widens #(parameter A = 9) (
    input clk, we, input [A:0] wa, input [A-1:0] ra, input [8:0] d, output reg [17:0] q
);
    (* ram_style = "block", no_rw_check *) reg [8:0] m [0:(2<<A)-1];
    integer i;
    initial for (i = 0; i < (2 << A); i = i + 1) m[i] = i * 7;
    initial q = 0;
    always @(posedge clk) begin
        if (we) m[wa] <= d;
        q <= { m[{ra, 1'b1}], m[{ra, 1'b0}] };
    end
endmodule

module narrows #(parameter A = 9) (
    input clk, we, input [A-1:0] wa, input [A:0] ra, input [17:0] d, output reg [8:0] q
);
    (* ram_style = "block", no_rw_check *) reg [8:0] m [0:(2<<A)-1];
    integer i;
    initial for (i = 0; i < (2 << A); i = i + 1) m[i] = i * 5;
    initial q = 0;
    always @(posedge clk) begin
        if (we) begin
            m[{wa, 1'b0}] <= d[8:0];
            m[{wa, 1'b1}] <= d[17:9];
        end
        q <= m[ra];
    end
endmodule
"""


@dataclass(frozen=True)
class Memory:
    """One of them: module, parameters, inputs, and bits of its output."""

    kind: str
    parameters: str
    inputs: str
    bits: int


def _filled(width: int, address: int) -> str:
    return f'.W({width}), .D({1 << address}), .A({address}), .FILE("{width}x{address}.hex")'


def _rom(width: int, address: int) -> Memory:
    values = _filled(width, address)
    return Memory("rom", values, f".a(a[{address - 1}:0])", width)


def _line(width: int, address: int, reset: str = "1'b0") -> Memory:
    high = address - 1
    inputs = f".rst({reset}), .we(we[0]), .re(re), .wa(a[{high}:0]), .ra(b[{high}:0])"
    inputs += f", .d(d[{width - 1}:0])"
    return Memory("line", _filled(width, address), inputs, width)


MEMORIES = (
    *(_rom(1, 14), _rom(2, 13), _rom(4, 12), _rom(9, 11)),
    *(_rom(16, 10), _rom(30, 9)),
    *(_line(1, 14), _line(2, 9), _line(4, 12), _line(7, 10)),
    *(_line(18, 10), _line(36, 9), _line(8, 9, "rst")),
    Memory("through", "", ".we(we[0]), .wa(a[8:0]), .ra(c[8:0]), .d(d[7:0])", 8),
    Memory("halves", ".W(16)", ".we(we), .wa(a[8:0]), .ra(b[8:0]), .d(d[15:0])", 16),
    Memory("halves", ".W(36)", ".we(we), .wa(a[8:0]), .ra(b[8:0]), .d(d)", 36),
    *(
        Memory("single", f".SHOWS({i})", ".we(we[1]), .en(re), .a(a[8:0]), .d(d[9:2])", 8)
        for i in range(3)
    ),
    Memory("resets", "", ".rst(rst), .we(we[1]), .en(re), .a(a[8:0]), .d(d[9:2])", 8),
    Memory(
        "double",
        "",
        ".wea(we[0]), .web(we[1]), .a(a[8:0]), .b({c[8:1], ~a[0]}), .da(d[17:0]), .db(d[35:18])",
        18,
    ),
    Memory("widens", "", ".we(we[0]), .wa(a[9:0]), .ra(b[9:1]), .d(d[8:0])", 18),
    Memory("narrows", "", ".we(we[0]), .wa(a[9:1]), .ra(b[9:0]), .d(d[17:0])", 9),
)
BITS = sum(memory.bits for memory in MEMORIES)
_INPUTS = {"clk": 1, "rst": 1, "re": 1, "we": 2, "a": 14, "b": 14, "c": 9, "d": 36}


def contents() -> dict[str, str]:
    """Random words for the memories that read files."""
    rng = random.Random(3)
    names = re.findall(r'"((\d+)x(\d+)\.hex)"', "".join(memory.parameters for memory in MEMORIES))
    return {
        name: "".join(f"{rng.getrandbits(int(width)):x}\n" for _ in range(1 << int(address)))
        for name, width, address in names
    }


def ports() -> str:
    """Declarations of the inputs, the clock apart."""
    rest = ((name, bits) for name, bits in _INPUTS.items() if name != "clk")
    return ", ".join(f"input [{bits - 1}:0] {name}" for name, bits in rest)


def memories() -> str:
    """Module `memories` with all of them: bits of `q` in their order."""
    lines, at = [], 0
    for number, memory in enumerate(MEMORIES):
        inputs = f".clk(clk), {memory.inputs}, .q(q[{at} +: {memory.bits}])"
        lines.append(f"    {memory.kind} #({memory.parameters}) m{number} ({inputs});")
        at += memory.bits
    head = f"module memories (input clk, {ports()}, output [{BITS - 1}:0] q);"
    return "\n".join([_MODULES, head, *lines, "endmodule", ""])


def bench() -> str:
    """Module `bench`: bits of `wrong` where a netlist, module `board`, answers something else."""
    joined = ", ".join(f".{name}({name})" for name in _INPUTS)
    return f"""
module bench (input clk, {ports()}, output [{BITS - 1}:0] wrong);
    wire [{BITS - 1}:0] wanted, seen;
    memories gold ({joined}, .q(wanted));
    board gate ({joined}, .q(seen));
    assign wrong = wanted ^ seen;
endmodule
"""


# Arguments: 1 if a memory may be read where it is written; clocks. Prints which bits ever differed.
MAIN = f"""
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include "Vtop.h"
#include "verilated.h"

int main(int argc, char** argv) {{
    if (argc != 3) return 2;
    const bool collide = std::atoi(argv[1]);
    const std::unique_ptr<VerilatedContext> context{{new VerilatedContext}};
    context->randReset(2);
    Vtop top{{context.get()}};
    std::mt19937_64 random{{1}};
    std::vector<int> wrong({BITS});
    for (int clock = 0; clock < std::atoi(argv[2]); ++clock) {{
        // Few words most of the time, so that what was written is read.
        const uint64_t x = random(), few = x >> 60 ? 0x2F : 0x3FFF;
        top.clk = 0;
        top.rst = !(x >> 50 & 15);
        top.re = (x >> 48 & 3) != 0;
        top.we = x >> 46 & 3;
        top.a = x & few;
        top.b = x >> 14 & few;
        top.b = collide ? top.a : (top.b & ~4u) | (~top.a & 4u);
        top.c = x >> 28 & 3 ? x >> 30 & 0x2F : top.a & 0x1FF;
        top.d = random() >> 28;
        top.eval();
        for (int i = 0; i < {BITS}; ++i) wrong[i] |= top.wrong[i / 32] >> i % 32 & 1;
        top.clk = 1;
        top.eval();
    }}
    top.final();
    FILE* out = std::fopen("wrong.txt", "w");
    for (const int bit : wrong) std::fprintf(out, "%d", bit);
    return std::fclose(out);
}}
"""
