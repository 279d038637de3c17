// hlsgen library: streams of beats and frames.
`default_nettype none

// BEATS beats of WIDTH bits become one frame, the first beat least significant. `restart`, or
// `last` on a beat that does not complete the frame, drops what has been gathered.
module hlsgen_gather #(
    parameter WIDTH = 8,
    parameter BEATS = 1
) (
    input  wire clk,
    input  wire rst,
    input  wire restart,
    input  wire [WIDTH-1:0] data,
    input  wire valid,
    output wire ready,
    input  wire last,
    output reg  [WIDTH*BEATS-1:0] frame,
    output reg  frame_valid,
    input  wire frame_ready
);
    localparam BITS = $clog2(BEATS + 1);
    localparam [BITS-1:0] LAST = BEATS - 1, ONE = 1, NONE = 0;
    reg [BITS-1:0] count;
    wire complete = count == LAST;
    wire [WIDTH*(BEATS+1)-1:0] shifted = {data, frame};
    // While a whole frame waits, the next one's first beat would overwrite it.
    assign ready = ~frame_valid | frame_ready;

    always @(posedge clk) begin
        if (valid & ready) begin
            // A shift register: the frame is in place after BEATS beats, whatever it held before.
            frame <= shifted[WIDTH*(BEATS+1)-1:WIDTH];
        end
        if (rst) begin
            count <= NONE;
            frame_valid <= 1'b0;
        end else begin
            if (valid & ready) count <= (complete | last) ? NONE : count + ONE;
            else if (restart) count <= NONE;
            frame_valid <= (valid & ready & complete) | (frame_valid & ~frame_ready);
        end
    end
endmodule

// One frame becomes BEATS beats of WIDTH bits, the least significant first.
module hlsgen_scatter #(
    parameter WIDTH = 8,
    parameter BEATS = 1
) (
    input  wire clk,
    input  wire rst,
    input  wire [WIDTH*BEATS-1:0] frame,
    input  wire frame_valid,
    output wire frame_ready,
    output wire [WIDTH-1:0] data,
    output wire valid,
    input  wire ready,
    output wire last
);
    localparam BITS = $clog2(BEATS + 1);
    localparam [BITS-1:0] LAST = BEATS - 1, ONE = 1, NONE = 0;
    reg [BITS-1:0] count;
    wire [WIDTH*BEATS-1:0] shifted = frame >> (count * WIDTH);
    assign data = shifted[WIDTH-1:0];
    assign valid = frame_valid;
    assign last = count == LAST;
    assign frame_ready = ready & last;

    always @(posedge clk) begin
        if (rst) count <= NONE;
        else if (valid & ready) count <= last ? NONE : count + ONE;
    end
endmodule

// Free places behind a pipeline that cannot stall: one is taken when a frame enters and given
// back when its answer leaves; PLACES >= 2.
module hlsgen_credit #(
    parameter PLACES = 2
) (
    input  wire clk,
    input  wire rst,
    input  wire take,
    input  wire give,
    output wire free
);
    localparam BITS = $clog2(PLACES + 1);
    localparam [BITS-1:0] ALL = PLACES, NONE = 0;
    reg [BITS-1:0] places;
    assign free = places != NONE;

    always @(posedge clk) begin
        if (rst) places <= ALL;
        else places <= places - {{(BITS-1){1'b0}}, take} + {{(BITS-1){1'b0}}, give};
    end
endmodule

// First in, first out, DEPTH >= 2; never pushed when full (the credit sees to that), never popped when empty.
module hlsgen_fifo #(
    parameter WIDTH = 8,
    parameter DEPTH = 2
) (
    input  wire clk,
    input  wire rst,
    input  wire push,
    input  wire [WIDTH-1:0] data,
    output wire [WIDTH-1:0] head,
    output wire valid,
    input  wire pop
);
    localparam BITS = $clog2(DEPTH);
    localparam [BITS-1:0] LAST = DEPTH - 1, ONE = 1, NONE = 0;
    localparam [BITS:0] EMPTY = 0;
    reg [WIDTH-1:0] store [0:DEPTH-1];
    reg [BITS-1:0] first, next;
    reg [BITS:0] held;
    assign head = store[first];
    assign valid = held != EMPTY;

    always @(posedge clk) begin
        if (push) store[next] <= data;
        if (rst) begin
            first <= NONE;
            next <= NONE;
            held <= EMPTY;
        end else begin
            if (push) next <= (next == LAST) ? NONE : next + ONE;
            if (pop) first <= (first == LAST) ? NONE : first + ONE;
            held <= held + {{BITS{1'b0}}, push} - {{BITS{1'b0}}, pop};
        end
    end
endmodule
`default_nettype wire
