// What the cells of an ECP5 netlist do, before and after place and route, for simulation.
// The placed cells follow what nextpnr packs; the others are proved equal to the models that Yosys
// ships (rtl_tests/test_routed.py). An input that a netlist leaves open is tied by whoever writes
// the netlist as Verilog: its level depends on the mode, which an open input cannot tell.
//
// With HLSGEN_POWER_UP registers start as the device configures them. Without it they start at
// random: then the clock generator must hold the design in reset, as the real one does.
`default_nettype none
// Words are compared with words of other lengths.
// verilator lint_off WIDTHEXPAND
// verilator lint_off WIDTHTRUNC

module VHI (output wire Z);
    assign Z = 1'b1;
endmodule

module VLO (output wire Z);
    assign Z = 1'b0;
endmodule

module LUT4 #(
    parameter [15:0] INIT = 16'd0
) (
    input wire A, B, C, D,
    output wire Z
);
    assign Z = INIT[{D, C, B, A}];
endmodule

module PFUMX (
    input wire ALUT, BLUT, C0,
    output wire Z
);
    assign Z = C0 ? ALUT : BLUT;
endmodule

module L6MUX21 (
    input wire D0, D1, SD,
    output wire Z
);
    assign Z = SD ? D1 : D0;
endmodule

// One position of a carry chain: the whole table propagates, its lowest quarter generates.
module hlsgen_carry #(
    parameter [15:0] INIT = 16'd0,
    parameter INJECT = "NO"
) (
    input wire A, B, C, D, CIN,
    output wire S, COUT
);
    wire whole = INIT[{D, C, B, A}];
    generate
        if (INJECT == "YES") begin : inject
            assign S = whole;
            assign COUT = whole & CIN;
        end else begin : chain
            assign S = whole ^ CIN;
            assign COUT = whole ? CIN : INIT[{2'b00, B, A}];
        end
    endgenerate
endmodule

module CCU2C #(
    parameter [15:0] INIT0 = 16'd0,
    parameter [15:0] INIT1 = 16'd0,
    parameter INJECT1_0 = "YES",
    parameter INJECT1_1 = "YES"
) (
    input wire A0, B0, C0, D0, A1, B1, C1, D1, CIN,
    output wire S0, S1, COUT
);
    wire middle;
    hlsgen_carry #(INIT0, INJECT1_0) low (A0, B0, C0, D0, CIN, S0, middle);
    hlsgen_carry #(INIT1, INJECT1_1) high (A1, B1, C1, D1, middle, S1, COUT);
endmodule

module TRELLIS_FF #(
    parameter CLKMUX = "CLK",
    parameter CEMUX = "1",
    parameter LSRMUX = "LSR",
    parameter SRMODE = "LSR_OVER_CE",
    parameter REGSET = "RESET",
    parameter SD = "1"
) (
    input wire CLK, CE, LSR, DI, M,
    output reg Q
);
    localparam VALUE = REGSET == "SET";
    wire clock = CLKMUX == "INV" ? ~CLK : CLK;
    wire enable = CEMUX == "1" ? 1'b1 : CEMUX == "0" ? 1'b0 : CEMUX == "INV" ? ~CE : CE;
    wire reset = LSRMUX == "INV" ? ~LSR : LSR;
    wire data = SD == "0" ? M : DI;
`ifdef HLSGEN_POWER_UP
    initial Q = VALUE;
