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
    reg [31:0] count;
    wire complete = count == BEATS - 1;
    wire [WIDTH*(BEATS+1)-1:0] shifted = {data, frame};
    // While a whole frame waits, the next one's first beat would overwrite it.
    assign ready = ~frame_valid | frame_ready;

    always @(posedge clk) begin
        if (valid & ready) begin
            // A shift register: the frame is in place after BEATS beats, whatever it held before.
            frame <= shifted[WIDTH*(BEATS+1)-1:WIDTH];
        end
        if (rst) begin
            count <= 32'd0;
            frame_valid <= 1'b0;
        end else begin
            if (valid & ready) count <= (complete | last) ? 32'd0 : count + 32'd1;
            else if (restart) count <= 32'd0;
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
    reg [31:0] count;
    wire [WIDTH*BEATS-1:0] shifted = frame >> (count * WIDTH);
    assign data = shifted[WIDTH-1:0];
    assign valid = frame_valid;
    assign last = count == BEATS - 1;
    assign frame_ready = ready & last;

    always @(posedge clk) begin
        if (rst) count <= 32'd0;
        else if (valid & ready) count <= last ? 32'd0 : count + 32'd1;
    end
endmodule

// Free places behind a pipeline that cannot stall: one is taken when a frame enters and given
// back when its answer leaves.
module hlsgen_credit #(
    parameter PLACES = 2
) (
    input  wire clk,
    input  wire rst,
    input  wire take,
    input  wire give,
    output wire free
);
    reg [31:0] places;
    assign free = places != 32'd0;

    always @(posedge clk) begin
        if (rst) places <= PLACES;
        else places <= places - {31'd0, take} + {31'd0, give};
    end
endmodule

// First in, first out; never pushed when full (the credit sees to that), never popped when empty.
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
    reg [WIDTH-1:0] store [0:DEPTH-1];
    reg [31:0] first, next, held;
    assign head = store[first[$clog2(DEPTH)-1:0]];
    assign valid = held != 32'd0;

    always @(posedge clk) begin
        if (push) store[next[$clog2(DEPTH)-1:0]] <= data;
        if (rst) begin
            first <= 32'd0;
            next <= 32'd0;
            held <= 32'd0;
        end else begin
            if (push) next <= (next == DEPTH - 1) ? 32'd0 : next + 32'd1;
            if (pop) first <= (first == DEPTH - 1) ? 32'd0 : first + 32'd1;
            held <= held + {31'd0, push} - {31'd0, pop};
        end
    end
endmodule
`default_nettype wire
