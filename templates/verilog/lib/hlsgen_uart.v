// hlsgen library: UART, eight data bits, no parity, one stop bit.
`default_nettype none

// `valid` is high for one clock for each received byte.
module hlsgen_uart_rx #(
    parameter CLOCKS_PER_BIT = 434
) (
    input  wire clk,
    input  wire rst,
    input  wire rxd,
    output reg  [7:0] data,
    output reg  valid
);
    reg [2:0] line;      // two registers against metastability, one to see the edge
    reg [31:0] wait_clocks;
    reg [3:0] bits_left; // start bit, eight data bits, stop bit
    wire falls = line[2] & ~line[1];

    always @(posedge clk) begin
        line <= {line[1:0], rxd};
        valid <= 1'b0;
        if (rst) begin
            line <= 3'b111;
            bits_left <= 4'd0;
            wait_clocks <= 32'd0;
        end else if (bits_left == 4'd0) begin
            if (falls) begin
                bits_left <= 4'd10;
                wait_clocks <= CLOCKS_PER_BIT / 2 - 1;
            end
        end else if (wait_clocks != 32'd0) begin
            wait_clocks <= wait_clocks - 32'd1;
        end else begin
            // The middle of a bit.
            wait_clocks <= CLOCKS_PER_BIT - 1;
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
    reg [9:0] shift;
    reg [31:0] wait_clocks;
    reg [3:0] bits_left;
    assign txd = shift[0];
    assign ready = bits_left == 4'd0;

    always @(posedge clk) begin
        if (rst) begin
            shift <= 10'h3ff;
            bits_left <= 4'd0;
            wait_clocks <= 32'd0;
        end else if (bits_left == 4'd0) begin
            if (valid) begin
                shift <= {1'b1, data, 1'b0};
                bits_left <= 4'd10;
                wait_clocks <= CLOCKS_PER_BIT - 1;
            end
        end else if (wait_clocks != 32'd0) begin
            wait_clocks <= wait_clocks - 32'd1;
        end else begin
            wait_clocks <= CLOCKS_PER_BIT - 1;
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
    reg [31:0] left;
    assign idle = left == 32'd1;

    always @(posedge clk) begin
        if (rst | activity) left <= CLOCKS;
        else if (left != 32'd0) left <= left - 32'd1;
    end
endmodule
`default_nettype wire
