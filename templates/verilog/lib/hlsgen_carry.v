// hlsgen library: carry chains.
`default_nettype none

// N positions, the first least significant: o = s ^ c, and the carry behind is c where s, else g.
// Position i has the pins a[6i+5:6i], unused ones 1, and 64 bits of INIT: s is its table on all six,
// g the lower half on the first five.
// FORM: 2 for full adders (s = a0 ^ a1, g = a0). Else, of four pins: 4 if g reads two, and is s where
// the others are 0, as on ECP5; 5 if g is, where s is 0, what s is for a0 = 0, as on Nexus; 3 if both.
// 6: neither.
// ENTER: `ci` is not the constant 0. LEAVE: `co` is read.
module hlsgen_row #(
    parameter N = 1,
    // verilator lint_off UNUSEDPARAM
    parameter FORM = 6,
    parameter ENTER = 1,
    parameter LEAVE = 1,
    // verilator lint_on UNUSEDPARAM
    parameter [64*N-1:0] INIT = 0
) (
    output wire [N-1:0] o,
    output wire co,
    input  wire ci,
    input  wire [6*N-1:0] a
);
`ifdef HLSGEN_NEXUS
// A position's table with a0 as its highest bit. The chain takes the lower half for g.
function [15:0] halves(input [15:0] s, input [15:0] g);
    integer k;
    for (k = 0; k < 8; k = k + 1) begin
        halves[8 + k] = s[2 * k + 1];
        halves[k] = s[2 * k + 1] ? s[2 * k] : g[2 * k + 1];
    end
endfunction
`endif
genvar i;
generate
`ifdef HLSGEN_XILINX
`ifdef HLSGEN_XC7
    localparam WIDE = 4;
`else
    localparam WIDE = 8;
`endif
    localparam BLOCKS = (N + WIDE - 1) / WIDE;
    wire [WIDE*BLOCKS-1:0] s, g, sum, carry;
    for (i = 0; i < WIDE * BLOCKS; i = i + 1) begin : position
        if (i < N) begin : used
            LUT6_2 #(.INIT(INIT[64*i +: 64])) lut (
                .O6(s[i]), .O5(g[i]), .I0(a[6*i]), .I1(a[6*i+1]), .I2(a[6*i+2]), .I3(a[6*i+3]),
                .I4(a[6*i+4]), .I5(a[6*i+5])
            );
        end else begin : unused
            assign s[i] = 1'b0;
            assign g[i] = 1'b0;
        end
    end
`ifdef HLSGEN_XC7
    for (i = 0; i < BLOCKS; i = i + 1) begin : block
        // From outside a carry enters by CYINIT alone.
        CARRY4 chain (
            .CI(i == 0 ? 1'b0 : carry[(i == 0) ? 0 : 4*i-1]), .CYINIT(i == 0 ? ci : 1'b0),
            .S(s[4*i +: 4]), .DI(g[4*i +: 4]), .O(sum[4*i +: 4]), .CO(carry[4*i +: 4])
        );
    end
`else
    for (i = 0; i < BLOCKS; i = i + 1) begin : block
        CARRY8 #(.CARRY_TYPE("SINGLE_CY8")) chain (
            .CI(i == 0 ? ci : carry[(i == 0) ? 0 : 8*i-1]), .CI_TOP(1'b0), .S(s[8*i +: 8]),
            .DI(g[8*i +: 8]), .O(sum[8*i +: 8]), .CO(carry[8*i +: 8])
        );
    end
`endif
    assign o = sum[N-1:0];
    assign co = carry[N-1];
