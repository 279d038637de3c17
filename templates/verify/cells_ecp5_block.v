// ECP5's block memory (DP16KD) in the configurations that hlsgen/verify/block_memory.py lets through:
// one clock, no registers behind the outputs, chip selects that select.
//
// It holds 512 words of 36 bits in four bytes of 9. A port of 18 or 9 bits sees a half or a byte of
// such a word; one of 4, 2 or 1 bits sees a part of a byte without its ninth bit. Address bits below
// those that a width needs choose nothing; with 18 and 36 bits the lowest enable bytes of a write.
// A port A of 36 bits takes the data inputs of both ports, and port B the outputs of both if it
// has 36 bits too.
//
// A bit that one port reads while the other writes it is undefined on the device. Here it is the
// opposite of what was stored, so that a design that relies on it answers something else.
`default_nettype none
// Words are compared with words of other lengths.
// verilator lint_off WIDTHEXPAND
// verilator lint_off WIDTHTRUNC

// The bits of a word of 36 that a port means: its lowest one, and those that a write changes.
module hlsgen_block_view #(
    parameter WIDTH = 18
) (
    input wire [13:0] address,
    output wire [5:0] offset,
    output wire [35:0] mask
);
    localparam [35:0] ONE = 36'd1, BYTE = 36'h1ff;
    wire [5:0] byte_offset = address[4:3] * 6'd9;
    wire [35:0] bytes = (address[0] ? BYTE : 36'd0) | (address[1] ? BYTE << 9 : 36'd0);
    generate
        if (WIDTH == 36) begin : word
            assign offset = 6'd0;
            assign mask = bytes | (address[2] ? BYTE << 18 : 36'd0)
                | (address[3] ? BYTE << 27 : 36'd0);
        end else if (WIDTH == 18) begin : half
            assign offset = address[4] ? 6'd18 : 6'd0;
            assign mask = bytes << offset;
        end else begin : part
            wire [5:0] part_offset = WIDTH == 9 ? 6'd0 : WIDTH == 4 ? address[2] * 6'd4
                : WIDTH == 2 ? address[2:1] * 6'd2 : address[2:0];
            assign offset = byte_offset + part_offset;
            assign mask = ((ONE << WIDTH) - ONE) << offset;
        end
    endgenerate
endmodule

module hlsgen_block_memory #(
    parameter WIDTH_A = 18,
    parameter WIDTH_B = 18,
    parameter MODE_A = "NORMAL",
    parameter MODE_B = "NORMAL",
    parameter [18431:0] START = 18432'd0
) (
    input wire CLK,
    input wire CEA, WEA, RSTA, CEB, WEB, RSTB,
    input wire [13:0] ADA, ADB,
    input wire [17:0] DIA, DIB,
    output wire [17:0] DOA, DOB
);
    localparam PAIR = WIDTH_A == 36;
    localparam [35:0] ALL_A = PAIR ? 36'd0 : (36'd1 << WIDTH_A) - 36'd1;
    localparam [35:0] ALL_B = WIDTH_B == 36 ? ~36'd0 : (36'd1 << WIDTH_B) - 36'd1;
    reg [35:0] store [0:511];
    reg [35:0] read_a, read_b;
    integer i;
    initial for (i = 0; i < 512; i = i + 1) store[i] = START[i * 36 +: 36];
`ifdef HLSGEN_POWER_UP
    initial read_a = 36'd0;
    initial read_b = 36'd0;
`endif

    wire [5:0] offset_a, offset_b;
    wire [35:0] mask_a, mask_b;
    hlsgen_block_view #(WIDTH_A) view_a (ADA, offset_a, mask_a);
    hlsgen_block_view #(WIDTH_B) view_b (ADB, offset_b, mask_b);
    wire write_a = CEA & (WEA | PAIR) & ~RSTA;
    wire write_b = CEB & WEB & ~RSTB & ~PAIR;
    wire same = ADA[13:5] == ADB[13:5];
    wire [35:0] own_a = write_a ? mask_a : 36'd0, own_b = write_b ? mask_b : 36'd0;
    wire [35:0] other_a = same ? own_b : 36'd0, other_b = same ? own_a : 36'd0;
    wire [35:0] data_a = PAIR ? { DIB, DIA } : { 18'd0, DIA } << offset_a;
    wire [35:0] data_b = { 18'd0, DIB } << offset_b;
    wire [35:0] old_a = store[ADA[13:5]], old_b = store[ADB[13:5]];
    wire [35:0] new_a = (old_a & ~own_a) | (data_a & own_a);
    wire [35:0] new_b = ((same ? new_a : old_b) & ~own_b) | (data_b & own_b);
    wire [35:0] seen_a = (MODE_A == "WRITETHROUGH" ? new_a : old_a) ^ other_a;
    wire [35:0] seen_b = ((MODE_B == "WRITETHROUGH" ? data_b & own_b | old_b & ~own_b : old_b))
        ^ other_b;

    always @(posedge CLK) begin
        if (write_a) store[ADA[13:5]] <= new_a;
        if (write_b) store[ADB[13:5]] <= new_b;
        if (RSTA) read_a <= 36'd0;
        else if (CEA & ~(MODE_A == "NORMAL" & WEA)) read_a <= (seen_a >> offset_a) & ALL_A;
        if (RSTB) read_b <= 36'd0;
        else if (CEB & ~(MODE_B == "NORMAL" & WEB)) read_b <= (seen_b >> offset_b) & ALL_B;
    end
    assign DOA = WIDTH_B == 36 ? read_b[17:0] : read_a[17:0];
    assign DOB = WIDTH_B == 36 ? read_b[35:18] : read_b[17:0];
endmodule
// verilator lint_on WIDTHEXPAND
// verilator lint_on WIDTHTRUNC
`default_nettype wire
