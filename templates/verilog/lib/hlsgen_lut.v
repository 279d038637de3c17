// hlsgen library: lookup tables. Bit j of INIT is the output for address j; a0 is address bit 0.
// HLSGEN_XILINX, HLSGEN_ECP5, HLSGEN_ICE40, HLSGEN_GOWIN, HLSGEN_NEXUS: the family's primitives, which
// synthesis leaves as they are; HLSGEN_YOSYS: cells of Yosys, for proofs. Otherwise behavioural, for simulation.
`default_nettype none

module hlsgen_lut1 #(
    parameter [1:0] INIT = 2'd0
) (output wire y, input wire a0);
`ifdef HLSGEN_XILINX
    LUT1 #(.INIT(INIT)) lut (.O(y), .I0(a0));
`elsif HLSGEN_ECP5
    LUT4 #(.INIT({8{INIT}})) lut (.Z(y), .A(a0), .B(1'b0), .C(1'b0), .D(1'b0));
`elsif HLSGEN_ICE40
    SB_LUT4 #(.LUT_INIT({8{INIT}})) lut (.O(y), .I0(a0), .I1(1'b0), .I2(1'b0), .I3(1'b0));
`elsif HLSGEN_GOWIN
    LUT1 #(.INIT(INIT)) lut (.F(y), .I0(a0));
`elsif HLSGEN_NEXUS
    LUT4 #(.INIT($sformatf("0x%04x", {8{INIT}}))) lut (.Z(y), .A(a0), .B(1'b0), .C(1'b0), .D(1'b0));
`elsif HLSGEN_YOSYS
    \$lut #(.WIDTH(1), .LUT(INIT)) lut (.A({a0}), .Y(y));
`else
    wire [1:0] shifted = INIT >> {a0};
    assign y = shifted[0];
`endif
endmodule

module hlsgen_lut2 #(
    parameter [3:0] INIT = 4'd0
) (output wire y, input wire a0, input wire a1);
`ifdef HLSGEN_XILINX
    LUT2 #(.INIT(INIT)) lut (.O(y), .I0(a0), .I1(a1));
`elsif HLSGEN_ECP5
    LUT4 #(.INIT({4{INIT}})) lut (.Z(y), .A(a0), .B(a1), .C(1'b0), .D(1'b0));
`elsif HLSGEN_ICE40
    SB_LUT4 #(.LUT_INIT({4{INIT}})) lut (.O(y), .I0(a0), .I1(a1), .I2(1'b0), .I3(1'b0));
`elsif HLSGEN_GOWIN
    LUT2 #(.INIT(INIT)) lut (.F(y), .I0(a0), .I1(a1));
`elsif HLSGEN_NEXUS
    LUT4 #(.INIT($sformatf("0x%04x", {4{INIT}}))) lut (.Z(y), .A(a0), .B(a1), .C(1'b0), .D(1'b0));
`elsif HLSGEN_YOSYS
    \$lut #(.WIDTH(2), .LUT(INIT)) lut (.A({a1, a0}), .Y(y));
`else
    wire [3:0] shifted = INIT >> {a1, a0};
    assign y = shifted[0];
`endif
endmodule

module hlsgen_lut3 #(
    parameter [7:0] INIT = 8'd0
) (output wire y, input wire a0, input wire a1, input wire a2);
`ifdef HLSGEN_XILINX
    LUT3 #(.INIT(INIT)) lut (.O(y), .I0(a0), .I1(a1), .I2(a2));
`elsif HLSGEN_ECP5
    LUT4 #(.INIT({2{INIT}})) lut (.Z(y), .A(a0), .B(a1), .C(a2), .D(1'b0));
`elsif HLSGEN_ICE40
    SB_LUT4 #(.LUT_INIT({2{INIT}})) lut (.O(y), .I0(a0), .I1(a1), .I2(a2), .I3(1'b0));
`elsif HLSGEN_GOWIN
    LUT3 #(.INIT(INIT)) lut (.F(y), .I0(a0), .I1(a1), .I2(a2));
`elsif HLSGEN_NEXUS
    LUT4 #(.INIT($sformatf("0x%04x", {2{INIT}}))) lut (.Z(y), .A(a0), .B(a1), .C(a2), .D(1'b0));
`elsif HLSGEN_YOSYS
    \$lut #(.WIDTH(3), .LUT(INIT)) lut (.A({a2, a1, a0}), .Y(y));
`else
    wire [7:0] shifted = INIT >> {a2, a1, a0};
    assign y = shifted[0];
`endif
endmodule

module hlsgen_lut4 #(
    parameter [15:0] INIT = 16'd0
) (output wire y, input wire a0, input wire a1, input wire a2, input wire a3);
`ifdef HLSGEN_XILINX
    LUT4 #(.INIT(INIT)) lut (.O(y), .I0(a0), .I1(a1), .I2(a2), .I3(a3));
`elsif HLSGEN_ECP5
    LUT4 #(.INIT(INIT)) lut (.Z(y), .A(a0), .B(a1), .C(a2), .D(a3));
`elsif HLSGEN_ICE40
    SB_LUT4 #(.LUT_INIT(INIT)) lut (.O(y), .I0(a0), .I1(a1), .I2(a2), .I3(a3));
`elsif HLSGEN_GOWIN
    LUT4 #(.INIT(INIT)) lut (.F(y), .I0(a0), .I1(a1), .I2(a2), .I3(a3));
`elsif HLSGEN_NEXUS
    LUT4 #(.INIT($sformatf("0x%04x", INIT))) lut (.Z(y), .A(a0), .B(a1), .C(a2), .D(a3));
