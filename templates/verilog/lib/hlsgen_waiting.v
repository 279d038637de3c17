// hlsgen library: operators that wait for beats, and for places for what they make.
`default_nettype none

// The tiles of a beat, one a clock: ROWS down, and for each COLUMNS across. Work on a beat begins
// when one is there (`valid`) and may begin (`go`), and then goes on by itself; with the last tile
// the beat is taken (`pop`).
module hlsgen_tiles #(
    parameter ROWS = 1,
    parameter COLUMNS = 1,
    parameter TILE_BITS = 1,
    parameter COLUMN_BITS = 1
) (
    input  wire clk,
    input  wire rst,
    input  wire valid,
    input  wire go,
    output wire enter,
    output wire active,
    output wire pop,
    output reg  [TILE_BITS-1:0] tile,
    output reg  [COLUMN_BITS-1:0] column,
    output wire left,
    output wire right
);
    localparam [TILE_BITS-1:0] LAST = ROWS * COLUMNS - 1, NEXT = 1, FIRST = 0;
    localparam [COLUMN_BITS-1:0] RIGHT = COLUMNS - 1, ONE = 1, LEFT = 0;
    assign enter = valid & go & (tile == FIRST);
    assign active = enter | (tile != FIRST);
    assign pop = active & (tile == LAST);
    assign left = column == LEFT;
    assign right = column == RIGHT;

    always @(posedge clk) begin
        if (rst) begin
            tile <= FIRST;
            column <= LEFT;
        end else if (active) begin
            tile <= pop ? FIRST : tile + NEXT;
            column <= right ? LEFT : column + ONE;
        end
    end
endmodule

// The pixels of an image in a frame, TOP to RIGHT of them on each side, a beat each. Whether the
// next one is of the image, and whether one of the image was there.
module hlsgen_border #(
    parameter HEIGHT = 1,
    parameter WIDTH = 1,
    parameter TOP = 0,
    parameter BOTTOM = 0,
    parameter LEFT = 0,
    parameter RIGHT = 0
) (
    input  wire clk,
    input  wire rst,
    input  wire beat,
    output wire of_image,
    output reg  begun
);
    localparam HIGH = TOP + HEIGHT + BOTTOM, WIDE = LEFT + WIDTH + RIGHT;
    localparam ROW_BITS = $clog2(HIGH + 1), COLUMN_BITS = $clog2(WIDE + 1);
    localparam [ROW_BITS-1:0] FIRST_ROW = TOP, ROWS = HEIGHT, LAST_ROW = HIGH - 1;
    localparam [COLUMN_BITS-1:0] FIRST_COLUMN = LEFT, COLUMNS = WIDTH, LAST_COLUMN = WIDE - 1;
    localparam [ROW_BITS-1:0] DOWN = 1, NO_ROW = 0;
    localparam [COLUMN_BITS-1:0] ACROSS = 1, NO_COLUMN = 0;
    reg [ROW_BITS-1:0] row;
    reg [COLUMN_BITS-1:0] column;
    // Above and left of the image the difference is a large number.
    wire [ROW_BITS-1:0] below = row - FIRST_ROW;
    wire [COLUMN_BITS-1:0] behind = column - FIRST_COLUMN;
    wire line_end = column == LAST_COLUMN;
    wire frame_end = line_end & (row == LAST_ROW);
    assign of_image = (below < ROWS) & (behind < COLUMNS);

    always @(posedge clk) begin
        if (rst) begin
            row <= NO_ROW;
            column <= NO_COLUMN;
            begun <= 1'b0;
        end else if (beat) begin
            column <= line_end ? NO_COLUMN : column + ACROSS;
            if (line_end) row <= frame_end ? NO_ROW : row + DOWN;
            begun <= ~frame_end & (begun | of_image);
        end
    end
endmodule
`default_nettype wire
