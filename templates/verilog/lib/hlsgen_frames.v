// hlsgen library: frames of many beats around a core that must see whole ones.
`default_nettype none

// Whether a beat is the first or the last of its frame of BEATS.
module hlsgen_position #(
    parameter BEATS = 1
) (
    input  wire clk,
    input  wire rst,
    input  wire beat,
    output wire first,
    output wire last
);
    localparam BITS = $clog2(BEATS + 1);
    localparam [BITS-1:0] LAST = BEATS - 1, ONE = 1, NONE = 0;
    reg [BITS-1:0] count;
    assign first = count == NONE;
    assign last = count == LAST;

    always @(posedge clk) begin
        if (rst) count <= NONE;
        else if (beat) count <= last ? NONE : count + ONE;
    end
endmodule

// Every frame goes on with all its BEATS beats. One that `last` cuts short, or that `restart` gives
// up between two beats, is filled with zeros and `bad`; `ended` with the last beat of each frame.
module hlsgen_whole #(
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
    output wire [WIDTH-1:0] whole_data,
    output wire whole_valid,
    input  wire whole_ready,
    output wire ended,
    output wire bad
);
    wire first, complete;
    wire pass = whole_valid & whole_ready;
    reg filling;
    assign whole_data = filling ? {WIDTH{1'b0}} : data;
    assign whole_valid = filling | valid;
    assign ready = whole_ready & ~filling;
    assign ended = pass & complete;
    assign bad = filling;

    hlsgen_position #(.BEATS(BEATS)) position (
        .clk(clk), .rst(rst), .beat(pass), .first(first), .last(complete)
    );
    always @(posedge clk) begin
        if (rst) filling <= 1'b0;
        else if (pass) filling <= ~complete & (filling | last);
        else filling <= filling | (restart & ~first);
    end
endmodule

// Words of WIDTH bits become the BEATS beats of a frame, one in each SLOT bits, the least
// significant first; what is left of a frame's last word is not used.
module hlsgen_spread #(
    parameter WIDTH = 8,
    parameter SLOT = 1,
    parameter BEATS = 1
) (
    input  wire clk,
    input  wire rst,
    input  wire [WIDTH-1:0] data,
    input  wire valid,
    output wire ready,
    output wire [SLOT-1:0] frame,
    output wire frame_valid,
    input  wire frame_ready
);
    localparam SLOTS = WIDTH / SLOT;
    localparam BITS = $clog2(SLOTS + 1);
    localparam [BITS-1:0] LAST = SLOTS - 1, ONE = 1, NONE = 0;
    reg [BITS-1:0] place;
    wire frame_last;
    wire word_last = (place == LAST) | frame_last;
    wire [WIDTH-1:0] shifted = data >> (place * SLOT);
    assign frame = shifted[SLOT-1:0];
    assign frame_valid = valid;
    assign ready = frame_ready & word_last;

    hlsgen_position #(.BEATS(BEATS)) position (
        .clk(clk), .rst(rst), .beat(valid & frame_ready), .first(), .last(frame_last)
    );
    always @(posedge clk) begin
        if (rst) place <= NONE;
        else if (valid & frame_ready) place <= word_last ? NONE : place + ONE;
    end
endmodule

// Answers of bad frames go no further. `ended` and `bad` tell of each frame before its answer comes.
module hlsgen_discard #(
    parameter WIDTH = 8,
    parameter DEPTH = 2
) (
    input  wire clk,
    input  wire rst,
    input  wire ended,
    input  wire bad,
    input  wire [WIDTH-1:0] answer,
    input  wire answer_valid,
    output wire answer_ready,
    output wire [WIDTH-1:0] kept,
    output wire kept_valid,
    input  wire kept_ready
);
    wire drop, known;
    assign kept = answer;
    assign kept_valid = answer_valid & known & ~drop;
    assign answer_ready = known & (drop | kept_ready);

    hlsgen_fifo #(.WIDTH(1), .DEPTH(DEPTH)) fate (
        .clk(clk), .rst(rst), .push(ended), .data(bad),
        .head(drop), .valid(known), .pop(answer_valid & answer_ready)
    );
endmodule
`default_nettype wire