`elsif HLSGEN_ECP5
    if (FORM <= 4) begin : native
        localparam BLOCKS = (ENTER + N + LEAVE + 1) / 2;
        wire [2*BLOCKS-1:0] sum;
        wire [BLOCKS:0] carry;
        assign carry[0] = 1'b0;
        for (i = 0; i < BLOCKS; i = i + 1) begin : block
            localparam P = 2 * i - ENTER, Q = P + 1;
            localparam [15:0] INIT0 = (P < 0) ? 16'h000a : (P < N) ? {INIT[64*(P < 0 ? 0 : P < N ? P : 0)+52 +: 12], INIT[64*(P < 0 ? 0 : P < N ? P : 0) +: 4]} : 16'h0000;
            localparam [15:0] INIT1 = (Q < N) ? {INIT[64*(Q < N ? Q : 0)+52 +: 12], INIT[64*(Q < N ? Q : 0) +: 4]} : 16'h0000;
            wire [5:0] p = (P < 0) ? {5'b11111, ci} : (P < N) ? a[6*(P < 0 ? 0 : P < N ? P : 0) +: 6] : 6'd0;
            wire [5:0] q = (Q < N) ? a[6*(Q < N ? Q : 0) +: 6] : 6'd0;
            CCU2C #(.INIT0(INIT0), .INIT1(INIT1), .INJECT1_0("NO"), .INJECT1_1("NO")) pair (
                .CIN(carry[i]), .A0(p[0]), .B0(p[1]), .C0(p[2]), .D0(p[3]),
                .A1(q[0]), .B1(q[1]), .C1(q[2]), .D1(q[3]),
                .S0(sum[2*i]), .S1(sum[2*i+1]), .COUT(carry[i+1])
            );
        end
        assign o = sum[ENTER +: N];
        assign co = LEAVE ? sum[(LEAVE ? ENTER + N : 0)] : 1'b0;
    end else begin : generic
`elsif HLSGEN_ICE40
    if (FORM == 2) begin : native
        wire [N:0] carry;
        if (ENTER) begin : entry
            SB_CARRY adder (.CI(1'b0), .I0(ci), .I1(ci), .CO(carry[0]));
        end else begin : plain
            assign carry[0] = 1'b0;
        end
        for (i = 0; i < N; i = i + 1) begin : position
            SB_LUT4 #(.LUT_INIT(16'hc33c)) lut (.I0(1'b0), .I1(a[6*i]), .I2(a[6*i+1]), .I3(carry[i]), .O(o[i]));
            SB_CARRY adder (.CI(carry[i]), .I0(a[6*i]), .I1(a[6*i+1]), .CO(carry[i+1]));
        end
        if (LEAVE) begin : leave
            SB_LUT4 #(.LUT_INIT(16'hff00)) lut (.I0(1'b0), .I1(1'b0), .I2(1'b0), .I3(carry[N]), .O(co));
        end else begin : closed
            assign co = 1'b0;
        end
    end else begin : generic
`elsif HLSGEN_GOWIN
    // ALUs that add (I3: 1) or subtract, which compares; the tools put a carry in and out.
    localparam SUBTRACTS = INIT == {N{64'h9999999922222222}};
    if (FORM == 2 || SUBTRACTS) begin : native
        wire [N:0] carry;
        assign carry[0] = ci;
        for (i = 0; i < N; i = i + 1) begin : position
            ALU #(.ALU_MODE(2)) alu (
                .I0(a[6*i]), .I1(a[6*i+1]), .I3(SUBTRACTS ? 1'b0 : 1'b1), .CIN(carry[i]), .SUM(o[i]), .COUT(carry[i+1])
            );
        end
        if (LEAVE) begin : leave
            ALU #(.ALU_MODE(2)) alu (
                .I0(1'b0), .I1(1'b0), .I3(1'b1), .CIN(carry[N]), .SUM(co), .COUT()
            );
        end else begin : closed
            assign co = 1'b0;
        end
    end else begin : generic
`elsif HLSGEN_NEXUS
    if (FORM <= 3 || FORM == 5) begin : native
        // What comes in from below is not defined: the first position begins the chain with `ci`.
        localparam BLOCKS = (1 + N + LEAVE + 1) / 2;
        wire [2*BLOCKS-1:0] sum;
        wire [BLOCKS:1] carry;
        for (i = 0; i < BLOCKS; i = i + 1) begin : block
            localparam P = 2 * i - 1, Q = P + 1;
            localparam [63:0] ROW0 = INIT[64*(P < 0 ? 0 : P < N ? P : 0) +: 64];
            localparam [63:0] ROW1 = INIT[64*(Q < N ? Q : 0) +: 64];
            localparam [15:0] INIT0 = (P < 0) ? 16'h00aa : (P < N) ? halves(ROW0[63:48], ROW0[31:16]) : 16'h0000;
            localparam [15:0] INIT1 = (Q < N) ? halves(ROW1[63:48], ROW1[31:16]) : 16'h0000;
            wire [5:0] p = (P < 0) ? {4'b1111, ci, 1'b1} : (P < N) ? a[6*(P < 0 ? 0 : P < N ? P : 0) +: 6] : 6'd0;
            wire [5:0] q = (Q < N) ? a[6*(Q < N ? Q : 0) +: 6] : 6'd0;
            if (i == 0) begin : first
                CCU2 #(.INIT0($sformatf("0x%04x", INIT0)), .INIT1($sformatf("0x%04x", INIT1)), .INJECT("NO")) pair (
                    .A0(p[1]), .B0(p[2]), .C0(p[3]), .D0(p[0]), .A1(q[1]), .B1(q[2]), .C1(q[3]), .D1(q[0]),
                    .S0(sum[2*i]), .S1(sum[2*i+1]), .COUT(carry[i+1])
                );
            end else begin : next
                CCU2 #(.INIT0($sformatf("0x%04x", INIT0)), .INIT1($sformatf("0x%04x", INIT1)), .INJECT("NO")) pair (
                    .A0(p[1]), .B0(p[2]), .C0(p[3]), .D0(p[0]), .A1(q[1]), .B1(q[2]), .C1(q[3]), .D1(q[0]),
                    .CIN(carry[i]), .S0(sum[2*i]), .S1(sum[2*i+1]), .COUT(carry[i+1])
                );
            end
        end
        assign o = sum[N:1];
        assign co = LEAVE ? sum[(LEAVE ? 1 + N : 0)] : 1'b0;
    end else begin : generic
`else
    if (1) begin : generic
`endif
`ifndef HLSGEN_XILINX
        wire [N:0] c;
        assign c[0] = ci;
        assign co = c[N];
        for (i = 0; i < N; i = i + 1) begin : position
            wire s, g;
            hlsgen_lut6 #(.INIT(INIT[64*i +: 64])) table_s (
                s, a[6*i], a[6*i+1], a[6*i+2], a[6*i+3], a[6*i+4], a[6*i+5]
            );
            hlsgen_lut5 #(.INIT(INIT[64*i +: 32])) table_g (
                g, a[6*i], a[6*i+1], a[6*i+2], a[6*i+3], a[6*i+4]
            );
            assign o[i] = s ^ c[i];
            assign c[i+1] = s ? c[i] : g;
        end
    end
`endif
endgenerate
endmodule
`default_nettype wire
