// hlsgen library: layers whose weights lie in memory.
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
`default_nettype wire
