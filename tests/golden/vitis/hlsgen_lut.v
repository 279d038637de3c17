// Vivado's copy of rtl/hlsgen_lut.v. A macro set in the project would not travel with the packaged
// kernel to the linker, so the file that asks for the vendor's primitives defines it itself.
`define HLSGEN_XILINX
// hlsgen library: lookup tables. Bit j of INIT is the output for address j; a0 is address bit 0.
// HLSGEN_XILINX: vendor primitives. HLSGEN_YOSYS: cells of Yosys, which synthesis maps directly
// (a shift or a case would cost minutes). Otherwise behavioural, for simulation.
`default_nettype none

module hlsgen_lut1 #(
    parameter [1:0] INIT = 2'd0
) (output wire y, input wire a0);
`ifdef HLSGEN_XILINX
    LUT1 #(.INIT(INIT)) lut (.O(y), .I0(a0));
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
`elsif HLSGEN_YOSYS
    \$lut #(.WIDTH(6), .LUT(INIT)) lut (.A({a5, a4, a3, a2, a1, a0}), .Y(y));
`else
    wire [63:0] shifted = INIT >> {a5, a4, a3, a2, a1, a0};
    assign y = shifted[0];
`endif
endmodule

`default_nettype wire
`undef HLSGEN_XILINX