`elsif HLSGEN_YOSYS
    \$lut #(.WIDTH(4), .LUT(INIT)) lut (.A({a3, a2, a1, a0}), .Y(y));
`else
    wire [15:0] shifted = INIT >> {a3, a2, a1, a0};
    assign y = shifted[0];
`endif
endmodule

module hlsgen_lut5 #(
    parameter [31:0] INIT = 32'd0
) (output wire y, input wire a0, input wire a1, input wire a2, input wire a3, input wire a4);
`ifdef HLSGEN_XILINX
    LUT5 #(.INIT(INIT)) lut (.O(y), .I0(a0), .I1(a1), .I2(a2), .I3(a3), .I4(a4));
`elsif HLSGEN_ECP5
    wire low, high;
    hlsgen_lut4 #(.INIT(INIT[15:0])) l (low, a0, a1, a2, a3);
    hlsgen_lut4 #(.INIT(INIT[31:16])) h (high, a0, a1, a2, a3);
    PFUMX mux (.Z(y), .BLUT(low), .ALUT(high), .C0(a4));
`elsif HLSGEN_ICE40
    wire low, high;
    hlsgen_lut4 #(.INIT(INIT[15:0])) l (low, a0, a1, a2, a3);
    hlsgen_lut4 #(.INIT(INIT[31:16])) h (high, a0, a1, a2, a3);
    hlsgen_lut3 #(.INIT(8'hca)) mux (y, low, high, a4);
`elsif HLSGEN_GOWIN
    wire low, high;
    hlsgen_lut4 #(.INIT(INIT[15:0])) l (low, a0, a1, a2, a3);
    hlsgen_lut4 #(.INIT(INIT[31:16])) h (high, a0, a1, a2, a3);
    MUX2_LUT5 mux (.O(y), .I0(low), .I1(high), .S0(a4));
`elsif HLSGEN_NEXUS
    WIDEFN9 #(
        .INIT0($sformatf("0x%04x", INIT[15:0])), .INIT1($sformatf("0x%04x", INIT[31:16]))
    ) lut (
        .Z(y), .A0(a0), .B0(a1), .C0(a2), .D0(a3), .A1(a0), .B1(a1), .C1(a2), .D1(a3), .SEL(a4)
    );
`elsif HLSGEN_YOSYS
    \$lut #(.WIDTH(5), .LUT(INIT)) lut (.A({a4, a3, a2, a1, a0}), .Y(y));
`else
    wire [31:0] shifted = INIT >> {a4, a3, a2, a1, a0};
    assign y = shifted[0];
`endif
endmodule

module hlsgen_lut6 #(
    parameter [63:0] INIT = 64'd0
) (output wire y, input wire a0, input wire a1, input wire a2, input wire a3, input wire a4, input wire a5);
`ifdef HLSGEN_XILINX
    LUT6 #(.INIT(INIT)) lut (.O(y), .I0(a0), .I1(a1), .I2(a2), .I3(a3), .I4(a4), .I5(a5));
`elsif HLSGEN_ECP5
    wire low, high;
    hlsgen_lut5 #(.INIT(INIT[31:0])) l (low, a0, a1, a2, a3, a4);
    hlsgen_lut5 #(.INIT(INIT[63:32])) h (high, a0, a1, a2, a3, a4);
    L6MUX21 mux (.Z(y), .D0(low), .D1(high), .SD(a5));
`elsif HLSGEN_ICE40
    wire low, high;
    hlsgen_lut5 #(.INIT(INIT[31:0])) l (low, a0, a1, a2, a3, a4);
    hlsgen_lut5 #(.INIT(INIT[63:32])) h (high, a0, a1, a2, a3, a4);
    hlsgen_lut3 #(.INIT(8'hca)) mux (y, low, high, a5);
`elsif HLSGEN_GOWIN
    wire low, high;
    hlsgen_lut5 #(.INIT(INIT[31:0])) l (low, a0, a1, a2, a3, a4);
    hlsgen_lut5 #(.INIT(INIT[63:32])) h (high, a0, a1, a2, a3, a4);
    MUX2_LUT6 mux (.O(y), .I0(low), .I1(high), .S0(a5));
`elsif HLSGEN_NEXUS
    wire low, high;
    hlsgen_lut5 #(.INIT(INIT[31:0])) l (low, a0, a1, a2, a3, a4);
    hlsgen_lut5 #(.INIT(INIT[63:32])) h (high, a0, a1, a2, a3, a4);
    hlsgen_lut3 #(.INIT(8'hca)) mux (y, low, high, a5);
`elsif HLSGEN_YOSYS
    \$lut #(.WIDTH(6), .LUT(INIT)) lut (.A({a5, a4, a3, a2, a1, a0}), .Y(y));
`else
    wire [63:0] shifted = INIT >> {a5, a4, a3, a2, a1, a0};
    assign y = shifted[0];
`endif
endmodule

// Two tables of five inputs, on a dual-output fabric in one LUT.
module hlsgen_pair #(
    parameter [31:0] INIT0 = 32'd0,
    parameter [31:0] INIT1 = 32'd0
) (output wire y0, output wire y1, input wire a0, input wire a1, input wire a2, input wire a3, input wire a4);
`ifdef HLSGEN_XILINX
    LUT6_2 #(.INIT({INIT1, INIT0})) lut (.O5(y0), .O6(y1), .I0(a0), .I1(a1), .I2(a2), .I3(a3), .I4(a4), .I5(1'b1));
`else
    hlsgen_lut5 #(.INIT(INIT0)) lut0 (y0, a0, a1, a2, a3, a4);
    hlsgen_lut5 #(.INIT(INIT1)) lut1 (y1, a0, a1, a2, a3, a4);
`endif
endmodule

`default_nettype wire
