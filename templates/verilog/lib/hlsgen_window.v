// hlsgen library: windows over images that come as a beat a pixel.
`default_nettype none

// A delay of DEPTH >= 2 beats, less the one of the register that `data` comes from: `delayed` is a
// register too. What it holds at first does not matter: no window is inside the image so early.
module hlsgen_line #(
    parameter WIDTH = 1,
    parameter DEPTH = 2,
    parameter SHALLOW = 32
) (
    input  wire clk,
    input  wire rst,
    input  wire shift,
    input  wire [WIDTH-1:0] data,
    output reg  [WIDTH-1:0] delayed
);
    localparam BITS = $clog2(DEPTH);
    localparam [BITS-1:0] LAST = DEPTH - 1, ONE = 1, NONE = 0;
    reg [BITS-1:0] place;
    wire [BITS-1:0] next = (place == LAST) ? NONE : place + ONE;
    always @(posedge clk) begin
        if (rst) place <= NONE;
        else if (shift) place <= next;
    end
    // The word that is read is never the one that is written.
    generate
        if (DEPTH <= SHALLOW) begin : luts
`ifdef HLSGEN_ICE40
            // A family whose LUTs are no memories.
            (* no_rw_check *)
`else
            (* ram_style = "distributed", no_rw_check *)
`endif
            reg [WIDTH-1:0] store [0:DEPTH-1];
            always @(posedge clk) begin
                if (shift) begin
                    store[place] <= data;
                    delayed <= store[next];
                end
            end
        end else begin : blocks
            (* ram_style = "block", no_rw_check *)
            reg [WIDTH-1:0] store [0:DEPTH-1];
            always @(posedge clk) begin
                if (shift) begin
                    store[place] <= data;
                    delayed <= store[next];
                end
            end
        end
    endgenerate
endmodule

// Whether the window that ends with this beat of the image lies inside it and is a place to stop.
module hlsgen_raster #(
    parameter HEIGHT = 1,
    parameter WIDTH = 1,
    parameter KERNEL_HEIGHT = 1,
    parameter KERNEL_WIDTH = 1,
    parameter STRIDE_Y = 1,
    parameter STRIDE_X = 1
) (
    input  wire clk,
    input  wire rst,
    input  wire beat,
    output wire hit
);
    wire across, down, line_end;
    hlsgen_steps #(.LENGTH(WIDTH), .KERNEL(KERNEL_WIDTH), .STRIDE(STRIDE_X)) columns (
        .clk(clk), .rst(rst), .step(beat), .stop(across), .last(line_end)
    );
    hlsgen_steps #(.LENGTH(HEIGHT), .KERNEL(KERNEL_HEIGHT), .STRIDE(STRIDE_Y)) rows (
        .clk(clk), .rst(rst), .step(beat & line_end), .stop(down), .last()
    );
    assign hit = across & down;
endmodule

// Positions 0 to LENGTH - 1, round and round: `stop` at KERNEL - 1 and each STRIDE from there on.
module hlsgen_steps #(
    parameter LENGTH = 1,
    parameter KERNEL = 1,
    parameter STRIDE = 1
) (
    input  wire clk,
    input  wire rst,
    input  wire step,
    output wire stop,
    output wire last
);
    localparam BITS = $clog2(LENGTH + 1), WAIT = $clog2(KERNEL + STRIDE);
    localparam [BITS-1:0] LAST = LENGTH - 1, ONE = 1, NONE = 0;
    localparam [WAIT-1:0] FIRST = KERNEL - 1, AGAIN = STRIDE - 1, LESS = 1, NOW = 0;
    reg [BITS-1:0] position;
    reg [WAIT-1:0] waiting;
    assign stop = waiting == NOW;
    assign last = position == LAST;

    always @(posedge clk) begin
        if (rst) begin
            position <= NONE;
            waiting <= FIRST;
        end else if (step) begin
            position <= last ? NONE : position + ONE;
            waiting <= last ? FIRST : stop ? AGAIN : waiting - LESS;
        end
    end
endmodule
`default_nettype wire
