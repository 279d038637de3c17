// What the primitives of an iCE40 netlist do, for simulation: a placed logic cell is taken apart into
// them (hlsgen/netlist/ice40.py). They are proved equal to the models that Yosys ships
// (rtl_tests/test_open_boards.py).
//
// With HLSGEN_POWER_UP registers start at 0, as the device configures them. Without it they start at
// random: then the clock generator must hold the design in reset, as the real one does.
`default_nettype none
`ifdef HLSGEN_POWER_UP
`define HLSGEN_START initial Q = 1'b0;
`else
`define HLSGEN_START
`endif

module SB_LUT4 #(
    parameter [15:0] LUT_INIT = 16'd0
) (
    input wire I0, I1, I2, I3,
    output wire O
);
    assign O = LUT_INIT[{I3, I2, I1, I0}];
endmodule

module SB_CARRY (
    input wire I0, I1, CI,
    output wire CO
);
    assign CO = (I0 & I1) | (I0 & CI) | (I1 & CI);
endmodule

module hlsgen_wire (
    input wire A,
    output wire Y
);
    assign Y = A;
endmodule

module SB_DFF (input wire C, D, output reg Q);
    `HLSGEN_START
    always @(posedge C) Q <= D;
endmodule

module SB_DFFE (input wire C, E, D, output reg Q);
    `HLSGEN_START
    always @(posedge C) if (E) Q <= D;
endmodule

module SB_DFFSR (input wire C, R, D, output reg Q);
    `HLSGEN_START
    always @(posedge C) Q <= R ? 1'b0 : D;
endmodule

module SB_DFFSS (input wire C, S, D, output reg Q);
    `HLSGEN_START
    always @(posedge C) Q <= S ? 1'b1 : D;
endmodule

module SB_DFFESR (input wire C, E, R, D, output reg Q);
    `HLSGEN_START
    always @(posedge C) if (E) Q <= R ? 1'b0 : D;
endmodule

module SB_DFFESS (input wire C, E, S, D, output reg Q);
    `HLSGEN_START
    always @(posedge C) if (E) Q <= S ? 1'b1 : D;
endmodule

module SB_DFFR (input wire C, R, D, output reg Q);
    `HLSGEN_START
    always @(posedge C or posedge R) if (R) Q <= 1'b0; else Q <= D;
endmodule

module SB_DFFS (input wire C, S, D, output reg Q);
    `HLSGEN_START
    always @(posedge C or posedge S) if (S) Q <= 1'b1; else Q <= D;
endmodule

module SB_DFFER (input wire C, E, R, D, output reg Q);
    `HLSGEN_START
    always @(posedge C or posedge R) if (R) Q <= 1'b0; else if (E) Q <= D;
endmodule

module SB_DFFES (input wire C, E, S, D, output reg Q);
    `HLSGEN_START
    always @(posedge C or posedge S) if (S) Q <= 1'b1; else if (E) Q <= D;
endmodule

// One clock out for each that comes in, as for ECP5: only locking matters.
module ICESTORM_PLL (
    input wire REFERENCECLK, RESETB, BYPASS,
    output wire PLLOUT_A_GLOBAL, LOCK
);
    reg [4:0] count;
    initial count = 5'd0;
    always @(posedge REFERENCECLK) begin
        if (!RESETB) count <= 5'd0;
        else if (!count[4]) count <= count + 5'd1;
    end
    assign PLLOUT_A_GLOBAL = REFERENCECLK & ~BYPASS;
    assign LOCK = count[4];
endmodule
`default_nettype wire