`endif
    generate
        if (SRMODE == "ASYNC") begin : asynchronous
            always @(posedge clock or posedge reset)
                if (reset) Q <= VALUE;
                else if (enable) Q <= data;
        end else if (SRMODE == "CE_OVER_LSR") begin : gated
            always @(posedge clock) if (enable) Q <= reset ? VALUE : data;
        end else begin : plain
            always @(posedge clock)
                if (reset) Q <= VALUE;
                else if (enable) Q <= data;
        end
    endgenerate
endmodule

// 16 words of 4 bits: written at the clock, read at any time.
module TRELLIS_DPR16X4 #(
    parameter [63:0] INITVAL = 64'd0,
    parameter WCKMUX = "WCK",
    parameter WREMUX = "WRE"
) (
    input wire [3:0] DI, WAD, RAD,
    input wire WRE, WCK,
    output wire [3:0] DO
);
    genvar i;
    generate
        for (i = 0; i < 4; i = i + 1) begin : column
            localparam [15:0] START = {
                INITVAL[60 + i], INITVAL[56 + i], INITVAL[52 + i], INITVAL[48 + i],
                INITVAL[44 + i], INITVAL[40 + i], INITVAL[36 + i], INITVAL[32 + i],
                INITVAL[28 + i], INITVAL[24 + i], INITVAL[20 + i], INITVAL[16 + i],
                INITVAL[12 + i], INITVAL[8 + i], INITVAL[4 + i], INITVAL[i]
            };
            hlsgen_ram16 #(START, WCKMUX, WREMUX) ram (WCK, WRE, WAD, DI[i], RAD, DO[i]);
        end
    endgenerate
endmodule

module hlsgen_ram16 #(
    parameter [15:0] START = 16'd0,
    parameter WCKMUX = "WCK",
    parameter WREMUX = "WRE"
) (
    input wire WCK, WRE,
    input wire [3:0] WAD,
    input wire WD,
    input wire [3:0] RAD,
    output wire DO
);
    wire clock = WCKMUX == "INV" ? ~WCK : WCK;
    wire enable = WREMUX == "1" ? 1'b1 : WREMUX == "0" ? 1'b0 : WREMUX == "INV" ? ~WRE : WRE;
    reg [15:0] store;
    initial store = START;
    always @(posedge clock) if (enable) store[WAD] <= WD;
    assign DO = store[RAD];
endmodule

// A placed table with the multiplexer beside it: MUX is "PFU" (joins F1 and this table), "L6"
// (joins FXA and FXB) or "NONE". As RAM the pins D, B, C, A are the bits of the read address.
module TRELLIS_COMB #(
    parameter MODE = "LOGIC",
    parameter [15:0] INITVAL = 16'd0,
    parameter CCU2_INJECT1 = "NO",
    parameter WCKMUX = "WCK",
    parameter WREMUX = "WRE",
    parameter MUX = "NONE"
) (
    input wire A, B, C, D, M, FCI, F1, FXA, FXB,
    input wire WD, WAD0, WAD1, WAD2, WAD3, WRE, WCK,
    output wire F, FCO, OFX
);
    generate
        if (MODE == "CCU2") begin : carry
            hlsgen_carry #(INITVAL, CCU2_INJECT1) position (A, B, C, D, FCI, F, FCO);
        end else if (MODE == "DPRAM") begin : memory
            hlsgen_ram16 #(INITVAL, WCKMUX, WREMUX) ram (
                WCK, WRE, {WAD3, WAD2, WAD1, WAD0}, WD, {A, C, B, D}, F
            );
            assign FCO = 1'b0;
        end else begin : table4
            assign F = INITVAL[{D, C, B, A}];
            assign FCO = 1'b0;
        end
        if (MUX == "L6") begin : wide
            assign OFX = M ? FXB : FXA;
        end else if (MUX == "PFU") begin : pair
            assign OFX = M ? F1 : F;
        end else begin : none
            assign OFX = 1'b0;
        end
    endgenerate
endmodule

// The write port that four placed RAM tables share.
module TRELLIS_RAMW (
    input wire A0, B0, C0, D0, A1, B1, C1, D1,
    output wire WADO0, WADO1, WADO2, WADO3, WDO0, WDO1, WDO2, WDO3
);
    assign {WADO3, WADO2, WADO1, WADO0} = {A0, C0, B0, D0};
    assign {WDO3, WDO2, WDO1, WDO0} = {B1, D1, A1, C1};
endmodule

// A pad, one module for each direction: B is the pin.
module hlsgen_pad_in (
    input wire B,
    output wire O
);
    assign O = B;
endmodule

module hlsgen_pad_out (
    output wire B,
    input wire I
);
    assign B = I;
endmodule

module DCCA (
    input wire CLKI, CE,
    output wire CLKO
);
    assign CLKO = CLKI & CE;
endmodule

// The clock generator: the simulated pin already has the generated frequency. LOCK comes late, as
// it does on the device, so that registers which start at random are reset by it.
module EHXPLLL (
    input wire CLKI, RST, STDBY,
    output wire CLKOP, LOCK
);
    reg [4:0] count;
    initial count = 5'd0;
    always @(posedge CLKI) begin
        if (RST) count <= 5'd0;
        else if (!count[4]) count <= count + 5'd1;
    end
    assign CLKOP = CLKI & ~STDBY;
    assign LOCK = count[4];
endmodule
// verilator lint_on WIDTHEXPAND
// verilator lint_on WIDTHTRUNC
`default_nettype wire
