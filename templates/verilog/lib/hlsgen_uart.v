// hlsgen library: UART, eight data bits, no parity, one stop bit. CLOCKS_PER_BIT >= 4.
`default_nettype none

// `valid` is high for one clock for each received byte, `busy` from its start bit to its stop bit.
module hlsgen_uart_rx #(
    parameter CLOCKS_PER_BIT = 434
) (
    input  wire clk,
    input  wire rst,
    input  wire rxd,
    output reg  [7:0] data,
    output reg  valid,
    output wire busy
);
    localparam BITS = $clog2(CLOCKS_PER_BIT);
    localparam [BITS-1:0] BIT = CLOCKS_PER_BIT - 1, HALF = CLOCKS_PER_BIT / 2 - 1;
    localparam [BITS-1:0] ONE = 1, NONE = 0;
    reg [2:0] line;      // two registers against metastability, one to see the edge
    reg [BITS-1:0] wait_clocks;
    reg [3:0] bits_left; // start bit, eight data bits, stop bit
    wire falls = line[2] & ~line[1];
    assign busy = bits_left != 4'd0;

    always @(posedge clk) begin
        line <= {line[1:0], rxd};
        valid <= 1'b0;
        if (rst) begin
            line <= 3'b111;
            bits_left <= 4'd0;
            wait_clocks <= NONE;
        end else if (bits_left == 4'd0) begin
            if (falls) begin
                bits_left <= 4'd10;
                wait_clocks <= HALF;
            end
        end else if (wait_clocks != NONE) begin
            wait_clocks <= wait_clocks - ONE;
        end else begin
            // The middle of a bit.
            wait_clocks <= BIT;
            bits_left <= bits_left - 4'd1;
            if (bits_left == 4'd10 && line[1]) bits_left <= 4'd0;  // a glitch, not a start bit
            else if (bits_left == 4'd1) valid <= line[1];          // no stop bit: drop the byte
            else data <= {line[1], data[7:1]};
        end
    end
endmodule

module hlsgen_uart_tx #(
    parameter CLOCKS_PER_BIT = 434
) (
    input  wire clk,
    input  wire rst,
    input  wire [7:0] data,
    input  wire valid,
    output wire ready,
    output wire txd
);
    localparam BITS = $clog2(CLOCKS_PER_BIT);
    localparam [BITS-1:0] BIT = CLOCKS_PER_BIT - 1, ONE = 1, NONE = 0;
    reg [9:0] shift;
    reg [BITS-1:0] wait_clocks;
    reg [3:0] bits_left;
    assign txd = shift[0];
    assign ready = bits_left == 4'd0;

    always @(posedge clk) begin
        if (rst) begin
            shift <= 10'h3ff;
            bits_left <= 4'd0;
            wait_clocks <= NONE;
        end else if (bits_left == 4'd0) begin
            if (valid) begin
                shift <= {1'b1, data, 1'b0};
                bits_left <= 4'd10;
                wait_clocks <= BIT;
            end
        end else if (wait_clocks != NONE) begin
            wait_clocks <= wait_clocks - ONE;
        end else begin
            wait_clocks <= BIT;
            shift <= {1'b1, shift[9:1]};
            bits_left <= bits_left - 4'd1;
        end
    end
endmodule

// `idle` is high for one clock when nothing happened for CLOCKS clocks.
module hlsgen_idle #(
    parameter CLOCKS = 1000
) (
    input  wire clk,
    input  wire rst,
    input  wire activity,
    output wire idle
);
    localparam BITS = $clog2(CLOCKS + 1);
    localparam [BITS-1:0] ALL = CLOCKS, ONE = 1, NONE = 0;
    reg [BITS-1:0] left;
    assign idle = left == ONE;

    always @(posedge clk) begin
        if (rst | activity) left <= ALL;
        else if (left != NONE) left <= left - ONE;
    end
endmodule
`default_nettype wire
